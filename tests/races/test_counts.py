"""A count against placing: what is claimed while somebody counts is not counted away."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from doorstep import inventory, orders
from doorstep.db import Tx
from doorstep.inventory import Claim
from doorstep.kit.errors import Conflict, Short
from doorstep.kit.ids import new_id
from tests.orders.world import MONDAY, World, placing
from tests.races.watch import running, until_it_waits


async def take(tx: Tx, world: World, quantity: int) -> None:
    """Claim mugs in the north, as placing does."""
    key = world.skus["MUG"], world.places["north"]
    found = await inventory.lock_stock(tx, keys=[key])
    assert found[key] >= quantity
    claim = Claim(order_id=new_id(), line_no=1, sku_id=key[0], location_id=key[1], quantity=quantity)
    await inventory.claim(tx, claims=[claim])


async def count(world: World, found: int) -> None:
    """Somebody counts the mugs in the north."""
    async with world.brand.transaction() as tx:
        await inventory.count(
            tx, reference=f"count {new_id().hex}", counted={(world.skus["MUG"], world.places["north"]): found},
            claimants=orders.Claimants(), actor="test", now=MONDAY,
        )  # fmt: skip


async def test_a_count_that_looked_before_the_lock_counts_away_what_was_just_claimed(world: World) -> None:
    # Control: look, find nothing claimed, write what was counted; the order that came between is oversold.
    async with world.brand.transaction() as tx:
        await tx.execute("ALTER TABLE stock DROP CONSTRAINT stock_not_oversold")
    key = world.skus["MUG"], world.places["north"]
    async with world.brand.transaction() as buying, world.brand.transaction() as counting:
        await take(buying, world, 6)
        seen = await counting.fetchval("SELECT reserved FROM stock WHERE sku_id = $1 AND location_id = $2", *key)
        assert seen <= 5
        update = "UPDATE stock SET on_hand = 5 WHERE sku_id = $1 AND location_id = $2"
        async with running(counting.execute(update, *key)) as late:
            await until_it_waits(world.brand, late)
            await buying.execute("COMMIT; BEGIN")
            await late
    stock = await world.stock("MUG")
    assert (stock["on_hand"], stock["reserved"]) == (5, 6)


async def test_a_count_waits_for_what_is_being_claimed_and_leaves_it_its_units(world: World) -> None:
    async with world.brand.transaction() as tx:
        await take(tx, world, 6)
        task = asyncio.ensure_future(count(world, 5))
        await until_it_waits(world.brand, task)
    with suppress(Conflict):
        await task
    stock = await world.stock("MUG")
    assert 0 <= stock["reserved"] <= stock["on_hand"]
    async with world.brand.reading() as tx:
        assert [one.check for one in await inventory.audit(tx) if not one.ok] == []


async def test_an_order_that_waits_for_a_count_gets_what_was_found_and_no_more(world: World) -> None:
    async with world.brand.transaction() as tx:
        await inventory.count(
            tx, reference="count 1", counted={(world.skus["MUG"], world.places["north"]): 2},
            claimants=orders.Claimants(), actor="test", now=MONDAY,
        )  # fmt: skip
        task = asyncio.ensure_future(world.place(placing("C-1", ("MUG", 7)), placing("C-2", ("MUG", 6))))
        await until_it_waits(world.brand, task)
    too_many, rest = await task
    assert isinstance(too_many.problem, Short)  # two are left here, four in the south
    assert rest.answer is not None
    assert await world.faults() == []


@pytest.mark.parametrize("found", [6, 9])
async def test_a_count_that_finds_enough_for_what_is_being_claimed_stands(world: World, found: int) -> None:
    async with world.brand.transaction() as tx:
        await take(tx, world, 6)
        task = asyncio.ensure_future(count(world, found))
        await until_it_waits(world.brand, task)
    await task
    stock = await world.stock("MUG")
    assert (stock["on_hand"], stock["reserved"]) == (found, 6)
