"""Ends without goods: declined, expired, or lost on our way."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import jobs
from doorstep.db import Tx
from doorstep.kit.errors import Conflict
from doorstep.kit.ids import show
from doorstep.returns.model import Declined, Expired, Item, Lost, Reception, Return, ReturnLine
from doorstep.returns.settle import Held, Worth, hold, judged, must_be_open, settle, worth


async def decline(tx: Tx, *, return_id: UUID, reason: str, actor: str, now: datetime) -> Return:
    """End a return of which nothing is under way; its units are just delivered again. Raises NotFound, Conflict."""
    held = await hold(tx, return_id)
    if held.was.status != "requested":
        raise Conflict(f"The return is {held.was.status}: only a requested one can be declined.")
    change = _given_up(held.was, "awaiting")
    change = msgspec.structs.replace(change, status="declined", closed_at=now)
    event = Declined(return_id=return_id, reason=reason)
    return await settle(tx, held, change, (), Worth(items=(), fee_minor=0), event, actor=actor, now=now)


async def expire_now(tx: Tx, *, return_id: UUID, now: datetime) -> datetime | None:
    """End a return whose time is up: what is missing stays the customer's. Returns when to look again; None: never.

    Units that wait for a person's decision keep the return open. One that was on its way is shown to a person.
    """
    held = await hold(tx, return_id)
    was = held.was
    if was.closed_at is not None or not any(line.awaited for line in was.lines):
        return None
    if was.expires_at > now:
        return was.expires_at
    change = _given_up(was, "expired")
    if was.status != "received":
        change = msgspec.structs.replace(change, status="expired", closed_at=now)
    if was.status == "in_transit":
        await jobs.open_exception(
            tx,
            kind="return_not_arrived",
            subject=return_id,
            order_id=was.order_id,
            owner="customer service",
            next_action="It was on its way and never arrived: look for it, and settle with the customer",
            detail={"return": show("ret", return_id), "number": was.number},
            now=now,
        )
    event = Expired(return_id=return_id, reason="not_received_in_time")
    await settle(tx, held, change, (), Worth(items=(), fee_minor=0), event, actor="doorstep", now=now)
    return None


async def lose(tx: Tx, held: Held, *, now: datetime) -> Return:
    """Our carrier lost what was on its way: it counts as returned, the customer gets the money, a person claims it."""
    must_be_open(held.was)
    items = [
        Item(line_no=line.line_no, quantity=line.awaited, reception="lost") for line in held.was.lines if line.awaited
    ]
    if not items:
        return held.was
    value = worth(held, items)
    lines = tuple(
        judged(
            msgspec.structs.replace(line, received=line.received + line.awaited, reception="lost"),
            items,
            sum(
                amount_minor
                for item, amount_minor in zip(items, value.items, strict=True)
                if item.line_no == line.line_no
            ),
        )
        if line.awaited
        else line
        for line in held.was.lines
    )
    change = msgspec.structs.replace(
        held.was,
        status="received",
        receipts=held.was.receipts + 1,
        refund_minor=held.was.refund_minor + value.total_minor,
        lines=lines,
    )
    await jobs.open_exception(
        tx,
        kind="return_lost",
        subject=held.was.return_id,
        order_id=held.was.order_id,
        owner="customer service",
        next_action="The refund or the goods in exchange are on their way. Claim the loss from the carrier",
        detail={"return": show("ret", held.was.return_id), "number": held.was.number},
        now=now,
    )
    event = Lost(
        return_id=held.was.return_id,
        refund_minor=value.total_minor,
        cause=held.was.cause,
        exchanged_minor=value.exchanged_minor,
    )
    return await settle(tx, held, change, items, value, event, actor="carrier", now=now)


def _given_up(was: Return, reception: Reception) -> Return:
    """The return with every unit that is not here given up."""

    def given_up(line: ReturnLine) -> ReturnLine:
        if not line.awaited:
            return line
        becomes = reception if not line.received else "short"
        return msgspec.structs.replace(line, missing=line.missing + line.awaited, reception=becomes)

    return msgspec.structs.replace(was, lines=tuple(given_up(line) for line in was.lines))
