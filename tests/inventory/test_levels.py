"""Stock levels: low, out and back are told once for each time, whoever looks, and however many look at once."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from doorstep import carts, inventory, orders
from doorstep.carts import HoldLine
from doorstep.db import Brand
from doorstep.inventory import Change, Threshold
from doorstep.inventory.claim import SQL
from doorstep.kit.ids import new_id
from tests.orders.world import MONDAY, World
from tests.races.watch import until_it_ends_or_waits
from tests.support.shop import Shop


@pytest.fixture
async def world(brand: Brand) -> World:
    """Ten mugs in the north, four in the south; looked at once."""
    made = await World(brand).open({"north": {"MUG": 10}, "south": {"MUG": 4}})
    assert await look(made) == 1
    return made


async def look(world: World) -> int:
    async with world.brand.transaction() as tx:
        return await inventory.tell_levels(tx, now=MONDAY)


async def told(world: World) -> list[tuple[Any, ...]]:
    """What was told since it was asked last: (kind, location, units)."""
    async with world.brand.transaction() as tx:
        rows = await tx.fetch(
            "DELETE FROM events WHERE kind IN ('inventory.low', 'inventory.out', 'inventory.back_in_stock')"
            " RETURNING kind, data, ord"
        )
    return [
        (row["kind"].removeprefix("inventory."), row["data"]["location"], row["data"].get("units"))
        for row in sorted(rows, key=lambda row: row["ord"])
    ]


async def thresholds(world: World, *wanted: Threshold) -> None:
    async with world.brand.transaction() as tx:
        await inventory.put_thresholds(tx, wanted)


async def change(world: World, units: int, location: str = "north") -> None:
    async with world.brand.transaction() as tx:
        one = Change(sku_id=world.skus["MUG"], location_id=world.places[location], on_hand=units)
        await inventory.adjust(
            tx, changes=[one], reason="test", reference=new_id().hex, claimants=orders.Claimants(), actor="test",
            now=MONDAY,
        )  # fmt: skip


async def test_what_is_seen_the_first_time_is_noted_and_not_told(world: World) -> None:
    assert await told(world) == []
    await world.fill({"north": {"CARD": 2}})
    assert await look(world) == 1
    assert await told(world) == []


async def test_low_out_and_back_are_told_once_each(world: World) -> None:
    await world.placed(("MUG", 9))
    for _ in range(3):
        await look(world)
    assert await told(world) == [("low", None, 5)]
    await world.placed(("MUG", 5))
    for _ in range(3):
        await look(world)
    assert await told(world) == [("out", None, None)]
    await change(world, 2)
    for _ in range(3):
        await look(world)
    assert await told(world) == [("back_in_stock", None, 2)]
    await change(world, 20)
    await look(world)
    assert await told(world) == []  # it was low, and is not any more
    await change(world, -22)
    await look(world)
    assert await told(world) == [("out", None, None)]


async def test_what_crosses_and_comes_back_between_two_looks_is_not_told(world: World) -> None:
    order = await world.placed(("MUG", 14))
    async with world.brand.transaction() as tx:
        await world.cancel(tx, order)
    assert await look(world) == 0
    assert await told(world) == []


async def test_a_cart_is_not_gone_yet(world: World) -> None:
    async with world.brand.transaction() as tx:
        await carts.hold(
            tx, channel="web", lines=[HoldLine(sku="MUG", quantity=14)], minutes=15, country=None, postcode="",
            actor="test", now=MONDAY,
        )  # fmt: skip
    assert await look(world) == 0


async def test_a_location_with_a_threshold_of_its_own_is_told_by_itself(world: World) -> None:
    await thresholds(
        world, Threshold(sku="MUG", location="south", low_at=2), Threshold(sku="MUG", location=None, low_at=0)
    )
    await look(world)
    await change(world, -2, "south")
    await look(world)
    assert await told(world) == [("low", "south", 2)]
    await change(world, -2, "south")
    await change(world, -9)
    await look(world)
    assert await told(world) == [("out", "south", None)]  # one is left in all, and that is not low
    await thresholds(world, Threshold(sku="MUG", location="south", low_at=None))
    await change(world, 5, "south")
    await look(world)
    assert await told(world) == []


async def test_a_location_that_is_switched_off_has_nothing_to_sell(world: World) -> None:
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE locations SET enabled = false")
    await look(world)
    assert await told(world) == [("out", None, None)]


async def two_look(world: World) -> list[tuple[Any, ...]]:
    """An order takes everything; while one watch has looked and not committed yet, another one looks."""
    await world.placed(("MUG", 14))
    async with world.brand.transaction() as tx:
        await inventory.tell_levels(tx, now=MONDAY)
        other = asyncio.ensure_future(look(world))
        await until_it_ends_or_waits(world.brand, other)
    await other
    return await told(world)


async def test_two_who_look_at_once_tell_it_twice_without_the_lease(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control."""
    monkeypatch.setattr(SQL, "_by_name", {**dict(SQL), "take_watch": "SELECT $1::timestamptz IS NOT NULL"})
    assert await two_look(world) == [("out", None, None)] * 2


