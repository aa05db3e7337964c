"""Lose: a parcel that the carrier lost is paid back, and a person decides what comes instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import jobs, journal, orders
from doorstep.db import Tx
from doorstep.kit.errors import Conflict, NotFound
from doorstep.kit.ids import show
from doorstep.shipping import store
from doorstep.shipping.model import Lost, Shipment
from doorstep.shipping.watching import stop_watching

# What a person was asked about a parcel, and need not be asked any more once it is paid back.
_QUESTIONS = ("carrier_silent", "carrier_exception", "returned_to_sender", "tracking_expired")


async def declare_lost(tx: Tx, *, shipment_id: UUID, actor: str, now: datetime) -> Shipment:
    """A person gives a parcel up that nobody calls lost. Again changes nothing. Raises NotFound, Conflict."""
    parcel = await on_the_road(tx, shipment_id)
    if parcel.lost_at is not None:
        return parcel
    if parcel.came_back_at is not None:
        raise Conflict("The parcel came back and is paid back already.")
    gone = msgspec.structs.replace(parcel, lost_at=now)
    if not parcel.ended:
        gone = msgspec.structs.replace(gone, status="exception", substatus="lost", status_at=now)
    losses = await lose(tx, [gone], now=now)
    await end(tx, gone, losses[shipment_id], actor=actor, now=now)
    return gone


async def lose(tx: Tx, shipments: Sequence[Shipment], *, now: datetime) -> dict[UUID, Lost]:
    """Give lost parcels up, and ask a person what comes instead; the events, for the caller to append. Call it with the
    orders locked.
    """
    losses = {}
    for shipment, amount_minor in await give_up(tx, [one for one in shipments if one.handed_over_at is not None]):
        losses[shipment.shipment_id] = Lost(
            shipment_id=shipment.shipment_id,
            amount_minor=amount_minor,
            cause=f"lost:{shipment.shipment_id.hex}",
            lines=shipment.lines,
        )
        await _raise_alarm(tx, shipment, now)
    return losses


async def give_up(tx: Tx, gone: Sequence[Shipment]) -> list[tuple[Shipment, int]]:
    """The units of parcels that will not arrive leave the order (shipped → canceled); each with what it is worth.

    What was captured less what is refunded stays the price of what the customer has; the shipping fee goes back too
    when nothing is left of the order. Call it with the orders locked.
    """
    if not gone:
        return []
    order_ids = {shipment.order_id for shipment in gone}
    fees = {row.order_id: row.shipping_minor for row in (await orders.read(tx, order_ids)).values()}
    lines = await orders.lines(tx, order_ids)
    by_key = {(line.order_id, line.line_no): line for rows in lines.values() for line in rows}
    kept = Counter({key: line.kept for key, line in by_key.items()})
    waiting = {
        order_id: sum(line.ordered - line.canceled - line.returned - line.kept for line in rows)
        for order_id, rows in lines.items()
    }
    worth = []
    moves = []
    for shipment in gone:
        amount_minor = 0
        for part in shipment.lines:
            key = (shipment.order_id, part.line_no)
            kept[key] -= part.quantity
            amount_minor += by_key[key].value(kept[key], part.quantity)
            moves.append(
                orders.Move(
                    order_id=shipment.order_id,
                    line_no=part.line_no,
                    quantity=part.quantity,
                    source="shipped",
                    target="canceled",
                )
            )
        nothing_left = not waiting[shipment.order_id] and not any(
            units for (order_id, _), units in kept.items() if order_id == shipment.order_id
        )
        if nothing_left:
            amount_minor += fees[shipment.order_id]
        worth.append((shipment, amount_minor))
    await orders.move_units(tx, moves)
    return worth


async def on_the_road(tx: Tx, shipment_id: UUID) -> Shipment:
    """Lock a parcel's order and read it. Raises NotFound, or Conflict when it has not left or was delivered."""
    await orders.lock(tx, await store.orders_of(tx, [shipment_id]))
    parcel = (await store.by_id(tx, [shipment_id])).get(shipment_id)
    if parcel is None:
        raise NotFound(f"There is no shipment {show('shp', shipment_id)}.")
    if parcel.handed_over_at is None:
        raise Conflict("The parcel has not left the house.")
    if parcel.delivered_at is not None:
        raise Conflict("The parcel was delivered. What the customer sends back is a return.")
    return parcel


async def end(tx: Tx, gone: Shipment, event: journal.Event, *, actor: str, now: datetime) -> None:
    """Write how a parcel ended by a person's word, and ask nobody about it any more."""
    await store.progress(tx, [gone])
    await journal.append(tx, [(gone.order_id, event)], actor=actor, now=now)
    await stop_watching(tx, {gone.fulfillment_order_id})
    for kind, subject in await store.open_alarms(tx, list(_QUESTIONS), [gone.shipment_id]):
        await jobs.resolve_exception(tx, kind=kind, subject=subject, by=actor, resolution="It is paid back.", now=now)


async def _raise_alarm(tx: Tx, shipment: Shipment, now: datetime) -> None:
    await jobs.open_exception(
        tx,
        kind="parcel_lost",
        subject=shipment.shipment_id,
        order_id=shipment.order_id,
        owner="customer_care",
        next_action="The refund is on its way. Offer the customer a new order, and claim the loss from the carrier",
        detail={
            "shipment": show("shp", shipment.shipment_id),
            "carrier": shipment.carrier,
            "tracking_number": shipment.tracking_number,
        },
        now=now,
    )
