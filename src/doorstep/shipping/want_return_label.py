"""Want a label for a parcel on its way back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from doorstep import catalog, delivery, jobs, orders
from doorstep.db import Tx
from doorstep.fulfillment.boxes import measure
from doorstep.kit.ids import new_id
from doorstep.shipping import store
from doorstep.shipping.model import BUY_LABEL
from doorstep.shipping.store import NewLabel


async def want_return_label(
    tx: Tx,
    *,
    return_id: UUID,
    order_id: UUID,
    location_id: int,
    content: Sequence[tuple[int, int]],
    collect_on: date | None = None,
    now: datetime,
) -> None:
    """Write the intent to buy a return's label, from the order's address to a location; again changes nothing.

    `content` is (sku_id, units) and decides weight and size. With `collect_on` the carrier comes for it on that day.
    The service is the cheapest that the order's carrier has.
    `ReturnLabelBought` tells that it is there, `ReturnTracked` its way back. Call it with the order locked.
    """
    order = (await orders.read(tx, [order_id]))[order_id]
    products = await catalog.by_id(tx, {sku_id for sku_id, _ in content})
    weight_g, length_mm, width_mm, height_mm = measure([(products[sku_id], units) for sku_id, units in content])
    services = await delivery.services(tx)
    carrier = services[order.service].carrier
    cheapest = min(
        (service for service in services.values() if service.carrier == carrier),
        key=lambda service: (service.parcel_cost_minor, service.service),
    )
    label = NewLabel(
        label_id=new_id(),
        parcel_id=return_id,
        direction="back",
        order_id=order_id,
        location_id=location_id,
        carrier=carrier,
        service=cheapest.service,
        weight_g=weight_g,
        length_mm=length_mm,
        width_mm=width_mm,
        height_mm=height_mm,
        collect_on=collect_on,
    )
    if await store.add_labels(tx, [label], now=now):
        await jobs.enqueue(tx, BUY_LABEL, [label.label_id], due_at=now, lanes=[order.lane])
