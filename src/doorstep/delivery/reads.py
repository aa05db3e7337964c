"""Read the tables and the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep.db import Tx
from doorstep.delivery import store
from doorstep.delivery.calendar import Calendar
from doorstep.delivery.model import Service, Transit, Work, WorkTime


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the ledger: what was promised for a line, why, and when the customer was told. Times in UTC."""

    order_id: UUID
    line_no: int
    version: int
    service: str
    promised_from: datetime
    promised_by: datetime | None
    cause: str
    made_at: datetime
    told_at: datetime | None


async def services(tx: Tx) -> dict[str, Service]:
    """All services by their code, disabled ones too, in the order in which they are offered."""
    return {service.service: service for service in await store.services(tx)}


async def transit_table(tx: Tx) -> Transit:
    """The transit table."""
    return Transit(await store.transit(tx))


async def work_times(tx: Tx) -> dict[Work, WorkTime]:
    """How long work on lines takes, and its fee. Work that is not here takes no time and is not sold."""
    return {work.work: work for work in await store.work_times(tx)}


async def calendars(tx: Tx) -> Calendar:
    """The weeks of locations, and all days off."""
    return Calendar(await store.opening_weeks(tx), await store.days_off(tx))


async def current(tx: Tx, order_ids: Sequence[UUID]) -> dict[UUID, list[Promise]]:
    """The latest promise of every line of these orders, by line. An order whose ledger is not open yet is missing."""
    found: dict[UUID, list[Promise]] = {}
    for row in await store.current(tx, order_ids):
        found.setdefault(row["order_id"], []).append(Promise(**row))
    return found


async def history(tx: Tx, order_id: UUID) -> list[Promise]:
    """All that was ever promised for an order, oldest first."""
    return [Promise(**row) for row in await store.history(tx, order_id)]
