"""Prepare: packed parcels become shipments, each with the intent to buy its label."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from doorstep import delivery, fulfillment, jobs
from doorstep.db import Tx
from doorstep.fulfillment import Packed
from doorstep.journal import Recorded
from doorstep.kit.ids import new_id
from doorstep.shipping import store
from doorstep.shipping.model import BUY_LABEL
from doorstep.shipping.store import NewLabel, NewShipment


async def prepare(tx: Tx, events: Sequence[Recorded[Packed]], *, now: datetime) -> None:
    """One shipment for each parcel packed, its package, its label as an intent, and the job that buys it.

    The same events again change nothing: a parcel of a fulfillment order becomes one shipment.
    """
    found = await fulfillment.read(tx, {event.data.fulfillment_order_id for event in events})
    services = await delivery.services(tx)
    wanted = []
    for event in events:
        order = found[event.data.fulfillment_order_id]
        for parcel_no, parcel in enumerate(event.data.parcels, start=1):
            wanted.append(
                NewShipment(
                    shipment_id=new_id(),
                    fulfillment_order_id=order.fulfillment_order_id,
                    parcel_no=parcel_no,
                    order_id=order.order_id,
                    location_id=order.location_id,
                    carrier=services[order.service].carrier,
                    service=order.service,
                    promised_by=order.promised_by,
                    lane=order.lane,
                    parcel=parcel,
                )
            )
    fresh = await store.add_shipments(tx, wanted, now=now)
    if not fresh:
        return
    labels = [_label(shipment) for shipment in fresh]
    await store.add_labels(tx, labels, now=now)
    lanes = [shipment.lane for shipment in fresh]
    await jobs.enqueue(tx, BUY_LABEL, [label.label_id for label in labels], due_at=now, lanes=lanes)


def _label(shipment: NewShipment) -> NewLabel:
    return NewLabel(
        label_id=new_id(),
        parcel_id=shipment.shipment_id,
        direction="out",
        order_id=shipment.order_id,
        location_id=shipment.location_id,
        carrier=shipment.carrier,
        service=shipment.service,
        weight_g=shipment.parcel.weight_g,
        length_mm=shipment.parcel.length_mm,
        width_mm=shipment.parcel.width_mm,
        height_mm=shipment.parcel.height_mm,
    )
