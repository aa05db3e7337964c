"""Lose: a parcel that the carrier lost is paid back, and a person decides what comes instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from doorstep import jobs, orders
from doorstep.db import Tx
from doorstep.kit.ids import show
from doorstep.shipping.model import Lost, Shipment


async def lose(tx: Tx, shipments: Sequence[Shipment], *, now: datetime) -> dict[UUID, Lost]:
    """The units of lost parcels leave the order (shipped → canceled); the events, for the caller to append.

    What was captured less what is refunded stays the price of what the customer has; the shipping fee goes back too
    when nothing is left of the order. Call it with the orders locked.
    """
    gone = [shipment for shipment in shipments if shipment.handed_over_at is not None]
    if not gone:
        return {}
    order_ids = {shipment.order_id for shipment in gone}
    fees = {row.order_id: row.shipping_minor for row in (await orders.read(tx, order_ids)).values()}
    lines = await orders.lines(tx, order_ids)
    by_key = {(line.order_id, line.line_no): line for rows in lines.values() for line in rows}
    kept = Counter({key: line.kept for key, line in by_key.items()})
    waiting = {
        order_id: sum(line.ordered - line.canceled - line.returned - line.kept for line in rows)
        for order_id, rows in lines.items()
    }
    losses = {}
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
        losses[shipment.shipment_id] = Lost(
            shipment_id=shipment.shipment_id,
            amount_minor=amount_minor,
            cause=f"lost:{shipment.shipment_id.hex}",
            lines=shipment.lines,
        )
        await _raise_alarm(tx, shipment, now)
    await orders.move_units(tx, moves)
    return losses


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
