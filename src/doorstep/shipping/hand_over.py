"""Hand over: the carrier takes parcels; stock leaves the house, and the money for them may be taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import fulfillment, inventory, jobs, journal, orders
from doorstep.db import Tx
from doorstep.fulfillment import FulfillmentOrder, HandedOverLine
from doorstep.inventory import Claim
from doorstep.kit.ids import new_id
from doorstep.shipping import store
from doorstep.shipping.model import HandedOver, HandOverOutcome, Shipment
from doorstep.shipping.receive_tracking import catch_up
from doorstep.shipping.watching import look_later

Lines = Mapping[UUID, Sequence[orders.LineRow]]


class _Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision needs, read under the lock of the orders."""

    rows: Mapping[UUID, orders.OrderRow]
    shipments: Mapping[UUID, Shipment]
    work: Mapping[UUID, FulfillmentOrder]


async def hand_over(tx: Tx, *, shipment_ids: Sequence[UUID], actor: str, now: datetime) -> list[HandOverOutcome]:
    """Hand over many parcels at once; each has its own outcome, in the order given. Handing over again changes nothing.

    Needs a bought label and no open hold. Units go packed → shipped, off the claim and off on_hand; a fulfillment order
    whose last parcel leaves is closed; each parcel has its price, the order's shipping fee with the first.
    """
    rows = await orders.lock(tx, await store.orders_of(tx, shipment_ids))
    shipments = await store.by_id(tx, shipment_ids)
    work = await fulfillment.read(tx, {shipment.fulfillment_order_id for shipment in shipments.values()})
    scene = _Scene(rows=rows, shipments=shipments, work=work)
    outcomes = [_judge(scene, key) for key in dict.fromkeys(shipment_ids)]
    leaving = [shipments[outcome.shipment_id] for outcome in outcomes if outcome.done and not outcome.already]
    if leaving:
        await _write(tx, scene, leaving, actor, now)
    return outcomes


def _judge(scene: _Scene, key: UUID) -> HandOverOutcome:
    shipment = scene.shipments.get(key)
    if shipment is None:
        return HandOverOutcome(shipment_id=key, done=False, problem="There is no such shipment.", missing=True)
    if shipment.handed_over_at is not None:
        return HandOverOutcome(shipment_id=key, done=True, already=True)
    problem = ""
    if shipment.tracking_number is None:
        problem = "Its label is not bought yet."
    elif not scene.rows[shipment.order_id].clear:
        problem = "The order is on hold."
    elif scene.work[shipment.fulfillment_order_id].status != "packed":
        problem = f"Its fulfillment order is {scene.work[shipment.fulfillment_order_id].status}, not packed."
    return HandOverOutcome(shipment_id=key, done=not problem, problem=problem)


async def _write(tx: Tx, scene: _Scene, leaving: Sequence[Shipment], actor: str, now: datetime) -> None:
    lines = await orders.lines(tx, scene.rows)
    amounts = await _amounts(tx, scene, leaving, lines)
    rests = await _rests(tx, scene, leaving, lines, amounts)
    await store.mark_handed_over(tx, [(one.shipment_id, amounts[one.shipment_id]) for one in leaving], now=now)
    closed = await fulfillment.hand_over(
        tx,
        lines=[
            HandedOverLine(
                fulfillment_order_id=shipment.fulfillment_order_id, line_no=line.line_no, quantity=line.quantity
            )
            for shipment in leaving
            for line in shipment.lines
        ],
        now=now,
    )
    await orders.move_units(
        tx,
        [
            orders.Move(
                order_id=shipment.order_id,
                line_no=line.line_no,
                quantity=line.quantity,
                source="packed",
                target="shipped",
            )
            for shipment in leaving
            for line in shipment.lines
        ],
    )
    told = [(one.order_id, _event(one, amounts[one.shipment_id], rests.pop(one.order_id, 0))) for one in leaving]
    await journal.append(tx, told, actor=actor, now=now)
    heard = [one for one in leaving if one.last_heard_at is not None]  # quicker than whoever notes the hand-over
    for carrier in sorted({one.carrier for one in heard}):
        numbers = [one.tracking_number for one in heard if one.carrier == carrier and one.tracking_number]
        await catch_up(tx, carrier=carrier, tracking_numbers=numbers, now=now)
    await look_later(tx, leaving, closed=closed, now=now)
    for kind, subject in await store.open_alarms(tx, ["not_handed_over"], closed):
        await jobs.resolve_exception(tx, kind=kind, subject=subject, by=actor, resolution="Handed over.", now=now)
    reference = f"shipment:{leaving[0].shipment_id.hex}" if len(leaving) == 1 else f"wave:{new_id().hex}"
    await inventory.ship(tx, claims=_claims(scene, leaving), reference=reference, actor=actor, now=now)


async def _amounts(tx: Tx, scene: _Scene, leaving: Sequence[Shipment], lines: Lines) -> dict[UUID, int]:
    """What each parcel costs: consecutive shares of its lines, so that all parcels of an order add up to its total."""
    by_key = {(line.order_id, line.line_no): line for rows in lines.values() for line in rows}
    kept = Counter({key: line.kept for key, line in by_key.items()})
    fee_taken = await store.shipped_before(tx, scene.rows)
    amounts = {}
    for shipment in leaving:
        amount_minor = 0
        if shipment.order_id not in fee_taken:
            fee_taken.add(shipment.order_id)
            amount_minor += scene.rows[shipment.order_id].shipping_minor
        for part in shipment.lines:
            key = (shipment.order_id, part.line_no)
            amount_minor += by_key[key].value(kept[key], part.quantity)
            kept[key] += part.quantity
        amounts[shipment.shipment_id] = amount_minor
    return amounts


async def _rests(
    tx: Tx, scene: _Scene, leaving: Sequence[Shipment], lines: Lines, amounts: Mapping[UUID, int]
) -> dict[UUID, int]:
    """By order of which nothing is left to come: what of its total nobody will ever charge."""
    inside = {
        key: sum(line.ordered - line.canceled - line.returned - line.kept for line in lines[key]) for key in lines
    }
    rests = Counter({key: scene.rows[key].total_minor for key in lines})
    for shipment in leaving:
        inside[shipment.order_id] -= sum(line.quantity for line in shipment.lines)
        rests[shipment.order_id] -= amounts[shipment.shipment_id]
    # Where everything ever ordered leaves in consecutive parcels, their shares add up, and nothing is left.
    ends = [key for key in lines if not inside[key] and any(line.canceled or line.returned for line in lines[key])]
    told = await orders.money_told(tx, ends)
    return {key: rests[key] - told[key].canceled - told[key].shipped for key in ends}


def _event(shipment: Shipment, amount_minor: int, rest_minor: int) -> HandedOver:
    return HandedOver(
        shipment_id=shipment.shipment_id,
        fulfillment_order_id=shipment.fulfillment_order_id,
        tracking_number=shipment.tracking_number or "",
        amount_minor=amount_minor,
        rest_minor=rest_minor,
        cause=f"shipment:{shipment.shipment_id.hex}",
        lines=shipment.lines,
    )


def _claims(scene: _Scene, leaving: Sequence[Shipment]) -> list[Claim]:
    claims = []
    for shipment in leaving:
        skus = {line.line_no: line.sku_id for line in scene.work[shipment.fulfillment_order_id].lines}
        claims += [
            Claim(
                order_id=shipment.order_id,
                line_no=line.line_no,
                sku_id=skus[line.line_no],
                location_id=shipment.location_id,
                quantity=line.quantity,
            )
            for line in shipment.lines
        ]
    return claims
