"""All tables of delivery in one hand, so that planning an order needs no SQL."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime

import msgspec

from doorstep.db import Tx
from doorstep.delivery.calendar import Dated, promise
from doorstep.delivery.model import Service, Transit, Work, WorkTime
from doorstep.delivery.reads import services, transit_table, work_times


class Planner(msgspec.Struct, frozen=True, kw_only=True):
    """The services, the transit table and the work times as they were when read."""

    services: dict[str, Service]
    transit: Transit
    work_times: dict[Work, WorkTime]

    def work_days(self, works: Iterable[Work]) -> int:
        """The working days that these kinds of work on one line take, one after the other."""
        return sum(self.work_times[work].days for work in set(works) if work in self.work_times)

    def promise(
        self,
        service: str,
        *,
        location_timezone: str,
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
            location_timezone=location_timezone,
            ready_from=ready_from,
            destination=destination,
            work_days=work_days,
            transit=self.transit,
        )


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
    return Planner(services=await services(tx), transit=await transit_table(tx), work_times=await work_times(tx))
