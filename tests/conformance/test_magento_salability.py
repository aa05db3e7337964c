"""Magento's inventory: its fixture network, units doubled, and what its sourcing and salability suites expect of it.

Four sources in Europe (one closed, one whose goods are not for sale), one in America; the channel `eu` sells from
Europe, `us` from America, `all` from everywhere.
"""

from __future__ import annotations

import pytest

from doorstep import inventory, orders
from doorstep.db import Brand
from doorstep.kit.errors import Conflict, Invalid, Short
from doorstep.kit.ids import parse
from tests.conformance.network import Network, network
from tests.orders.world import MONDAY, Line

EUROPE = ("eu-1", "eu-2", "eu-3", "eu-closed")


@pytest.fixture
async def magento(brand: Brand) -> Network:
    """The fixture network. What Magento calls out of stock, though units are there, is in quality control here."""
    stock = {
        "eu-1": {"SKU-1": 11, "SKU-6": 0},
        "eu-2": {"SKU-1": 6, "SKU-3": 12, "SKU-4": 12},
        "eu-3": {"SKU-1": 20},
        "eu-closed": {"SKU-1": 20},
        "us-1": {"SKU-2": 10},
    }
    built = await network(brand, stock, {"eu": EUROPE, "us": ["us-1"], "all": ["us-1", *EUROPE]})
    await built.set_aside("SKU-1", "eu-3", 20)
    await built.set_aside("SKU-3", "eu-2", 12)
    await built.close_location("eu-closed")
    return built


# --- which source serves what (InventorySourceSelectionApi: default sorted sources, source selection service)


async def test_what_no_source_has_alone_comes_from_the_first_and_the_rest_from_the_next(magento: Network) -> None:
    assert await magento.sent(("SKU-1", 14), channel="eu") == {"eu-1": {1: 11}, "eu-2": {1: 3}}


async def test_what_all_sources_together_do_not_have_is_refused_and_goods_not_for_sale_do_not_count(
    magento: Network,
) -> None:
    # Magento answers "not shippable" with what it would take; Doorstep refuses, and says how many there are.
    assert await magento.short_of(("SKU-1", 30), channel="eu") == 17


async def test_an_order_one_of_whose_lines_no_source_of_the_channel_has_is_refused(magento: Network) -> None:
    assert await magento.short_of(("SKU-1", 10), ("SKU-2", 6), channel="eu") == 0


async def test_one_source_that_has_everything_is_chosen_before_two_that_come_first(magento: Network) -> None:
    # Otherwise than Magento, which takes from the sources in their order, 3 and 2, though the third had all 5: one
    # parcel costs less than two, and the customer waits for one.
    for code, priority in (("eu-3", 1), ("eu-2", 2), ("eu-1", 3)):
        await magento.execute("UPDATE locations SET priority = $2 WHERE code = $1", code, priority)
    assert await magento.sent(("SKU-1", 10), channel="eu") == {"eu-1": {1: 10}}


async def test_a_channel_is_served_by_its_own_source(magento: Network) -> None:
    assert await magento.sent(("SKU-2", 6), channel="us") == {"us-1": {1: 6}}


async def test_a_sku_in_other_letters_is_another_sku(magento: Network) -> None:
    # In Magento it once ended in an error of its own; here it is a fault that is named.
    problem = await magento.refused(("sku-1", 1), channel="eu")
    assert isinstance(problem, Invalid)


async def test_the_second_source_serves_a_line_of_its_own_and_the_rest_of_the_first(magento: Network) -> None:
    sent = await magento.sent(("SKU-1", 16), ("SKU-4", 8), channel="eu")
    assert sent == {"eu-1": {1: 11}, "eu-2": {1: 5, 2: 8}}


# --- what may be sold (InventorySales: salable quantity, salable for a requested quantity, min quantity, backorders)


@pytest.mark.parametrize(
    ("sku", "eu", "us", "everywhere"),
    [("SKU-1", 17, 0, 17), ("SKU-2", 0, 10, 10), ("SKU-3", 0, 0, 0), ("SKU-4", 12, 0, 12), ("SKU-6", 0, 0, 0)],
)
async def test_a_channel_may_sell_what_its_open_sources_have(
    magento: Network, sku: str, eu: int, us: int, everywhere: int
) -> None:
    assert [await magento.salable(sku, channel) for channel in ("eu", "us", "all")] == [eu, us, everywhere]


async def test_what_is_reserved_may_not_be_sold_again_and_what_is_given_back_may(magento: Network) -> None:
    outcome = await magento.order(("SKU-1", 10), channel="eu")
    assert await magento.salable("SKU-1", "eu") == 7
    assert outcome.answer is not None
    async with magento.brand.transaction() as tx:
        some = [orders.LineQuantity(line_no=1, quantity=3)]
        order_id = parse("ord", outcome.answer.order_id)
        await orders.cancel(tx, order_id=order_id, wanted=some, reason="t", actor="test", now=MONDAY)
    assert await magento.salable("SKU-1", "eu") == 10


async def test_a_source_in_two_channels_is_sold_once(magento: Network) -> None:
    # Magento reserves by channel, so a source in two of them can be sold in both; here both see the same unit.
    await magento.sent(("SKU-1", 17), channel="all")
    assert await magento.salable("SKU-1", "eu") == 0
    assert await magento.short_of(("SKU-1", 1), channel="eu") == 0


