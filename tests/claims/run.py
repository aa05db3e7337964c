"""A whole run: the shelves, the log, the processes, and what came of it."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from time import monotonic

import msgspec

from doorstep import carts, inventory, orders
from doorstep.catalog.model import PRODUCTS_PER_PUT
from doorstep.db import Brand
from tests.claims import watch
from tests.claims.crew import Task
from tests.claims.replay import Verdict, replay
from tests.claims.writers import CREW, Goods
from tests.orders.world import MONDAY, World
from tests.races.watch import deadlocks

PLACES = ("north", "south", "east", "west", "center")
TAP = "from tests.claims import tap; tap.install()"  # first thing in a server process
_CLOCK_RATE = 60  # a minute a second: carts that are held for a minute expire within the run
_TELL_EVERY_S = 15.0

# Our own sums, beside the product's audit: each must be zero.
_SUMS = {
    "units claimed that are not there": """SELECT coalesce(sum(greatest(0, c.open - s.on_hand - s.oversell_limit)), 0)
        FROM stock s JOIN (SELECT sku_id, location_id, sum(open) AS open FROM (
            SELECT sku_id, location_id, open FROM reservations
            UNION ALL SELECT sku_id, location_id, units FROM set_aside
            UNION ALL SELECT sku_id, location_id, open FROM cart_claims) every GROUP BY 1, 2) c
            USING (sku_id, location_id)""",
    "units of orders that no stock is kept for": """SELECT abs((SELECT coalesce(sum(reserved + activated), 0)
        FROM order_lines) - (SELECT coalesce(sum(open), 0) FROM reservations))""",
    "units kept that nobody claims": """SELECT abs((SELECT coalesce(sum(reserved), 0) FROM stock)
        - (SELECT coalesce(sum(open), 0) FROM reservations) - (SELECT coalesce(sum(units), 0) FROM set_aside)
        - (SELECT coalesce(sum(open), 0) FROM cart_claims))""",
}
_CLAIMS = "SELECT (SELECT count(*) FROM reservations) + (SELECT count(*) FROM cart_claims)"


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How large a run is."""

    claims: int
    processes: int = 4
    writers: int = 64
    hot: int = 10
    cold: int = 2_000
    places: int = 5
    batch: int = 16  # orders a buyer places at a time, at most
    shelf: int = 20  # units of a cold SKU at each place to begin with


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `done`: what the writers did, by name; `sums`: those of our own over the tables."""

    claims: int
    deadlocks: int
    done: dict[str, int]
    verdict: Verdict
    audit: Sequence[str]
    sums: dict[str, int]

    @property
    def refused(self) -> int:
        """Refusals the writers were given."""
        return self.done.get("refused orders", 0) + self.done.get("refused carts", 0)

    @property
    def errors(self) -> list[str]:
        """Answers that are no refusal, no conflict and no plea to come again: the product failed."""
        return [f"{name}: {many}" for name, many in self.done.items() if "internal" in name]

    def faults(self) -> list[str]:
        """Everything that is not as it must be."""
        found = [*self.verdict.faults, *self.audit, *self.errors]
        found += [f"{name}: {many}" for name, many in self.sums.items() if many]
        found += [f"{self.deadlocks} deadlocks"] * bool(self.deadlocks)
        if self.refused != self.verdict.refusals:
            found.append(f"{self.refused} refusals were given, {self.verdict.refusals} are in the log")
        return found


class Run:
    """One database's run. `open` it, `play` as often as is wanted, then `judge` all of it."""

    def __init__(self, brand: Brand, dsn: str, size: Size, *, seed: int) -> None:
        self.brand, self.dsn, self.size, self.seed = brand, dsn, size, seed
        self.done: Counter[str] = Counter()
        self.world = World(brand)
        self._goods = Goods(hot=(), cold=(), skus={}, places={})
        self._deadlocks = 0
        self._plays = 0

    async def open(self) -> Run:
        """Fill the shelves and begin the log; the clock runs fast."""
        size = self.size
        await self.world.open({}, places=PLACES[: size.places])
        hot, cold = [f"HOT-{n}" for n in range(size.hot)], [f"COLD-{n}" for n in range(size.cold)]
        shelf = dict.fromkeys(cold, size.shelf) | dict.fromkeys(hot, 1)
        for start in range(0, len(shelf), PRODUCTS_PER_PUT):
            some = dict(list(shelf.items())[start : start + PRODUCTS_PER_PUT])
            await self.world.fill(dict.fromkeys(self.world.places, some))
        async with self.brand.transaction() as tx:
            await tx.execute(
                "UPDATE clock SET wall_from = clock_timestamp(), clock_from = $1, rate = $2", MONDAY, _CLOCK_RATE
            )
        await watch.install(self.brand)
        async with self.brand.reading() as tx:
            self._deadlocks = await deadlocks(tx)
        self._goods = Goods(hot=hot, cold=cold, skus=self.world.skus, places=self.world.places)
        return self

    async def play(
        self, claims: int, *, hosts: Sequence[str] = (), key: str = "", tell: Callable[[str], None] | None = None
    ) -> float:
        """Let the writers loose until so many more claims were taken; over HTTP when there are hosts. The seconds."""
        self._plays += 1
        started, many = monotonic(), self.size.processes
        crew = [kind for kind, some in CREW.items() for _ in range(some)][: self.size.writers]
        tasks = [
            Task(
                dsn=self.dsn,
                name=f"{self._plays}-{number}",
                seed=self.seed,
                kinds=crew[number::many],
                quota=-(-claims // many),
                batch=self.size.batch,
                goods=self._goods,
                hosts=hosts,
                key=key,
            )
            for number in range(many)
        ]
        at_work = [asyncio.create_task(_process(task)) for task in tasks]
        while (await asyncio.wait(at_work, timeout=_TELL_EVERY_S))[1]:
            if tell:
                so_far = await self._value("SELECT last_value FROM seen_seq")
                tell(f"{monotonic() - started:.0f} s: {so_far:,} changes of stock and refusals in all")
        for one in at_work:
            self.done.update(one.result())
        return monotonic() - started

    async def judge(self) -> Result:
        """Replay the log, audit, and add up ourselves."""
        async with self.brand.reading() as tx:
            locked = await deadlocks(tx) - self._deadlocks
            found = [*await inventory.audit(tx), *await orders.audit(tx), *await carts.audit(tx)]
        return Result(
            claims=await self._value(_CLAIMS),
            deadlocks=locked,
            done=dict(self.done),
            verdict=await replay(self.brand),
            audit=[f"{one.check}: {one.measured} {one.examples}" for one in found if not one.ok],
            sums={name: await self._value(query) for name, query in _SUMS.items()},
        )

    async def _value(self, query: str) -> int:
        async with self.brand.reading() as tx:
            return int(await tx.fetchval(query))


async def _process(task: Task) -> dict[str, int]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.claims.crew"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate(msgspec.json.encode(task))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"writers {task.name} ended with {process.returncode}: {err.decode()[-3000:]}")
    return msgspec.json.decode(out, type=dict[str, int])
