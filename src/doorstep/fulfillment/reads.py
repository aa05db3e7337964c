"""Read fulfillment orders."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from doorstep.db import Tx
from doorstep.fulfillment import store
from doorstep.fulfillment.model import FulfillmentOrder


async def read(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, FulfillmentOrder]:
    """Fulfillment orders with lines and steps, by id. Ids that do not exist are left out."""
    return await store.load(tx, ids)


async def orders_of(tx: Tx, ids: Collection[UUID]) -> list[UUID]:
    """The orders behind fulfillment orders; to lock them before anything else is read."""
    return await store.orders_of(tx, ids)


async def of_orders(tx: Tx, order_ids: Collection[UUID]) -> dict[UUID, list[FulfillmentOrder]]:
    """All fulfillment orders of each order, oldest first; canceled and rejected ones too."""
    found: dict[UUID, list[FulfillmentOrder]] = {order_id: [] for order_id in order_ids}
    loaded = await store.load(tx, await store.ids_of_orders(tx, order_ids))
    for one in sorted(loaded.values(), key=lambda one: (one.created_at, one.fulfillment_order_id)):
        found[one.order_id].append(one)
    return found
