"""The stage: one PostgreSQL with its default durability, fresh copies of databases, servers and a worker."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx2
import msgspec

from bench.load import Target
from bench.proc import used_by
from doorstep import delivery, inventory, orders
from doorstep import settings as settings_of
from doorstep.db import Brand, Database, embedded
from doorstep.db.migrate import create_brand, migrate
from doorstep.db.sql import Statements
from doorstep.inventory import PutLocation
from doorstep.journal import Reactor
from doorstep.journey import REACTIONS
from doorstep.orders.channels import ChannelData
from doorstep.orders.place import place_batch
from doorstep.orders.placing import Placing
from doorstep.orders.requests import Customer, Payment, PlaceLine, PlaceOrder, ShipTo
from doorstep.routing import NetworkCache
from doorstep.settings import Settings
from doorstep.supervisor import Child, Supervisor
from doorstep.web.api.keys import create

SQL = Statements("bench/queries.sql", Path(__file__).with_name("queries.sql").read_text(encoding="utf-8"))
ROOT = Path(__file__).resolve().parents[1]
YARDSTICK = Path(__file__).parent / "yardstick"
READY_WITHIN_S = 120.0
EARLIER = 10_000  # orders there are before anything is measured
_BATCH = 200
# name, latitude, longitude: five warehouses, the nearest to London first
PLACES = (
    ("luton", 51.88, -0.42), ("daventry", 52.26, -1.16), ("bristol", 51.45, -2.59), ("leeds", 53.8, -1.55),
    ("perth", 56.4, -3.44),
)  # fmt: skip
# Counting fsyncs and keeping statements cost next to nothing, and the yardstick pays the same.
_CONF = {"track_wal_io_timing": "on", "max_connections": "300"}
_STATEMENTS = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "none"}

Say = Callable[[str], None]


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """What was used meanwhile: wall seconds, core-seconds by group, fsyncs of the log and seconds spent in them."""

    wall_s: float
    cpu_s: dict[str, float]
    fsyncs: int
    fsync_s: float


class Shop:
    """A running Doorstep on a database of its own."""

    def __init__(self, stage: Stage, name: str, target: Target, roots: Mapping[str, list[int]]) -> None:
        self._stage, self.name, self.target, self._roots = stage, name, target, dict(roots)

    @asynccontextmanager
    async def watched(self, uses: list[Use]) -> AsyncIterator[None]:
        """Append what the block used."""
        async with self._stage.watched(uses, self._roots):
            yield

    async def orders(self) -> int:
        """How many orders there are."""
        return await self._stage.value(self.name, SQL.count_orders)


class Stage:
    """The server, its templates, and what runs on copies of them. Open it with `on_stage`."""

    def __init__(
        self, folder: Path, server: embedded.Server, admin: asyncpg.Connection[asyncpg.Record], say: Say
    ) -> None:
        self.folder, self.server, self.admin, self.say = folder, server, admin, say
        self.skus = 0
        self._key = ""
        self._copies = 0

    def dsn(self, database: str) -> str:
        """The address of a database."""
        return self.server.dsn(database)

    async def value(self, database: str, query: str) -> int:
        """One number from the brand's schema of a database."""
        connection = await asyncpg.connect(self.dsn(database), server_settings={"search_path": "main,ext"})
        try:
            found: int = await connection.fetchval(query)
            return found
        finally:
            await connection.close()

    @asynccontextmanager
    async def watched(self, uses: list[Use], roots: Mapping[str, list[int]]) -> AsyncIterator[None]:
        """Append what the block used."""
        every = {**roots, "postgres": [self.server.pid]}
        forced, cpu, began = await self._forced(), used_by(every), time.monotonic()
        yield
        wall_s, after = time.monotonic() - began, used_by(every)
        again = await self._forced()
        uses.append(
            Use(
                wall_s=wall_s,
                cpu_s={name: after[name] - cpu[name] for name in every},
                fsyncs=again[0] - forced[0],
                fsync_s=(again[1] - forced[1]) / 1000,
            )
        )

    async def _forced(self) -> tuple[int, float]:
        new = int(self.server.version.partition(".")[0]) >= 18
        row = await self.admin.fetchrow(SQL.log_forced_18 if new else SQL.log_forced_15)
        assert row is not None
        return int(row["fsyncs"]), float(row["fsync_ms"])

    async def make_shop(self, skus: int, earlier: int = EARLIER) -> None:
        """The template `shop`: SKUs at five locations, and orders that nobody has work with any more."""
        self.skus = skus
        self.say(f"a shop with {skus:,} SKUs at {len(PLACES)} locations and {earlier:,} orders")
        await self.admin.execute("CREATE DATABASE shop")
        await migrate(self.dsn("shop"))
        await create_brand(self.dsn("shop"), "main", "Main")
        database = Database(self.dsn("shop"), pool_size=2)
        try:
            brand = await database.brand("main")
            async with database.shared() as tx:
                _, self._key = await create(tx, brand="main", name="bench", scope="write")
            async with brand.transaction() as tx:
                await inventory.put_locations(tx, [_place(*place) for place in PLACES])
                await delivery.seed_defaults(tx, "GBP")
                await orders.put_channels(tx, [ChannelData(channel="web", title="Web", currency="GBP")])
                await tx.execute(SQL.products, skus)
                await tx.execute(SQL.stock)
                await tx.execute(SQL.movements)
            await _place_earlier(brand, earlier, skus)
            await self._settle(brand)
        finally:
            await database.close()

    async def make_full_shop(self, copies: int) -> None:
        """The template `full`: the shop with every order so many times more."""
        self.say(f"the same shop with {(copies + 1) * EARLIER:,} orders")
        await self.copy("shop", "full")
        database = Database(self.dsn("full"), pool_size=2)
        try:
            brand = await database.brand("main")
            async with brand.transaction() as tx:
                await tx.execute("SET LOCAL work_mem = '256MB'")
                await tx.execute(SQL.clone_orders.replace("$1", str(copies)), timeout=600)
                for statement in (
                    SQL.clone_contacts, SQL.clone_addresses, SQL.clone_order_rows, SQL.clone_lines,
                    SQL.clone_reservations, SQL.clone_events, SQL.claim_again,
                ):  # fmt: skip
                    await tx.execute(statement, timeout=900)
                await tx.execute("DROP TABLE copies")
            await self._settle(brand)
            await self.admin.execute("CHECKPOINT", timeout=600)
        finally:
            await database.close()

    async def make_yardstick(self) -> None:
        """The template `yardstick`."""
        self.say("the yardstick's tables, 200,000 earlier orders")
        await self.admin.execute("CREATE DATABASE yardstick")
        connection = await asyncpg.connect(self.dsn("yardstick"))
        try:
            schema, _, vacuum = YARDSTICK.joinpath("schema.sql").read_text().rpartition("vacuum")
            await connection.execute(schema, timeout=300)
            await connection.execute(f"vacuum{vacuum}", timeout=300)
        finally:
            await connection.close()

    async def copy(self, template: str, name: str) -> None:
        """A fresh copy; the server then has nothing left to write for it."""
        await self.admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"', timeout=600)
        await self.admin.execute("CHECKPOINT", timeout=600)

    async def drop(self, name: str) -> None:
        """Away with it, whoever is connected."""
        await self.admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', timeout=600)

    @asynccontextmanager
    async def fresh(self, template: str) -> AsyncIterator[str]:
        """A fresh copy for as long as the block lasts; its name."""
        self._copies += 1
        name = f"copy_{self._copies}"
        await self.copy(template, name)
        try:
            yield name
        finally:
            await self.drop(name)

    @asynccontextmanager
    async def shop(self, name: str, *, processes: int = 1) -> AsyncIterator[Shop]:
        """Doorstep on this database: server processes and the workers, whose partners outside answer at once."""
        port = _free_port()
        settings = Settings(
            database_url=self.dsn(name),
            data=self.folder,
            secret="b" * 32,
            port=port,
            processes=processes,
            log_level="warning",
        )
        env = settings_of.environment(settings)
        worker = [sys.executable, "-m", "bench.flow", "--worker", settings.database_url]
        workers = [f"worker-{number + 1}" for number in range(settings.workers)]
        logs = self.folder / "logs"

        async def ready() -> bool:
            async with httpx2.AsyncClient(timeout=2, trust_env=False) as client:
                try:
                    return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
                except httpx2.HTTPError:
                    return False

        async with Supervisor() as supervisor:
            await supervisor.start(
                [
                    Child(
                        name="server",
                        argv=[sys.executable, "-m", "doorstep", "serve"],
                        log=logs / "server.log",
                        env=env,
                        ready=ready,
                    ),
                    *(
                        Child(name=name, argv=worker, log=logs / f"{name}.log", env={"PYTHONPATH": str(ROOT)})
                        for name in workers
                    ),
                ]
            )
            await supervisor.wait_ready(READY_WITHIN_S)
            roots = {"server": [supervisor.pids["server"]], "worker": [supervisor.pids[name] for name in workers]}
            yield Shop(self, name, Target(port=port, key=self._key, skus=self.skus), roots)

    async def statements(self, *, on: bool) -> bool:
        """Watch every statement, or no longer; whether that can be had here."""
        if "pg_stat_statements" not in await self.admin.fetchval("SHOW shared_preload_libraries"):
            return False
        await self.admin.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        await self.admin.execute(f"ALTER SYSTEM SET pg_stat_statements.track = '{'top' if on else 'none'}'")
        await self.admin.execute(SQL.read_settings)
        if on:
            await self.admin.execute(SQL.reset_statements)
        return True

    async def _settle(self, brand: Brand) -> None:
        """As it is in the field: no event waits, tables are vacuumed."""
        await Reactor(brand, REACTIONS).prepare()
        async with brand.transaction() as tx:
            for statement in (SQL.place_events, SQL.place_relay, SQL.place_heads, SQL.place_cursors):
                await tx.execute(statement, timeout=600)
        async with brand.reading() as tx:
            await tx.execute("VACUUM ANALYZE", timeout=900)


