"""The work item of an order whose units wait for goods: opened when they come up short, closed when none wait any
more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import jobs
from doorstep.db import Tx
from doorstep.orders.model import WaitingLine
from doorstep.orders.store import SQL

_KIND = "stock_short"


async def open_shortage(tx: Tx, *, order_id: UUID, cause: str, waiting: Sequence[WaitingLine], now: datetime) -> None:
    """Put a shortage before a person; goods that arrive serve it without them."""
    await jobs.open_exception(
        tx,
        kind=_KIND,
        subject=order_id,
        order_id=order_id,
        owner="operations",
        next_action="Find stock or supply, or offer the customer a choice; goods that arrive serve it by themselves",
        detail={"cause": cause, "lines": [msgspec.to_builtins(line) for line in waiting]},
        now=now,
    )


async def close_shortages(tx: Tx, order_ids: Iterable[UUID], *, now: datetime) -> None:
    """Close the work items of those orders that wait for nothing any more."""
    for row in await tx.fetch(SQL.not_waiting, list(set(order_ids))):
        await jobs.resolve_exception(
            tx, kind=_KIND, subject=row["order_id"], by="rule", resolution="nothing waits for goods any more", now=now
        )
