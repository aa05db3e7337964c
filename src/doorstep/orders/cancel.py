"""Cancel lines or parts of them, until picking: stock back at once, money and message by reaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import inventory, journal
from doorstep.db import Tx
from doorstep.inventory import Claim, Owed
from doorstep.kit.errors import Conflict, Fault, Invalid
from doorstep.kit.ids import new_id
from doorstep.orders.kits import kits_of
from doorstep.orders.model import Bucket, Canceled, CanceledLine, LineQuantity, LineRow, Move, OrderRow
from doorstep.orders.shortage import close_shortages
from doorstep.orders.store import SQL, lines, lock_one, money_told, move_units

# Where units are taken from first: those that are least far.
_TAKEN_FROM: tuple[Bucket, ...] = ("shortfall", "backordered", "reserved", "activated")


async def cancel(
    tx: Tx, *, order_id: UUID, wanted: Sequence[LineQuantity] | None, reason: str, actor: str, now: datetime
) -> Canceled | None:
    """Cancel units; `wanted` None: all that can still be canceled. Returns the event, or None when there was nothing
    left.

    Raises NotFound, Invalid (no such line), or Conflict (already picked or beyond) and changes nothing then.
    """
    order = await lock_one(tx, order_id)
    rows = {line.line_no: line for line in (await lines(tx, [order_id]))[order_id]}
    quantities = _quantities(rows, await _opened(tx, order_id, rows, wanted))
    if not quantities:
        return None
    places = await units_at(tx, order_id)
    canceled = [
        taken for line_no, quantity in sorted(quantities.items()) for taken in _take(rows[line_no], quantity, places)
    ]
    event = await _event(tx, order, rows, canceled, quantities, reason)
    await move_units(
        tx,
        [
            Move(order_id=order_id, line_no=line.line_no, quantity=line.quantity, source=line.was, target="canceled")
            for line in canceled
        ],
    )
    await close_shortages(tx, [order_id], now=now)
    detail = {"lines": [{"line_no": no, "quantity": units} for no, units in sorted(quantities.items())]}
    await tx.execute(SQL.insert_change, event.change_id, order_id, "cancel", detail, reason, actor, now)
    await journal.append(tx, [(order_id, event)], actor=actor, now=now)
    await _wait_no_more(tx, order_id, rows, canceled, now)
    await inventory.release(
        tx,
        claims=[
            Claim(
                order_id=order_id,
                line_no=line.line_no,
                sku_id=rows[line.line_no].sku_id,
                location_id=line.location_id,
                quantity=line.quantity,
            )
            for line in canceled
            if line.location_id is not None
        ],
        reason="canceled",
        reference=f"change:{event.change_id.hex}",
        actor=actor,
        now=now,
    )
    return event


async def _wait_no_more(
    tx: Tx, order_id: UUID, rows: Mapping[int, LineRow], canceled: Sequence[CanceledLine], now: datetime
) -> None:
    """What waited for goods gives its place back; all stock that the cancel concerns is locked before it, at once."""
    owed = [
        Owed(order_id=order_id, line_no=line.line_no, sku_id=rows[line.line_no].sku_id, units=line.quantity)
        for line in canceled
        if line.was in ("backordered", "shortfall")
    ]
    if owed:
        await inventory.lock_stock(tx, sku_ids={rows[line.line_no].sku_id for line in canceled})
        await inventory.give_up(tx, owed, now=now)


class UnitsAt(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a line that a location has claimed and that are not picked yet."""

    line_no: int
    location_id: int
    reserved: int
    activated: int


async def units_at(tx: Tx, order_id: UUID) -> list[UnitsAt]:
    """Where an order's unpicked claims are. The claims are the truth; fulfillment lines may lag behind a cancel."""
    work = {(row["line_no"], row["location_id"]): row for row in await tx.fetch(SQL.work_on, [order_id])}
    found = []
    for claim in await inventory.claims_of(tx, [order_id]):
        row = work.get((claim.line_no, claim.location_id))
        unpicked, in_hand = (row["unpicked"], row["in_hand"]) if row else (0, 0)
        activated = min(unpicked, claim.quantity - in_hand)
        found.append(
            UnitsAt(
                line_no=claim.line_no,
                location_id=claim.location_id,
                reserved=claim.quantity - in_hand - activated,
                activated=activated,
            )
        )
    return found