@asynccontextmanager
async def on_stage(folder: Path, say: Say) -> AsyncIterator[Stage]:
    """A PostgreSQL of its own in this folder, gone afterwards."""
    for name in [name for name in os.environ if name.startswith("DOORSTEP_")]:
        del os.environ[name]  # the processes of the bench have the settings of the bench
    server = await asyncio.to_thread(_start, folder)
    try:
        admin = await asyncpg.connect(server.dsn())
        try:
            yield Stage(folder, server, admin, say)
        finally:
            await admin.close()
    finally:
        await asyncio.to_thread(embedded.destroy, folder / "postgres")


def _start(folder: Path) -> embedded.Server:
    """With statements to be watched where the library is; it must be there when the server starts."""
    there = any((embedded.find_binaries().parent / "lib").rglob("pg_stat_statements.*"))
    return embedded.ensure(folder / "postgres", conf=_CONF | (_STATEMENTS if there else {}), say=lambda words: None)


async def _place_earlier(brand: Brand, count: int, skus: int) -> None:
    networks = NetworkCache()
    for first in range(0, count, _BATCH):
        many = [_earlier(n, skus) for n in range(first, min(first + _BATCH, count))]
        bad = [outcome.problem for outcome in await place_batch(brand, networks, many) if not outcome.new]
        if bad:
            raise RuntimeError(f"{len(bad)} orders were not placed: {bad[0]!r}")


def _earlier(n: int, skus: int) -> Placing:
    lines = [
        PlaceLine(sku=f"S{1 + n * step % skus:06d}", quantity=1, unit_price_minor=price)
        for step, price in ((7, 995), (13, 1995))
    ]
    wanted = PlaceOrder(
        channel="web", number=f"E-{n:07d}", currency="GBP", service="standard",
        customer=Customer(name="Ada Byron", email="ada@example.test", phone="+447700900123"),
        ship_to=ShipTo(name="Ada Byron", street="1 High Street", city="London", postcode="N1 1AA", country="GB"),
        lines=lines, shipping_minor=395, total_minor=3385, payment=Payment(authorization_reference=f"auth-{n}"),
    )  # fmt: skip
    return Placing.of(wanted, "bench")


def _place(code: str, latitude: float, longitude: float) -> PutLocation:
    return PutLocation(
        code=code, name=code.title(), kind="warehouse", country="GB", postcode="NN11 8QL", city=code.title(),
        street="Royal Oak Way", latitude=latitude, longitude=longitude, timezone="Europe/London",
        capabilities=("gift_wrap", "returns"),
    )  # fmt: skip


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port
