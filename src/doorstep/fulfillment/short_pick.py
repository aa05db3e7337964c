"""Short pick: units that should be on the shelf are not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from doorstep import inventory, journal, orders
from doorstep.db import Tx
from doorstep.fulfillment import store
from doorstep.fulfillment.model import FulfillmentOrder, Outcome, ShortPicked, ShortReason
from doorstep.fulfillment.pick import open_problem
from doorstep.fulfillment.take import refused, take
from doorstep.kit.ids import new_id


async def short_pick(
    tx: Tx,
    *,
    fulfillment_order_id: UUID,
    lines: Sequence[orders.LineQuantity],
    reason: ShortReason,
    actor: str,
    now: datetime,
) -> Outcome:
    """`lines` are the missing units: they leave this fulfillment order and the shelf count, and wait in shortfall.

    All in one transaction; what follows (another location, or a backorder) is a reaction to the event. The rest of the
    fulfillment order goes on; with nothing left it is canceled.
    """
    key = fulfillment_order_id
    taken = await take(tx, [key], now=now)
    refusal = taken.refusal(key)
    if refusal is not None:
        return refusal
    found = taken.found[key]
    if found.status_category != "fulfilling":
        return refused(key, f"It is {found.status}; accept it before picking.")
    problem = open_problem(found, lines)
    if problem:
        return refused(key, problem)
    await store.change_lines(tx, "withdraw", [(key, line.line_no, line.quantity) for line in lines])
    await store.cancel_steps(tx, [key])
    await orders.move_units(
        tx,
        [
            orders.Move(
                order_id=found.order_id,
                line_no=line.line_no,
                quantity=line.quantity,
                source="activated",
                target="shortfall",
            )
            for line in lines
        ],
    )
    await _go_on(tx, found, now)
    event = ShortPicked(fulfillment_order_id=key, location_id=found.location_id, reason=reason, lines=list(lines))
    await journal.append(tx, [(found.order_id, event)], actor=actor, now=now)
    await inventory.correct_shelf(
        tx,
        claims=_claims(found, lines),
        reason=f"short pick: {reason}",
        reference=f"short-pick:{new_id().hex}",
        actor=actor,
        now=now,
    )
    return Outcome(fulfillment_order_id=key, done=True)


async def _go_on(tx: Tx, found: FulfillmentOrder, now: datetime) -> None:
    key = found.fulfillment_order_id
    if await store.those(tx, "without_lines", [key]):
        await store.advance(tx, [key], "cancel", now=now)
    elif await store.those(tx, "all_picked", [key]):
        await store.advance(tx, [key], "pick_all", now=now)


def _claims(found: FulfillmentOrder, lines: Sequence[orders.LineQuantity]) -> list[inventory.Claim]:
    sku_ids = {line.line_no: line.sku_id for line in found.lines}
    return [
        inventory.Claim(
            order_id=found.order_id,
            line_no=line.line_no,
            sku_id=sku_ids[line.line_no],
            location_id=found.location_id,
            quantity=line.quantity,
        )
        for line in lines
    ]
