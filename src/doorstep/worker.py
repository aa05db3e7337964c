"""The worker: gives events their positions, runs the journey's reactions and the jobs, for every brand.

Any number of workers may run. LISTEN is only a hint to look sooner: a brand is looked at again after at most `IDLE_S`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

import asyncpg
import structlog

from doorstep import carts, feeds, inventory, orders, reconciliation
from doorstep.db import Brand, Database, Tx
from doorstep.db.pool import GONE, clock_now
from doorstep.jobs import Kind, Runner
from doorstep.journal import Reaction, Reactor, give_positions
from doorstep.journal.append import SQL as JOURNAL_SQL
from doorstep.kit.clock import wall_now
from doorstep.kit.errors import Unavailable
from doorstep.kit.limits import (
    BURST_ORDERS_PER_S,
    EVENTS_GATHERED,
    EVENTS_PER_REACTION,
    GATHERING_S,
    JOB_LEASE,
    KEEP_COMMANDS,
    KEEP_WRONG_ANSWERS,
    LATER_WAITS_S,
    LEVELS_TOLD,
    RESTS,
)

log = structlog.get_logger()
CHANNELS = EVENTS, JOBS = "doorstep_events", "doorstep_jobs"
IDLE_S = 1.0
_WINDOW_S = 1.0
_REST_MAX_S = 5.0
_LOOK_S = 0.1  # while it rests, it looks so often for express orders: each look costs as much as placing a few
NEW_BRANDS_S = 5.0
PRUNE_S = 3600.0
LAPSE_S = 60.0
LEVELS_S, LEVELS_SHARE = 5.0, 0.02  # it reads all stock: no more of the time for it than this share
RECONCILE_S = 300.0  # how often it is asked whether a night has come


class Courtesy:
    """Leaves most of the processor to those who take orders while they come in a burst: what follows from an order can
    wait, its shopper cannot.

    After a round of reactions to standard orders, and one of jobs, comes a rest, `RESTS` times as long. Rests, and not
    a lower priority: who is interrupted in a transaction keeps its locks, and placing waits for them.
    """

    def __init__(self) -> None:
        self._placed, self._at = 0, monotonic()
        self._many = False
        self._rest_until = 0.0

    def rests(self) -> bool:
        """Whether only express orders are worked on now."""
        return self.burst() and monotonic() < self._rest_until

    def burst(self) -> bool:
        """Whether many orders came just now."""
        return self._many and monotonic() - self._at < 2 * _WINDOW_S

    def saw(self, placed: int) -> None:
        """So many orders were ever placed; they come in a burst when they are many more than a while ago."""
        past = monotonic() - self._at
        if past >= _WINDOW_S:
            self._many = self._placed > 0 and placed - self._placed > BURST_ORDERS_PER_S * past
            self._placed, self._at = placed, monotonic()

    def worked(self, seconds: float) -> None:
        """A round of work on standard orders took so long."""
        if self.burst():
            self._rest_until = monotonic() + min(RESTS * seconds, _REST_MAX_S)


class BrandWorker:
    """All background work of one brand."""

    def __init__(
        self, brand: Brand, reactions: Sequence[Reaction], kinds: Sequence[Kind], ports: Mapping[str, object]
    ) -> None:
        self.brand = brand
        self.reactor = Reactor(brand, reactions)
        self._courtesy = Courtesy()
        self.came = {channel: asyncio.Event() for channel in CHANNELS}  # hints: something was committed
        self._placed = asyncio.Event()  # events got their place in the line
        self._looked = 0.0
        self._jobs_turn = False  # a round of reactions is over, of jobs not yet
        self.runner = Runner(brand, kinds, ports, wake=self.came[JOBS].set)

    async def turn(self) -> int:
        """One round of the journal: positions, then one batch of each reaction that is due; how much was done.

        In a burst of orders, most rounds are for express orders only.
        """
        resting = await self._rests()
        started = monotonic()
        done = await self._turn(resting=resting)
        if done and not resting:
            self._courtesy.worked(monotonic() - started)
            self._jobs_turn = self._courtesy.burst()
            if self._jobs_turn:
                self.came[JOBS].set()
        return done

    async def take_up(self) -> int:
        """Begin the jobs that are due, express first; how many were begun. While it rests, that is done once after each
        round of reactions, for many jobs belong to no order; then only jobs of express orders are begun.
        """
        resting = await self._rests()
        turn, self._jobs_turn = self._jobs_turn, False
        return await self.runner.take_up(express_only=resting and not turn)

    async def _rests(self) -> bool:
        """Whether only express orders are worked on now; if so, after a short sleep."""
        if self._courtesy.rests():
            await asyncio.sleep(_LOOK_S)
        return self._courtesy.rests()

    async def _turn(self, *, resting: bool) -> int:
        given = await give_positions(self.brand)
        if given:
            self._placed.set()
            async with self.brand.reading() as connection:
                self._courtesy.saw(await connection.fetchval(JOURNAL_SQL.told_so_far, orders.Placed.KIND))
        return given + await self.reactor.run_once(express_only=resting, burst=self._courtesy.burst())

    async def look(self) -> int:
        """One round of the reactions that come later, beside the others; in a burst of orders, one a minute.

        Then a short rest; or, when there is much to do and not yet a whole round of it, one in which more comes
        together: what happens to an order within seconds is read once.
        """
        started = monotonic()
        if self._courtesy.burst() and started - self._looked < LATER_WAITS_S:
            return 0
        self._looked = started
        done = await self.reactor.run_later()
        took = monotonic() - started
        gathers = EVENTS_PER_REACTION <= done < EVENTS_GATHERED
        await asyncio.sleep(max(took / 4, GATHERING_S - took if gathers else 0))
        return done

    async def drain(self) -> int:
        """Work until nothing is due any more: events, reactions and jobs. For tests, rehearsals and imports."""
        await self.reactor.prepare()
        total = 0
        while True:
            done = await self._turn(resting=False) + await self.reactor.run_later() + await self.runner.run_once()
            if not done:
                return total
            total += done

    async def prune(self) -> None:
        """Forget what nobody will ask for any more."""
        await self.runner.prune()
        async with self.brand.transaction() as tx:
            await tx.execute(JOURNAL_SQL.prune_commands, wall_now() - KEEP_COMMANDS)
            await tx.execute(JOURNAL_SQL.prune_wrong_answers, wall_now() - KEEP_WRONG_ANSWERS)
        await feeds.prune(self.brand)

    async def lapse(self) -> None:
        """Give back what carts held until a while ago and nobody has asked for since."""
        while await self.brand.run(self._lapse):
            pass

    async def reconcile(self) -> None:
        """Look at every location whose night has come."""
        await reconciliation.reconcile(self.brand)

    async def _lapse(self, tx: Tx) -> int:
        return await carts.lapse(tx, now=await clock_now(tx))

    async def tell_levels(self) -> None:
        """Tell what became low, out or is back in stock."""
        while await self.brand.run(self._tell_levels) >= LEVELS_TOLD:
            pass

    async def _tell_levels(self, tx: Tx) -> int:
        return await inventory.tell_levels(tx, now=await clock_now(tx))

    async def run(self) -> None:
        """Work until canceled: the journal, the jobs and the pruning side by side."""
        await _again(self.reactor.prepare, "prepare", once=True)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._loop(self.came[EVENTS], self.turn, "journal"))
                group.create_task(self._loop(self._placed, self.look, "later"))
                group.create_task(self._loop(self.came[JOBS], self.take_up, "jobs"))
                group.create_task(_every(JOB_LEASE.total_seconds() / 3, self.runner.renew, "renew"))
                group.create_task(_every(PRUNE_S, self.prune, "prune"))
                group.create_task(_every(LAPSE_S, self.lapse, "lapse"))
                group.create_task(_every(LEVELS_S, self.tell_levels, "levels", share=LEVELS_SHARE))
                group.create_task(_every(RECONCILE_S, self.reconcile, "reconcile"))
        finally:
            await self.runner.stop()

    async def _loop(self, wake: asyncio.Event, work: Any, name: str) -> None:
        while True:
            wake.clear()
            if not await _again(work, name):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(wake.wait(), IDLE_S)


async def _again(work: Any, name: str, *, once: bool = False) -> int:
    """Call; when the database is away, wait for it instead of dying."""
    while True:
        try:
            return await work() or 0
        except (*GONE, Unavailable) as error:
            log.warning("worker_waits_for_database", work=name, error=repr(error))
        except Exception:  # one brand's trouble must not end the work of the others
            log.exception("worker_work_failed", work=name)
        await asyncio.sleep(0.5)
        if not once:
            return 0


async def _every(seconds: float, work: Any, name: str, *, share: float = 1.0) -> None:
    """Call so often; less often when it takes more than its share of the time."""
    while True:
        started = time.monotonic()
        await _again(work, name, once=True)
        await asyncio.sleep(max(seconds, (time.monotonic() - started) / share))


class Worker:
    """Background work of all brands of a database; brands made later are found within seconds."""

    def __init__(
        self, database: Database, reactions: Sequence[Reaction], kinds: Sequence[Kind], ports: Mapping[str, object]
    ) -> None:
        self._database = database
        self._reactions, self._kinds, self._ports = reactions, kinds, ports
        self._workers: dict[str, BrandWorker] = {}

    async def run(self) -> None:
        """Work until canceled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            while True:
                with contextlib.suppress(*GONE, Unavailable):
                    for name in await self._database.brands():
                        if name not in self._workers:
                            brand = await self._database.brand(name)
                            worker = BrandWorker(brand, self._reactions, self._kinds, self._ports)
                            self._workers[name] = worker
                            group.create_task(worker.run())
                await asyncio.sleep(NEW_BRANDS_S)

    async def _listen(self) -> None:
        """Wake a brand's work when something was committed there. Losing the connection only costs the hint."""
        while True:
            with contextlib.suppress(*GONE, asyncpg.PostgresError):
                connection = await asyncpg.connect(self._database.dsn)
                try:
                    for channel in CHANNELS:
                        await connection.add_listener(channel, self._woken)
                    while not connection.is_closed():
                        await connection.fetchval("SELECT 1")
                        await asyncio.sleep(5)
                finally:
                    await connection.close(timeout=1)
            await asyncio.sleep(1)

    def _woken(self, connection: Any, pid: int, channel: str, payload: Any) -> None:
        worker = self._workers.get(payload)
        if worker is not None:
            worker.came[channel].set()
