"""Open work: bring the drafts in line with the order's claims, and activate them when nothing holds the order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from doorstep import delivery, orders
from doorstep.db import Tx
from doorstep.fulfillment import store
from doorstep.fulfillment.activate import activate_clear
from doorstep.fulfillment.align import align
from doorstep.fulfillment.model import STEP_ORDER, StepKind
from doorstep.fulfillment.store import Draft
from doorstep.inventory import Claim
from doorstep.journal import Recorded

Place = tuple[UUID, int]
"""(order_id, location_id)"""

# Without a decided hand-over, leave this much of the promise to the carrier.
_FOR_THE_ROAD = timedelta(days=1)


async def open_orders(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """After placing, allocating, re-routing or backordering: one draft for each order and location that has claims.

    Claims already on a fulfillment order are left alone, so the same events again change nothing.
    """
    found = await orders.lock(tx, {event.order for event in events})
    missing = await align(tx, found, now=now)
    if missing:
        await _draft(tx, found, missing, now)
    await activate_clear(tx, found.values(), now=now)


async def _draft(tx: Tx, found: dict[UUID, orders.OrderRow], missing: Sequence[Claim], now: datetime) -> None:
    order_ids = {claim.order_id for claim in missing}
    lines = {
        (line.order_id, line.line_no): line for rows in (await orders.lines(tx, order_ids)).values() for line in rows
    }
    leave_by = await _hand_overs(tx, [found[order_id] for order_id in order_ids])
    promised = await _promises(tx, found, missing)
    drafts = []
    for order_id, location_id in sorted({(claim.order_id, claim.location_id) for claim in missing}):
        promised_by = promised[order_id, location_id]
        drafts.append(
            Draft(
                order_id=order_id,
                location_id=location_id,
                service=found[order_id].service,
                lane=found[order_id].lane,
                pick_by=_pick_by(leave_by.get((order_id, location_id)), promised_by, now),
                promised_by=promised_by,
            )
        )
    made = await store.make_drafts(tx, drafts, now=now)
    rows, steps = [], []
    for claim in missing:
        fulfillment_order_id = made[claim.order_id, claim.location_id]
        rows.append((fulfillment_order_id, claim.order_id, claim.line_no, claim.sku_id, claim.quantity))
        for kind, detail in _work(lines[claim.order_id, claim.line_no]):
            steps.append((fulfillment_order_id, claim.line_no, kind, STEP_ORDER[kind], detail))
    await store.add_lines(tx, rows)
    await store.add_steps(tx, steps)


def _work(line: orders.LineRow) -> Iterator[tuple[StepKind, dict[str, Any]]]:
    if line.instructions:
        yield "acknowledge", {"instructions": line.instructions}
    for service in line.services:
        yield ("personalize" if service.kind == "personalization" else "gift_wrap"), service.detail


async def _hand_overs(tx: Tx, rows: Sequence[orders.OrderRow]) -> dict[Place, datetime]:
    """When each location must hand over, as the latest routing decision says."""
    decisions = [(row.order_id, row.decision) for row in rows]
    decisions += await store.later_decisions(tx, [row.order_id for row in rows])
    return {
        (order_id, part["location_id"]): datetime.fromisoformat(part["hand_over_by"])
        for order_id, decision in decisions
        for part in decision.get("parts", ())
        if part.get("hand_over_by")
    }


async def _promises(
    tx: Tx, found: dict[UUID, orders.OrderRow], missing: Sequence[Claim]
) -> dict[Place, datetime | None]:
    """The earliest of the current promises of the lines at a place; the order's where the ledger is not open yet."""
    ledger = await delivery.current(tx, sorted({claim.order_id for claim in missing}))
    by_line = {
        (order_id, promise.line_no): promise.promised_by
        for order_id, promises in ledger.items()
        for promise in promises
    }
    dates: dict[Place, list[datetime | None]] = {}
    for claim in missing:
        date = by_line.get((claim.order_id, claim.line_no), found[claim.order_id].promised_by)
        dates.setdefault((claim.order_id, claim.location_id), []).append(date)
    return {place: min((date for date in given if date is not None), default=None) for place, given in dates.items()}


def _pick_by(hand_over_by: datetime | None, promised_by: datetime | None, now: datetime) -> datetime:
    """The decided hand-over while it lies ahead; else a day before the promise; else within a day."""
    if hand_over_by is not None and hand_over_by > now:
        return hand_over_by
    if promised_by is not None and promised_by - _FOR_THE_ROAD > now:
        return promised_by - _FOR_THE_ROAD
    return now + _FOR_THE_ROAD
