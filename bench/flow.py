"""Part h of the bench: what becomes of an order after its placing, until it is delivered, and what that costs.

The workers, as many as `doorstep up` starts, are processes of their own with all of the journey's reactions and jobs.
Outside partners are doubles there, which answer at once: what a partner's own program costs is not ours. This process
places and does the warehouse's and the carrier's part, by the same verbs as the API and in its waves. All times are of
the CPU, in core-milliseconds an order, so that they say the same on a busy machine and on an idle one.

    python -m bench.flow --orders 2000            what each step costs
    python -m bench.flow --seconds 60             orders a second from placing to delivery, all steps at once
    python -m bench.flow --burst 60               intake alone as fast as it goes, then how long the backlog takes
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
import uvloop

from bench.outside import make_doubles
from bench.proc import parent_of, used_s
from doorstep import catalog, delivery, fulfillment, inventory, orders, shipping
from doorstep.catalog import ProductData
from doorstep.db import Brand, Database, embedded
from doorstep.db.migrate import create_brand, migrate
from doorstep.db.pool import clock_now
from doorstep.db.sql import Statements
from doorstep.inventory import PutLocation
from doorstep.journey import REACTIONS, WORK
from doorstep.kit.ids import new_id
from doorstep.orders.channels import ChannelData
from doorstep.orders.place import place_batch
from doorstep.orders.placing import Placing
from doorstep.orders.requests import Customer, Payment, PlaceLine, PlaceOrder, ShipTo
from doorstep.routing import NetworkCache
from doorstep.settings import Settings
from doorstep.shipping import TrackingStatus, TrackingUpdate
from doorstep.worker import Worker

WAVE: Final = 200  # what one request of the API takes
BATCH: Final = 200
SKUS: Final = 5_000
ROAD: Final[tuple[TrackingStatus, ...]] = ("in_transit", "out_for_delivery", "delivered")
UNDER_WAY: Final = 2_000  # orders that are not delivered yet, at most, while all steps run at once
REST_S: Final = 0.1  # a hand's, after a wave that was not full
PATIENCE_S: Final = 900.0

SQL: Final = Statements("bench/flow.sql", Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


_PAIRS: Final = [(reaction.name, kind) for reaction in REACTIONS for kind in reaction.kinds]
_WHAT: Final = ([name for name, _ in _PAIRS], [kind for _, kind in _PAIRS], [kind.name for kind in WORK])


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """CPU of the three parties, in core-seconds. `here` is this process: intake and the API's part."""

    here_s: float = 0.0
    worker_s: float = 0.0
    postgres_s: float = 0.0

    def __sub__(self, other: Cost) -> Cost:
        return Cost(**{field: getattr(self, field) - getattr(other, field) for field in self.__struct_fields__})

    @property
    def total_s(self) -> float:
        """All of them together."""
        return self.here_s + self.worker_s + self.postgres_s


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What a step cost, in core-milliseconds an order."""

    name: str
    here_ms: float
    worker_ms: float
    postgres_ms: float
    total_ms: float


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """All steps of a run of `orders`, the sum of their costs, and how many orders a second two cores would do."""

    orders: int
    steps: list[Step]
    total_ms: float
    orders_per_s_on_two_cores: float


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """A run with all steps at once: how many orders were delivered in how long, what one cost, and for how long what
    was due longest at its end had been.
    """

    delivered: int
    wall_s: float
    orders_per_s: float
    core_ms_per_order: float
    behind_s: float


class Burst(msgspec.Struct, frozen=True, kw_only=True):
    """Intake alone at full speed, then silence: how many orders came, and how long until nothing was due any more."""

    placed: int
    placing_s: float
    placed_per_s: float
    backlog_s: float


class Shop:
    """A brand with stock for as many orders as one likes, and the hands that place, pick, pack and carry."""

    def __init__(self, brand: Brand, worker_pids: Sequence[int], postmaster_pid: int) -> None:
        self.brand = brand
        self._worker_pids, self._postmaster_pid = worker_pids, postmaster_pid
        self._networks = NetworkCache()
        self._numbers = self._arrived = 0
        self._run = new_id().hex[-6:]

    @property
    def under_way(self) -> int:
        """Orders that were placed and are not delivered."""
        return self._numbers - self._arrived

    def cost(self) -> Cost:
        """What has been used so far."""
        return Cost(
            here_s=time.process_time(),
            worker_s=sum(used_s(pid) for pid in self._worker_pids),
            postgres_s=used_s(self._postmaster_pid),
        )

    async def place(self, count: int) -> None:
        """Place orders of two lines, as the batch endpoint does."""
        outcomes = await place_batch(self.brand, self._networks, [self._placing() for _ in range(count)])
        bad = [outcome.problem for outcome in outcomes if outcome.answer is None]
        if bad:
            raise RuntimeError(f"{len(bad)} orders were not placed: {bad[0]!r}")

    async def accept(self) -> int:
        """Accept a wave of what lies open on the floor; how many."""
        return await self._wave("open", self._accept)

    async def pick(self) -> int:
        """Pick a wave."""
        return await self._wave("accepted", self._pick)

    async def pack(self) -> int:
        """Pack a wave."""
        return await self._wave("picked", self._pack)

    async def hand_over(self) -> int:
        """The van takes a wave of parcels that have their labels."""
        ids = await self._fetch(SQL.for_the_van, WAVE)
        if ids:
            outcomes = await self.brand.run(lambda tx: self._hand_over(tx, ids))
            _all_done(outcomes)
        return len(ids)

    async def track(self, status: TrackingStatus) -> int:
        """The carrier tells of a wave of parcels that they are so far."""
        before = {"in_transit": "pending", "out_for_delivery": "in_transit", "delivered": "out_for_delivery"}[status]
        numbers = await self._fetch(SQL.on_the_road, before, WAVE)
        if numbers:
            await self.brand.run(lambda tx: self._track(tx, numbers, status))
        self._arrived += len(numbers) if status == "delivered" else 0
        return len(numbers)

    async def idle(self) -> bool:
        """Nothing is due any more: no event without a place, no cursor behind, no job."""
        return bool(await self.value(SQL.backlog, *_WHAT) == 0)

    async def behind_s(self) -> float:
        """For how long what is due longest has been."""
        return float(await self.value(SQL.behind, *_WHAT))

    async def settle(self, *, patience_s: float = PATIENCE_S) -> None:
        """Wait until the worker has nothing left to do."""
        until = time.monotonic() + patience_s
        while not await self.idle():
            if time.monotonic() > until:
                raise TimeoutError("the worker does not come to rest")
            await asyncio.sleep(0.25)

    async def value(self, query: str, *values: object) -> Any:
        """One value."""
        async with self.brand.reading() as tx:
            return await tx.fetchval(query, *values)

    def _placing(self) -> Placing:
        self._numbers += 1
        n = self._numbers
        lines = tuple(PlaceLine(sku=f"S{(n * step) % SKUS:05}", quantity=1, unit_price_minor=1_000) for step in (7, 13))
        wanted = PlaceOrder(
            channel="web", number=f"B-{self._run}-{n:07}", currency="GBP", service="standard",
            customer=Customer(name=f"Buyer {n % 997}", email=f"buyer{n}@example.test"),
            ship_to=ShipTo(name=f"Buyer {n % 997}", street=f"{n % 80} High Street", city="London", postcode="SW1Y 4JH",
                country="GB"),
            lines=lines, shipping_minor=500, total_minor=2_500, payment=Payment(token="tok_ok"),
        )  # fmt: skip
        return Placing.of(wanted, "bench")

    async def _wave(self, status: str, act: Callable[[Any, list[UUID], datetime], Awaitable[Sequence[Any]]]) -> int:
        ids = await self._fetch(SQL.on_the_floor, 1, "activated" if status == "open" else "fulfilling", status, WAVE)
        if ids:

            async def once(tx: Any) -> Sequence[Any]:
                return await act(tx, ids, await clock_now(tx))

            _all_done(await self.brand.run(once))
        return len(ids)

    async def _accept(self, tx: Any, ids: list[UUID], now: datetime) -> Sequence[Any]:
        return await fulfillment.accept(tx, fulfillment_order_ids=ids, actor="bench", now=now)

    async def _pick(self, tx: Any, ids: list[UUID], now: datetime) -> Sequence[Any]:
        picks = [fulfillment.Pick(fulfillment_order_id=key) for key in ids]
        return await fulfillment.pick(tx, picks=picks, actor="bench", now=now)

    async def _pack(self, tx: Any, ids: list[UUID], now: datetime) -> Sequence[Any]:
        packings = [fulfillment.Packing(fulfillment_order_id=key) for key in ids]
        return await fulfillment.pack(tx, packings=packings, actor="bench", now=now)

    async def _hand_over(self, tx: Any, ids: list[UUID]) -> Sequence[Any]:
        return await shipping.hand_over(tx, shipment_ids=ids, actor="bench", now=await clock_now(tx))

    async def _track(self, tx: Any, numbers: list[str], status: TrackingStatus) -> None:
        now = await clock_now(tx)
        updates = [
            TrackingUpdate(
                event_id=f"{number}-{status}", tracking_number=number, status=status, occurred_at=now,
                description=status, raw={},
            )
            for number in numbers
        ]  # fmt: skip
        await shipping.receive_tracking(tx, carrier="sandbox", updates=updates, now=now)

    async def _fetch(self, query: str, *values: object) -> list[Any]:
        async with self.brand.reading() as tx:
            return [row[0] for row in await tx.fetch(query, *values)]


async def costs(shop: Shop, count: int, *, say: Callable[[str], None] = print) -> Costs:
    """What each step of `count` orders costs, one step after the other, the worker coming to rest between them."""
    steps: list[Step] = []

    async def step(name: str, act: Callable[[], Awaitable[int]]) -> None:
        before = shop.cost()
        while await act():
            pass
        await shop.settle()
        used = shop.cost() - before
        per = 1000 / count
        steps.append(
            Step(
                name=name,
                here_ms=used.here_s * per,
                worker_ms=used.worker_s * per,
                postgres_ms=used.postgres_s * per,
                total_ms=used.total_s * per,
            )
        )
        say(_line(steps[-1]))

    left = count

    async def place() -> int:
        nonlocal left
        batch = min(left, BATCH)
        if batch:
            await shop.place(batch)
        left -= batch
        return batch

    await step("place", place)
    for name in ("accept", "pick", "pack", "hand_over"):
        await step(name, getattr(shop, name))
    for status in ROAD:
        await step(status, lambda status=status: shop.track(status))  # type: ignore[misc]  # bound in each turn
    total_ms = sum(one.total_ms for one in steps)
    return Costs(orders=count, steps=steps, total_ms=total_ms, orders_per_s_on_two_cores=2000 / total_ms)


async def pace(shop: Shop, seconds: float) -> Pace:
    """All steps at once, each by a hand of its own that takes wave after wave, as shop, floor and carrier do. Measured
    for so many seconds once the first orders have come through.
    """
    hands = [asyncio.create_task(_again(act)) for act in _hands(shop)]
    try:
        first = await _delivered(shop)
        while await _delivered(shop) < first + 2 * WAVE:
            await _pause(hands, 0.1)
        before, began, done_before = shop.cost(), time.monotonic(), await _delivered(shop)
        await _pause(hands, seconds)
        wall_s, used = time.monotonic() - began, shop.cost() - before
        delivered = await _delivered(shop) - done_before
        behind_s = await shop.behind_s()
    finally:
        for hand in hands:
            hand.cancel()
        await asyncio.gather(*hands, return_exceptions=True)
    return Pace(
        delivered=delivered,
        wall_s=wall_s,
        orders_per_s=delivered / wall_s,
        core_ms_per_order=used.total_s * 1000 / max(1, delivered),
        behind_s=behind_s,
    )


def _hands(shop: Shop) -> list[Callable[[], Awaitable[int]]]:
    """Who does what: places while not too many are under way, accepts, picks, packs, hands over, carries."""

    async def place() -> int:
        if shop.under_way >= UNDER_WAY:
            return 0
        await shop.place(BATCH)
        return BATCH

    async def carry() -> int:
        return max([await shop.track(status) for status in reversed(ROAD)])

    return [place, shop.accept, shop.pick, shop.pack, shop.hand_over, carry]


async def _again(act: Callable[[], Awaitable[int]]) -> None:
    while True:
        if await act() < WAVE:
            await asyncio.sleep(REST_S)  # who asks more often gets smaller waves, and spends more on asking


async def _pause(hands: Sequence[asyncio.Task[None]], seconds: float) -> None:
    """Let the hands work so long; what one of them stumbled over is raised."""
    ended, _ = await asyncio.wait(hands, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for hand in ended:
        hand.result()


async def _delivered(shop: Shop) -> int:
    return int(await shop.value(SQL.delivered))


async def burst(shop: Shop, seconds: float) -> Burst:
    """Place as fast as it goes for so long, then wait until nothing is due any more."""
    began, placed = time.monotonic(), 0
    while time.monotonic() < began + seconds:
        await shop.place(BATCH)
        placed += BATCH
    placing_s = time.monotonic() - began
    await shop.settle(patience_s=3 * PATIENCE_S)
    backlog_s = time.monotonic() - began - placing_s
    return Burst(placed=placed, placing_s=placing_s, placed_per_s=placed / placing_s, backlog_s=backlog_s)


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Shop]:
    """A fresh shop in the brand `main` of this database, and its workers as processes."""
    database = Database(dsn)
    brand = await database.brand("main")
    await _stock(brand)
    connection = await asyncpg.connect(dsn)
    postmaster = parent_of(await connection.fetchval(SQL.backend))
    await connection.close()
    start = partial(asyncio.create_subprocess_exec, sys.executable, "-m", "bench.flow", "--worker", dsn)
    workers = [await start() for _ in range(Settings().workers)]
    try:
        shop = Shop(brand, [worker.pid for worker in workers], postmaster)
        await shop.settle()
        yield shop
    finally:
        for worker in workers:
            worker.terminate()
            await worker.wait()
        await database.close()


async def work(dsn: str) -> None:
    """The worker's process: all reactions and jobs of the journey, partners as doubles."""
    database = Database(dsn)
    await Worker(database, REACTIONS, WORK, make_doubles()).run()


