"""A count below the claims against those who claim, cancel and begin work at the same moment."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from doorstep import inventory, orders
from doorstep.db import StartAgain, Tx
from doorstep.inventory import room
from doorstep.inventory.claim import SQL as STOCK
from doorstep.kit.errors import Conflict, Short
from doorstep.orders import give_way
from doorstep.orders.place import place_batch
from doorstep.orders.store import SQL as ORDERS
from doorstep.routing import NetworkCache
from tests.inventory.test_room import held_order
from tests.orders.world import MONDAY, World, placing
from tests.races.test_carts import changed, unlocked
from tests.races.watch import deadlocks, running, until_it_waits


@pytest.fixture
async def lamps(world: World) -> World:
    """Ten lamps in the north, and nowhere else."""
    await world.fill({"north": {"LAMP": 10}})
    return world


async def count_in(tx: Tx, world: World, units: int, claimants: orders.Claimants | None = None) -> int:
    """Count the north's lamps in this transaction."""
    return await inventory.count(
        tx,
        reference=f"C-{units}",
        counted={(world.skus["LAMP"], world.places["north"]): units},
        claimants=claimants or orders.Claimants(),
        actor="test",
        now=MONDAY,
    )


async def claimed(tx: Tx, world: World, order_id: UUID, units: int) -> None:
    """Claim as placing does, for an order that stands."""
    claim = inventory.Claim(
        order_id=order_id, line_no=1, sku_id=world.skus["LAMP"], location_id=world.places["north"], quantity=units
    )
    await inventory.lock_stock(tx, keys=[(claim.sku_id, claim.location_id)])
    await inventory.claim(tx, claims=[claim])


# --- against placing


async def count_while_more_is_claimed(world: World) -> int:
    """Ten lamps, five claimed; while a count of six waits for the stock, four more are claimed."""
    order_id = await held_order(world, ("LAMP", 5))
    async with world.brand.transaction() as tx:
        await claimed(tx, world, order_id, 4)
        await tx.execute(
            "UPDATE order_lines SET ordered = ordered + 4, reserved = reserved + 4 WHERE order_id = $1", order_id
        )
        task = asyncio.ensure_future(world.brand.run(lambda own: count_in(own, world, 6)))
        await until_it_waits(world.brand, task)
    return await task


