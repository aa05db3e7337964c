"""Stock of a location whose feed is too old is unknown: said so, and sold only where the shop wants it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from doorstep import carts, inventory
from doorstep.carts import HoldLine
from doorstep.db import Brand
from doorstep.kit.errors import Short
from doorstep.routing import NetworkCache
from doorstep.routing.availability import Availability, availability
from tests.orders.world import MONDAY, World, placing
from tests.support.shop import LOCATIONS, Shop


@pytest.fixture
async def world(brand: Brand) -> World:
    """Four mugs in the south; ten in the north, whose feed may be an hour old and is of nine o'clock."""
    made = await World(brand).open({"north": {"MUG": 10, "CARD": 1}, "south": {"MUG": 4}})
    async with brand.transaction() as tx:
        await tx.execute("UPDATE locations SET feed_max_age_minutes = 60 WHERE code = 'north'")
        await inventory.fed(tx, location_ids=[made.places["north"]], as_of=MONDAY)
    return made


async def at(world: World, minutes: int) -> None:
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE clock SET clock_from = $1", MONDAY + timedelta(minutes=minutes))
    world.networks = NetworkCache()


async def ask(world: World, *skus: str) -> list[Availability]:
    async with world.brand.reading() as tx:
        return list((await availability(tx, NetworkCache(), channel="web", skus=skus)).items)


async def test_until_it_is_too_old_a_feed_is_believed_and_then_its_stock_is_unknown(world: World) -> None:
    await at(world, 60)
    assert [(one.state, one.units) for one in await ask(world, "MUG", "CARD")] == [("in_stock", 14), ("low", 1)]
    await at(world, 61)
    assert [(one.state, one.units) for one in await ask(world, "MUG", "CARD")] == [("low", 4), ("unknown", 0)]


async def test_what_is_unknown_is_not_sold_and_a_new_feed_ends_that(world: World) -> None:
    await at(world, 61)
    (card, mug) = await world.place(placing("card", ("CARD", 1)), placing("mug", ("MUG", 5)))
    assert isinstance(card.problem, Short)
    assert isinstance(mug.problem, Short)
    async with world.brand.transaction() as tx:
        with pytest.raises(Short):
            await carts.hold(
                tx, channel="web", lines=[HoldLine(sku="CARD", quantity=1)], minutes=15, country=None, postcode="",
                actor="test", now=MONDAY + timedelta(minutes=61),
            )  # fmt: skip
    async with world.brand.transaction() as tx:
        await inventory.fed(tx, location_ids=[world.places["north"]], as_of=MONDAY + timedelta(minutes=30))
    await at(world, 61)
    (card,) = await world.place(placing("card", ("CARD", 1)))
    assert card.answer is not None


async def test_where_the_shop_wants_it_unknown_stock_is_sold_all_the_same(world: World) -> None:
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE locations SET stale_stock = 'sell' WHERE code = 'north'")
    await at(world, 61)
    assert [(one.state, one.units) for one in await ask(world, "CARD")] == [("unknown", 1)]
    (card,) = await world.place(placing("card", ("CARD", 1)))
    assert card.answer is not None


async def test_a_location_that_was_never_fed_is_unknown_from_the_start(world: World) -> None:
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE locations SET fed_as_of = NULL WHERE code = 'north'")
    assert [one.state for one in await ask(world, "CARD")] == ["unknown"]


async def test_over_http_a_locations_feed_age_is_set_and_kept(shop: Shop) -> None:
    wanted: list[dict[str, Any]] = [{**LOCATIONS[0], "feed_max_age_minutes": 90, "stale_stock": "sell"}]
    await shop.send("PUT", "/v1/locations", wanted)
    found = {one["code"]: one for one in (await shop.get("/v1/locations"))["items"]}
    assert (found["north"]["feed_max_age_minutes"], found["north"]["stale_stock"]) == (90, "sell")
    assert (found["south"]["feed_max_age_minutes"], found["south"]["stale_stock"]) == (None, "withhold")
    await shop.send("PUT", "/v1/locations", [{**LOCATIONS[0], "feed_max_age_minutes": 0}], expect=422)
