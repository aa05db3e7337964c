"""Claiming: the guard, the CHECK behind it, and the order of the locks, each seen alone."""

from __future__ import annotations

from uuid import UUID

import asyncpg
import msgspec
import pytest

from doorstep import inventory
from doorstep.db import Tx
from doorstep.inventory import Claim, ClaimRefused
from doorstep.kit.errors import Conflict
from doorstep.kit.ids import new_id
from doorstep.orders.by_hand import send_from
from tests.orders.world import MONDAY, World
from tests.races.watch import running, until_it_waits


def claim_of(world: World, quantity: int, *, sku: str = "MUG", line_no: int = 1, code: str = "north") -> Claim:
    return Claim(
        order_id=new_id(),
        line_no=line_no,
        sku_id=world.skus[sku],
        location_id=world.places[code],
        quantity=quantity,
    )


async def test_what_is_claimed_is_reserved_and_no_longer_available(world: World) -> None:
    claim = claim_of(world, 3)
    async with world.brand.transaction() as tx:
        await inventory.claim(tx, claims=[claim])
        available = await inventory.read_stock(tx, [claim.sku_id], now=MONDAY)
        assert await inventory.claims_of(tx, [claim.order_id]) == [claim]
    assert (await world.stock("MUG"))["reserved"] == 3
    assert available[claim.sku_id, claim.location_id] == 7


@pytest.mark.parametrize("first", [True, False], ids=["of new orders", "of others"])
async def test_the_guard_leaves_the_safety_stock_alone(world: World, first: bool) -> None:
    # The CHECK knows nothing of safety stock: only the guard stands before it.
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE stock SET safety_stock = 4 WHERE sku_id = $1", world.skus["MUG"])
    with pytest.raises(ClaimRefused):
        async with world.brand.transaction() as tx:
            await inventory.claim(tx, claims=[claim_of(world, 7)], first=first)
    async with world.brand.transaction() as tx:
        await inventory.claim(tx, claims=[claim_of(world, 6)], first=first)
    assert (await world.stock("MUG"))["reserved"] == 6


@pytest.mark.parametrize("first", [True, False], ids=["of new orders", "of others"])
async def test_the_guard_adds_up_two_lines_of_one_sku(world: World, first: bool) -> None:
    order_id = new_id()
    two = [msgspec.structs.replace(claim_of(world, 6, line_no=line_no), order_id=order_id) for line_no in (1, 2)]
    with pytest.raises(ClaimRefused):
        async with world.brand.transaction() as tx:
            await inventory.claim(tx, claims=two, first=first)
    assert (await world.stock("MUG"))["reserved"] == 0


async def test_the_database_itself_refuses_to_sell_a_unit_twice(world: World) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="stock_not_oversold"):
        async with world.brand.transaction() as tx:
            await tx.execute("UPDATE stock SET reserved = on_hand + 1 WHERE sku_id = $1", world.skus["MUG"])


@pytest.mark.parametrize("column", ["damaged", "quality_control"])
async def test_units_that_cannot_be_sold_cannot_be_claimed(world: World, column: str) -> None:
    async with world.brand.transaction() as tx:
        await tx.execute(f"UPDATE stock SET {column} = 8 WHERE sku_id = $1 AND on_hand = 10", world.skus["MUG"])
    with pytest.raises(ClaimRefused):
        async with world.brand.transaction() as tx:
            await inventory.claim(tx, claims=[claim_of(world, 3)])


async def test_an_oversell_limit_is_the_only_way_below_zero(world: World) -> None:
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE stock SET oversell_limit = 2 WHERE sku_id = $1", world.skus["MUG"])
        await inventory.claim(tx, claims=[claim_of(world, 12)])
    with pytest.raises(ClaimRefused):
        async with world.brand.transaction() as tx:
            await inventory.claim(tx, claims=[claim_of(world, 1)])


async def test_claims_of_one_line_at_one_location_add_up_when_it_comes_back_for_more(world: World) -> None:
    claim = claim_of(world, 2)
    async with world.brand.transaction() as tx:
        await inventory.claim(tx, claims=[claim], first=True)
        await inventory.claim(tx, claims=[claim])
        assert [one.quantity for one in await inventory.claims_of(tx, [claim.order_id])] == [4]


