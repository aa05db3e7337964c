"""Supply that is promised before it is here: the last unit of a delivery, the last of a cap, and goods that arrive just
when somebody orders. Each safeguard with the others taken away, as for stock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from doorstep import inventory
from doorstep.db import Tx
from doorstep.inventory import Wait, move
from doorstep.inventory.supply.books import SQL
from doorstep.kit.errors import Short
from doorstep.kit.ids import new_id
from tests.orders.world import MONDAY, World, placing
from tests.races.watch import deadlocks, running, until_it_waits

SUPPLY = MONDAY + timedelta(days=7)
NO_CHECK = "ALTER TABLE incoming DROP CONSTRAINT incoming_not_overpromised"
NO_CAP = "ALTER TABLE beyond_stock DROP CONSTRAINT beyond_stock_within_cap"


@pytest.fixture
async def coming(world: World) -> World:
    """One LAMP on its way to the north, where the last one was sold; two may be sold beyond the stock."""
    await world.fill({"north": {"LAMP": 1}})
    await world.placed(("LAMP", 1))
    await world.expect("PO-1", "LAMP", 1, SUPPLY)
    await world.sell_beyond("LAMP", 2)
    return world


@contextmanager
def without_lock() -> Iterator[None]:
    """The product's own statements without the locks on supply."""
    kept: dict[str, str] = dict(SQL)
    changed = {
        name: text.split(" FOR NO KEY UPDATE")[0] if name in ("lock_heads", "lock_deliveries") else text
        for name, text in kept.items()
    }
    assert changed != kept
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SQL, "_by_name", changed)
        yield


async def look_then_wait(
    tx: Tx, world: World, order_id: UUID, *, others_may_go: asyncio.Barrier | None = None, left_over: bool = True
) -> bool:
    """Find room, let the other one find it too, then claim it; False when there is none to find."""
    sku_id = world.skus["LAMP"]
    supply = await inventory.lock_supply(tx, [sku_id])
    if others_may_go is not None:
        await others_may_go.wait()
    (delivery,) = supply.deliveries[sku_id]
    if left_over and (delivery.left < 1 or supply.terms[sku_id].room("web", MONDAY) < 1):
        return False
    await inventory.wait(
        tx,
        [
            Wait(
                order_id=order_id,
                line_no=1,
                sku_id=sku_id,
                incoming_id=delivery.incoming_id,
                units=1,
                sold=True,
                needs=frozenset(),
            )
        ],
    )
    return True


async def two_buyers(world: World) -> list[bool | BaseException]:
    """Both look before either claims."""
    await world.fill({"north": {"MUG": 2}})
    orders = [await world.placed(("MUG", 1)) for _ in range(2)]
    barrier = asyncio.Barrier(2)

    async def buy(order_id: UUID) -> bool:
        async with world.brand.transaction() as tx:
            return await look_then_wait(tx, world, order_id, others_may_go=barrier)

    return list(await asyncio.gather(*(buy(order_id) for order_id in orders), return_exceptions=True))


async def drop(world: World, statement: str) -> None:
    async with world.brand.transaction() as tx:
        await tx.execute(statement)


async def promised(world: World) -> int:
    """Units of the delivery that are promised."""
    units: int = await world.value("SELECT promised FROM incoming WHERE reference = 'PO-1'")
    return units


async def test_the_last_unit_of_a_delivery_is_promised_twice_without_lock_and_check(coming: World) -> None:
    await drop(coming, NO_CHECK)
    with without_lock():
        assert await two_buyers(coming) == [True, True]
    assert await promised(coming) == 2
    assert "at most what it brings" in " ".join(await coming.faults())


async def test_the_check_alone_promises_the_last_unit_of_a_delivery_once(coming: World) -> None:
    with without_lock():
        outcomes = await two_buyers(coming)
    assert {type(outcome) for outcome in outcomes} == {bool, asyncpg.CheckViolationError}
    assert await promised(coming) == 1


async def test_the_lock_alone_promises_the_last_unit_of_a_delivery_once(coming: World) -> None:
    await drop(coming, NO_CHECK)
    first, second = [new_id(), new_id()]

    async def other() -> bool:
        async with coming.brand.transaction() as tx:
            return await look_then_wait(tx, coming, second)

    await coming.fill({"north": {"MUG": 2}})
    first = await coming.placed(("MUG", 1))
    async with coming.brand.transaction() as tx:
        assert await look_then_wait(tx, coming, first)
        task = asyncio.ensure_future(other())
        await until_it_waits(coming.brand, task)
    assert await task is False
    assert await promised(coming) == 1


async def test_the_last_unit_of_a_cap_is_sold_twice_without_lock_and_check(coming: World) -> None:
    await coming.expect("PO-1", "LAMP", 5, SUPPLY)
    await coming.sell_beyond("LAMP", 1)
    await drop(coming, NO_CAP)
    with without_lock():
        assert await two_buyers(coming) == [True, True]
    assert "at most the cap" in " ".join(await coming.faults())


async def test_the_check_alone_sells_the_last_unit_of_a_cap_once(coming: World) -> None:
    await coming.expect("PO-1", "LAMP", 5, SUPPLY)
    await coming.sell_beyond("LAMP", 1)
    with without_lock():
        outcomes = await two_buyers(coming)
    assert {type(outcome) for outcome in outcomes} == {bool, asyncpg.CheckViolationError}
    assert await coming.value("SELECT promised FROM beyond_stock") == 1