async def _stock(brand: Brand) -> None:
    """One location with plenty of everything: routing has its own bench."""
    async with brand.transaction() as tx:
        now = await clock_now(tx)
        await inventory.put_locations(
            tx,
            [
                PutLocation(
                    code="north", name="North", kind="warehouse", country="GB", postcode="WA1 1AA", city="Warrington",
                    street="1 Mill Lane", latitude=53.39, longitude=-2.59, timezone="Europe/London",
                    capabilities=("gift_wrap", "returns"),
                )
            ],
        )  # fmt: skip
        await delivery.seed_defaults(tx, "GBP")
        await orders.put_channels(tx, [ChannelData(channel="web", title="Web", currency="GBP")])
        for first in range(0, SKUS, 1_000):
            names = [f"S{n:05}" for n in range(first, first + 1_000)]
            await catalog.put_products(
                tx,
                [
                    ProductData(
                        sku=name, title=f"A thing {name}", weight_g=300, length_mm=200, width_mm=150, height_mm=40
                    )
                    for name in names
                ],
                now=now,
            )
            found = await catalog.load(tx, names)
            (location_id,) = await inventory.locations(tx)
            await inventory.receive(
                tx, reference=f"bench {first}", location_id=location_id,
                units={one.sku_id: 1_000_000 for one in found.values()}, actor="bench", now=now,
            )  # fmt: skip


