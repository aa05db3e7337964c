"""The last unit: that the race is real (controls), and that it is won once (proofs), step by step.

The guard, the CHECK and the lock stand one behind the other. Each control takes some of them away; each proof leaves
one alone to do the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest

from doorstep import inventory
from doorstep.db import Tx
from doorstep.inventory import Claim, ClaimRefused
from doorstep.inventory.claim import SQL
from doorstep.kit.errors import Short
from doorstep.kit.ids import new_id
from doorstep.orders import place
from doorstep.orders.look import Seen, look
from doorstep.orders.placing import Outcome
from doorstep.orders.store import SQL as ORDERS
from tests.orders.world import World, placing
from tests.races.watch import until_it_waits

GUARD = (
    "\n        AND s.on_hand - s.damaged - s.quality_control - s.reserved - s.safety_stock + s.oversell_limit"
    " >= sums.quantity"
)
NO_CHECK = "ALTER TABLE stock DROP CONSTRAINT stock_not_oversold"


@pytest.fixture
async def last(world: World) -> World:
    """One LAMP in the north, and nowhere else."""
    await world.fill({"north": {"LAMP": 1}})
    return world


@contextmanager
def without(*, lock: bool = False, guard: bool = False) -> Iterator[None]:
    """The product's own statements with the row lock, or the guard's condition, taken away."""
    kept, placed = dict(SQL), dict(ORDERS)["place"]
    changed = dict(kept)
    if lock:
        for name in ("lock_stock", "lock_stock_of_skus"):
            changed[name] = kept[name].split(" FOR NO KEY UPDATE")[0]
        placed = taken_out(" FOR NO KEY UPDATE OF s", placed)
    if guard:
        for name in ("claim", "claim_first"):
            changed[name] = kept[name].rsplit("\n    AND ", 1)[0]
        placed = taken_out(GUARD, placed)
    assert changed != kept
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SQL, "_by_name", changed)
        patch.setattr(ORDERS, "_by_name", {**dict(ORDERS), "place": placed})
        yield


def taken_out(part: str, text: str) -> str:
    assert text.count(part) == 1
    return text.replace(part, "")


def claim_of(world: World) -> Claim:
    return Claim(order_id=new_id(), line_no=1, sku_id=world.skus["LAMP"], location_id=world.places["north"], quantity=1)


async def look_then_claim(tx: Tx, claim: Claim, *, others_may_go: asyncio.Barrier | None = None) -> bool:
    """Find the unit, let the other one find it too, then claim it; False when there is none to find."""
    key = claim.sku_id, claim.location_id
    found = await inventory.lock_stock(tx, keys=[key])
    if others_may_go is not None:
        await others_may_go.wait()
    if found[key] < 1:
        return False
    await inventory.claim(tx, claims=[claim])
    return True


async def two_buyers_look_before_either_claims(world: World) -> list[bool | BaseException]:
    barrier = asyncio.Barrier(2)

    async def buy() -> bool:
        async with world.brand.transaction() as tx:
            return await look_then_claim(tx, claim_of(world), others_may_go=barrier)

    return list(await asyncio.gather(buy(), buy(), return_exceptions=True))


async def test_the_last_unit_is_sold_twice_if_we_read_then_write(last: World) -> None:
    # Control on a table of its own: this is how a shop oversells.
    async with last.brand.transaction() as tx:
        await tx.execute("CREATE TABLE shelf (units integer); INSERT INTO shelf VALUES (1)")
    sold = 0
    async with last.brand.transaction() as first, last.brand.transaction() as second:
        seen = [await tx.fetchval("SELECT units FROM shelf") for tx in (first, second)]
        for units in seen:
            sold += units >= 1
        await first.execute("UPDATE shelf SET units = $1", seen[0] - 1)
        waiting = asyncio.ensure_future(second.execute("UPDATE shelf SET units = $1", seen[1] - 1))
        await until_it_waits(last.brand, waiting)
        await first.execute("COMMIT; BEGIN")
        await waiting
    assert sold == 2
    assert await last.value("SELECT units FROM shelf") == 0


async def test_our_own_code_sells_the_last_unit_twice_without_lock_guard_and_check(last: World) -> None:
    # Control on the product: the same two buyers, its safeguards taken away.
    async with last.brand.transaction() as tx:
        await tx.execute(NO_CHECK)
    with without(lock=True, guard=True):
        assert await two_buyers_look_before_either_claims(last) == [True, True]
    stock = await last.stock("LAMP")
    assert (stock["on_hand"], stock["reserved"]) == (1, 2)
    assert "units sold twice" in " ".join(await last.faults())


async def test_the_guard_alone_sells_the_last_unit_once(last: World) -> None:
    async with last.brand.transaction() as tx:
        await tx.execute(NO_CHECK)
    with without(lock=True):
        outcomes = await two_buyers_look_before_either_claims(last)
    assert {type(outcome) for outcome in outcomes} == {bool, ClaimRefused}
    assert (await last.stock("LAMP"))["reserved"] == 1


async def test_the_check_alone_sells_the_last_unit_once(last: World) -> None:
    with without(lock=True, guard=True):
        outcomes = await two_buyers_look_before_either_claims(last)
    assert {type(outcome) for outcome in outcomes} == {bool, asyncpg.CheckViolationError}
    assert (await last.stock("LAMP"))["reserved"] == 1


async def test_the_lock_alone_sells_the_last_unit_once(last: World) -> None:
    async with last.brand.transaction() as tx:
        await tx.execute(NO_CHECK)

    async def second() -> bool:
        async with last.brand.transaction() as tx:
            return await look_then_claim(tx, claim_of(last))

    with without(guard=True):
        async with last.brand.transaction() as tx:
            assert await look_then_claim(tx, claim_of(last))
            task = asyncio.ensure_future(second())
            await until_it_waits(last.brand, task)
        assert await task is False
    assert (await last.stock("LAMP"))["reserved"] == 1


async def order_that_comes_second(world: World) -> Outcome:
    """It saw the unit that somebody else has claimed and not committed, and waits for it."""
    async with world.brand.transaction() as tx:
        assert await look_then_claim(tx, claim_of(world))
        task = asyncio.ensure_future(world.place(placing("L-1", ("LAMP", 1))))
        await until_it_waits(world.brand, task)
    return (await task)[0]


async def test_an_order_that_lost_the_race_is_refused_and_writes_nothing(last: World) -> None:
    # The loser saw the unit, waited for the winner's lock, was stopped by the guard, and looked again under its own.
    outcome = await order_that_comes_second(last)
    assert isinstance(outcome.problem, Short)
    assert await last.value("SELECT count(*) FROM orders") == 0
    assert (await last.stock("LAMP"))["reserved"] == 1


async def test_an_order_that_lost_the_race_leaves_the_safety_stock_alone(last: World) -> None:
    # The CHECK knows nothing of safety stock: here the guard of placing stands alone.
    await last.fill({"north": {"LAMP": 1}})
    async with last.brand.transaction() as tx:
        await tx.execute("UPDATE stock SET safety_stock = 1 WHERE sku_id = $1", last.skus["LAMP"])
    outcome = await order_that_comes_second(last)
    assert isinstance(outcome.problem, Short)
    assert (await last.stock("LAMP"))["reserved"] == 1


async def test_an_order_that_lost_at_one_location_is_served_from_another(world: World) -> None:
    await world.fill({"north": {"LAMP": 1}, "south": {"LAMP": 1}})
    outcome = await order_that_comes_second(world)
    assert outcome.answer is not None
    assert [part.location for part in outcome.answer.parts] == ["south"]


@pytest.mark.parametrize("lines", [1, 2])
async def test_two_hundred_buyers_in_four_batches_get_exactly_what_is_there(world: World, lines: int) -> None:
    # Two lines of one SKU count together: checked one by one, both would pass.
    await world.fill({"north": {"LAMP": 13 * lines}, "south": {"LAMP": 12 * lines}})
    batches = [[placing(f"B-{batch}-{n}", *[("LAMP", 1)] * lines) for n in range(50)] for batch in range(4)]
    outcomes = [one for batch in await asyncio.gather(*(world.place(*batch) for batch in batches)) for one in batch]
    assert sum(outcome.answer is not None for outcome in outcomes) == 25
    assert sum(isinstance(outcome.problem, Short) for outcome in outcomes) == 175
    assert await world.value("SELECT count(*) FROM orders") == 25
    assert [(await world.stock("LAMP", code))["reserved"] for code in ("north", "south")] == [13 * lines, 12 * lines]
    assert await world.faults() == []


async def test_two_lines_of_one_sku_do_not_both_take_the_last_unit(last: World) -> None:
    (outcome,) = await last.place(placing("T-1", ("LAMP", 1), ("LAMP", 1)))
    assert isinstance(outcome.problem, Short)
    (accepted,) = await last.place(placing("T-2", ("LAMP", 1), ("LAMP", 1), on_short="accept"))
    assert accepted.answer is not None
    assert [list(pair) for pair in accepted.answer.short] == [[2, 1]]
    assert await last.faults() == []


async def test_units_for_two_lines_are_added_up_before_the_second_look(
    last: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Between the first look and the lock one of two units goes; what is left is enough for each line, not for both.
    await last.fill({"north": {"LAMP": 1}})

    async def look_then_lose_one(*asked: Any) -> Seen:
        seen = await look(*asked)
        monkeypatch.setattr(place, "look", look)  # once only
        async with last.brand.transaction() as other:
            await look_then_claim(other, claim_of(last))
        return seen

    monkeypatch.setattr(place, "look", look_then_lose_one)
    (outcome,) = await last.place(placing("T-3", ("LAMP", 1), ("LAMP", 1)))
    assert isinstance(outcome.problem, Short)
    assert (await last.stock("LAMP"))["reserved"] == 1
