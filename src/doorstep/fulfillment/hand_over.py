"""Hand over: packed units leave; what has nothing left is closed. Called by shipping, which owns the step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from doorstep.db import Tx
from doorstep.fulfillment import store
from doorstep.fulfillment.model import HandedOverLine


async def hand_over(tx: Tx, *, lines: Sequence[HandedOverLine], now: datetime) -> set[UUID]:
    """Count packed units as shipped, with the orders locked; returns the fulfillment orders this closed."""
    units: Counter[tuple[UUID, int]] = Counter()
    for line in lines:
        units[line.fulfillment_order_id, line.line_no] += line.quantity
    await store.change_lines(tx, "ship", [(*key, quantity) for key, quantity in sorted(units.items())])
    complete = await store.those(tx, "all_shipped", {key for key, _ in units})
    return await store.advance(tx, complete, "close", now=now)
