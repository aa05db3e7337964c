"""The driver: plays a scenario on a running stage, by stopping the clock a few times a day and letting people act.

At each stop: look at what lies there, move the clock, let everybody do what is due, and wait until the system is quiet.
Because the clock moves on only then, what comes out does not depend on how fast the machine is. A driver that was
killed goes on where it was: see `runfile` and `book`.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import msgspec

from doorstep.db.pool import GONE
from doorstep.demo.book import Book
from doorstep.demo.calls import PATIENCE_S, Calls, CarrierDesk, GivenUp
from doorstep.demo.customers import Customers
from doorstep.demo.desk import Desk
from doorstep.demo.loading import load
from doorstep.demo.runfile import Done
from doorstep.demo.scenario import Scenario
from doorstep.demo.slots import stop_from
from doorstep.demo.stage import Stage, set_clock
from doorstep.demo.storefront import Storefront
from doorstep.demo.supplier import Supplier
from doorstep.demo.warehouse import Warehouse
from doorstep.journey import REACTIONS
from doorstep.kit.errors import Unavailable
from doorstep.web.api.operations import backlog

_LOOK_AGAIN_S = 0.02
T = TypeVar("T")
_MOMENT = timedelta(seconds=1)


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is: the clock, from where to where it goes, and what has happened."""

    now: datetime
    starts_at: datetime
    ends_at: datetime
    placed: int
    shipped: int
    delivered: int
    returned: int


class Driver:
    """Everybody outside the system. `until` is where the clock stops for good."""

    def __init__(
        self, stage: Stage, scenario: Scenario, done: Done, *, until: datetime, tell: Callable[[Progress], None]
    ) -> None:
        self._stage, self._scenario, self._done, self._until, self._tell = stage, scenario, done, until, tell
        self.api = Calls(stage.api_url, api_key=stage.run.api_key)
        self._road = Calls(stage.carrier_url)
        self._carrier = CarrierDesk(self._road)
        self._book = Book(self.api)
        self._storefront = Storefront(self.api, self._book, done, scenario.orders)
        self._supplier = Supplier(self.api, done, scenario.receipts)
        self._warehouse = Warehouse(self.api, self._carrier, self._book, scenario.floor, scenario.locations)
        self._customers = Customers(
            self.api, self._carrier, self._book, done, scenario.actions, scenario.orders, scenario.locations
        )
        self._desk = Desk(self.api, self._book, self._customers, scenario.floor.holds)
        self._next_job_at: datetime | None = None
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.stops = 0

    @property
    def problems(self) -> dict[str, int]:
        """What the people were refused, and the desk settled, by kind."""
        settled = {f"desk: {kind}": count for kind, count in self._desk.settled.items()}
        return {**self._warehouse.problems, **settled}

    async def aclose(self) -> None:
        """Close the connections."""
        await self.api.aclose()
        await self._road.aclose()

    async def load(self) -> None:
        """Bring in the shop, unless it is there."""
        if "shop loaded" not in self._done:
            await load(self.api, self._scenario, self._supplier)
            self._done.add("shop loaded")
        await self._rest()

    async def play(self) -> None:
        """Play until everything dated has happened, and the clock is at `until`."""
        now = (await self.api.get("/v1/clock", _Clock)).now
        await self._book.open()
        await self._warehouse.scan_again(now)
        await self._warehouse.look()
        await self._stop(now)
        while now < self._until:
            now = min(self._next_stop(now), self._until)
            await self._stop(now)
        if self._until >= self._scenario.ends_at:  # else it ends in the midst of things, on purpose
            await self._desk.clear_list()
        await self._rest()

    def _next_stop(self, now: datetime) -> datetime:
        """The next stop of the clock at which anything is due."""
        times = [
            self._storefront.next_at,
            self._supplier.next_at,
            self._customers.next_at,
            self._desk.next_at,
            self._carrier.next_at,
            self._next_job_at,
            now if self._warehouse.busy else None,
        ]
        soonest = min((at for at in times if at is not None), default=self._until)
        return stop_from(max(soonest, now + _MOMENT), quiet=not self._storefront.left_to_come)

    async def _stop(self, now: datetime) -> None:
        self.stops += 1
        await self._set_clock(now)
        await self._timed("people", self._people(now))
        await self._timed(
            "work", asyncio.gather(self._carrier.advance(now), self._storefront.act(now), self._warehouse.act(now))
        )
        await self._timed("rest", self._rest())
        await self._timed("read", self._book.read())
        await self._timed("look", self._warehouse.look())
        counts = self._book.counts
        self._tell(
            Progress(
                now=now,
                starts_at=self._scenario.starts_at,
                ends_at=self._until,
                placed=counts["orders.placed"],
                shipped=counts["shipping.handed_over"],
                delivered=counts["shipping.delivered"],
                returned=counts["returns.received"],
            )
        )

    async def _people(self, now: datetime) -> None:
        """Those who decide, one after the other, before those who work."""
        await self._supplier.act(now)
        await self._desk.act(now)
        await self._customers.act(now)

    async def _set_clock(self, now: datetime) -> None:
        await self._patiently(partial(set_clock, self._stage.brand, now, rate=0.0))

    async def _rest(self) -> None:
        """Wait until the system has nothing more to do at this time, retries included."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            left = await self._patiently(partial(backlog, self._stage.brand, REACTIONS))
            if not (left.events_unplaced or left.reactions_due or left.jobs_due):
                self._next_job_at = left.next_job_at
                return
            if time.monotonic() > deadline:
                raise GivenUp(f"the system does not come to rest: {left}")
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the database until it is there; it may have been killed, and comes back."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return await ask()
            except (*GONE, Unavailable):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_LOOK_AGAIN_S)

    async def _timed(self, phase: str, work: object) -> None:
        started = time.monotonic()
        await work  # type: ignore[misc]  # a coroutine or a future
        self.seconds[phase] += time.monotonic() - started


class _Clock(msgspec.Struct, frozen=True):
    now: datetime