@pytest.mark.parametrize(("units", "served"), [(6, True), (7, True), (8, False)])
async def test_a_minimum_that_must_stay_is_not_sold(magento: Network, units: int, served: bool) -> None:
    # Magento's minimum is one of a channel, 10 of 17; Doorstep's safety stock is one of a location.
    await magento.keep_back("SKU-1", "eu-1", safety_stock=6)
    await magento.keep_back("SKU-1", "eu-2", safety_stock=4)
    outcome = await magento.order(("SKU-1", units), channel="eu")
    assert (outcome.answer is not None) is served
    if not served:
        assert isinstance(outcome.problem, Short)
        assert await magento.salable("SKU-1", "eu") == 7


async def test_all_reserved_not_one_more_is_sold(magento: Network) -> None:
    await magento.sent(("SKU-1", 17), channel="eu")
    assert await magento.short_of(("SKU-1", 1), channel="eu") == 0


async def test_below_nothing_is_sold_to_the_limit_that_may_be_owed(magento: Network) -> None:
    # Magento: a minimum below zero, with backorders. Here: an oversell limit of the location.
    await magento.keep_back("SKU-1", "eu-1", oversell_limit=2)
    assert sum(lines[1] for lines in (await magento.sent(("SKU-1", 18), channel="eu")).values()) == 18
    assert sum(lines[1] for lines in (await magento.sent(("SKU-1", 1), channel="eu")).values()) == 1
    assert await magento.short_of(("SKU-1", 1), channel="eu") == 0


async def test_an_empty_source_that_may_owe_sells_what_it_may_owe(magento: Network) -> None:
    await magento.keep_back("SKU-6", "eu-1", oversell_limit=3)
    outcomes = [await magento.order(("SKU-6", 1), channel="eu") for _ in range(4)]
    assert [outcome.answer is not None for outcome in outcomes] == [True, True, True, False]


# --- what each event of an order does (InventorySales: reservations placed; InventoryShipping: source deduction)


async def ledger(magento: Network, sku: str) -> list[tuple[str, int, int]]:
    """The movements of a SKU after its receipt: kind, and what became of on_hand and of what is reserved."""
    async with magento.brand.reading() as tx:
        rows = await tx.fetch(
            "SELECT kind, on_hand_delta, reserved_delta FROM stock_movements WHERE sku_id = $1 AND kind <> 'received'"
            " ORDER BY movement_id",
            magento.skus[sku],
        )
    return [tuple(row) for row in rows]


async def test_placing_cancelling_and_placing_again_leave_one_row_each_of_the_right_size(magento: Network) -> None:
    lines: list[Line] = [("SKU-4", 5)]
    first = await magento.placed(*lines)
    async with magento.brand.transaction() as tx:
        await magento.cancel(tx, first)
    second = await magento.placed(*lines)
    assert await ledger(magento, "SKU-4") == [("released", 0, -5)]
    async with magento.brand.reading() as tx:
        rows = await tx.fetch("SELECT order_id, claimed, open FROM reservations ORDER BY order_id")
    assert [tuple(row) for row in rows] == [(first, 5, 0), (second, 5, 5)]


async def test_shipping_takes_from_the_chosen_source_and_leaves_what_may_be_sold_as_it_was(magento: Network) -> None:
    order_id = await magento.placed(("SKU-4", 5))
    before = await magento.salable("SKU-4")
    async with magento.brand.transaction() as tx:
        claims = await inventory.claims_of(tx, [order_id])
        await inventory.ship(tx, claims=claims, reference="parcel", actor="test", now=MONDAY)
    assert await ledger(magento, "SKU-4") == [("shipped", -5, -5)]
    assert await magento.salable("SKU-4") == before == 7
    assert (await magento.stock("SKU-4", "eu-2"))["on_hand"] == 7


async def test_no_more_is_shipped_than_was_reserved(magento: Network) -> None:
    order_id = await magento.placed(("SKU-4", 5))
    async with magento.brand.reading() as tx:
        (claim,) = await inventory.claims_of(tx, [order_id])

    async def ship() -> None:
        async with magento.brand.transaction() as tx:
            await inventory.ship(tx, claims=[claim], reference="parcel", actor="test", now=MONDAY)

    await ship()
    with pytest.raises(Conflict):
        await ship()
    assert (await magento.stock("SKU-4", "eu-2"))["on_hand"] == 7


@pytest.mark.parametrize(
    ("disposition", "on_hand", "salable"),
    [("restock", 12, 12), ("refurbish", 12, 10), ("damaged", 12, 10), ("scrap", 10, 10)],
)
async def test_what_comes_back_may_be_sold_as_its_condition_says(
    magento: Network, disposition: inventory.Disposition, on_hand: int, salable: int
) -> None:
    order_id = await magento.placed(("SKU-4", 2))
    item = inventory.Restock(
        sku_id=magento.skus["SKU-4"], location_id=magento.places["eu-2"], quantity=2, disposition=disposition
    )
    async with magento.brand.transaction() as tx:
        claims = await inventory.claims_of(tx, [order_id])
        await inventory.ship(tx, claims=claims, reference="parcel", actor="test", now=MONDAY)
        await inventory.restock(tx, items=[item], reference="return", actor="test", now=MONDAY)
    assert (await magento.stock("SKU-4", "eu-2"))["on_hand"] == on_hand
    assert await magento.salable("SKU-4") == salable
