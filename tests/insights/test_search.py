"""Search through a shop's orders, found as the journey changes them."""

from __future__ import annotations

from typing import Any

from doorstep.insights import Wanted, count_orders, find_orders
from tests.support.shop import MONDAY, Shop


async def numbers(shop: Shop, **wanted: Any) -> list[str]:
    """The numbers of the orders that are found, newest first."""
    async with shop.brand.snapshot() as tx:
        page = await find_orders(tx, Wanted(**wanted), now=shop.now, limit=50)
    return [order.number for order in page.items]


async def test_an_order_is_found_by_all_that_people_know_of_it(shop: Shop) -> None:
    other = {"name": "Jörg Müller-Łukaszewicz", "email": "joerg@mueller.example", "locale": "de"}
    first = await shop.place({"sku": "MUG"})
    await shop.place({"sku": "JERSEY"}, customer=other, number="AB-77/3")
    await shop.drain()
    for text in (
        "ab-77/3",
        "AB77",
        "77",
        "muller",
        "Müller",
        "mueller",
        "lukasz",
        "jorg",
        "joerg@mu",
        "@mueller.ex",
        "jersey mull",
    ):
        assert await numbers(shop, text=text) == ["AB-77/3"], text
    for text in ("zzz", "jersey ada mug", "?", "ada mull zz"):
        assert await numbers(shop, text=text) == [], text
    (parcel,) = await shop.ship(first["order_id"])
    assert await numbers(shop, text=parcel["tracking_number"][:8].lower()) == [first["number"]]
    assert await numbers(shop, fulfillment_status=("shipped",)) == [first["number"]]
    assert await numbers(shop, text="a") == ["AB-77/3", first["number"]]
    async with shop.brand.snapshot() as tx:
        counted = await count_orders(tx, Wanted(), ["status", "payment_status"], now=MONDAY)
    assert counted["status"].values == {"open": 2}
    assert counted["payment_status"].values == {"captured": 1, "authorized": 1}
