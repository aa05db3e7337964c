"""Read returns."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from doorstep.db import Tx
from doorstep.kit.errors import NotFound
from doorstep.kit.ids import show
from doorstep.returns import store
from doorstep.returns.model import Return


async def read(tx: Tx, return_ids: Iterable[UUID]) -> dict[UUID, Return]:
    """These returns with their lines; those that do not exist are missing."""
    return await store.read(tx, return_ids)


async def read_one(tx: Tx, return_id: UUID) -> Return:
    """One return. Raises NotFound."""
    found = await store.read(tx, [return_id])
    if return_id not in found:
        raise NotFound(f"There is no return {show('ret', return_id)}.")
    return found[return_id]


async def of_orders(tx: Tx, order_ids: Iterable[UUID]) -> dict[UUID, list[Return]]:
    """All returns of each order, oldest first."""
    ids = list(order_ids)
    found: dict[UUID, list[Return]] = {order_id: [] for order_id in ids}
    for one in await store.of_orders(tx, ids):
        found[one.order_id].append(one)
    return found
