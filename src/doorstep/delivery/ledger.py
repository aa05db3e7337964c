"""The ledger of promises: opened from what placing wrote, carried on by what happens. Both are reactions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from doorstep import journal
from doorstep.db import Tx
from doorstep.delivery import store
from doorstep.delivery.model import GoodsMissing, ParcelLate, Repromised, Waiting
from doorstep.delivery.planner import Planner, planner
from doorstep.delivery.reads import Promise, current
from doorstep.journal import Recorded


class _Next(msgspec.Struct, frozen=True, kw_only=True):
    """The entry that follows `was`."""

    was: Promise
    promised_from: datetime
    promised_by: datetime | None
    cause: str


async def open_ledger(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """Copy the promises made at placing into the ledger as version 1, one a line. Again changes nothing."""
    await store.open_ledger(tx, [event.order for event in events])


async def repromise(tx: Tx, events: Sequence[Recorded[GoodsMissing] | Recorded[ParcelLate]], *, now: datetime) -> None:
    """Write the next version for the lines that will come later than promised, and tell it as `Repromised`.

    Goods expected at a time: from then on the calendar says the date. A late parcel: the carrier's new date. Nothing
    known of either: the new date is unknown (None). A line whose new date is not later than the promised one keeps its
    promise, except that any date is better than an unknown one, and that an event may say that an earlier date counts
    too (`EITHER_WAY`); so the same event again changes nothing.
    """
    await store.open_ledger(tx, sorted({event.order for event in events}))  # the opening reaction may be behind
    tables = await planner(tx)
    for event in events:  # one after the other: two events of an order build on each other
        ledger = {promise.line_no: promise for promise in (await current(tx, [event.order])).get(event.order, [])}
        affected = [ledger[line_no] for line_no in sorted({line.line_no for line in event.data.lines} & ledger.keys())]
        dates = await _new_dates(tx, tables, event.data, affected, now)
        steps = [
            _Next(was=was, promised_from=dated[0], promised_by=dated[1], cause=event.data.cause)
            for was, dated in zip(affected, dates, strict=True)
            if _worth_saying(was.promised_by, dated[1], either_way=getattr(event.data, "EITHER_WAY", False))
        ]
        await _write(tx, event.order, steps, now)


def _worth_saying(was: datetime | None, becomes: datetime | None, *, either_way: bool) -> bool:
    if was is None or becomes is None:
        return was is not becomes
    return becomes != was if either_way else becomes > was


async def _new_dates(
    tx: Tx, tables: Planner, data: GoodsMissing | ParcelLate, affected: Sequence[Promise], now: datetime
) -> list[tuple[datetime, datetime | None]]:
    """(promised_from, promised_by) for each affected line."""
    if hasattr(data, "expected_by"):
        return [(_not_after(now, data.expected_by), data.expected_by) for _ in affected]
    expected_at: datetime | None = data.expected_at
    if expected_at is None:
        return [(now, None) for _ in affected]
    context = await store.waiting(tx, [(promise.order_id, promise.line_no) for promise in affected])
    ready_from = max(expected_at, now)
    return [_from_calendar(tables, context[was.order_id, was.line_no], ready_from, now) for was in affected]


def _from_calendar(
    tables: Planner, line: Waiting, ready_from: datetime, now: datetime
) -> tuple[datetime, datetime | None]:
    dated = tables.promise(
        line.service,
        origin=line.sender,
        ready_from=ready_from,
        destination=(line.country, line.postcode),
        work_days=tables.work_days(line.works),
    )
    return (dated.promised_from, dated.promised_by) if dated else (now, None)


def _not_after(now: datetime, expected_by: datetime | None) -> datetime:
    return now if expected_by is None else min(now, expected_by)


async def _write(tx: Tx, order_id: UUID, steps: Sequence[_Next], now: datetime) -> None:
    """Append the entries and one event for each group of lines that share versions and dates."""
    await store.next_promises(
        tx,
        [
            (
                order_id,
                step.was.line_no,
                step.was.version + 1,
                step.was.service,
                step.promised_from,
                step.promised_by,
                step.cause,
                now,
            )
            for step in steps
        ],
    )
    groups: dict[tuple[int, datetime | None, datetime | None, str], list[int]] = {}
    for step in steps:
        key = (step.was.version + 1, step.promised_by, step.was.promised_by, step.cause)
        groups.setdefault(key, []).append(step.was.line_no)
    told = [
        (
            order_id,
            Repromised(
                version=version, promised_by=promised_by, was_promised_by=was, cause=cause, line_nos=tuple(line_nos)
            ),
        )
        for (version, promised_by, was, cause), line_nos in groups.items()
    ]
    await journal.append(tx, told, actor="delivery", now=now)


async def mark_told(tx: Tx, order_id: UUID, version: int, now: datetime) -> None:
    """Note that the customer was told of this version of an order's promises; the first time counts."""
    await store.mark_told(tx, order_id, version, now)
