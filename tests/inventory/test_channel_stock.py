"""What a channel sells of the stock: real in quotes, holds and orders, also when two come at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from doorstep import carts, inventory
from doorstep.carts import HoldLine
from doorstep.db import Brand
from doorstep.inventory import ChannelStock, ChannelStockData, Claim
from doorstep.kit.errors import Short
from doorstep.kit.ids import new_id, show
from doorstep.routing import Network, NetworkCache, Request
from doorstep.routing.availability import availability
from doorstep.routing.network import NOTHING
from doorstep.routing.quote import QuoteLine, QuoteRequest, quote
from tests.orders.world import MONDAY, World, placing
from tests.races.watch import until_it_waits
from tests.support.shop import Shop


@pytest.fixture
async def world(brand: Brand) -> World:
    """Ten mugs in the north, four in the south."""
    return await World(brand).open({"north": {"MUG": 10}, "south": {"MUG": 4}})


async def terms(world: World, **more: Any) -> None:
    async with world.brand.transaction() as tx:
        await inventory.put_channel_stock(tx, "web", ChannelStockData(**more))
    world.networks = NetworkCache()


async def units(world: World) -> int | None:
    async with world.brand.reading() as tx:
        found = await availability(tx, NetworkCache(), channel="web", skus=["MUG"])
    return found.items[0].units


def test_the_buffer_is_units_or_percent_whichever_is_more() -> None:
    def room(units: int, own: int = 0, *, buffer_units: int = 0, buffer_percent: int = 0) -> int:
        terms = ChannelStock(channel_id=1, channel="web", buffer_units=buffer_units, buffer_percent=buffer_percent)
        return terms.room(units, own)

    assert [room(10, buffer_units=3), room(2, buffer_units=3), room(0, buffer_units=3)] == [7, 0, 0]
    assert [room(10, buffer_percent=25), room(1, buffer_percent=1), room(40, buffer_units=3, buffer_percent=10)] == [
        *(7, 0, 36)
    ]
    assert [room(2, 4, buffer_units=3), room(-2, 4, buffer_units=3), room(9, 4)] == [4, 2, 13]


async def test_a_channel_sells_only_from_the_locations_it_sees(world: World) -> None:
    await terms(world, locations=["south"])
    assert await units(world) == 4
    (refused,) = await world.place(placing("five", ("MUG", 5)))
    assert isinstance(refused.problem, Short)
    assert refused.problem.extra["lines"][0]["available"] == 4  # type: ignore[index]  # a list of plain facts
    (placed,) = await world.place(placing("four", ("MUG", 4)))
    assert placed.answer is not None
    assert [part.location for part in placed.answer.parts] == ["south"]
    assert await units(world) == 0


async def test_what_is_kept_back_is_not_sold_by_this_channel_but_by_others(world: World) -> None:
    await terms(world, buffer_units=3)
    assert await units(world) == 8
    outcomes = await world.place(*(placing(f"one-{n}", ("MUG", 1)) for n in range(10)))
    assert [one.answer is not None for one in outcomes].count(True) == 8
    assert await units(world) == 0
    await terms(world)
    assert await units(world) == 6
    assert await world.faults() == []


async def test_an_order_that_must_be_accepted_may_have_what_was_kept_back(world: World) -> None:
    await terms(world, buffer_units=3, locations=["north"])
    (outcome,) = await world.place(placing("nine", ("MUG", 11), on_short="accept"))
    assert outcome.answer is not None
    assert [list(part.lines) for part in outcome.answer.parts] == [[(1, 10)]]
    assert list(outcome.answer.short) == [(1, 1)]


async def raced(world: World) -> bool:
    """An order of the channel for three of ten, four kept back; while it waits for the lock, another takes five.
    Whether it was placed.
    """
    await terms(world, buffer_units=4, locations=["north"])
    claim = Claim(order_id=new_id(), line_no=1, sku_id=world.skus["MUG"], location_id=world.places["north"], quantity=5)
    async with world.brand.transaction() as tx:
        await inventory.claim(tx, claims=[claim])
        order = asyncio.ensure_future(world.place(placing("three", ("MUG", 3))))
        await until_it_waits(world.brand, order)
    return (await order)[0].answer is not None


async def test_what_is_kept_back_is_sold_if_it_is_not_looked_at_again_under_lock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control."""
    honest, calls = Network.seen, []

    def seen(self: Network, request: Request, available: Any, own: Any = NOTHING) -> Any:
        calls.append(request)
        return honest(self, request, available, own) if len(calls) == 1 else available

    monkeypatch.setattr(Network, "seen", seen)
    assert await raced(world)
    assert (await world.stock("MUG"))["reserved"] == 8


