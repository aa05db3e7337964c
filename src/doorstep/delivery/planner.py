"""All tables of delivery in one hand, so that planning an order needs no SQL."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime

import msgspec

from doorstep.db import Tx
from doorstep.delivery.calendar import ANY_DAY, Calendar, Dated, next_cut_off, promise
from doorstep.delivery.model import Origin, Service, Transit, Work, WorkTime
from doorstep.delivery.reads import calendars, services, transit_table, work_times


class Planner(msgspec.Struct, frozen=True, kw_only=True):
    """The services, the transit table, the work times and the calendar as they were when read."""

    services: dict[str, Service]
    transit: Transit
    work_times: dict[Work, WorkTime]
    calendar: Calendar = ANY_DAY

    def work_days(self, works: Iterable[Work]) -> int:
        """The working days that these kinds of work on one line take, one after the other."""
        return sum(self.work_times[work].days for work in set(works) if work in self.work_times)

    def promise(
        self,
        service: str,
        *,
        origin: Origin,
        ready_from: datetime,
        destination: tuple[str, str],
        work_days: int,
    ) -> Dated | None:
        """See `calendar.promise`. None also when there is no such service; a disabled one still keeps its promises."""
        known = self.services.get(service)
        if known is None:
            return None
        return promise(
            known,
            origin=origin,
            ready_from=ready_from,
            destination=destination,
            work_days=work_days,
            transit=self.transit,
            calendar=self.calendar,
        )

    def next_cut_off(self, service: str, *, origin: Origin, ready_from: datetime) -> datetime:
        """See `calendar.next_cut_off`. Raises KeyError for a service that there is not."""
        return next_cut_off(self.services[service], origin=origin, ready_from=ready_from, calendar=self.calendar)


class PlannerCache:
    """One brand's planner in one process, read again when older than `ttl_s` seconds.

    A change of the tables is seen within that time by every process; no process needs to be told.
    """

    def __init__(self, *, ttl_s: float = 1.0) -> None:
        self._ttl_s = ttl_s
        self._planner: Planner | None = None
        self._read_at = 0.0

    async def get(self, tx: Tx) -> Planner:
        """The planner, from memory when it is young enough."""
        if self._planner is None or time.monotonic() - self._read_at >= self._ttl_s:
            started = time.monotonic()
            self._planner = await planner(tx)
            self._read_at = started
        return self._planner


async def planner(tx: Tx) -> Planner:
    """Read the tables now."""
    return Planner(
        services=await services(tx),
        transit=await transit_table(tx),
        work_times=await work_times(tx),
        calendar=await calendars(tx),
    )
