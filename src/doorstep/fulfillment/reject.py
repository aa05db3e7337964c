"""Reject: the location says it will not do the work; the units are routed elsewhere."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from doorstep import journal, orders
from doorstep.db import Tx
from doorstep.fulfillment import store
from doorstep.fulfillment.model import Outcome, Rejected
from doorstep.fulfillment.take import refused, take


async def reject(tx: Tx, *, fulfillment_order_id: UUID, reason: str, actor: str, now: datetime) -> Outcome:
    """Reject before accepting. The units go back to reserved and keep their claim until re-routing moves it."""
    key = fulfillment_order_id
    taken = await take(tx, [key], now=now)
    found = taken.found.get(key)
    if found is None:
        return Outcome(
            fulfillment_order_id=key, done=False, problem="There is no such fulfillment order.", missing=True
        )
    if found.status_category == "rejected":
        return Outcome(fulfillment_order_id=key, done=True, already=True)
    if found.status_category != "activated":
        return refused(key, f"It is {found.status}; only what is activated and not accepted can be rejected.")
    lines = [orders.LineQuantity(line_no=line.line_no, quantity=line.to_pick) for line in found.lines if line.to_pick]
    await store.advance(tx, [key], "reject", now=now)
    await store.cancel_steps(tx, [key])
    await orders.move_units(
        tx,
        [
            orders.Move(
                order_id=found.order_id,
                line_no=line.line_no,
                quantity=line.quantity,
                source="activated",
                target="reserved",
            )
            for line in lines
        ],
    )
    event = Rejected(fulfillment_order_id=key, location_id=found.location_id, reason=reason, lines=lines)
    await journal.append(tx, [(found.order_id, event)], actor=actor, now=now)
    return Outcome(fulfillment_order_id=key, done=True)
