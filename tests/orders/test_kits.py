"""Kits: an order of one is an order of its components; the last unit is sold once, the money is right to the cent."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from doorstep import carts, catalog, inventory, orders
from doorstep.carts import HoldLine
from doorstep.catalog import Component, Product, ProductData
from doorstep.db import Brand
from doorstep.inventory import Claim
from doorstep.kit.errors import Conflict, Invalid, Short
from doorstep.kit.ids import new_id, show
from doorstep.orders.kits import explode
from doorstep.orders.requests import PlaceLine
from doorstep.routing import NetworkCache
from doorstep.routing.availability import Availability, availability
from doorstep.routing.quote import QuoteLine, QuoteRequest, quote
from doorstep.web import csv_rows
from tests.orders.world import MONDAY, World, placing
from tests.races.test_last_unit import NO_CHECK, without
from tests.races.watch import until_it_ends_or_waits, until_it_waits
from tests.support.shop import Shop
from tests.support.staff import Hire

SET = {"sku": "MUG", "quantity": 2, "share": 3}, {"sku": "CARD"}
SIZES: dict[str, Any] = {"weight_g": 500, "length_mm": 200, "width_mm": 200, "height_mm": 200}


def kit(sku: str, *parts: tuple[str, int], **more: Any) -> ProductData:
    return ProductData(
        sku=sku,
        title=sku.title(),
        components=tuple(Component(sku=part, quantity=units) for part, units in parts),
        **SIZES,
        **more,
    )


async def put(world: World, *products: ProductData) -> None:
    async with world.brand.transaction() as tx:
        await catalog.put_products(tx, products, now=MONDAY)


@pytest.fixture
async def world(brand: Brand) -> World:
    """Five mugs and three cards in the north, two mugs in the south. A SET is two mugs and a card."""
    made = await World(brand).open({"north": {"MUG": 5, "CARD": 3}, "south": {"MUG": 2}})
    await put(made, kit("SET", ("MUG", 2), ("CARD", 1)))
    return made


async def ask(world: World, *skus: str) -> list[Availability]:
    async with world.brand.reading() as tx:
        return list((await availability(tx, NetworkCache(), channel="web", skus=skus)).items)


async def test_a_kit_is_placed_as_its_components_numbered_after_all_lines(world: World) -> None:
    order = await world.placed(("SET", 2), ("CARD", 1))
    rows = await world.lines(order)
    by_id = {sku_id: sku for sku, sku_id in world.skus.items()}
    assert [(line.line_no, by_id[line.sku_id], line.ordered, line.reserved) for line in rows] == [
        (2, "CARD", 1, 1), (3, "MUG", 4, 4), (4, "CARD", 2, 2)
    ]  # fmt: skip
    assert await world.value("SELECT parts FROM order_kits WHERE order_id = $1 AND line_no = 1", order) == {
        "3": 2, "4": 1
    }  # fmt: skip
    assert await world.faults() == []


async def test_there_are_as_many_kits_as_the_scarcest_component_allows_and_an_order_gets_them(world: World) -> None:
    (found,) = await ask(world, "SET")
    assert (found.units, found.state) == (3, "low")
    outcomes = await world.place(*(placing(f"set-{n}", ("SET", 1)) for n in range(4)))
    assert [one.answer is not None for one in outcomes] == [True, True, True, False]
    refused = outcomes[3].problem
    assert isinstance(refused, Short)
    assert refused.extra["lines"] == [
        {"line_no": 1, "sku": "MUG", "ordered": 2, "missing": 1, "available": 1},
        {"line_no": 1, "sku": "CARD", "ordered": 1, "missing": 1, "available": 0},
    ]
    both = await ask(world, "SET", "MUG")
    assert [one.units for one in both] == [0, 1]
    assert await world.faults() == []


async def test_a_kit_is_promised_when_all_of_it_is_there(world: World) -> None:
    async with world.brand.transaction() as tx:
        for n, (sku, units) in enumerate((("MUG", 9), ("CARD", 5), ("MUG", 2)), start=1):
            await inventory.expect(
                tx,
                reference=f"po {n}",
                location_id=world.places["north"],
                units={world.skus[sku]: units},
                expected_at=MONDAY.replace(day=2 + n),
                actor="test",
                now=MONDAY,
            )
    (found,) = await ask(world, "SET")
    assert [(one.by.day, one.units) for one in found.promise] == [(4, 8)]
    await world.placed(("CARD", 3))
    (found,) = await ask(world, "SET")
    assert (found.state, found.units, [(one.by.day, one.units) for one in found.promise]) == ("backorder", 0, [(4, 5)])


async def test_a_kit_whose_component_is_not_sold_is_not_sold(world: World) -> None:
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE products SET active = false WHERE sku = 'CARD'")
    assert [(one.sku, one.state) for one in await ask(world, "SET")] == [("SET", "not_sold")]
    (outcome,) = await world.place(placing("one", ("SET", 1)))
    assert isinstance(outcome.problem, Invalid)
    assert outcome.problem.faults[0].pointer == "/lines/0/sku"


async def raced(world: World) -> bool:
    """All mugs but two are gone. While an order of a kit waits for the lock, another buyer takes those two singly.
    Whether the kit was placed.
    """
    await world.placed(("MUG", 5))
    place = world.places["north"]
    at_north = (await world.stock("MUG"))["reserved"]
    claim = Claim(order_id=new_id(), line_no=1, sku_id=world.skus["MUG"], location_id=place, quantity=5 - at_north)
    elsewhere = Claim(
        order_id=claim.order_id,
        line_no=2,
        sku_id=world.skus["MUG"],
        location_id=world.places["south"],
        quantity=2 - (await world.stock("MUG", "south"))["reserved"],
    )
    async with world.brand.transaction() as tx:
        await inventory.claim(tx, claims=[one for one in (claim, elsewhere) if one.quantity])
        order = asyncio.ensure_future(world.place(placing("kit", ("SET", 1))))
        await until_it_waits(world.brand, order)
    return (await order)[0].answer is not None


async def test_a_kit_and_a_single_sale_both_get_the_last_units_without_lock_guard_and_check(world: World) -> None:
    """Control."""
    async with world.brand.transaction() as tx:
        await tx.execute(NO_CHECK)
    with without(lock=True, guard=True):
        assert await raced(world)
    sold = await world.value("SELECT sum(reserved) FROM stock WHERE sku_id = $1", world.skus["MUG"])
    assert sold == 9  # of seven


async def test_a_kit_and_a_single_sale_never_get_the_same_last_units(world: World) -> None:
    assert not await raced(world)
    assert await world.value("SELECT sum(reserved) FROM stock WHERE sku_id = $1", world.skus["MUG"]) == 7


async def test_kits_and_singles_at_once_sell_what_there_is(world: World) -> None:
    """Four servers at once, with kits and singles in opposite order: no unit twice, no deadlock, nothing lost."""
    batches = [
        [placing(f"{side}-{n}", ("SET", 1) if (n + side) % 2 else ("MUG", 1)) for n in range(6)] for side in range(4)
    ]
    await asyncio.gather(*(world.place(*batch) for batch in batches))
    async with world.brand.reading() as tx:
        rows = await tx.fetch("SELECT on_hand, reserved FROM stock WHERE sku_id = $1", world.skus["MUG"])
    assert sum(row["on_hand"] - row["reserved"] for row in rows) <= 1  # at most one, and then no single was refused
    assert await world.faults() == []


async def test_a_cart_holds_a_kit_by_its_components_and_becomes_its_order(world: World) -> None:
    async with world.brand.transaction() as tx:
        hold = await carts.hold(
            tx, channel="web", lines=[HoldLine(sku="SET", quantity=2), HoldLine(sku="MUG", quantity=3)], minutes=15,
            country=None, postcode="", actor="test", now=MONDAY,
        )  # fmt: skip
    assert dict(hold.lines) == {world.skus["MUG"]: 7, world.skus["CARD"]: 2}
    assert (await ask(world, "SET"))[0].units == 0
    (outcome,) = await world.place(placing("held", ("SET", 2), ("MUG", 3), cart_hold=show("cht", hold.hold_id)))
    assert outcome.answer is not None, outcome.problem
    assert await world.faults() == []


async def test_a_quote_says_how_many_kits_are_missing(world: World) -> None:
    cart = QuoteRequest(
        country="GB", postcode="SW1Y 4JH", lines=[QuoteLine(sku="MUG", quantity=1), QuoteLine(sku="SET", quantity=5)]
    )
    async with world.brand.reading() as tx:
        (option, *_) = await quote(tx, cart, now=MONDAY)
    assert option.short == [(2, 2)]
    wrapped = QuoteRequest(country="GB", postcode="SW1Y 4JH", lines=[QuoteLine(sku="SET", quantity=1, gift_wrap=True)])
    async with world.brand.reading() as tx:
        with pytest.raises(Invalid):
            await quote(tx, wrapped, now=MONDAY)


def product(sku: str, *parts: Component) -> Product:
    return Product(sku=sku, title=sku, sku_id=len(sku), components=parts, **SIZES)


def test_the_money_of_a_kit_is_divided_to_the_cent() -> None:
    chance = random.Random(20)
    for _ in range(3_000):
        parts = [
            Component(sku=f"P{n}", quantity=chance.randint(1, 9), share=chance.randint(1, 50))
            for n in range(chance.randint(1, 6))
        ]
        whole, products = product("KIT", *parts), {part.sku: product(part.sku) for part in parts}
        line = PlaceLine(
            sku="KIT",
            quantity=chance.randint(1, 40),
            unit_price_minor=chance.choice((0, 1, chance.randint(0, 99), chance.randint(100, 99_999))),
            tax_minor=chance.randint(0, 5_000),
        )
        goods = line.unit_price_minor * line.quantity
        discount = chance.randint(0, goods)
        made = explode(line, whole, products, discount)
        assert [one.line.quantity for one in made] == [part.quantity * line.quantity for part in parts]
        net = [one.line.unit_price_minor * one.line.quantity - one.discount_minor for one in made]
        assert sum(net) == goods - discount
        assert sum(one.line.tax_minor for one in made) == line.tax_minor
        assert min([*net, *(one.discount_minor for one in made)]) >= 0


@pytest.mark.parametrize(
    ("products", "pointer"),
    [
        ([kit("K", ("NOPE", 1))], "/0/components/0/sku"),
        ([kit("K", ("SET", 1))], "/0/components/0/sku"),
        ([kit("K", ("L", 1)), kit("L", ("MUG", 1))], "/0/components/0/sku"),
        ([kit("K", ("K", 1))], "/0/components/0/sku"),
        ([kit("K", ("MUG", 1), ("MUG", 2))], "/0/components/1/sku"),
        ([kit("MUG", ("CARD", 1))], "/0/components"),
        ([kit("K", ("MUG", 1), style="K")], "/0/style"),
    ],
)
async def test_kits_that_cannot_be_are_refused(world: World, products: list[ProductData], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        await put(world, *products)
    assert pointer in [fault.pointer for fault in refused.value.faults]


async def test_a_product_with_stock_becomes_no_kit(world: World) -> None:
    await world.fill({"north": {"BOX": 1}})
    with pytest.raises(Invalid, match="stock of its own"):
        await put(world, kit("BOX", ("MUG", 1)))


async def two_name_each_other(world: World) -> list[BaseException | None]:
    plain = [ProductData(sku=sku, title=sku, **SIZES) for sku in ("A", "B")]
    await put(world, *plain)
    async with world.brand.transaction() as tx:
        await catalog.put_products(tx, [kit("A", ("B", 1))], now=MONDAY)
        other = asyncio.ensure_future(put(world, kit("B", ("A", 1))))
        await until_it_ends_or_waits(world.brand, other)
    return list(await asyncio.gather(other, return_exceptions=True))


async def test_two_kits_name_each_other_if_they_are_written_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control."""

    async def no_lock(tx: Any) -> None:
        return None

    monkeypatch.setattr("doorstep.catalog.store.lock_kits", no_lock)
    assert await two_name_each_other(world) == [None]


