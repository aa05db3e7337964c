"""Express first in every queue: behind a mountain of standard orders, an express order is on the pick list at once."""

from __future__ import annotations

import pytest

from doorstep.db import Brand
from doorstep.journal import give_positions
from doorstep.journal.append import SQL
from doorstep.kit.limits import EVENTS_PER_RELAY
from tests.orders.world import World, placing

MOUNTAIN, TOGETHER = 1_000, 250


@pytest.fixture
async def world(brand: Brand) -> World:
    """Cards and mugs in the north."""
    return await World(brand).open({"north": {"CARD": 2 * MOUNTAIN, "MUG": 10}})


async def test_an_express_order_is_on_the_pick_list_before_any_standard_order_that_came_first(world: World) -> None:
    for start in range(0, MOUNTAIN, TOGETHER):
        await world.place(*(placing(f"S-{number}", ("CARD", 1)) for number in range(start, start + TOGETHER)))
    express = await world.placed(("MUG", 1), service="express")
    await give_positions(world.brand)
    await world.reactor.run_once(express_only=True)  # as in a burst of orders, when standard ones wait
    assert [one.status_category for one in await world.work(express)] == ["activated"]
    assert await world.value("SELECT count(*) FROM fulfillment_orders") == 1
    assert await world.reactor.run_once(express_only=True) == 0
    assert await world.reactor.run_once() > 0


async def test_express_events_get_their_place_in_the_line_before_all_that_wait(world: World) -> None:
    for number in range(3):
        await world.placed(("CARD", 1), service="standard")
        await world.placed(("MUG", 1), service="express" if number == 2 else "standard")
    async with world.brand.transaction() as tx:
        first = await tx.fetchval(SQL.take_relay)
        assert await tx.fetchval(SQL.give_positions, first, 2) == 2
    assert EVENTS_PER_RELAY > 2
    lanes = await world.value("SELECT array_agg(lane ORDER BY position) FROM events WHERE position IS NOT NULL")
    assert lanes[0] == 0
    assert lanes[1:] == [1] * (len(lanes) - 1)
