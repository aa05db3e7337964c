"""Saleor: allocations, reservations and availability over several warehouses.

The ideas: its tests of stock management, of reservations, and of availability in bulk; and the two cases it fails.
"""

from __future__ import annotations

from uuid import UUID

import pytest

from doorstep import inventory, orders
from doorstep.db import Brand
from doorstep.inventory import Claim, ClaimRefused
from doorstep.kit.errors import Conflict, Short
from doorstep.kit.ids import new_id, show
from doorstep.routing import NetworkCache
from doorstep.routing.availability import availability
from tests.carts.holding import change, hold, set_minute
from tests.conformance.network import Network, network
from tests.orders.world import MONDAY


@pytest.fixture
async def shop(brand: Brand) -> Network:
    """Three warehouses with five, three and two of one SKU, and one of another in the last."""
    return await network(brand, {"a": {"TEE": 5}, "b": {"TEE": 3}, "c": {"TEE": 2, "CAP": 1}})


async def reserved(shop: Network) -> list[int]:
    return [(await shop.stock("TEE", place))["reserved"] for place in ("a", "b", "c")]


def claim(shop: Network, units: int, line_no: int, order_id: UUID) -> Claim:
    sku_id, place = shop.skus["TEE"], shop.places["a"]
    return Claim(order_id=order_id, line_no=line_no, sku_id=sku_id, location_id=place, quantity=units)


# --- allocating


async def test_an_allocation_goes_over_as_many_warehouses_as_it_needs(shop: Network) -> None:
    await shop.sent(("TEE", 9))
    assert sum(await reserved(shop)) == 9
    assert await shop.salable("TEE") == 1


async def test_insufficient_stock_allocates_nothing_at_all(shop: Network) -> None:
    assert await shop.short_of(("TEE", 11), ("CAP", 1)) == 10
    assert await reserved(shop) == [0, 0, 0]
    assert await shop.salable("CAP") == 1


async def test_part_of_it_allocated_before_the_rest_must_be_there(shop: Network) -> None:
    await shop.sent(("TEE", 7))
    assert await shop.short_of(("TEE", 4)) == 3
    await shop.sent(("TEE", 3))
    assert await reserved(shop) == [5, 3, 2]


async def test_two_lines_of_one_sku_need_units_for_both(shop: Network) -> None:
    # Saleor looks at each line alone, and sells ten units as twelve.
    assert await shop.short_of(("TEE", 6), ("TEE", 6)) == 10
    assert sum(sum(lines.values()) for lines in (await shop.sent(("TEE", 6), ("TEE", 4))).values()) == 10


async def test_with_earlier_allocations_and_carts_only_the_rest_is_sold(shop: Network) -> None:
    # Saleor, when it counts reservations, forgets the allocations that were there before.
    await shop.sent(("TEE", 4))
    await hold(shop, ("TEE", 3))
    assert await shop.salable("TEE") == 3
    assert await shop.short_of(("TEE", 4)) == 3
    await shop.sent(("TEE", 3))


async def test_an_allocation_grows_at_the_same_warehouse_line_by_line(shop: Network) -> None:
    order_id = new_id()
    async with shop.brand.transaction() as tx:
        await inventory.lock_stock(tx, keys=[(shop.skus["TEE"], shop.places["a"])])
        await inventory.claim(tx, claims=[claim(shop, 1, 1, order_id), claim(shop, 1, 2, order_id)])
        await inventory.claim(tx, claims=[claim(shop, 2, 1, order_id), claim(shop, 1, 2, order_id)])
    async with shop.brand.reading() as tx:
        found = [(one.line_no, one.quantity) for one in await inventory.claims_of(tx, [order_id])]
    assert found == [(1, 3), (2, 2)]
    with pytest.raises(ClaimRefused):
        async with shop.brand.transaction() as tx:
            await inventory.claim(tx, claims=[claim(shop, 1, 1, order_id)])
    assert await reserved(shop) == [5, 0, 0]


async def test_a_deallocation_goes_back_where_it_was_taken_and_no_further(shop: Network) -> None:
    order_id = await shop.placed(("TEE", 9))
    before = await reserved(shop)

    async def cancel(units: int) -> None:
        wanted = [orders.LineQuantity(line_no=1, quantity=units)]
        async with shop.brand.transaction() as tx:
            await orders.cancel(tx, order_id=order_id, wanted=wanted, reason="t", actor="test", now=MONDAY)

    await cancel(4)
    after = await reserved(shop)
    assert sum(after) == 5
    assert all(now <= then for now, then in zip(after, before, strict=True))
    with pytest.raises(Conflict):
        await cancel(6)
    assert await reserved(shop) == after


async def test_stock_is_not_lowered_below_what_is_allocated_but_what_nobody_works_on_moves_away_first(
    shop: Network,
) -> None:
    # Saleor refuses. Here the shelf is believed, and the allocation finds another one.
    await shop.sent(("TEE", 5))
    change_ = inventory.Change(sku_id=shop.skus["TEE"], location_id=shop.places["a"], on_hand=-1)
    async with shop.brand.transaction() as tx:
        await inventory.adjust(
            tx, changes=[change_], reason="t", reference="r", claimants=orders.Claimants(), actor="test", now=MONDAY
        )
    stock = await shop.stock("TEE", "a")
    assert (stock["on_hand"], stock["reserved"]) == (4, 4)
    assert sum(await reserved(shop)) == 5


# --- reserving


async def test_a_reservation_leaves_alone_what_is_allocated(shop: Network) -> None:
    await shop.sent(("TEE", 8))
    with pytest.raises(Short):
        await hold(shop, ("TEE", 3))
    await hold(shop, ("TEE", 2))
    assert await shop.salable("TEE") == 0


async def test_a_reservation_replaces_the_carts_earlier_one(shop: Network) -> None:
    cart = await hold(shop, ("TEE", 6))
    await change(shop, cart, ("TEE", 8))
    assert sum(await reserved(shop)) == 8
    await change(shop, cart, ("CAP", 1))
    assert sum(await reserved(shop)) == 0


async def test_a_cart_is_not_in_its_own_way(shop: Network) -> None:
    cart = await hold(shop, ("TEE", 10))
    async with shop.brand.reading() as tx:
        own = await availability(tx, NetworkCache(), channel="web", skus=["TEE"], cart=cart)
    assert (own.items[0].units, await shop.salable("TEE")) == (10, 0)
    sent = await shop.sent(("TEE", 10), cart_hold=show("cht", cart))
    assert sum(lines[1] for lines in sent.values()) == 10


async def test_what_expired_is_available_again_before_anybody_swept_it(shop: Network) -> None:
    await hold(shop, ("TEE", 10), minutes=5)
    await set_minute(shop, 4)
    assert await shop.salable("TEE") == 0
    await set_minute(shop, 5)
    assert await shop.salable("TEE") == 10
    assert sum(lines[1] for lines in (await shop.sent(("TEE", 10))).values()) == 10


async def test_availability_of_many_is_asked_at_once_each_with_its_own_carts_and_orders(shop: Network) -> None:
    await hold(shop, ("TEE", 4))
    await hold(shop, ("CAP", 1))
    await shop.sent(("TEE", 1))
    async with shop.brand.reading() as tx:
        found = await availability(tx, NetworkCache(), channel="web", skus=["CAP", "TEE", "NOPE"])
    assert [(one.sku, one.state, one.units) for one in found.items] == [
        ("CAP", "out", 0), ("TEE", "low", 5), ("NOPE", "not_sold", 0),
    ]  # fmt: skip
