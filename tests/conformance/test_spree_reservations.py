"""Spree and Solidus: stock reserved for a cart, and orders split over stock locations.

The ideas: Spree's specs of its reservation service and of routing that keeps parity with the old coordinator; Solidus'
coordinator.
"""

from __future__ import annotations

import pytest

from doorstep.carts import HoldEnded
from doorstep.db import Brand
from doorstep.kit.errors import Short
from doorstep.kit.ids import show
from tests.carts.holding import change, extend, held, hold, release, set_minute
from tests.conformance.network import Network, network
from tests.orders.world import Line


@pytest.fixture
async def shop(brand: Brand) -> Network:
    """Ten mugs and three cards at one location, five mugs at another."""
    return await network(brand, {"one": {"MUG": 10, "CARD": 3}, "two": {"MUG": 5}})


# --- the reservation service


async def test_reserving_again_what_is_reserved_changes_nothing(shop: Network) -> None:
    cart = await hold(shop, ("MUG", 4))
    for _ in range(2):
        await change(shop, cart, ("MUG", 4))
        assert await held(shop, cart) == {("MUG", "one"): 4}
    assert await shop.salable("MUG") == 11


async def test_a_cart_that_cannot_have_everything_has_nothing(shop: Network) -> None:
    with pytest.raises(Short):
        await hold(shop, ("MUG", 4), ("CARD", 4))
    assert (await shop.salable("MUG"), await shop.salable("CARD")) == (15, 3)


async def test_a_change_that_cannot_be_had_leaves_what_was_reserved(shop: Network) -> None:
    cart = await hold(shop, ("CARD", 2))
    with pytest.raises(Short):
        await change(shop, cart, ("CARD", 4))
    assert await held(shop, cart) == {("CARD", "one"): 2}


async def test_what_other_carts_reserved_counts(shop: Network) -> None:
    await hold(shop, ("CARD", 2))
    with pytest.raises(Short):
        await hold(shop, ("CARD", 2))
    assert await shop.short_of(("CARD", 2)) == 1


async def test_a_sku_on_two_lines_of_a_cart_is_added_up(shop: Network) -> None:
    with pytest.raises(Short):
        await hold(shop, ("CARD", 2), ("CARD", 2))
    cart = await hold(shop, ("CARD", 2), ("CARD", 1))
    assert await held(shop, cart) == {("CARD", "one"): 3}


async def test_what_may_be_owed_is_reserved_like_what_is_there(shop: Network) -> None:
    # Spree skips what can be backordered, for there is always enough of it. Here what may be owed has a limit, so two
    # carts must not both be promised the last of it.
    await shop.keep_back("CARD", "one", oversell_limit=2)
    cart = await hold(shop, ("CARD", 5))
    assert await held(shop, cart) == {("CARD", "one"): 5}
    with pytest.raises(Short):
        await hold(shop, ("CARD", 1))


async def test_an_expired_reservation_is_there_for_others_and_until_then_for_its_own_cart(shop: Network) -> None:
    cart = await hold(shop, ("CARD", 3), minutes=10)
    await set_minute(shop, 11)
    await extend(shop, cart)
    await set_minute(shop, 27)
    assert await shop.sent(("CARD", 1)) == {"one": {1: 1}}
    with pytest.raises(HoldEnded):
        await extend(shop, cart)


async def test_a_released_reservation_is_free_at_once_and_released_again_nothing_happens(shop: Network) -> None:
    cart = await hold(shop, ("CARD", 3))
    for _ in range(2):
        await release(shop, cart)
    assert await shop.salable("CARD") == 3


async def test_an_order_of_the_cart_takes_the_reserved_units_and_no_others(shop: Network) -> None:
    cart = await hold(shop, ("CARD", 3))
    assert await shop.sent(("CARD", 3), cart_hold=show("cht", cart)) == {"one": {1: 3}}
    assert await held(shop, cart) == {}
    assert (await shop.stock("CARD", "one"))["reserved"] == 3


# --- split over locations


@pytest.mark.parametrize(
    ("there", "asked", "sent"),
    [
        ({"one": 5}, 5, {"one": 5}),
        ({"one": 5}, 6, None),
        ({"one": 5, "two": 5}, 5, {"one": 5}),
        ({"one": 2, "two": 5}, 5, {"two": 5}),
        ({"one": 2, "two": 3}, 5, {"one": 2, "two": 3}),
        ({"one": 1, "two": 2, "three": 3}, 6, {"one": 1, "two": 2, "three": 3}),
        ({"one": 1, "two": 2, "three": 3}, 5, {"two": 2, "three": 3}),
        ({"one": 10, "two": 15}, 13, {"two": 13}),
        ({"one": 1, "two": 2, "three": 3}, 7, None),
        ({"one": 0, "two": 0}, 1, None),
    ],
)
async def test_one_parcel_when_a_location_has_all_else_as_few_as_possible_else_a_refusal(
    brand: Brand, there: dict[str, int], asked: int, sent: dict[str, int] | None
) -> None:
    # Spree fills from the first location on; Doorstep sends as few parcels as possible, and owes nothing unasked.
    shop = await network(brand, {place: {"MUG": units} for place, units in there.items()})
    if sent is None:
        assert await shop.short_of(("MUG", asked)) == sum(there.values())
    else:
        assert await shop.sent(("MUG", asked)) == {place: {1: units} for place, units in sent.items()}


async def test_an_order_that_may_wait_is_split_before_it_waits(brand: Brand) -> None:
    shop = await network(brand, {"one": {"MUG": 3}, "two": {"MUG": 2}})
    outcome = await shop.order(("MUG", 7), on_short="accept")
    assert outcome.answer is not None
    assert {part.location: dict(part.lines) for part in outcome.answer.parts} == {"one": {1: 3}, "two": {1: 2}}
    assert [tuple(pair) for pair in outcome.answer.short] == [(1, 2)]


async def test_a_location_that_is_switched_off_serves_nobody(shop: Network) -> None:
    await shop.close_location("one")
    assert await shop.sent(("MUG", 5)) == {"two": {1: 5}}
    assert await shop.short_of(("CARD", 1)) == 0


async def test_what_carts_reserved_is_split_around(shop: Network) -> None:
    await hold(shop, ("MUG", 9))
    assert await shop.sent(("MUG", 6)) == {"one": {1: 1}, "two": {1: 5}}


async def test_of_equal_locations_the_preferred_one_and_then_the_older_one_is_chosen(brand: Brand) -> None:
    shop = await network(brand, {place: {"MUG": 5} for place in ("one", "two", "three")})
    await shop.execute("UPDATE locations SET priority = 1 WHERE code = 'three'")
    await shop.execute("UPDATE locations SET priority = 2 WHERE code <> 'three'")
    assert [list(await shop.sent(("MUG", 5))) for _ in range(3)] == [["three"], ["one"], ["two"]]


@pytest.mark.parametrize("lines", [[("MUG", 8), ("CARD", 2)], [("CARD", 2), ("MUG", 8)]])
async def test_a_basket_is_sent_whole_by_the_location_that_has_it_whatever_comes_first(
    shop: Network, lines: list[Line]
) -> None:
    assert await shop.sent(*lines) == {"one": dict(enumerate((units for _, units in lines), start=1))}
