"""Availability: what is answered is what an order of the channel would find at that moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from doorstep import carts, inventory
from doorstep.carts import HoldLine
from doorstep.db import Brand, Database
from doorstep.kit.errors import Invalid
from doorstep.kit.ids import new_id, show
from doorstep.routing import NetworkCache
from doorstep.routing.availability import Availability, availability
from doorstep.web.api.keys import create
from tests.orders.world import MONDAY, World, placing
from tests.support.shop import Shop


@pytest.fixture
async def world(brand: Brand) -> World:
    """Ten mugs in the north and four in the south; cards in the north only."""
    return await World(brand).open({"north": {"MUG": 10, "CARD": 3}, "south": {"MUG": 4}})


async def ask(world: World, *skus: str, cart: UUID | None = None) -> list[Availability]:
    async with world.brand.reading() as tx:
        found = await availability(tx, NetworkCache(), channel="web", skus=skus, cart=cart)
    return list(found.items)


async def units(world: World, sku: str, cart: UUID | None = None) -> int | None:
    (found,) = await ask(world, sku, cart=cart)
    return found.units


async def held(world: World, quantity: int, *, minutes: int = 15) -> UUID:
    async with world.brand.transaction() as tx:
        lines = [HoldLine(sku="MUG", quantity=quantity)]
        made = await carts.hold(
            tx, channel="web", lines=lines, minutes=minutes, country=None, postcode="", actor="test", now=MONDAY
        )
    return made.hold_id


async def expect(world: World, quantity: int, at: datetime, *, sku: str = "MUG", location: str = "north") -> None:
    async with world.brand.transaction() as tx:
        await inventory.expect(
            tx,
            reference=f"po {new_id()}",
            location_id=world.places[location],
            units={world.skus[sku]: quantity},
            expected_at=at,
            actor="test",
            now=MONDAY,
        )


async def test_a_list_is_answered_in_its_order_and_what_is_not_sold_is_said(world: World) -> None:
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE products SET active = false WHERE sku = 'CARD'")
    found = await ask(world, "NOPE", "MUG", "CARD", "MUG")
    assert [(one.sku, one.state, one.units) for one in found] == [
        ("NOPE", "not_sold", 0), ("MUG", "in_stock", 14), ("CARD", "not_sold", 0), ("MUG", "in_stock", 14)
    ]  # fmt: skip


async def test_what_is_answered_is_what_an_order_gets(world: World) -> None:
    """Orders of all that is there, unit by unit: the last one that is granted leaves nothing, and the answer agrees."""
    seen = []
    for n in range(16):
        before = await units(world, "MUG")
        (outcome,) = await world.place(placing(f"one-{n}", ("MUG", 1)))
        assert (outcome.answer is not None) == (before is not None and before > 0)
        seen.append(before)
    assert seen == [*range(14, 0, -1), 0, 0]


async def test_a_location_that_owes_units_takes_none_from_another(world: World) -> None:
    async with world.brand.transaction() as tx:
        await tx.execute(
            "UPDATE stock SET safety_stock = 30 WHERE sku_id = $1 AND location_id = $2",
            *(world.skus["MUG"], world.places["north"]),
        )
    assert await units(world, "MUG") == 4


async def test_a_cart_is_not_available_to_others_but_to_itself_and_to_all_when_it_has_expired(world: World) -> None:
    mine = await held(world, 9)
    assert await units(world, "MUG") == 5
    assert await units(world, "MUG", mine) == 14
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE clock SET clock_from = $1", MONDAY + timedelta(minutes=16))
    assert await units(world, "MUG") == 14
    assert await units(world, "MUG", mine) == 14


async def test_a_location_that_is_off_or_cannot_handle_it_does_not_count(world: World) -> None:
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE products SET handling = '{cold}' WHERE sku = 'CARD'")
        await tx.execute("UPDATE locations SET enabled = false WHERE code = 'south'")
    mug, card = await ask(world, "MUG", "CARD")
    assert (mug.units, card.units, card.state) == (10, 0, "out")


async def test_supply_is_promised_by_its_date_after_those_who_wait(world: World) -> None:
    await expect(world, 5, MONDAY + timedelta(days=7))
    await expect(world, 20, MONDAY + timedelta(days=3))
    await expect(world, 99, MONDAY - timedelta(days=1))  # overdue: nobody knows when
    (mug,) = await ask(world, "MUG")
    assert [(one.by, one.units) for one in mug.promise] == [
        (MONDAY + timedelta(days=3), 34), (MONDAY + timedelta(days=7), 39)
    ]  # fmt: skip
    await world.placed(("MUG", 35), on_short="accept")  # takes 14 and waits for 21
    (mug,) = await ask(world, "MUG")
    assert (mug.state, mug.units) == ("backorder", 0)
    assert [(one.by, one.units) for one in mug.promise] == [(MONDAY + timedelta(days=7), 4)]


async def test_states_say_how_it_stands(world: World) -> None:
    mug, card = await ask(world, "MUG", "CARD")
    assert (mug.state, card.state) == ("in_stock", "low")
    await world.placed(("CARD", 3))
    (card,) = await ask(world, "CARD")
    assert (card.state, card.units, list(card.promise)) == ("out", 0, [])


async def test_a_channel_or_a_cart_that_is_not_there_is_refused(world: World) -> None:
    async with world.brand.reading() as tx:
        with pytest.raises(Invalid, match="no channel 'nowhere'"):
            await availability(tx, NetworkCache(), channel="nowhere", skus=["MUG"])
        with pytest.raises(Invalid, match="no such cart hold"):
            await availability(tx, NetworkCache(), channel="web", skus=["MUG"], cart=new_id())


async def post(shop: Shop, body: dict[str, Any], expect: int = 200) -> Any:
    return await shop.send("POST", "/v1/availability", body, expect=expect)


async def test_over_http_hundreds_are_answered_in_one_call(shop: Shop) -> None:
    found = await post(shop, {"channel": "web", "skus": ["MUG"] + [f"NOPE-{n}" for n in range(499)]})
    assert len(found["items"]) == 500
    assert found["items"][0] == {"sku": "MUG", "state": "in_stock", "units": 14, "band": None, "promise": []}
    hold = {"channel": "web", "lines": [{"sku": "MUG", "quantity": 14}]}
    cart = (await shop.send("POST", "/v1/cart-holds", hold, expect=201))["hold_id"]
    assert (await post(shop, {"channel": "web", "skus": ["MUG"]}))["items"][0]["state"] == "out"
    assert (await post(shop, {"channel": "web", "skus": ["MUG"], "cart_hold": cart}))["items"][0]["units"] == 14


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"channel": "nowhere"}, "/channel"),
        ({"skus": []}, "/skus"),
        ({"skus": ["MUG"] * 501}, "/skus"),
        ({"skus": ["M\0G"]}, "/skus/0"),
        ({"skus": ["M" * 101]}, "/skus"),
        ({"cart_hold": "cht_1"}, "/cart_hold"),
        ({"cart_hold": show("cht", new_id())}, "/cart_hold"),
        ({"more": 1}, "/more"),
    ],
)
async def test_what_is_wrong_is_named(shop: Shop, change: dict[str, Any], pointer: str) -> None:
    problem = await post(shop, {"channel": "web", "skus": ["MUG"], **change}, expect=422)
    assert [error["pointer"].partition("/0")[0] for error in problem["errors"]] == [pointer.partition("/0")[0]]


async def test_a_key_that_only_reads_may_ask(shop: Shop, database: Database) -> None:
    async with database.shared() as tx:
        _, secret = await create(tx, brand="main", name="reader", scope="read")
    headers = {"Authorization": f"Bearer {secret}"}
    answer = await shop.client.post("/v1/availability", json={"channel": "web", "skus": ["MUG"]}, headers=headers)
    assert answer.status_code == 200