async def test_a_claim_gives_back_no_more_than_it_took(world: World) -> None:
    claim = claim_of(world, 2)
    async with world.brand.transaction() as tx:
        await inventory.claim(tx, claims=[claim, claim_of(world, 5)])
        await release(tx, claim, 2)
    with pytest.raises(Conflict):
        async with world.brand.transaction() as tx:
            await release(tx, claim, 1)
    assert (await world.stock("MUG"))["reserved"] == 5


async def test_the_database_itself_refuses_a_claim_below_zero(world: World) -> None:
    claim = claim_of(world, 2)
    async with world.brand.transaction() as tx:
        await inventory.claim(tx, claims=[claim])
    with pytest.raises(asyncpg.CheckViolationError, match="reservations_within_claim"):
        async with world.brand.transaction() as tx:
            await tx.execute("UPDATE reservations SET open = -1 WHERE order_id = $1", claim.order_id)


async def release(tx: Tx, claim: Claim, units: int) -> None:
    given = msgspec.structs.replace(claim, quantity=units)
    await inventory.release(tx, claims=[given], reason="test", reference="test", actor="test", now=MONDAY)


PLANS = ("enable_nestloop", "enable_hashjoin", "enable_mergejoin", "enable_indexscan", "enable_bitmapscan")


@pytest.mark.parametrize("avoided", [(), ("enable_nestloop", "enable_mergejoin"), PLANS[3:], PLANS[2:]])
@pytest.mark.parametrize("by", ["keys", "skus"])
async def test_stock_is_locked_in_key_order_whatever_the_plan(world: World, by: str, avoided: tuple[str, ...]) -> None:
    # The rows lie on disk in the opposite order: whoever locks as they come, locks the last first.
    skus = [f"A{number}" for number in range(3)]
    await world.fill({"north": dict.fromkeys(skus, 5)})
    ids = sorted(world.skus[sku] for sku in skus)
    async with world.brand.transaction() as tx:
        await tx.execute("DELETE FROM stock WHERE sku_id = ANY($1)", ids)
        for sku_id in reversed(ids):
            await tx.execute(
                "INSERT INTO stock (sku_id, location_id, on_hand) VALUES ($1, $2, 5)", sku_id, world.places["north"]
            )

    async def lock_all() -> None:
        async with world.brand.transaction() as tx:
            for setting in avoided:
                await tx.execute(f"SET LOCAL {setting} = off")
            await _lock(tx, world, ids, by)

    async with world.brand.transaction() as holder:
        await holder.execute("SELECT 1 FROM stock WHERE sku_id = $1 FOR UPDATE", ids[1])
        async with running(lock_all()) as task:
            await until_it_waits(world.brand, task)
            async with world.brand.transaction() as looker:
                rows = await looker.fetch(
                    "SELECT sku_id FROM stock WHERE sku_id = ANY($1) FOR UPDATE SKIP LOCKED", [ids[0], ids[2]]
                )
    assert [row["sku_id"] for row in rows] == [ids[2]]


async def _lock(tx: Tx, world: World, sku_ids: list[int], by: str) -> None:
    if by == "skus":
        await inventory.lock_stock(tx, sku_ids=reversed(sku_ids))
    else:
        await inventory.lock_stock(tx, keys=[(sku_id, world.places["north"]) for sku_id in reversed(sku_ids)])


@pytest.mark.parametrize("by_hand", [False, True])
async def test_what_a_claim_that_moves_leaves_behind_goes_to_who_waits(world: World, by_hand: bool) -> None:
    await world.fill({"north": {"LAMP": 1}, "south": {"LAMP": 1}})
    waits, moves = await world.placed(("LAMP", 1)), await world.placed(("LAMP", 1))
    await world.settle()

    async def reject(order_id: UUID) -> None:
        (work,) = [one for one in await world.work(order_id) if one.status_category == "activated"]
        async with world.brand.transaction() as tx:
            await world.reject(tx, work.fulfillment_order_id)
        await world.settle()

    await reject(waits)  # the north is free now, which does not do it; the south has none left
    assert [line.shortfall for line in await world.lines(waits)] == [1]
    if by_hand:
        async with world.brand.transaction() as tx:
            source, target = world.places["south"], world.places["north"]
            await send_from(tx, order_id=moves, source=source, target=target, actor="test", now=MONDAY)
    else:
        await reject(moves)
    assert await world.faults() == []
    assert [line.shortfall for line in await world.lines(waits)] == [0]
    assert [(await world.stock("LAMP", code))["reserved"] for code in ("north", "south")] == [1, 1]
