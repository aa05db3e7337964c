"""What of an order may be sent back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from doorstep import catalog, orders, shipping
from doorstep.db import Tx
from doorstep.kit.errors import NotFound
from doorstep.kit.ids import show
from doorstep.returns.model import Eligibility, eligibility


async def eligible(tx: Tx, *, order_id: UUID, now: datetime) -> list[Eligibility]:
    """Each line of an order, and what of it may be returned now. Raises NotFound."""
    lines: Sequence[orders.LineRow] = (await orders.lines(tx, [order_id])).get(order_id, [])
    if not lines:
        raise NotFound(f"There is no order {show('ord', order_id)}.")
    products = await catalog.by_id(tx, {line.sku_id for line in lines})
    deliveries: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    for shipment in (await shipping.of_orders(tx, [order_id]))[order_id]:
        if shipment.delivered_at is not None and shipment.lost_at is None:
            for part in shipment.lines:
                deliveries[part.line_no].append((shipment.delivered_at, part.quantity))
    return [eligibility(line, products[line.sku_id], deliveries[line.line_no], now) for line in lines]
