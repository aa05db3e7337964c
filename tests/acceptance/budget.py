"""What placing a two-line order writes: rows, and bytes of write-ahead log, alone and in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg
import msgspec

from doorstep.db import Database
from tests.acceptance.model import Measure, at_most, note
from tests.acceptance.scratch import database, say
from tests.orders.world import World, placing

ROWS, WAL_BYTES = 10, 3072
SKUS = 400
PLACES = ("north", "south", "east", "west", "center")
WAYS = (("each in its own transaction", 1, 200), ("200 in one transaction", 200, 2000))


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """Per order: rows written; bytes of log without and with full-page images; the largest by table or index."""

    rows: float
    wal_bytes: float
    with_images: float
    largest: list[tuple[str, float]]


def measure() -> Sequence[Measure]:
    """Place orders for different goods, so that a batch shares no stock row, with five locations to choose from."""
    return asyncio.run(_measure())


async def _measure() -> list[Measure]:
    measures = []
    async with database() as made:
        world = await World(await made.brand("main")).open({}, places=PLACES)
        skus = [f"SKU-{number:04}" for number in range(SKUS)]
        await world.fill({code: dict.fromkeys(skus, 100_000) for code in PLACES})
        await _place(world, skus, "warm", 200, 600)
        for name, batch, orders in WAYS:
            say(f"rows and log of {orders} two-line orders, {name}")
            written = await _written(made, world, skus, batch, orders)
            largest = ", ".join(f"{where} {size:.0f}" for where, size in written.largest)
            measures += [
                at_most(f"rows an order, {name}", round(written.rows, 2), ROWS),
                at_most(f"WAL an order, {name}", round(written.wal_bytes), WAL_BYTES, " B"),
                note("… with full-page images", f"{written.with_images:.0f} B"),
                note("… where most of it goes, bytes", largest),
            ]
    return measures


async def _place(world: World, skus: Sequence[str], name: str, batch: int, orders: int) -> None:
    for start in range(0, orders, batch):
        requests = [
            placing(
                f"{name}-{batch}-{n:06}",
                (skus[2 * n % SKUS], 1),
                (skus[(2 * n + 1) % SKUS], 1),
                price_minor=1995,
            )
            for n in range(start, start + batch)
        ]
        assert all(outcome.new for outcome in await world.place(*requests))


async def _written(made: Database, world: World, skus: Sequence[str], batch: int, orders: int) -> Written:
    admin = await asyncpg.connect(made.dsn)
    try:
        await admin.execute("CREATE EXTENSION IF NOT EXISTS pg_walinspect SCHEMA ext")
        await admin.execute("CHECKPOINT")  # the first change of a page after it writes the whole page
        before, start = await _rows(admin, world), await _lsn(admin)
        await _place(world, skus, "m", batch, orders)
        after, stop = await _rows(admin, world), await _lsn(admin)
        total = await admin.fetchrow(
            "SELECT sum(record_size)::float8 AS bytes, sum(fpi_size)::float8 AS images"
            " FROM ext.pg_get_wal_stats($1, $2, false)",
            start, stop,
        )  # fmt: skip
        assert total is not None
        largest = await admin.fetch(
            "SELECT c.relname AS name, sum(b.record_length - b.block_fpi_length)::float8 AS bytes"
            " FROM ext.pg_get_wal_block_info($1, $2, false) b JOIN pg_class c ON c.relfilenode = b.relfilenode"
            " WHERE b.block_id = 0 GROUP BY 1 ORDER BY 2 DESC LIMIT 6",
            start, stop,
        )  # fmt: skip
    finally:
        await admin.close()
    return Written(
        rows=(after - before) / orders,
        wal_bytes=total["bytes"] / orders,
        with_images=(total["bytes"] + total["images"]) / orders,
        largest=[(row["name"], row["bytes"] / orders) for row in largest],
    )


async def _rows(admin: asyncpg.Connection[asyncpg.Record], world: World) -> int:
    """Rows written so far by everybody; each session tells what it counted when asked to."""
    async with world.brand.reading() as tx:
        await tx.execute("SELECT pg_stat_force_next_flush()")
    count: int = await admin.fetchval("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables")
    return count


async def _lsn(admin: asyncpg.Connection[asyncpg.Record]) -> str:
    where: str = await admin.fetchval("SELECT pg_current_wal_insert_lsn()")
    return where
