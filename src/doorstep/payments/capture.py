"""Take the money that has been earned: once for each cause, never beyond the authorization or what is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from doorstep import jobs
from doorstep.db import Tx
from doorstep.journal import Recorded
from doorstep.payments import store
from doorstep.payments.model import Book, Chargeable
from doorstep.payments.reduce import voids
from doorstep.payments.store import Want


async def capture(tx: Tx, events: Sequence[Recorded[Chargeable]], *, now: datetime) -> None:
    """Reaction to earned money, e.g. a parcel handed over: one capture for each event's `cause`.

    What cannot be covered becomes an exception (`capture_short`) with the missing amount; the rest is captured. What
    will never be charged is let go with the last of it.
    """
    books = await store.lock_books(tx, {event.order for event in events})
    done = await store.asked_before(tx, "capture", [event.data.cause for event in events])
    wants: list[Want] = []
    for event in events:
        earned, cause, book = event.data.amount_minor, event.data.cause, books[event.order]
        if cause in done or earned <= 0:
            continue
        done.add(cause)
        amount = book.take(earned) if book.authorization_id else 0
        if amount:
            wants.append(
                Want(
                    order_id=book.order_id,
                    kind="capture",
                    cause=cause,
                    amount_minor=amount,
                    currency=book.currency,
                    against=book.authorization_id,
                    lane=event.lane,
                )
            )
        if amount < earned:
            await _short(tx, event, book, earned - amount, now)
    await store.want(tx, wants, now=now)
    rests = {event.event_id: (event.order, event.data.rest_minor) for event in events if event.data.rest_minor > 0}
    if rests:
        await store.reduce_due(tx, rests)
        lanes = {event.order: event.lane for event in events}
        after = await store.read_books(tx, sorted({order_id for order_id, _ in rests.values()}))
        await store.want(tx, voids(after.values(), lanes), now=now)


async def _short(tx: Tx, event: Recorded[Chargeable], book: Book, missing_minor: int, now: datetime) -> None:
    await jobs.open_exception(
        tx,
        kind="capture_short",
        subject=event.event_id,
        order_id=book.order_id,
        owner="finance",
        next_action="More was shipped than is authorized or due: charge the customer otherwise, or write it off.",
        detail={"cause": event.data.cause, "missing_minor": missing_minor, "currency": book.currency},
        now=now,
    )