async def test_two_who_look_at_once_tell_it_once(world: World) -> None:
    assert await two_look(world) == [("out", None, None)]


async def test_crossings_at_once_by_many_writers_are_told_as_often_as_they_were_seen(world: World) -> None:
    """Eight writers push the stock over the edge and back, two watches look: low and out never follow themselves."""
    await thresholds(world, Threshold(sku="MUG", low_at=0))
    stop = asyncio.Event()

    async def watch() -> None:
        while not stop.is_set():
            await look(world)

    async def push() -> None:
        for _ in range(6):
            await change(world, 3)
            await change(world, -3)

    watches = [asyncio.ensure_future(watch()) for _ in range(2)]
    await change(world, -10)
    await change(world, -4, "south")
    await asyncio.gather(*(push() for _ in range(4)))
    stop.set()
    await asyncio.gather(*watches)
    await look(world)
    kinds = [kind for kind, _, _ in await told(world)]
    assert all(kind != after for kind, after in pairwise(kinds)), kinds
    assert kinds[-1] == "out"


async def test_over_http_thresholds_are_set_and_levels_and_events_are_read(shop: Shop) -> None:
    await shop.worker.tell_levels()
    await shop.send("PUT", "/v1/stock/thresholds", [{"sku": "MUG", "low_at": 8}, {"sku": "JERSEY", "low_at": 20}])
    await shop.place({"sku": "MUG", "quantity": 7})
    await shop.worker.tell_levels()
    await shop.drain()
    found = (await shop.get("/v1/stock/levels"))["items"]
    assert [(one["sku"], one["state"], one["low_at"]) for one in found] == [
        ("GLASS", "low", 5), ("JERSEY", "low", 20), ("MUG", "low", 8)
    ]  # fmt: skip
    assert (await shop.get("/v1/stock/levels", level="out"))["items"] == []
    events = [one for one in (await shop.get("/v1/events", limit=200))["items"] if one["kind"] == "inventory.low"]
    assert [one["data"] for one in events] == [
        {"sku": "JERSEY", "location": None, "units": 20}, {"sku": "MUG", "location": None, "units": 7}
    ]  # fmt: skip
    first = await shop.get("/v1/stock/levels", limit=1)
    rest = await shop.get("/v1/stock/levels", cursor=first["next_cursor"])
    assert [one["sku"] for one in (*first["items"], *rest["items"])] == ["GLASS", "JERSEY", "MUG"]


async def test_thresholds_of_what_is_not_there_are_refused(shop: Shop) -> None:
    body = [
        {"sku": "NOPE", "low_at": 1},
        {"sku": "MUG", "location": "nowhere", "low_at": 1},
        {"sku": "MUG", "low_at": 1},
        {"sku": "MUG", "low_at": 2},
    ]
    problem = await shop.send("PUT", "/v1/stock/thresholds", body, expect=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/0/sku", "/1/location", "/3"]