async def _opened(
    tx: Tx, order_id: UUID, rows: Mapping[int, LineRow], wanted: Sequence[LineQuantity] | None
) -> Sequence[LineQuantity] | None:
    """What is wanted, of kits their components instead. Raises Conflict for more kits than were ordered."""
    if wanted is None or all(wish.line_no in rows for wish in wanted):
        return wanted
    kits = {kit.line_no: kit for kit in await kits_of(tx, order_id)}
    opened: list[LineQuantity] = []
    for wish in wanted:
        kit = kits.get(wish.line_no)
        if kit is None:
            opened.append(wish)
        elif wish.quantity > kit.quantity:
            raise Conflict(f"Line {wish.line_no} is {kit.quantity} kits.", extra={"line_no": wish.line_no})
        else:
            opened += [LineQuantity(line_no=no, quantity=units * wish.quantity) for no, units in kit.parts]
    return opened


def _quantities(rows: Mapping[int, LineRow], wanted: Sequence[LineQuantity] | None) -> dict[int, int]:
    """Units to cancel by line; everything wrong with the wish is raised at once."""
    if wanted is None:
        left = {no: line.cancelable for no, line in rows.items()}
        return {no: units for no, units in left.items() if units}
    quantities: dict[int, int] = defaultdict(int)
    faults = []
    for place, wish in enumerate(wanted):
        if wish.line_no not in rows:
            faults.append(Fault(f"/lines/{place}/line_no", f"The order has no line {wish.line_no}."))
        quantities[wish.line_no] += wish.quantity
    if faults:
        raise Invalid(faults)
    for line_no, quantity in quantities.items():
        can = rows[line_no].cancelable
        if quantity > can:
            raise Conflict(
                f"Of line {line_no} only {can} can still be canceled: the rest is picked, sent or canceled.",
                extra={"line_no": line_no, "cancelable": can},
            )
    return dict(quantities)


def _take(line: LineRow, quantity: int, places: Sequence[UnitsAt]) -> list[CanceledLine]:
    """Which units: waiting ones first, then claimed, then those being worked on."""
    taken = []
    for bucket in _TAKEN_FROM:
        in_bucket = min(quantity, getattr(line, bucket))
        quantity -= in_bucket
        if bucket in ("shortfall", "backordered"):
            if in_bucket:
                taken.append(CanceledLine(line_no=line.line_no, quantity=in_bucket, was=bucket, location_id=None))
            continue
        for place in places:
            units = min(in_bucket, getattr(place, bucket)) if place.line_no == line.line_no else 0
            in_bucket -= units
            if units:
                taken.append(
                    CanceledLine(line_no=line.line_no, quantity=units, was=bucket, location_id=place.location_id)
                )
        if in_bucket:
            raise Conflict(f"Line {line.line_no} is being worked on just now. Try again in a moment.")
    return taken


async def _event(
    tx: Tx,
    order: OrderRow,
    rows: Mapping[int, LineRow],
    canceled: Sequence[CanceledLine],
    units: Mapping[int, int],
    reason: str,
) -> Canceled:
    """What the cancel means in money. The last one settles the order: owed is what was shipped, to the cent."""
    left = sum(line.ordered - line.canceled - line.returned - line.kept for line in rows.values()) - sum(units.values())
    amount_minor = sum(rows[line_no].cancel_value(quantity) for line_no, quantity in units.items())
    refund_minor = 0
    if left == 0:
        told = (await money_told(tx, [order.order_id]))[order.order_id]
        amount_minor = order.total_minor - told.canceled - told.shipped
        if not any(line.kept for line in rows.values()):
            refund_minor = max(0, told.shipped - told.refunded)  # below 0: paid in another order, by an exchange
    change_id = new_id()
    return Canceled(
        change_id=change_id,
        reason=reason,
        amount_minor=amount_minor,
        refund_minor=refund_minor,
        cause=f"cancel:{change_id.hex}",
        everything=left == 0,
        lines=canceled,
    )