def _all_done(outcomes: Sequence[Any]) -> None:
    bad = [outcome.problem for outcome in outcomes if not outcome.done]
    if bad:
        raise RuntimeError(f"{len(bad)} were refused: {bad[0]}")


def _line(step: Step) -> str:
    return (
        f"  {step.name:<18} {step.total_ms:7.3f} core-ms an order"
        f"   here {step.here_ms:6.3f}   worker {step.worker_ms:6.3f}   postgres {step.postgres_ms:6.3f}"
    )


async def _main(given: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="doorstep-flow-", ignore_cleanup_errors=True) as folder:
        data = Path(folder)
        conf = {"shared_preload_libraries": "pg_stat_statements"} if given.statements else {}
        server = embedded.ensure(data, conf=conf, binaries=given.binaries, say=lambda words: None)
        try:
            await migrate(server.dsn())
            await create_brand(server.dsn(), "main", "Main")
            async with opened(server.dsn()) as shop:
                await _measure(shop, given)
        finally:
            embedded.destroy(data, say=lambda words: None)


async def _measure(shop: Shop, given: argparse.Namespace) -> None:
    if given.warm:
        await costs(shop, given.warm, say=lambda words: None)
    if given.statements:
        async with shop.brand.reading() as tx:
            await tx.execute(SQL.watch_statements)
            await tx.execute(SQL.forget_statements)
    if given.seconds:
        print(msgspec.json.encode(await pace(shop, given.seconds)).decode())
    elif given.burst:
        print(msgspec.json.encode(await burst(shop, given.burst)).decode())
    else:
        found = await costs(shop, given.orders)
        print(
            f"  {'all':<18} {found.total_ms:7.3f} core-ms: {found.orders_per_s_on_two_cores:.0f} orders/s on two cores"
        )
    if given.statements:
        async with shop.brand.reading() as tx:
            for row in await tx.fetch(SQL.dearest_statements, given.statements):
                print(f"{row['ms']:>10} ms {row['calls']:>7} calls {row['rows']:>8} rows  {row['query']}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=2_000)
    parser.add_argument("--warm", type=int, default=200, help="orders before, not counted")
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--burst", type=float, default=0)
    parser.add_argument("--statements", type=int, default=0, help="show so many of the dearest statements")
    parser.add_argument("--binaries", type=Path, help="another PostgreSQL's programs")
    parser.add_argument("--worker", metavar="DSN", help="be the worker (the bench starts it)")
    given = parser.parse_args()
    uvloop.run(work(given.worker) if given.worker else _main(given))


if __name__ == "__main__":
    main()
