"""Search through a shop's orders, found as the journey changes them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from doorstep import jobs
from doorstep.insights import Wanted, audit, count_orders, digest, find_orders, index, rebuild
from doorstep.kit.ids import new_id, parse
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


async def test_a_person_who_was_blanked_out_is_found_no_more_and_leaves_no_word(shop: Shop) -> None:
    order = await shop.place({"sku": "MUG"})
    await shop.drain()
    assert await numbers(shop, text="lovelace") == [order["number"]]
    async with shop.brand.transaction() as tx:
        await tx.execute("UPDATE contacts SET name = '', email = NULL, phone = NULL")
        await tx.execute("UPDATE addresses SET name = ''")
        await digest(tx, [parse("ord", order["order_id"])])
    assert await numbers(shop, text="lovelace") == await numbers(shop, text="ada@") == []
    assert await numbers(shop, text=order["number"]) == [order["number"]]
    assert not await shop.value("SELECT count(*) FROM search_terms WHERE term ~ '^(ada|lovelace)'")
    assert not await shop.value("SELECT count(*) FROM search_orders WHERE 'lovelace' = ANY(terms)")
    await shop.audit()


async def test_what_waits_too_long_is_late_and_what_has_trouble_is_found_by_it(shop: Shop) -> None:
    first, second = await shop.place({"sku": "MUG"}), await shop.place({"sku": "CARD"})
    await shop.drain()
    assert await numbers(shop, late=True) == []
    await shop.set_clock(MONDAY + timedelta(days=20))
    shop.now = MONDAY + timedelta(days=20)
    assert await numbers(shop, late=True) == [second["number"], first["number"]]
    await shop.send("POST", f"/v1/orders/{second['order_id']}/cancel", {"reason": "too late"})
    held = {"reason": "customer_request", "note": ""}
    await shop.send("POST", f"/v1/orders/{first['order_id']}/holds", held, expect=201)
    await shop.worker.turn()
    await shop.worker.look()
    assert await numbers(shop, late=True) == await numbers(shop, hold=("customer_request",)) == [first["number"]]
    assert await numbers(shop, status=("canceled",)) == [second["number"]]
    async with shop.brand.transaction() as tx:
        await jobs.open_exception(
            tx, kind="test_trouble", subject=new_id(), order_id=parse("ord", first["order_id"]), owner="operations",
            next_action="Look.", detail={}, now=MONDAY,
        )  # fmt: skip
    assert await numbers(shop, excepted=True, text="ada") == [first["number"]]


async def test_orders_that_come_late_into_the_midst_of_others_divide_their_segment(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = [await shop.place({"sku": "CARD"}) for _ in range(12)]
    ids = [parse("ord", order["order_id"]) for order in placed]
    monkeypatch.setattr(index, "SEARCH_SEGMENT", 2)
    async with shop.brand.transaction() as tx:
        await digest(tx, [ids[0], ids[-2]])  # the express lane went first
        await digest(tx, [ids[-1]])
        await digest(tx, ids[1:-2])
    assert await shop.value("SELECT count(*) FROM search_segments") >= 6
    assert await numbers(shop, text="ada", service=("standard",)) == [order["number"] for order in reversed(placed)]
    await shop.drain()
    assert await rebuild(shop.brand) == len(placed)
    assert await numbers(shop, text="ada") == [order["number"] for order in reversed(placed)]
    await shop.audit()


async def test_the_audit_finds_an_index_that_is_older_than_the_shop_until_it_is_made_anew(shop: Shop) -> None:
    order = await shop.place({"sku": "MUG"})
    await shop.drain()
    async with shop.brand.transaction() as tx:
        await tx.execute("DELETE FROM search_terms WHERE term = '=status=open'")
        await tx.execute("UPDATE search_orders SET terms = '{=status=completed}'")
        broken = [finding for finding in await audit(tx) if not finding.ok]
    assert len(broken) == 3
    await rebuild(shop.brand)
    assert await numbers(shop, status=("open",)) == [order["number"]]
    await shop.audit()
