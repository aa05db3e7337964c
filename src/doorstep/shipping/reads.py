"""Read shipments and labels."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from doorstep.db import Tx
from doorstep.shipping import store
from doorstep.shipping.model import LabelRow, Shipment


async def of_orders(tx: Tx, order_ids: Collection[UUID]) -> dict[UUID, list[Shipment]]:
    """All shipments of each order, oldest first, with their lines."""
    found: dict[UUID, list[Shipment]] = {order_id: [] for order_id in order_ids}
    for shipment in await store.by_order(tx, order_ids):
        found[shipment.order_id].append(shipment)
    return found


async def label_of(tx: Tx, parcel_id: UUID) -> LabelRow | None:
    """The label of a shipment or a return, wanted, bought or refused; None when there is no intent."""
    return await store.label_of(tx, parcel_id)


async def label_pdf(tx: Tx, parcel_id: UUID) -> bytes | None:
    """The PDF of the bought label of a shipment or a return, 4 x 6 inch; None while there is none."""
    return await store.label_pdf(tx, parcel_id)
