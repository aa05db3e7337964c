"""Fulfillment orders in the database: the only file of the noun that runs its SQL. Call it with the orders locked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from doorstep.db import Tx, statements
from doorstep.fulfillment.model import DOORS, FulfillmentLine, FulfillmentOrder, StatusCategory, WorkStep
from doorstep.kit.ids import new_id

SQL = statements(__package__)

_HEAD = tuple(field for field in FulfillmentOrder.__struct_fields__ if field not in ("lines", "steps"))
_LINE = FulfillmentLine.__struct_fields__
_STEP = WorkStep.__struct_fields__

LineUnits = tuple[UUID, int, int]
"""(fulfillment_order_id, line_no, quantity)"""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Units that a fulfillment order's line holds of a claim; `to_pick` of them are not picked."""

    fulfillment_order_id: UUID
    order_id: UUID
    line_no: int
    location_id: int
    status_category: StatusCategory
    standing: int
    to_pick: int


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A fulfillment order to be made, or found as a draft."""

    order_id: UUID
    location_id: int
    service: str
    lane: int
    pick_by: datetime
    promised_by: datetime | None


async def orders_of(tx: Tx, ids: Collection[UUID]) -> list[UUID]:
    """The orders behind fulfillment orders, unlocked."""
    return [row["order_id"] for row in await tx.fetch(SQL.orders_of, list(ids))]


async def load(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, FulfillmentOrder]:
    """Fulfillment orders with their lines and steps, express first, then by when they must leave."""
    wanted = list(set(ids))
    if not wanted:
        return {}
    lines: dict[UUID, list[FulfillmentLine]] = defaultdict(list)
    for row in await tx.fetch(SQL.read_lines, wanted):
        lines[row["fulfillment_order_id"]].append(FulfillmentLine(**{field: row[field] for field in _LINE}))
    steps: dict[UUID, list[WorkStep]] = defaultdict(list)
    for row in await tx.fetch(SQL.read_steps, wanted):
        steps[row["fulfillment_order_id"]].append(WorkStep(**{field: row[field] for field in _STEP}))
    found = {}
    for row in await tx.fetch(SQL.read, wanted):
        key = row["fulfillment_order_id"]
        found[key] = FulfillmentOrder(
            **{field: row[field] for field in _HEAD}, lines=tuple(lines[key]), steps=tuple(steps[key])
        )
    return found


async def ids_of_orders(tx: Tx, order_ids: Collection[UUID]) -> list[UUID]:
    """All fulfillment orders of orders."""
    return [row["fulfillment_order_id"] for row in await tx.fetch(SQL.of_orders, list(order_ids))]


async def drafts(tx: Tx, order_ids: Collection[UUID]) -> list[UUID]:
    """The drafts of orders."""
    return [row["fulfillment_order_id"] for row in await tx.fetch(SQL.drafts, list(order_ids))]


async def of_step(tx: Tx, work_step_id: UUID) -> UUID | None:
    """The fulfillment order a work step belongs to."""
    found: UUID | None = await tx.fetchval(SQL.of_step, work_step_id)
    return found


async def standing(tx: Tx, order_ids: Collection[UUID]) -> list[Standing]:
    """What fulfillment orders hold of the claims of these orders."""
    rows = await tx.fetch(SQL.standing_lines, list(order_ids))
    return [Standing(**{field: row[field] for field in Standing.__struct_fields__}) for row in rows]


async def advance(tx: Tx, ids: Collection[UUID], door: str, *, now: datetime) -> set[UUID]:
    """Move fulfillment orders through a door; returns those that were where the door begins."""
    if not ids:
        return set()
    way = DOORS[door]
    rows = await tx.fetch(
        SQL.advance,
        list(ids),
        list(way.sources),
        way.target,
        way.status,
        way.request_status,
        way.stamp,
        now,
    )
    return {row["fulfillment_order_id"] for row in rows}


async def make_drafts(tx: Tx, wanted: Sequence[Draft], *, now: datetime) -> dict[tuple[UUID, int], UUID]:
    """The drafts of (order, location), made where there is none."""
    rows = await tx.fetch(
        SQL.make_drafts,
        [new_id() for _ in wanted],
        [draft.order_id for draft in wanted],
        [draft.location_id for draft in wanted],
        [draft.service for draft in wanted],
        [draft.lane for draft in wanted],
        [draft.pick_by for draft in wanted],
        [draft.promised_by for draft in wanted],
        now,
    )
    return {(row["order_id"], row["location_id"]): row["fulfillment_order_id"] for row in rows}


async def add_lines(tx: Tx, rows: Sequence[tuple[UUID, UUID, int, int, int]]) -> None:
    """Add units to lines: (fulfillment_order_id, order_id, line_no, sku_id, quantity)."""
    await tx.execute(SQL.add_lines, *map(list, zip(*rows, strict=True)))


async def add_steps(tx: Tx, rows: Sequence[tuple[UUID, int, str, int, dict[str, Any]]]) -> None:
    """Add work: (fulfillment_order_id, line_no, kind, step, detail)."""
    if rows:
        await tx.execute(SQL.add_steps, [new_id() for _ in rows], *map(list, zip(*rows, strict=True)))


async def change_lines(tx: Tx, change: str, units: Sequence[LineUnits]) -> None:
    """Count units of lines as `withdraw`, `pick` or `ship`; each line once. The CHECKs keep the steps in order."""
    if units:
        sql = {"withdraw": SQL.withdraw, "pick": SQL.pick, "ship": SQL.ship}[change]
        await tx.execute(sql, *map(list, zip(*units, strict=True)))


async def pack_lines(tx: Tx, ids: Collection[UUID]) -> None:
    """Everything picked is packed."""
    await tx.execute(SQL.pack, list(ids))


async def those(tx: Tx, condition: str, ids: Collection[UUID]) -> set[UUID]:
    """Which of these are `without_lines`, `all_picked` or `all_shipped`."""
    if not ids:
        return set()
    sql = {"without_lines": SQL.without_lines, "all_picked": SQL.all_picked, "all_shipped": SQL.all_shipped}[condition]
    return {row["fulfillment_order_id"] for row in await tx.fetch(sql, list(ids))}


async def cancel_steps(tx: Tx, ids: Collection[UUID]) -> None:
    """Take back the work on lines that are no longer wanted."""
    if ids:
        await tx.execute(SQL.cancel_steps, list(ids))


async def finish_steps(tx: Tx, work_step_ids: Collection[UUID], *, actor: str, now: datetime) -> None:
    """Note that steps are done; those that do not wait stay as they are."""
    if work_step_ids:
        await tx.execute(SQL.finish_steps, list(work_step_ids), actor, now)


async def reopen_step(tx: Tx, work_step_id: UUID) -> None:
    """Let a step that is done wait again."""
    await tx.execute(SQL.reopen_step, work_step_id)


async def later_decisions(tx: Tx, order_ids: Collection[UUID]) -> list[tuple[UUID, dict[str, Any]]]:
    """Routing decisions after the first, oldest first, with their order."""
    rows = await tx.fetch(SQL.decisions, list(order_ids))
    return [(row["order_id"], row["decision"]) for row in rows]


async def page(
    tx: Tx,
    *,
    categories: Sequence[str],
    location_id: int | None,
    order_id: UUID | None,
    after: tuple[int, datetime, UUID],
    limit: int,
) -> list[UUID]:
    """The work list: express first, then by when it must leave."""
    rows = await tx.fetch(SQL.page, list(categories), location_id, order_id, *after, limit)
    return [row["fulfillment_order_id"] for row in rows]


async def audit_rows(tx: Tx, name: str) -> list[Any]:
    """The rows of an audit statement, `audit_<name>`."""
    rows: list[Any] = await tx.fetch(getattr(SQL, f"audit_{name}"))
    return rows
