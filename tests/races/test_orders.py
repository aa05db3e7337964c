"""Two hands on one order: the same number twice, cancel against pick and re-routing, baskets in opposite order."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
import pytest

from doorstep import inventory, journal, orders
from doorstep.db import Database, Tx
from doorstep.db.migrate import create_brand
from doorstep.journal import Command
from doorstep.kit.errors import BodyDiffers, Conflict
from doorstep.kit.ids import new_id, show
from doorstep.orders.place import place_batch, place_held
from doorstep.orders.placing import Outcome, Placing
from doorstep.orders.store import SQL as ORDERS_SQL
from doorstep.routing import NetworkCache
from tests.orders.world import MONDAY, World, placing
from tests.races.watch import deadlocks, running, until_it_waits


async def count(world: World, table: str = "orders") -> int:
    found: int = await world.value(f"SELECT count(*) FROM {table}")
    return found


def ids_of(outcomes: list[Outcome]) -> set[str]:
    assert all(outcome.answer for outcome in outcomes), outcomes
    return {outcome.answer.order_id for outcome in outcomes if outcome.answer}


# --- the same order twice


async def test_the_same_number_twice_in_one_batch_is_placed_once(world: World) -> None:
    outcomes = await world.place(placing("N-1", ("MUG", 2)), placing("N-1", ("MUG", 2)), placing("N-1", ("MUG", 2)))
    assert [outcome.new for outcome in outcomes] == [True, False, False]
    assert len({bytes(str(outcome.answer), "utf-8") for outcome in outcomes}) == 1
    assert await count(world) == 1
    assert (await world.stock("MUG"))["reserved"] == 2


async def test_the_same_number_in_two_processes_is_placed_once(world: World, dsn: str) -> None:
    # The first one has its number, and has not committed, when the others come: they wait for the number, or the stock
    # before it, write nothing, and answer with what the first one placed.
    other = Database(dsn)
    try:
        async with world.brand.transaction() as tx:
            first = placing("N-1", ("MUG", 2))
            await place_held(tx, first, hold=("incorrect_address", "no such street"), now=MONDAY)
            brand = await other.brand("main")
            second, third = (
                asyncio.ensure_future(place_batch(brand, NetworkCache(), [placing("N-1", (sku, 2))]))
                for sku in ("CARD", "MUG")
            )
            await until_it_waits(world.brand, third, waiting=2)
        (differs,), (again,) = await second, await third
    finally:
        await other.close()
    assert not again.new
    assert ids_of([again]) == {show("ord", first.order_id)}
    assert isinstance(differs.problem, BodyDiffers)
    assert differs.problem.extra["fields"] == ["lines"]
    assert await count(world) == 1
    assert ((await world.stock("MUG"))["reserved"], (await world.stock("CARD"))["reserved"]) == (2, 0)
    assert await world.faults() == []


async def test_who_waits_for_stock_has_no_number_yet(world: World, dsn: str) -> None:
    # Else it would deadlock with who has locked that stock and then inserts the same number.
    blocker = await asyncpg.connect(dsn)
    try:
        await blocker.execute("BEGIN")
        await blocker.execute("SELECT 1 FROM main.stock WHERE sku_id = $1 FOR NO KEY UPDATE", world.skus["MUG"])
        first = asyncio.ensure_future(world.place(placing("N-1", ("MUG", 2))))
        await until_it_waits(world.brand, first)
        (second,) = await asyncio.wait_for(world.place(placing("N-1", ("CARD", 2))), 10)
        await blocker.execute("COMMIT")
        (late,) = await first
    finally:
        await blocker.close()
    assert second.new
    assert isinstance(late.problem, BodyDiffers)
    assert await world.faults() == []


async def test_the_database_itself_refuses_a_number_twice(world: World) -> None:
    order_id = await world.placed(("MUG", 1))
    columns = "channel_id, number, body_hash, contact_id, address_id, placed_at, service, lane, on_short, currency"
    more = "total_minor, shipping_minor, promised_from, decision"
    with pytest.raises(asyncpg.UniqueViolationError, match="orders_placed_once"):
        async with world.brand.transaction() as tx:
            await tx.execute(
                f"INSERT INTO orders (order_id, {columns}, {more}) SELECT $2, {columns}, {more} FROM orders"
                " WHERE order_id = $1",
                order_id, new_id(),
            )  # fmt: skip


async def test_many_numbers_sent_to_two_processes_in_opposite_order_are_placed_once_each(
    world: World, dsn: str
) -> None:
    await world.fill({"north": {"MUG": 200, "CARD": 200}})
    other = Database(dsn)
    try:
        brands = [world.brand, await other.brand("main")]
        batches = [[placing(f"N-{n}", ("MUG", 1), ("CARD", 1)) for n in range(50)] for _ in brands]
        batches[1].reverse()
        found = await asyncio.gather(
            *(place_batch(brand, NetworkCache(), batch) for brand, batch in zip(brands, batches, strict=True))
        )
    finally:
        await other.close()
    assert ids_of(found[0]) == ids_of(found[1])
    assert await count(world) == 50
    assert (await world.stock("MUG"))["reserved"] == 50
    assert await world.faults() == []


# --- opposite baskets


async def test_plain_updates_in_opposite_order_deadlock(world: World) -> None:
    # Control: without an order of locks the database must kill one of the two.
    keys = [world.skus["MUG"], world.skus["CARD"]]
    barrier = asyncio.Barrier(2)

    async def buy(skus: list[int]) -> None:
        async with world.brand.transaction() as tx:
            await tx.execute("SET LOCAL deadlock_timeout = '20ms'")
            await tx.execute("UPDATE stock SET reserved = reserved + 1 WHERE sku_id = $1", skus[0])
            await barrier.wait()
            await tx.execute("UPDATE stock SET reserved = reserved + 1 WHERE sku_id = $1", skus[1])

    outcomes = await asyncio.gather(buy(keys), buy(keys[::-1]), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome] == [asyncpg.DeadlockDetectedError]


async def test_baskets_in_opposite_order_never_deadlock(world: World) -> None:
    skus = [f"S{number}" for number in range(8)]
    await world.fill({"north": dict.fromkeys(skus, 60), "south": dict.fromkeys(skus, 60)})

    async def buyer(name: str, basket: list[str]) -> list[Outcome]:
        networks = NetworkCache()
        return [
            outcome
            for turn in range(12)
            for outcome in await place_batch(
                world.brand, networks, [placing(f"{name}-{turn}-{n}", *((sku, 1) for sku in basket)) for n in range(2)]
            )
        ]

    found = await asyncio.gather(*(buyer(f"D{n}", skus if n % 2 else skus[::-1]) for n in range(4)))
    assert all(outcome.answer for outcomes in found for outcome in outcomes)
    async with world.brand.reading() as tx:
        assert await deadlocks(tx) == 0
    assert await world.faults() == []


# --- cancel against the floor


async def test_locking_an_order_keeps_every_other_writer_out(world: World) -> None:
    order_id = await world.placed(("MUG", 1))

    async def lock() -> None:
        async with world.brand.transaction() as tx:
            await orders.lock(tx, [order_id])

    async with world.brand.transaction() as tx:
        await orders.lock(tx, [order_id])
        async with running(lock()) as task:
            await until_it_waits(world.brand, task)
            assert not task.done()


async def test_orders_are_locked_by_id_in_whatever_order_they_are_named(world: World) -> None:
    ids = sorted([await world.placed(("CARD", 1)) for _ in range(3)])
    async with world.brand.transaction() as tx:  # the oldest row goes to the end of the table
        await tx.execute("ALTER TABLE orders SET (fillfactor = 10)")
        await tx.execute("UPDATE orders SET open_holds = 0 WHERE order_id = $1", ids[0])

    async def lock() -> None:
        async with world.brand.transaction() as tx:
            for setting in ("enable_indexscan", "enable_bitmapscan"):
                await tx.execute(f"SET LOCAL {setting} = off")
            await tx.fetch(ORDERS_SQL.lock_orders, [ids[2], ids[0], ids[1]])

    async with world.brand.transaction() as holder:
        await orders.lock(holder, [ids[1]])
        async with running(lock()) as task:
            await until_it_waits(world.brand, task)
            async with world.brand.transaction() as looker:
                rows = await looker.fetch("SELECT order_id FROM orders FOR NO KEY UPDATE SKIP LOCKED")
    assert [row["order_id"] for row in rows] == [ids[2]]


async def accepted(world: World) -> tuple[UUID, UUID]:
    """An order of two mugs whose work was accepted."""
    order_id = await world.placed(("MUG", 2))
    await world.settle()
    (work,) = await world.work(order_id)
    await world.accept(work.fulfillment_order_id)
    return order_id, work.fulfillment_order_id


async def test_a_pick_that_waits_for_a_cancel_takes_nothing(world: World) -> None:
    order_id, work = await accepted(world)

    async def pick() -> bool:
        async with world.brand.transaction() as tx:
            return (await world.pick(tx, work)).done

    async with world.brand.transaction() as tx:
        await world.cancel(tx, order_id)
        task = asyncio.ensure_future(pick())
        await until_it_waits(world.brand, task)
    assert await task is False
    (line,) = await world.lines(order_id)
    assert (line.canceled, line.picked) == (2, 0)
    assert (await world.stock("MUG"))["reserved"] == 0
    assert await world.faults() == []


async def test_a_cancel_that_waits_for_a_pick_changes_nothing(world: World) -> None:
    order_id, work = await accepted(world)

    async def cancel() -> orders.Canceled | None:
        async with world.brand.transaction() as tx:
            return await world.cancel(tx, order_id)

    async with world.brand.transaction() as tx:
        assert (await world.pick(tx, work)).done
        task = asyncio.ensure_future(cancel())
        await until_it_waits(world.brand, task)
    assert await task is None
    (line,) = await world.lines(order_id)
    assert (line.canceled, line.picked) == (0, 2)
    assert (await world.stock("MUG"))["reserved"] == 2
    assert await world.faults() == []


async def test_a_reroute_that_waits_for_a_cancel_claims_nothing(world: World) -> None:
    order_id = await rejected(world)
    async with world.brand.transaction() as tx:
        await world.cancel(tx, order_id)
        task = asyncio.ensure_future(world.settle())
        await until_it_waits(world.brand, task)
    await task
    (line,) = await world.lines(order_id)
    assert (line.canceled, line.reserved) == (2, 0)
    assert [(await world.stock("MUG", code))["reserved"] for code in ("north", "south")] == [0, 0]
    assert await world.faults() == []


async def test_a_cancel_that_waits_for_a_reroute_gives_back_what_was_claimed_elsewhere(world: World) -> None:
    order_id = await rejected(world)
    reroute = _reroute(world, order_id)

    async def cancel() -> orders.Canceled | None:
        async with world.brand.transaction() as tx:
            return await world.cancel(tx, order_id)

    async with world.brand.transaction() as tx:
        await reroute(tx)
        task = asyncio.ensure_future(cancel())
        await until_it_waits(world.brand, task)
    event = await task
    assert event is not None
    assert [line.location_id for line in event.lines] == [world.places["south"]]
    assert [(await world.stock("MUG", code))["reserved"] for code in ("north", "south")] == [0, 0]
    assert await world.faults() == []


async def rejected(world: World) -> UUID:
    """An order whose work the north has rejected; the re-routing has not begun."""
    order_id = await world.placed(("MUG", 2))
    await world.settle()
    (work,) = await world.work(order_id)
    async with world.brand.transaction() as tx:
        await world.reject(tx, work.fulfillment_order_id)
    return order_id


def _reroute(world: World, order_id: UUID):  # type: ignore[no-untyped-def]  # a closure over the event's row
    async def run(tx: Tx) -> None:
        row = await tx.fetchrow("SELECT * FROM events WHERE order_id = $1 AND kind = 'fulfillment.rejected'", order_id)
        assert row is not None
        event = journal.Recorded(
            event_id=row["event_id"], position=1, order_id=order_id, lane=1, actor="test", occurred_at=MONDAY,
            data=journal.model.decode(row["kind"], row["data"]),
        )  # fmt: skip
        await orders.reroute(tx, [event], now=MONDAY)

    return run


async def test_a_cancel_sent_twice_at_once_cancels_once(world: World) -> None:
    order_id = await world.placed(("MUG", 2))

    async def cancel() -> journal.commands.Answer:
        async def act(tx: Tx, now: object) -> object:
            return {"canceled": bool(await world.cancel(tx, order_id))}

        command = Command(brand=world.brand, key="k-1", route=f"POST /{show('ord', order_id)}/cancel", actor="test")
        return await command.run({"reason": "test"}, act)

    answers = await asyncio.gather(*(cancel() for _ in range(6)))
    assert {answer.content for answer in answers} == {b'{"canceled":true}'}
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 5
    assert await count(world, "order_changes") == 1
    assert (await world.stock("MUG"))["reserved"] == 0
    assert await world.faults() == []


async def test_two_cancels_of_one_unit_each_with_its_own_key_cancel_it_once(world: World) -> None:
    order_id = await world.placed(("MUG", 1))

    async def cancel() -> bool:
        async with world.brand.transaction() as tx:
            wanted = [orders.LineQuantity(line_no=1, quantity=1)]
            await orders.cancel(tx, order_id=order_id, wanted=wanted, reason="t", actor="test", now=MONDAY)
            return True

    outcomes = await asyncio.gather(cancel(), cancel(), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {bool, Conflict}
    assert await count(world, "order_changes") == 1
    assert await world.faults() == []


# --- two brands


async def test_two_brands_at_once_and_nothing_crosses(world: World, database: Database, dsn: str) -> None:
    await create_brand(dsn, "other", "Other")
    other = await World(await database.brand("other")).open({"north": {"MUG": 3}})
    await world.fill({"north": {"MUG": 20}})
    mine, theirs = await asyncio.gather(_sell(world, 40), _sell(other, 40))
    assert (mine, theirs) == (34, 3)  # 10 + 20 + 4 here, 3 there: the same numbers, the same SKU
    assert (await count(world), await count(other)) == (34, 3)
    await asyncio.gather(world.settle(), other.settle())
    for shop, units in ((world, 30), (other, 3)):
        assert (await shop.stock("MUG"))["reserved"] == units
        assert await shop.faults() == []
        assert await shop.value("SELECT count(DISTINCT order_id) FROM fulfillment_orders") == await count(shop)


async def _sell(world: World, buyers: int) -> int:
    batches: list[list[Placing]] = [[placing(f"X-{n}", ("MUG", 1))] for n in range(buyers)]
    found = [await world.place(*batch) for batch in batches]
    return sum(outcome.answer is not None for outcomes in found for outcome in outcomes)


async def test_a_brand_without_its_own_search_path_would_read_anothers_orders(world: World, dsn: str) -> None:
    # Control: the name of the schema in the connection's settings is all that keeps brands apart.
    await create_brand(dsn, "other", "Other")
    await world.placed(("MUG", 1))
    wrong = await asyncpg.connect(dsn, server_settings={"search_path": "main,ext"})
    right = await asyncpg.connect(dsn, server_settings={"search_path": "other,ext"})
    try:
        assert await wrong.fetchval("SELECT count(*) FROM orders") == 1
        assert await right.fetchval("SELECT count(*) FROM orders") == 0
    finally:
        await wrong.close()
        await right.close()


async def test_stock_goes_where_it_came_from_when_many_cancel_at_once(world: World) -> None:
    ids = [await world.placed(("MUG", 1), ("CARD", 1)) for _ in range(8)]
    await world.settle()

    async def cancel(order_id: UUID) -> None:
        await world.brand.run(lambda tx: world.cancel(tx, order_id))

    await asyncio.gather(*(cancel(order_id) for order_id in ids))
    for code in ("north", "south"):
        assert (await world.stock("MUG", code))["reserved"] == 0
    async with world.brand.reading() as tx:
        assert await inventory.claims_of(tx, ids) == []
        assert await deadlocks(tx) == 0
    assert await world.faults() == []
