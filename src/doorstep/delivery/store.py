"""The only file that runs delivery's SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from doorstep.db import Tx, statements
from doorstep.delivery.model import DayOff, Service, TransitDays, Waiting, Weekday, WorkTime

SQL = statements(__package__)


async def services(tx: Tx) -> list[Service]:
    """All services in the order in which they are offered."""
    return [Service(**row) for row in await tx.fetch(SQL.services)]


async def transit(tx: Tx) -> list[TransitDays]:
    """The whole transit table."""
    return [TransitDays(**row) for row in await tx.fetch(SQL.transit)]


async def work_times(tx: Tx) -> list[WorkTime]:
    """How long work takes."""
    return [WorkTime(**row) for row in await tx.fetch(SQL.work_times)]


async def opening_weeks(tx: Tx) -> dict[int, list[Weekday]]:
    """The days of the week on which locations send, by location_id; those without are left out."""
    return {row["location_id"]: row["weekdays"] for row in await tx.fetch(SQL.opening_weeks)}


async def days_off(tx: Tx) -> list[DayOff]:
    """All days off, by day."""
    return [DayOff(**row) for row in await tx.fetch(SQL.days_off)]


async def put_opening(tx: Tx, location_id: int, weekdays: Sequence[Weekday]) -> None:
    """Set a location's week."""
    await tx.execute(SQL.put_opening, location_id, list(weekdays))


async def replace_days_off(
    tx: Tx, location_id: int | None, country: str | None, days: Sequence[tuple[date, str]]
) -> None:
    """Put these (day, reason) in the place of all days off of a location or a country."""
    await tx.execute(SQL.forget_days_off, location_id, country)
    await add_days_off(tx, location_id, country, days)


async def add_days_off(tx: Tx, location_id: int | None, country: str | None, days: Sequence[tuple[date, str]]) -> None:
    """Add (day, reason), or change the reason."""
    await tx.execute(SQL.put_days_off, location_id, country, [day for day, _ in days], [reason for _, reason in days])


async def forget_day_off(tx: Tx, location_id: int | None, country: str | None, day: date) -> str | None:
    """Take a day off away; its reason, None when it was not there."""
    reason: str | None = await tx.fetchval(SQL.forget_day_off, location_id, country, day)
    return reason


async def put_services(tx: Tx, rows: Sequence[Service]) -> None:
    """Create or replace services."""
    await tx.execute(SQL.put_services, list(rows))


async def replace_transit(tx: Tx, codes: Sequence[str], rows: Sequence[TransitDays]) -> None:
    """Put these rows in the place of all rows of these services, whose rows are held until the transaction ends."""
    await tx.execute(SQL.lock_services, list(codes))
    await tx.execute(SQL.forget_transit, list(codes))
    await tx.execute(
        SQL.put_transit,
        [row.service for row in rows],
        [row.country for row in rows],
        [row.postcode_prefix for row in rows],
        [row.days for row in rows],
    )


async def put_work_times(tx: Tx, rows: Sequence[WorkTime]) -> None:
    """Create or replace work times."""
    rows = sorted(rows, key=lambda row: row.work)
    await tx.execute(
        SQL.put_work_times,
        [row.work for row in rows],
        [row.days for row in rows],
        [row.fee_minor for row in rows],
    )


async def open_ledger(tx: Tx, order_ids: Sequence[UUID]) -> None:
    """Write version 1 of every line of these orders, where it is not written yet."""
    await tx.execute(SQL.open_ledger, list(order_ids))


async def current(tx: Tx, order_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """The latest entry of every line."""
    return [dict(row) for row in await tx.fetch(SQL.current, list(order_ids))]


async def history(tx: Tx, order_id: UUID) -> list[dict[str, Any]]:
    """All entries of an order."""
    return [dict(row) for row in await tx.fetch(SQL.history, order_id)]


async def waiting(tx: Tx, lines: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], Waiting]:
    """What the next dates of these lines depend on."""
    rows = await tx.fetch(SQL.waiting, [order_id for order_id, _ in lines], [line_no for _, line_no in lines])
    return {(row["order_id"], row["line_no"]): msgspec.convert(dict(row), Waiting) for row in rows}


async def next_promises(tx: Tx, rows: Sequence[tuple[object, ...]]) -> None:
    """Append entries: (order_id, line_no, version, service, promised_from, promised_by, cause, made_at)."""
    if rows:
        await tx.execute(SQL.next_promises, *(list(column) for column in zip(*rows, strict=True)))


async def mark_told(tx: Tx, order_id: UUID, version: int, now: datetime) -> None:
    """Note when the customer was told of a version; the first time counts."""
    await tx.execute(SQL.mark_told, order_id, version, now)


async def delays(tx: Tx, order_ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Dates that moved to later, oldest first within an order, each with the answer to it."""
    return [dict(row) for row in await tx.fetch(SQL.delays, list(order_ids))]


async def last_answers(tx: Tx, order_ids: Collection[UUID]) -> list[dict[str, Any]]:
    """The answer to the last delay of each order that has one."""
    return [dict(row) for row in await tx.fetch(SQL.last_answers, list(order_ids))]


async def answer_delay(
    tx: Tx, order_id: UUID, seq: int, answer: str, line_nos: Sequence[int], actor: str, now: datetime
) -> bool:
    """Keep an answer; False when the delay has the same one already."""
    done = await tx.execute(SQL.answer_delay, order_id, seq, answer, list(line_nos), actor, now)
    return done == "INSERT 0 1"


async def examples(tx: Tx, statement: str) -> list[str]:
    """What an audit statement finds."""
    return [row["example"] for row in await tx.fetch(statement)]