async def test_of_many_orders_at_once_only_as_many_are_sold_as_are_on_their_way(world: World) -> None:
    await world.expect("PO-1", "LAMP", 7, SUPPLY)
    await world.expect("PO-2", "VASE", 9, SUPPLY)
    await world.sell_beyond("LAMP", 100)
    await world.sell_beyond("VASE", 5)
    batches = [
        [placing(new_id().hex, *(lines if n % 2 else lines[::-1])) for _ in range(2)]
        for n, lines in enumerate([(("LAMP", 1), ("VASE", 1))] * 8)
    ]
    outcomes = [one for batch in await asyncio.gather(*(world.place(*batch) for batch in batches)) for one in batch]
    assert sum(one.answer is not None for one in outcomes) == 5
    assert all(isinstance(one.problem, Short) for one in outcomes if one.answer is None)
    assert await world.faults() == []
    async with world.brand.reading() as tx:
        assert await deadlocks(tx) == 0


async def waiting_for_the_lamp(world: World) -> UUID:
    """An order that was promised the lamp on its way, which arrives in a transaction of the test's own."""
    return await world.placed(("LAMP", 1))


async def arrive(world: World, tx: Tx) -> None:
    await inventory.receive(
        tx,
        reference="PO-1",
        location_id=world.places["north"],
        units={world.skus["LAMP"]: 1},
        actor="test",
        now=MONDAY,
    )


async def test_a_new_order_steals_what_another_waited_for_when_it_is_served_later(coming: World) -> None:
    # Control: without setting aside in the transaction of the receipt, the reaction that serves comes too late.
    async def nobody(*_: object, **__: object) -> None:
        return None

    await drop(coming, NO_CHECK)  # which sees that the lamp is here, and still promised
    waiting = await waiting_for_the_lamp(coming)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(move, "serve_waiting", nobody)
        async with coming.brand.transaction() as tx:
            await arrive(coming, tx)
    thief = await coming.placed(("LAMP", 1))
    await coming.settle()
    assert [line.reserved + line.activated for line in await coming.lines(thief)] == [1]
    assert [line.backordered for line in await coming.lines(waiting)] == [1]


async def test_a_new_order_never_takes_what_arrives_for_another(coming: World) -> None:
    waiting = await waiting_for_the_lamp(coming)
    async with coming.brand.transaction() as tx:
        await arrive(coming, tx)
        task = asyncio.ensure_future(coming.place(placing("thief", ("LAMP", 1))))
        await until_it_waits(coming.brand, task)
    (outcome,) = await task
    assert isinstance(outcome.problem, Short)
    await coming.settle()
    assert [line.reserved + line.activated for line in await coming.lines(waiting)] == [1]
    assert await coming.faults() == []


async def test_an_order_that_is_canceled_while_its_goods_arrive_leaves_them_to_the_next(coming: World) -> None:
    waiting = await waiting_for_the_lamp(coming)
    await coming.expect("PO-2", "LAMP", 1, SUPPLY + timedelta(days=7))
    after = await coming.placed(("LAMP", 1))
    async with coming.brand.transaction() as tx:
        await arrive(coming, tx)

        async def cancel() -> None:
            async with coming.brand.transaction() as other:
                await coming.cancel(other, waiting)

        task = asyncio.ensure_future(cancel())
        await until_it_waits(coming.brand, task)
    await task
    await coming.settle()
    assert [line.canceled for line in await coming.lines(waiting)] == [1]
    assert [line.reserved + line.activated for line in await coming.lines(after)] == [1]
    assert await coming.faults() == []


@pytest.mark.parametrize("avoided", [(), ("enable_indexscan", "enable_bitmapscan"), ("enable_seqscan",)])
async def test_supply_is_locked_in_order_whatever_the_plan(world: World, avoided: tuple[str, ...]) -> None:
    for sku in ("LAMP", "VASE", "BOWL"):
        await world.expect(f"PO {sku}", sku, 1, SUPPLY)
    ids = sorted(world.skus.values())[-3:]
    async with world.brand.transaction() as tx:
        await tx.execute("DELETE FROM beyond_stock")
        for sku_id in reversed(ids):
            await tx.execute("INSERT INTO beyond_stock (sku_id) VALUES ($1)", sku_id)

    async def lock_all() -> None:
        async with world.brand.transaction() as tx:
            for setting in avoided:
                await tx.execute(f"SET LOCAL {setting} = off")
            await inventory.lock_supply(tx, ids)

    async with world.brand.transaction() as holder:
        await holder.execute("SELECT 1 FROM beyond_stock WHERE sku_id = $1 FOR UPDATE", ids[1])
        async with running(lock_all()) as task:
            await until_it_waits(world.brand, task)
            async with world.brand.transaction() as looker:
                rows = await looker.fetch(
                    "SELECT sku_id FROM beyond_stock WHERE sku_id = ANY($1) FOR UPDATE SKIP LOCKED", [ids[0], ids[2]]
                )
    assert [row["sku_id"] for row in rows] == [ids[2]]
