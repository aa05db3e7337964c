"""Refund what was delivered without asking for it back: a return that is settled as soon as it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import inventory, orders, shipping
from doorstep.db import Tx
from doorstep.kit.errors import Conflict, Fault, Invalid
from doorstep.returns import store
from doorstep.returns.model import Item, Return, Waived, WishLine
from doorstep.returns.request import new_return, open_return
from doorstep.returns.settle import Held, judged, settle, worth


async def waive(tx: Tx, *, order_id: UUID, wanted: Sequence[WishLine], actor: str, now: datetime) -> Return:
    """Give the price of delivered units back; the customer keeps them. They count as returned, and never become stock.

    No time limit and no reason holds it up: a person decided so. Raises NotFound, Invalid for a line that is not there
    or stands twice, or Conflict when fewer units were delivered.
    """
    order = await orders.lock_one(tx, order_id)
    rows = {line.line_no: line for line in (await orders.lines(tx, [order_id]))[order_id]}
    _check(wanted, rows)
    new = new_return(order_id, wanted, rows, "keep", "refund", None, await _place(tx, order_id), now)
    await open_return(tx, new)
    lines = {line.line_no: line for line in (await orders.lines(tx, [order_id]))[order_id]}
    exchanges = {one.exchange_line_no: one for one in await store.exchanges_sent_with(tx, [order_id])}
    held = Held(was=new, order=order, lines=lines, exchanges=exchanges)
    items = [Item(line_no=line.line_no, quantity=line.quantity, reception="kept") for line in new.lines]
    value = worth(held, items)
    change = msgspec.structs.replace(
        new,
        status="received",
        receipts=1,
        refund_minor=value.total_minor,
        lines=tuple(
            judged(msgspec.structs.replace(line, received=line.quantity, reception="kept"), items, amount_minor)
            for line, amount_minor in zip(new.lines, value.items, strict=True)
        ),
    )
    event = Waived(
        return_id=new.return_id,
        number=new.number,
        refund_minor=value.total_minor,
        cause=new.cause,
        lines=[orders.LineQuantity(line_no=line.line_no, quantity=line.quantity) for line in new.lines],
    )
    return await settle(tx, held, change, items, value, event, actor=actor, now=now)


def _check(wanted: Sequence[WishLine], rows: dict[int, orders.LineRow]) -> None:
    faults, seen = [], set()
    if not wanted:
        faults.append(Fault("/lines", "At least one line is needed."))
    for at, wish in enumerate(wanted):
        if wish.line_no not in rows or wish.line_no in seen:
            faults.append(Fault(f"/lines/{at}/line_no", f"There is no line {wish.line_no}, or it stands twice."))
        seen.add(wish.line_no)
    if faults:
        raise Invalid(faults)
    for wish in wanted:
        if wish.quantity > rows[wish.line_no].delivered:
            raise Conflict(f"Of line {wish.line_no} only {rows[wish.line_no].delivered} are with the customer.")


async def _place(tx: Tx, order_id: UUID) -> int:
    """A return names a location; here, the one the goods came from."""
    sent = (await shipping.of_orders(tx, [order_id]))[order_id]
    return sent[0].location_id if sent else min(await inventory.locations(tx))
