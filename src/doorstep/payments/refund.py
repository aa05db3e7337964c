"""Give money back: once for each cause, out of the captures it was taken by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from doorstep import jobs
from doorstep.db import Tx
from doorstep.journal import Recorded
from doorstep.payments import store
from doorstep.payments.model import Book, Capture, spread
from doorstep.payments.store import Want

GOODWILL: Final = "goodwill:"  # how the causes of goodwill begin


async def refund(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """Reaction to goods that came back (`refund_minor`, `cause`), were lost, or to goodwill (`amount_minor`, `cause`).

    A refund larger than any one capture is split; its further parts have causes `…#2`, `…#3`. It may be written while
    its capture is still on its way: the job waits for that. What goodwill gave back before is not given back again;
    what was never captured becomes an exception. What was sent in exchange was
    paid with the order whose goods came back: its money comes out of that order's captures.
    """
    payers = await store.payers(tx, {event.order for event in events})
    order_ids = set(payers.values())
    books = await store.lock_books(tx, order_ids)
    sources = await store.captures(tx, order_ids)
    done = await store.asked_before(tx, "refund", [event.data.cause for event in events])
    wants: list[Want] = []
    lacking: list[tuple[Recorded[Any], int]] = []
    for event in events:
        amount, cause = amount_of(event.data), event.data.cause
        if cause in done or amount <= 0:
            continue
        done.add(cause)
        book = books[payers[event.order]]
        parts = spread(sources.get(book.order_id, []), amount, cause)
        wants += [_part(event, book, number, *part) for number, part in enumerate(parts, start=1)]
        missing = amount - sum(given for _, given in parts)
        if missing:
            lacking.append((event, missing))
    await store.want(tx, wants, now=now)
    for event, missing in lacking:  # once the goodwill of this batch is written
        if not event.data.cause.startswith(GOODWILL):
            missing -= await store.set_off(tx, payers[event.order], event.data.cause, missing)
        if missing:
            await _short(tx, event.event_id, payers[event.order], event.data.cause, missing, now)


def amount_of(data: Any) -> int:
    """What an event says is to be given back, in minor units."""
    amount: int = data.refund_minor if hasattr(data, "refund_minor") else data.amount_minor
    return amount


def _part(event: Recorded[Any], book: Book, number: int, capture: Capture, amount_minor: int) -> Want:
    return Want(
        order_id=book.order_id,
        kind="refund",
        cause=event.data.cause if number == 1 else f"{event.data.cause}#{number}",
        amount_minor=amount_minor,
        currency=book.currency,
        against=capture.transaction_id,
        lane=event.lane,
    )


async def _short(tx: Tx, event_id: UUID, order_id: UUID, cause: str, missing_minor: int, now: datetime) -> None:
    await jobs.open_exception(
        tx,
        kind="refund_short",
        subject=event_id,
        order_id=order_id,
        owner="finance",
        next_action="More is to be given back than was captured: find out why, pay the rest otherwise if it is owed.",
        detail={"cause": cause, "missing_minor": missing_minor},
        now=now,
    )
