"""Search in a shop of twenty thousand orders: the same as a look at each of them, and by the index only."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from doorstep.db import Brand, Database, embedded
from doorstep.insights import Axis, Wanted, count_orders, find_orders, rebuild
from doorstep.insights.search import SQL, FoundPage
from doorstep.kit.ids import new_id
from doorstep.kit.paging import decode
from tests.insights.reference import Asking, Reference, values_of
from tests.support.lots import UNTIL, fill

ORDERS, SEARCHES = 20_000, 100


@pytest.fixture(scope="module")
def filled(server: embedded.Server, template: str) -> Iterator[str]:
    """The address of a database with lots of orders and their index."""
    name = f"lots_{new_id().hex}"

    async def make() -> None:
        await _admin(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        database = Database(server.dsn(name))
        brand = await database.brand("main")
        await fill(brand, ORDERS)
        async with brand.reading() as tx:
            await tx.execute("ANALYZE")
        assert await rebuild(brand) == ORDERS
        async with brand.reading() as tx:
            await tx.execute("VACUUM ANALYZE")
        await database.close()

    asyncio.run(make())
    yield server.dsn(name)
    asyncio.run(_admin(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _admin(server: embedded.Server, statement: str) -> None:
    connection = await asyncpg.connect(server.dsn("postgres"))
    await connection.execute(statement)
    await connection.close()


@pytest.fixture
async def lots(filled: str) -> AsyncIterator[Brand]:
    """The brand with lots of orders."""
    database = Database(filled)
    yield await database.brand("main")
    await database.close()


async def pages(brand: Brand, wanted: Wanted, limit: int, count: int) -> list[str]:
    """The numbers on so many pages, each from the cursor of the one before."""
    numbers: list[str] = []
    before: UUID | None = None
    for _ in range(count):
        async with brand.snapshot() as tx:
            page: FoundPage = await find_orders(tx, wanted, now=UNTIL, limit=limit, before=before)
        numbers += [order.number for order in page.items]
        if page.next_cursor is None:
            break
        (before,) = decode(page.next_cursor, (UUID,))
    return numbers


async def test_a_search_finds_what_a_look_at_every_order_finds_in_the_same_order(lots: Brand) -> None:
    async with lots.reading() as tx:
        reference = await Reference.read(tx, UNTIL)
    asking, found = Asking(reference, seed=7), Counter[str]()
    for _ in range(SEARCHES):
        wanted = asking.wanted()
        expected = [order["number"] for order in reference.find(wanted)]
        assert await pages(lots, wanted, 40, 3) == expected[:120], wanted
        found["many" if len(expected) > 120 else "some" if expected else "none"] += 1
    assert min(found["many"], found["some"], found["none"]) > 0, found


async def test_the_numbers_beside_filters_are_those_of_a_look_at_every_order(lots: Brand) -> None:
    async with lots.reading() as tx:
        reference = await Reference.read(tx, UNTIL)
    asking, exact = Asking(reference, seed=8), 0
    fields: dict[Axis, str] = {"status": "status", "kind": "kinds", "hold": "holds", "location": "locations"}
    for _ in range(15):
        wanted = asking.wanted()
        async with lots.snapshot() as tx:
            counted = await count_orders(tx, wanted, list(fields), now=UNTIL)
        for axis, field in fields.items():
            among = reference.find(wanted, axis)
            expected = Counter(value for order in among for value in values_of(order, field))
            if counted[axis].at_least:
                assert all(expected[value] >= units for value, units in counted[axis].values.items())
            else:
                assert (counted[axis].values, counted[axis].total) == (expected, len(among)), (wanted, axis)
                exact += 1
    assert exact > 30


async def test_no_search_reads_a_table_from_end_to_end(lots: Brand) -> None:
    large = {
        "search_terms", "search_orders", "orders", "contacts", "addresses", "order_lines", "line_services", "promises",
        "shipments", "reservations", "exceptions",
    }  # fmt: skip
    async with lots.reading() as tx:
        first, last = UUID(int=0), UUID(int=2**128 - 1)
        segments = [row["segment"] for row in await tx.fetch(SQL.segments, last)]
        ids = [row["order_id"] for row in await tx.fetch(SQL.newest_orders, last, 50)]
        asked: list[tuple[str, tuple[Any, ...]]] = [
            (SQL.find_places, (segments, [0], ["mu"], ["mu\U0010ffff"])),
            (SQL.find_values, (segments, "=status=", "=status=\U0010ffff")),
            (SQL.orders_at, (segments, [1] * len(segments), last, 50)),
            (SQL.orders_among, (first, last, segments[-1], b"\xff" * 513, 50)),
            (SQL.newest_orders, (last, 50)),
            (SQL.order_facts, (ids,)),
            (SQL.open_exceptions, (ids,)),
        ]
        for mode in ("force_custom_plan", "force_generic_plan"):
            await tx.execute(f"SET plan_cache_mode = {mode}")
            for statement, values in asked:
                plan = await tx.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *values)
                scanned = set(_scanned(json.loads(plan)[0]["Plan"]))
                assert not scanned & large, (mode, statement, scanned)


def _scanned(plan: dict[str, Any]) -> Iterator[str]:
    """The tables a plan reads from end to end."""
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for inner in plan.get("Plans", ()):
        yield from _scanned(inner)
