"""Figures by the hour: what was placed, sent and delivered, and whether the first promise was kept.

Added up by a reaction, each event once. Nothing is counted anew, so a page of figures costs the same for ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from doorstep.db import Tx, statements
from doorstep.journal import Recorded
from doorstep.orders import Placed
from doorstep.shipping import Delivered, HandedOver

SQL = statements(__package__)


async def add_up(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """Add these events to their hours."""
    lanes = await _lanes(tx, [event for event in events if isinstance(event.data, Placed)])
    dates = await _first_dates(tx, [event.data for event in events if isinstance(event.data, Delivered)])
    counted: Counter[tuple[datetime, str]] = Counter()
    for event in events:
        hour = event.occurred_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        if isinstance(event.data, Placed):
            counted[hour, f"placed_{lanes[event.order]}"] += 1
        elif isinstance(event.data, HandedOver):
            counted[hour, "handed_over"] += 1
        elif isinstance(event.data, Delivered):
            date = dates.get(event.data.shipment_id)
            kept = "undated" if date is None else "in_time" if event.occurred_at <= date else "late"
            counted[hour, f"delivered_{kept}"] += 1
    if counted:
        keys = list(counted)
        await tx.execute(
            SQL.add_figures,
            [hour for hour, _ in keys],
            [measure for _, measure in keys],
            [counted[key] for key in keys],
        )


async def figures_since(tx: Tx, since: datetime) -> dict[datetime, dict[str, int]]:
    """Hour (UTC, its beginning) → measure → how many, for the hours since then in which anything happened."""
    found: dict[datetime, dict[str, int]] = {}
    for row in await tx.fetch(SQL.figures, since):
        found.setdefault(row["hour"], {})[row["measure"]] = row["value"]
    return found


async def _lanes(tx: Tx, placed: Sequence[Recorded[Any]]) -> Mapping[Any, str]:
    if not placed:
        return {}
    rows = await tx.fetch(SQL.lanes_of, [event.order for event in placed])
    return {row["order_id"]: row["lane"] for row in rows}


async def _first_dates(tx: Tx, delivered: Sequence[Delivered]) -> Mapping[Any, datetime | None]:
    if not delivered:
        return {}
    rows = await tx.fetch(SQL.first_promises, [one.shipment_id for one in delivered])
    return {row["shipment_id"]: row["first_date"] for row in rows}


class ExceptionCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many exceptions of a kind are open, and the most urgent one's priority (0 is now … 3 this week)."""

    kind: str
    priority: int
    open: int


async def exceptions_by_kind(tx: Tx) -> list[ExceptionCount]:
    """Open exceptions by kind, the most urgent kinds first."""
    return [ExceptionCount(**row) for row in await tx.fetch(SQL.open_exceptions_by_kind)]


async def open_work(tx: Tx) -> dict[str, int]:
    """Fulfillment orders on the floor, by status: open, accepted, picking, picked, packed …"""
    return {row["status"]: row["open"] for row in await tx.fetch(SQL.open_work)}