async def test_a_count_that_trusts_its_first_look_is_stopped_by_the_check_alone(
    lamps: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Control: without the second look, under the lock, the database alone stands against it.
    monkeypatch.setattr(room, "_short", lambda found, changes: {})
    with pytest.raises(asyncpg.CheckViolationError, match="stock_not_oversold"):
        await count_while_more_is_claimed(lamps)


async def test_a_count_that_comes_second_moves_the_claims_that_came_first(lamps: World) -> None:
    assert await count_while_more_is_claimed(lamps) == 1
    stock = await lamps.stock("LAMP")
    assert (stock["on_hand"], stock["reserved"]) == (6, 6)
    assert await lamps.faults() == []


async def test_an_order_that_waits_for_a_count_is_refused(lamps: World) -> None:
    await held_order(lamps, ("LAMP", 5))
    async with lamps.brand.transaction() as tx:
        await count_in(tx, lamps, 4)
        task = asyncio.ensure_future(place_batch(lamps.brand, NetworkCache(), [placing("R-1", ("LAMP", 1))]))
        await until_it_waits(lamps.brand, task)
    (outcome,) = await task
    assert isinstance(outcome.problem, Short)
    assert await lamps.faults() == []


async def test_an_order_and_a_count_both_win_without_lock_guard_and_check(lamps: World) -> None:
    # Control: the order has looked before the count is booked, and takes units that are not there any more.
    async with lamps.brand.transaction() as tx:
        await tx.execute("ALTER TABLE stock DROP CONSTRAINT stock_not_oversold")
    order_id = await held_order(lamps, ("LAMP", 5))
    guardless = dict(STOCK)["claim"].rsplit("\n    AND ", 1)[0]

    async def claim() -> None:
        async with lamps.brand.transaction() as own:
            await claimed(own, lamps, order_id, 3)

    with changed(STOCK, **unlocked(STOCK, "lock_stock", "lock_stock_of_skus"), claim=guardless):
        async with lamps.brand.transaction() as tx:
            await count_in(tx, lamps, 5)
            task = asyncio.ensure_future(claim())
            await until_it_waits(lamps.brand, task)
        await task
    stock = await lamps.stock("LAMP")
    assert (stock["on_hand"], stock["reserved"]) == (5, 8)


# --- against cancel and activation


async def test_a_count_waits_for_a_cancel_and_takes_from_another(lamps: World) -> None:
    old, new = [await held_order(lamps, ("LAMP", 4)) for _ in range(2)]
    claimants = orders.Claimants()
    async with lamps.brand.transaction() as tx:
        await lamps.cancel(tx, new)
        task = asyncio.ensure_future(lamps.brand.run(lambda own: count_in(own, lamps, 3, claimants)))
        await until_it_waits(lamps.brand, task)
    assert await task == 1
    assert [(one.order_id, one.quantity) for one in claimants.moved] == [(old, 1)]
    assert await lamps.faults() == []


async def test_a_cancel_that_waits_for_a_count_cancels_what_waits(lamps: World) -> None:
    order_id = await held_order(lamps, ("LAMP", 4))

    async def cancel() -> Any:
        async with lamps.brand.transaction() as own:
            return await lamps.cancel(own, order_id)

    async with lamps.brand.transaction() as tx:
        await count_in(tx, lamps, 3)
        task = asyncio.ensure_future(cancel())
        await until_it_waits(lamps.brand, task)
    event = await task
    assert sorted((line.was, line.quantity) for line in event.lines) == [("reserved", 3), ("shortfall", 1)]
    assert await lamps.faults() == []


async def activating(lamps: World, tx: Tx, order_id: UUID) -> None:
    """The last hold goes and work begins, in this transaction."""
    await tx.execute("UPDATE holds SET released_at = now(), released_by = 'test' WHERE order_id = $1", order_id)
    await tx.execute("UPDATE orders SET open_holds = 0 WHERE order_id = $1", order_id)
    from doorstep.fulfillment.activate import activate_clear

    await activate_clear(tx, (await orders.lock(tx, [order_id])).values(), now=MONDAY)


async def test_a_count_waits_for_work_that_begins_and_leaves_it_alone(lamps: World) -> None:
    old, new = [await held_order(lamps, ("LAMP", 4)) for _ in range(2)]
    claimants = orders.Claimants()
    async with lamps.brand.transaction() as tx:
        await activating(lamps, tx, new)
        task = asyncio.ensure_future(lamps.brand.run(lambda own: count_in(own, lamps, 6, claimants)))
        await until_it_waits(lamps.brand, task)
    assert await task == 1
    assert [(one.order_id, one.quantity) for one in claimants.moved] == [(old, 2)]
    assert [(line.activated, line.shortfall) for line in await lamps.lines(new)] == [(4, 0)]
    assert await lamps.faults() == []


async def test_a_count_that_does_not_lock_the_orders_fails_on_work_that_begins(
    lamps: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Control: it takes the units for idle, and only the bucket of the line, which is empty by then, stops it.
    await held_order(lamps, ("LAMP", 4))
    new = await held_order(lamps, ("LAMP", 4))
    monkeypatch.setattr(give_way, "lock", orders.read)
    with changed(ORDERS, **unlocked(ORDERS, "lock_orders")):
        async with lamps.brand.transaction() as tx:
            await activating(lamps, tx, new)
            task = asyncio.ensure_future(lamps.brand.run(lambda own: count_in(own, lamps, 6)))
            await until_it_waits(lamps.brand, task)
        with pytest.raises(Conflict, match="A line does not hold that many units"):
            await task


# --- orders that were not seen beforehand


async def hold_of_stock_wants_an_order(world: World, monkeypatch: pytest.MonkeyPatch) -> BaseException | None:
    """A count holds the stock when it finds out which order must give way; that one is held by who wants the stock."""
    order_id = await held_order(world, ("LAMP", 8))

    async def nobody(self: orders.Claimants, tx: Tx, short: Any) -> None:
        self.moved = []

    monkeypatch.setattr(orders.Claimants, "lock", nobody)

    async def count() -> int:
        async with world.brand.transaction() as tx:
            await tx.execute("SET LOCAL deadlock_timeout = '50ms'")
            return await count_in(tx, world, 5)

    async with world.brand.transaction() as tx:
        await orders.lock(tx, [order_id])
        async with running(count()) as task:
            done, _ = await asyncio.wait([task], timeout=1)
            if not done:
                await until_it_waits(world.brand, task)
            try:
                await inventory.lock_stock(tx, keys=[(world.skus["LAMP"], world.places["north"])])
            except asyncpg.DeadlockDetectedError as error:
                return error
            (result,) = await asyncio.gather(task, return_exceptions=True)
    return result if isinstance(result, BaseException) else None


async def test_a_count_that_waits_for_an_order_while_it_holds_stock_deadlocks(
    lamps: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Control: the same without SKIP LOCKED.
    waiting = dict(ORDERS)["lock_free_orders"].replace(" SKIP LOCKED", "")
    with changed(ORDERS, lock_free_orders=waiting):
        error = await hold_of_stock_wants_an_order(lamps, monkeypatch)
    assert isinstance(error, asyncpg.DeadlockDetectedError)


async def test_a_count_that_finds_a_locked_order_gives_its_locks_back_and_begins_anew(
    lamps: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(await hold_of_stock_wants_an_order(lamps, monkeypatch), StartAgain)
    async with lamps.brand.reading() as tx:
        assert await deadlocks(tx) == 0


async def test_counts_orders_and_cancels_at_once_leave_no_claim_without_a_unit(lamps: World) -> None:
    await lamps.fill({"north": {"LAMP": 30}, "south": {"LAMP": 20}})

    async def buyer(name: str) -> None:
        for turn in range(8):
            await place_batch(lamps.brand, NetworkCache(), [placing(f"{name}-{turn}", ("LAMP", 2))])

    async def canceler() -> None:
        for _ in range(8):
            order_id = await lamps.value("SELECT order_id FROM orders WHERE status = 'open' ORDER BY random() LIMIT 1")
            if order_id:
                await lamps.brand.run(lambda tx, one=order_id: lamps.cancel(tx, one))  # type: ignore[misc]  # bound now

    async def counter() -> None:
        for units in (38, 20, 33, 9, 25, 4, 12):
            await lamps.brand.run(lambda tx, units=units: count_in(tx, lamps, units))  # type: ignore[misc]  # bound now

    await asyncio.gather(buyer("A"), buyer("B"), canceler(), counter())
    async with lamps.brand.reading() as tx:
        assert await deadlocks(tx) == 0
    assert await lamps.faults() == []