async def test_of_two_kits_that_name_each_other_one_is_refused(world: World) -> None:
    (refused,) = await two_name_each_other(world)
    assert isinstance(refused, Invalid)


async def kit_in(shop: Shop) -> None:
    await shop.send("PUT", "/v1/products", [{"sku": "SET", "title": "A set", "components": SET, **SIZES}])


async def test_a_kit_from_order_to_capture_is_right_to_the_cent(shop: Shop) -> None:
    """19.99 for two mugs (three quarters of the worth each beside the card's one) and a card, three times."""
    await kit_in(shop)
    line = {"sku": "SET", "quantity": 3, "unit_price_minor": 1999, "tax_minor": 100, "discount_minor": 7}
    order = await shop.place(line, {"sku": "CARD"})
    path = f"/v1/orders/{order['order_id']}"
    seen = await shop.get(path)
    assert seen["kits"] == [
        {"line_no": 1, "sku": "SET", "title": "A set", "quantity": 3, "total_minor": 6090, "parts": [[3, 2], [4, 1]]}
    ]
    parts = {one["line_no"]: one for one in seen["lines"]}
    assert sorted(parts) == [2, 3, 4]
    assert parts[3]["total_minor"] + parts[4]["total_minor"] == 6090
    await shop.send("POST", f"{path}/cancel", {"reason": "one too many", "lines": [{"line_no": 1, "quantity": 1}]})
    await shop.drain()
    units = {one["line_no"]: one["units"] for one in (await shop.get(path))["lines"]}
    assert (units[3]["canceled"], units[4]["canceled"]) == (2, 1)
    refused = {"reason": "more", "lines": [{"line_no": 1, "quantity": 4}]}
    await shop.send("POST", f"{path}/cancel", refused, expect=409)
    await shop.ship(order["order_id"])
    money = (await shop.get(path))["money"]
    assert money["captured_minor"] == money["total_minor"] - (6090 - (6090 * 2 // 3))
    await shop.send(
        "POST", f"{path}/cancel", {"reason": "too late", "lines": [{"line_no": 1, "quantity": 1}]}, expect=409
    )
    await shop.audit()


async def test_the_pages_name_the_kit_beside_its_parts(shop: Shop, hire: Hire) -> None:
    await kit_in(shop)
    order = await shop.place({"sku": "SET", "quantity": 2}, {"sku": "MUG"})
    page = (await shop.client.get(order["order_page"])).text
    assert page.count("Part of A set") == 2
    desk = await hire("agent")
    assert (await desk.get(f"/console/orders/{order['order_id']}")).count("Part of 2 × A set") == 2


async def test_what_a_kit_cannot_have_is_refused_in_words(shop: Shop) -> None:
    await kit_in(shop)
    for more, pointer in (
        ({"personalization": {"fields": {"name": "ADA"}}}, "/lines/0/personalization"),
        ({"gift_wrap": {}}, "/lines/0/gift_wrap"),
    ):
        problem = await shop.place({"sku": "SET", **more}, expect=422)
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
    note = {"reference": "in", "location": "north", "lines": [{"sku": "SET", "quantity": 1}]}
    answer = await shop.client.post("/v1/stock/receipts", json=note)
    assert answer.status_code == 422
    assert "is a kit" in answer.json()["errors"][0]["detail"]


async def test_kits_of_too_much_are_refused(world: World) -> None:
    names = [f"P{n}" for n in range(50)]
    await put(world, *(ProductData(sku=name, title=name, **SIZES) for name in names))
    await put(world, kit("ALL", *((name, 3) for name in names)))
    for lines, pointer in ([("ALL", 400_000)], "/lines/0/quantity"), ([("ALL", 1)] * 21, "/lines"):
        (outcome,) = await world.place(placing(new_id().hex, *lines))
        assert isinstance(outcome.problem, Invalid)
        assert [fault.pointer for fault in outcome.problem.faults] == [pointer]


async def test_more_kits_than_were_ordered_are_not_canceled(world: World) -> None:
    order = await world.placed(("SET", 1))
    async with world.brand.transaction() as tx:
        with pytest.raises(Conflict):
            await orders.cancel(
                tx, order_id=order, wanted=[orders.LineQuantity(line_no=1, quantity=2)], reason="test", actor="test",
                now=MONDAY,
            )  # fmt: skip


def test_a_kit_comes_from_a_csv_file_too() -> None:
    head = "sku,title,weight_g,length_mm,width_mm,height_mm,components"
    cell = '"[{""sku"": ""MUG"", ""quantity"": 2}]"'
    rows, bad = csv_rows.read("products", f"{head}\nSET,A set,1,1,1,1,{cell}\nOFF,Off,1,1,1,1,mug\n".encode())
    assert [row.components for _, row in rows] == [(Component(sku="MUG", quantity=2),)]
    assert [one.line for one in bad] == [3]