async def test_what_is_kept_back_is_kept_under_lock(world: World) -> None:
    assert not await raced(world)
    assert (await world.stock("MUG"))["reserved"] == 5


async def test_a_cart_of_the_channel_holds_what_the_channel_may_sell_and_keeps_it(world: World) -> None:
    await terms(world, buffer_units=3)
    async with world.brand.transaction() as tx:
        hold = await carts.hold(
            tx, channel="web", lines=[HoldLine(sku="MUG", quantity=8)], minutes=15, country=None, postcode="",
            actor="test", now=MONDAY,
        )  # fmt: skip
    assert await units(world) == 0
    async with world.brand.transaction() as tx:
        with pytest.raises(Short):
            await carts.change(
                tx, hold_id=hold.hold_id, lines=[HoldLine(sku="MUG", quantity=9)], minutes=15, actor="test", now=MONDAY
            )
    (outcome,) = await world.place(placing("held", ("MUG", 8), cart_hold=show("cht", hold.hold_id)))
    assert outcome.answer is not None, outcome.problem
    assert await world.faults() == []


async def test_a_quote_of_the_channel_offers_what_the_channel_may_sell(world: World) -> None:
    await terms(world, buffer_units=3, locations=["north"])
    cart = QuoteRequest(country="GB", postcode="SW1Y 4JH", lines=[QuoteLine(sku="MUG", quantity=9)], channel="web")
    async with world.brand.reading() as tx:
        (with_channel, *_) = await quote(tx, cart, now=MONDAY)
        (without, *_) = await quote(tx, QuoteRequest(country="GB", postcode="SW1Y 4JH", lines=cart.lines), now=MONDAY)
    assert (with_channel.short, without.short) == ([(1, 2)], [])


async def test_what_waits_is_served_where_the_channel_sells_from(world: World) -> None:
    await terms(world, locations=["south"])
    order = await world.placed(("MUG", 6), on_short="accept")
    for place, served in (("north", 4), ("south", 6)):
        await world.fill({place: {"MUG": 5}})
        await world.settle()
        assert (await world.lines(order))[0].activated == served


async def test_over_http_a_channel_shows_bands_or_no_more_than_so_many(shop: Shop) -> None:
    path = "/v1/channels/web/stock"
    assert await shop.get(path) == {
        "locations": None, "buffer_units": 0, "buffer_percent": 0, "show_at_most": None, "bands": []
    }  # fmt: skip
    async with shop.brand.reading() as tx:
        for wanted, shown in (
            ({"show_at_most": 9}, [(9, None), (9, None), (0, None)]),
            ({"bands": [5, 20]}, [(None, (6, 20)), (None, (21, None)), (0, None)]),
            ({"locations": ["workshop"], "bands": [5]}, [(None, (0, 0)), (None, (0, 0)), (0, None)]),
        ):
            assert wanted.items() <= (await shop.send("PUT", path, wanted)).items()
            found = await availability(tx, NetworkCache(), channel="web", skus=["MUG", "CARD", "NOPE"])
            assert [
                (one.units, (one.band.from_units, one.band.to_units) if one.band else None) for one in found.items
            ] == shown


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"locations": ["north", "nowhere"]}, "/locations/1"),
        ({"bands": [5, 5]}, "/bands"),
        ({"bands": [5], "show_at_most": 3}, "/show_at_most"),
        ({"bands": [0]}, "/bands"),
        ({"buffer_percent": 101}, "/buffer_percent"),
        ({"buffer_units": -1}, "/buffer_units"),
    ],
)
async def test_terms_that_cannot_be_are_refused(shop: Shop, body: dict[str, Any], pointer: str) -> None:
    problem = await shop.send("PUT", "/v1/channels/web/stock", body, expect=422)
    assert [error["pointer"].removesuffix("/0") for error in problem["errors"]] == [pointer]
    await shop.send("PUT", "/v1/channels/nowhere/stock", {}, expect=404)
