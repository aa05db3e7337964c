"""Carts against carts, orders and the clock: each race without its guard (control), and won once with it (proof)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from uuid import UUID

import asyncpg
import pytest

from doorstep import carts, inventory
from doorstep.carts import HoldEnded
from doorstep.carts.store import SQL as CARTS
from doorstep.db import Database, Statements
from doorstep.db.pool import clock_now
from doorstep.inventory import CartClaim, ClaimRefused
from doorstep.inventory.claim import SQL as STOCK
from doorstep.kit.errors import Conflict, Short
from doorstep.kit.ids import new_id
from doorstep.orders import place
from doorstep.orders.place import place_batch
from doorstep.orders.placing import Outcome, Placing
from doorstep.routing import NetworkCache
from tests.carts.holding import (
    buying,
    cart_faults,
    change,
    extend,
    held,
    hold,
    hold_in,
    lapse,
    release,
    set_minute,
)
from tests.orders.world import MONDAY, World, placing
from tests.races.watch import deadlocks, until_it_waits

LOCK = " FOR NO KEY UPDATE"
NO_CHECK = "ALTER TABLE cart_claims DROP CONSTRAINT cart_claims_within_claim"


@pytest.fixture
async def last(world: World) -> World:
    """One LAMP in the north, and nowhere else."""
    await world.fill({"north": {"LAMP": 1}})
    return world


@contextmanager
def changed(statements: Statements, **texts: str) -> Iterator[None]:
    """The product with some of its statements replaced."""
    assert all(dict(statements)[name] != text for name, text in texts.items())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statements, "_by_name", {**dict(statements), **texts})
        yield


def unlocked(statements: Statements, *names: str) -> dict[str, str]:
    """These statements without their row locks."""
    return {name: dict(statements)[name].split(LOCK)[0] for name in names}


def locking_as_it_reclaims() -> dict[str, str]:
    """Lock and reclaim in one statement, as one would write it first; the lock before it is taken away."""
    reclaim = dict(STOCK)["reclaim"]
    lock = (
        "WITH locked AS MATERIALIZED (SELECT sku_id, location_id FROM stock WHERE (sku_id, location_id) IN"
        " (SELECT * FROM unnest($1::integer[], $2::integer[])) ORDER BY sku_id, location_id FOR NO KEY UPDATE), found"
    )
    one = reclaim.replace("WITH found", lock).replace(
        "JOIN cart_claims c", "JOIN locked USING (sku_id, location_id) JOIN cart_claims c"
    )
    return {**unlocked(STOCK, "lock_stock", "lock_stock_of_skus"), "reclaim": one}


async def buy(world: World, *placings: Placing) -> list[Outcome]:
    """Place as another server process would."""
    return await place_batch(world.brand, NetworkCache(), placings)


# --- the last unit, wanted by two carts


def cart_claim(world: World) -> CartClaim:
    return CartClaim(
        hold_id=new_id(),
        sku_id=world.skus["LAMP"],
        location_id=world.places["north"],
        quantity=1,
        expires_at=MONDAY,
    )


async def test_the_last_unit_is_held_twice_without_lock_guard_and_check(last: World) -> None:
    async with last.brand.transaction() as tx:
        await tx.execute("ALTER TABLE stock DROP CONSTRAINT stock_not_oversold")
    guardless = dict(STOCK)["take_into_cart"].rsplit("\n    AND ", 1)[0]
    both_look = asyncio.Barrier(2)

    async def one() -> UUID:
        async with last.brand.transaction() as tx:
            claim = cart_claim(last)
            found = await inventory.lock_stock(tx, keys=[(claim.sku_id, claim.location_id)])
            await both_look.wait()
            assert found[claim.sku_id, claim.location_id] == 1
            await inventory.take_into_cart(tx, claims=[claim])
            return claim.hold_id

    with changed(STOCK, **unlocked(STOCK, "lock_stock", "lock_stock_of_skus"), take_into_cart=guardless):
        await asyncio.gather(one(), one())
    assert (await last.stock("LAMP"))["reserved"] == 2
    assert "units sold twice" in " ".join(await last.faults())


async def test_the_last_unit_is_held_once(last: World) -> None:
    async with last.brand.transaction() as tx:
        first = await hold_in(tx, ("LAMP", 1))
        task = asyncio.ensure_future(hold(last, ("LAMP", 1)))
        await until_it_waits(last.brand, task)
    with pytest.raises(Short):
        await task
    assert await held(last, first.hold_id) == {("LAMP", "north"): 1}
    assert await cart_faults(last) == []


async def test_the_guard_alone_holds_the_last_unit_once(last: World) -> None:
    async def one() -> None:
        async with last.brand.transaction() as tx:
            await inventory.take_into_cart(tx, claims=[cart_claim(last)])

    await one()
    with pytest.raises(ClaimRefused):
        await one()


async def test_an_order_that_comes_after_a_cart_is_refused(last: World) -> None:
    async with last.brand.transaction() as tx:
        await hold_in(tx, ("LAMP", 1))
        task = asyncio.ensure_future(buy(last, placing("O-1", ("LAMP", 1))))
        await until_it_waits(last.brand, task)
    (outcome,) = await task
    assert isinstance(outcome.problem, Short)
    assert await cart_faults(last) == []


# --- what has expired, wanted by two orders


@contextmanager
def second_round() -> Iterator[None]:
    """Orders are placed with all stock of their products locked, at once; where they otherwise come when they found too
    little, or stock is gone since it was looked at.
    """

    async def none(*_: object) -> dict[int, Outcome]:
        return {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, "_at_once", none)
        yield


ROUNDS = pytest.mark.parametrize("rounds", [nullcontext, second_round], ids=["as they come", "the second alone"])


async def two_buyers_of_an_expired_unit(world: World) -> Outcome | BaseException:
    """The first has reclaimed and claimed it, and not committed, when the second looks."""
    await hold(world, ("LAMP", 1))
    await set_minute(world, 20)
    key = world.skus["LAMP"], world.places["north"]
    async with world.brand.transaction() as tx:
        now = await clock_now(tx)
        await inventory.lock_stock(tx, keys=[key])
        await tx.execute("SELECT 1 FROM stock WHERE sku_id = $1 FOR NO KEY UPDATE", key[0])  # when patched away
        assert await inventory.reclaim(tx, keys=[key], expired_by=now, now=now) == {key: 1}
        claim = inventory.Claim(order_id=new_id(), line_no=1, sku_id=key[0], location_id=key[1], quantity=1)
        await inventory.claim(tx, claims=[claim])
        task = asyncio.ensure_future(buy(world, placing("E-1", ("LAMP", 1))))
        await until_it_waits(world.brand, task)
    (found,) = await asyncio.gather(task, return_exceptions=True)
    return found if isinstance(found, BaseException) else found[0]


async def test_an_expired_unit_is_sold_twice_if_it_is_reclaimed_in_the_statement_that_locks(last: World) -> None:
    async with last.brand.transaction() as tx:
        await tx.execute(NO_CHECK)
    with changed(STOCK, **locking_as_it_reclaims()), second_round():
        outcome = await two_buyers_of_an_expired_unit(last)
    assert isinstance(outcome, Outcome)
    assert outcome.answer is not None
    assert await last.value("SELECT sum(open) FROM reservations WHERE sku_id = $1", last.skus["LAMP"]) == 2
    assert (await last.stock("LAMP"))["reserved"] == 1  # the counter lies, so its CHECK sees nothing


async def test_the_check_on_a_carts_claim_alone_sells_an_expired_unit_once(last: World) -> None:
    with changed(STOCK, **locking_as_it_reclaims()), second_round():
        outcome = await two_buyers_of_an_expired_unit(last)
    assert isinstance(outcome, asyncpg.CheckViolationError)


@ROUNDS
async def test_an_expired_unit_is_sold_once(last: World, rounds: Callable[[], AbstractContextManager[None]]) -> None:
    with rounds():
        outcome = await two_buyers_of_an_expired_unit(last)
    assert isinstance(outcome, Outcome)
    assert isinstance(outcome.problem, Short)
    assert await last.value("SELECT sum(open) FROM reservations WHERE sku_id = $1", last.skus["LAMP"]) == 1


async def test_what_has_expired_is_sold_where_it_lies_and_sends_no_neighbor_into_the_second_round(
    last: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Expired units count when locations are chosen, and not in the guard of the claim.
    await last.fill({"south": {"LAMP": 9}})
    hold_id = await hold(last, ("LAMP", 1))
    await set_minute(last, 20)

    async def never(*_: object) -> dict[int, Outcome]:
        raise AssertionError("nobody is short, wrong or a retry")

    monkeypatch.setattr(place, "_under_lock", never)
    outcomes = await buy(last, placing("E-1", ("LAMP", 1)), placing("E-2", ("MUG", 1)))
    assert [[part.location for part in one.answer.parts] for one in outcomes if one.answer] == [["north"], ["north"]]
    assert await held(last, hold_id) == {}
    assert await cart_faults(last) == []


# --- expiry against extending


async def extended_while_an_order_looks(world: World) -> tuple[UUID, Outcome]:
    """The hold has expired; its shopper extends it, and has not committed, when an order wants its unit."""
    hold_id = await hold(world, ("LAMP", 1))
    await set_minute(world, 20)
    async with world.brand.transaction() as tx:
        await carts.extend(tx, hold_id=hold_id, minutes=15, now=await clock_now(tx))
        await tx.execute("SELECT 1 FROM stock WHERE sku_id = $1 FOR NO KEY UPDATE", world.skus["LAMP"])
        task = asyncio.ensure_future(buy(world, placing("X-1", ("LAMP", 1))))
        await until_it_waits(world.brand, task)
    return hold_id, (await task)[0]


async def test_an_extended_cart_loses_its_unit_if_it_is_reclaimed_in_the_statement_that_locks(last: World) -> None:
    with changed(STOCK, **locking_as_it_reclaims()), second_round():
        hold_id, outcome = await extended_while_an_order_looks(last)
    assert outcome.answer is not None
    assert await held(last, hold_id) == {}
    async with last.brand.reading() as tx:
        assert (await carts.lock(tx, [hold_id]))[hold_id].status(MONDAY) == "open"  # it was told that it has it


@ROUNDS
async def test_an_extended_cart_keeps_its_unit(last: World, rounds: Callable[[], AbstractContextManager[None]]) -> None:
    with rounds():
        hold_id, outcome = await extended_while_an_order_looks(last)
    assert isinstance(outcome.problem, Short)
    assert await held(last, hold_id) == {("LAMP", "north"): 1}
    assert await cart_faults(last) == []


async def extended_while_it_is_reclaimed(world: World) -> None:
    """An order has reclaimed the unit, and not committed, when the shopper extends. Raises what the shopper is told."""
    hold_id = await hold(world, ("LAMP", 1))
    now = await set_minute(world, 20)
    key = world.skus["LAMP"], world.places["north"]
    async with world.brand.transaction() as tx:
        await tx.execute("SELECT 1 FROM stock WHERE sku_id = $1 FOR NO KEY UPDATE", key[0])
        assert await inventory.reclaim(tx, keys=[key], expired_by=now, now=now) == {key: 1}
        task = asyncio.ensure_future(extend(world, hold_id))
        await until_it_waits(world.brand, task)
    await task


async def test_a_cart_is_told_that_it_has_what_was_taken_back_if_it_looks_without_the_lock(last: World) -> None:
    with changed(STOCK, **unlocked(STOCK, "lock_stock")):
        await extended_while_it_is_reclaimed(last)  # extended, as it was told; the unit is gone
    assert await last.value("SELECT sum(open) FROM cart_claims") == 0


async def test_a_cart_whose_unit_is_taken_back_is_not_extended(last: World) -> None:
    with pytest.raises(HoldEnded):
        await extended_while_it_is_reclaimed(last)


# --- one cart, two orders


async def two_orders_with_one_cart(world: World, dsn: str) -> list[Outcome | BaseException]:
    """Two server processes; the first has eaten the hold, and not committed, when the second comes."""
    hold_id = await hold(world, ("MUG", 2))
    blocker, other = await asyncpg.connect(dsn), Database(dsn)
    try:
        await blocker.execute("BEGIN; LOCK TABLE main.events IN SHARE MODE")
        first = asyncio.ensure_future(world.place(buying("C-1", hold_id, ("MUG", 2))))
        await until_it_waits(world.brand, first)
        brand = await other.brand("main")
        second = asyncio.ensure_future(place_batch(brand, NetworkCache(), [buying("C-2", hold_id, ("MUG", 2))]))
        await until_it_waits(world.brand, second, waiting=2)
        await blocker.execute("COMMIT")
        found = await asyncio.gather(first, second, return_exceptions=True)
    finally:
        await blocker.close()
        await other.close()
    return [one if isinstance(one, BaseException) else one[0] for one in found]


async def test_one_cart_becomes_two_orders_without_the_lock_and_the_condition(world: World, dsn: str) -> None:
    free = dict(CARTS)["convert_holds"].replace(" AND h.ended IS NULL", "")
    with changed(CARTS, **unlocked(CARTS, "lock_holds"), convert_holds=free):
        outcomes = await two_orders_with_one_cart(world, dsn)
    assert [isinstance(one, Outcome) and one.new for one in outcomes] == [True, True]


async def test_the_condition_alone_lets_one_cart_become_one_order(world: World, dsn: str) -> None:
    with changed(CARTS, **unlocked(CARTS, "lock_holds")):
        first, second = await two_orders_with_one_cart(world, dsn)
    assert isinstance(first, Outcome)
    assert first.new
    assert isinstance(second, Conflict)
    assert await world.value("SELECT count(*) FROM orders") == 1


async def test_one_cart_becomes_one_order(world: World, dsn: str) -> None:
    first, second = await two_orders_with_one_cart(world, dsn)
    assert isinstance(first, Outcome)
    assert first.new
    assert isinstance(second, Outcome)
    assert isinstance(second.problem, HoldEnded)
    assert await cart_faults(world) == []


async def test_of_two_orders_with_one_cart_in_one_batch_one_gets_it(world: World) -> None:
    hold_id = await hold(world, ("MUG", 14))
    outcomes = await world.place(
        buying("B-1", hold_id, ("MUG", 15)),  # too much: refused, the cart stays
        buying("B-2", hold_id, ("MUG", 14)),
        buying("B-3", hold_id, ("CARD", 1)),
        buying("B-2", hold_id, ("MUG", 14)),
        placing("B-4", ("CARD", 1)),
    )
    assert isinstance(outcomes[0].problem, Short)
    assert [outcome.new for outcome in outcomes] == [False, True, False, False, True]
    assert isinstance(outcomes[2].problem, HoldEnded)
    assert outcomes[3].answer == outcomes[1].answer
    assert await cart_faults(world) == []


# --- everything at once


SKUS = tuple(f"T{number}" for number in range(4))


async def shop(world: World, number: int, chance: random.Random) -> None:
    """Hold a cart, fiddle with it, and buy it, release it or forget it; who gets nothing orders without a cart."""
    wanted = [(sku, chance.randint(1, 4)) for sku in chance.sample(SKUS, 3)]
    try:
        hold_id = await hold(world, *wanted, minutes=chance.randint(1, 20))
        for _ in range(2):
            match chance.choice(("extend", "change", "nothing")):
                case "extend":
                    await extend(world, hold_id)
                case "change":
                    wanted = [(sku, chance.randint(1, 3)) for sku in chance.sample(SKUS, 2)]
                    await change(world, hold_id, *wanted)
        match chance.choice(("buy", "buy less", "release", "nothing")):
            case "buy":
                await buy(world, buying(f"H-{number}", hold_id, *wanted))
            case "buy less":
                await buy(world, buying(f"H-{number}", hold_id, *wanted[:1]))
            case "release":
                await release(world, hold_id)
    except (Short, HoldEnded):
        await buy(world, placing(f"S-{number}", *wanted[:2]))


async def test_many_carts_and_orders_at_once_end_in_order_and_without_a_deadlock(world: World) -> None:
    await world.fill({code: dict.fromkeys(SKUS, 12) for code in ("north", "south")})
    for wave in range(4):
        await set_minute(world, 9 * wave)
        shoppers = (shop(world, 10 * wave + n, random.Random(10 * wave + n)) for n in range(10))
        await asyncio.gather(*shoppers, lapse(world))
    seen = await world.value("SELECT array_agg(DISTINCT reason) FROM stock_movements WHERE reference LIKE 'cart:%'")
    assert set(seen) == {"cart became an order", "cart changed", "cart hold expired", "cart released"}
    assert await cart_faults(world) == []
    async with world.brand.reading() as tx:
        assert await deadlocks(tx) == 0
