"""Owe less after a cancellation, and let go of what will not be taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from doorstep.db import Tx
from doorstep.journal import Recorded
from doorstep.payments import store
from doorstep.payments.model import Book, Reducing
from doorstep.payments.store import Want


async def reduce(tx: Tx, events: Sequence[Recorded[Reducing]], *, now: datetime) -> None:
    """Reaction to canceled units: lower what is due; once nothing is left to capture, void the rest.

    It may run before the order's authorization is even asked for, or while it is in flight: then `authorize` asks for
    less, and `perform` lets go of what comes too late.
    """
    lanes = {event.order: event.lane for event in events}
    await store.lock_books(tx, lanes)
    changes = {e.data.change_id: (e.order, e.data.amount_minor) for e in events if e.data.amount_minor > 0}
    if changes:
        await store.reduce_due(tx, changes)
    books = await store.read_books(tx, sorted(lanes))
    await store.want(tx, voids(books.values(), lanes), now=now)


def voids(books: Iterable[Book], lanes: Mapping[UUID, int]) -> list[Want]:
    """The voids that are due, at most one an order: after it nothing is held any more."""
    wants = []
    for book in books:
        rest = book.let_go()
        if rest:
            wants.append(
                Want(
                    order_id=book.order_id,
                    kind="void",
                    cause=f"order:{book.order_id.hex}",
                    amount_minor=rest,
                    currency=book.currency,
                    against=book.authorization_id,
                    lane=lanes.get(book.order_id, 1),
                )
            )
    return wants
