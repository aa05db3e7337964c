"""Ask for the money when an order is placed; or write down that the channel has it already."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from doorstep import jobs, journal
from doorstep.db import Tx
from doorstep.journal import Event, Recorded
from doorstep.kit.ids import new_id
from doorstep.payments import store
from doorstep.payments.model import Authorized, Book
from doorstep.payments.reduce import voids
from doorstep.payments.store import Want


async def authorize(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """Reaction to a placed order: one authorization over what is due, which may be less than the total by now.

    A channel's own authorization counts at once, over the whole total; a free order is authorized at once.
    An order without any means of payment becomes an exception.
    """
    lanes = {event.order: event.lane for event in events}
    books = await store.lock_books(tx, lanes)
    paid_by = await store.means(tx, lanes)
    wants: list[Want] = []
    reported: dict[UUID, tuple[Want, str]] = {}
    free: list[tuple[UUID | None, Event]] = []
    for order_id, book in books.items():
        want, means = first_attempt(book, lanes[order_id]), paid_by[order_id]
        if book.total_minor == 0:
            free.append((order_id, Authorized(transaction_id=None, amount_minor=0)))
        elif means.reference is not None:
            reported[new_id()] = (want, means.reference)
        elif means.token is not None and book.due_minor:
            wants.append(want)
        elif means.token is None:
            await _ask_a_person(tx, order_id, now)
    await store.want(tx, wants, now=now)
    await _count(tx, reported, free, lanes, now)


def first_attempt(book: Book, lane: int) -> Want:
    """The first authorization of an order; a reported one stands for the whole total, whatever was canceled since."""
    return Want(
        order_id=book.order_id,
        kind="authorize",
        cause=attempt_cause(book.order_id, 1),
        amount_minor=book.due_minor or book.total_minor,
        currency=book.currency,
        lane=lane,
    )


def attempt_cause(order_id: UUID, attempt: int) -> str:
    """The natural key of an order's n-th authorization."""
    return f"order:{order_id.hex}:{attempt}"


async def _count(
    tx: Tx,
    reported: dict[UUID, tuple[Want, str]],
    free: list[tuple[UUID | None, Event]],
    lanes: dict[UUID, int],
    now: datetime,
) -> None:
    """Write the channels' authorizations, tell of them and of free orders, let go of what was canceled meanwhile."""
    new = await store.report(tx, reported, now=now) if reported else set()
    told: list[tuple[UUID | None, Event]] = [
        (want.order_id, Authorized(transaction_id=transaction_id, amount_minor=want.amount_minor))
        for transaction_id, (want, _) in reported.items()
        if transaction_id in new
    ]
    if told:
        books = await store.read_books(tx, [want.order_id for want, _ in reported.values()])
        await store.want(tx, voids(books.values(), lanes), now=now)
    await journal.append(tx, [*free, *told], actor="payments", now=now)


async def _ask_a_person(tx: Tx, order_id: UUID, now: datetime) -> None:
    await jobs.open_exception(
        tx,
        kind="payment_missing",
        subject=order_id,
        order_id=order_id,
        owner="finance",
        next_action="The order came with no means of payment: agree on one and release its hold, or cancel it.",
        detail={},
        now=now,
    )
