"""The console on what waits for goods: by product and by delivery, who waits, how it is sold, and what changing that
means for whom.
"""

from __future__ import annotations

from datetime import timedelta

from tests.journey.test_17_backorder import LATER, SUPPLY, dates, expect, sell_beyond
from tests.support.shop import MONDAY, Shop
from tests.support.staff import Hire


async def path_of(shop: Shop, sku: str = "GLASS") -> str:
    return f"/console/stock/{await shop.value('SELECT sku_id FROM products WHERE sku = $1', sku)}"


async def test_a_product_shows_its_deliveries_who_waits_and_in_which_order(shop: Shop, hire: Hire) -> None:
    await expect(shop, "<PO-1>", 3, SUPPLY)
    await sell_beyond(shop, cap=9)
    await shop.place({"sku": "GLASS", "quantity": 6})
    express = await shop.place({"sku": "GLASS", "quantity": 1}, service="express")
    waits = await shop.place({"sku": "GLASS", "quantity": 4}, on_short="accept")
    await shop.drain()
    desk = await hire("agent")
    page = await desk.get(await path_of(shop))
    assert "5 of at most 9" not in page
    assert "&lt;PO-1&gt;" in page
    assert "whatever comes" in page
    assert page.index(express["number"]) < page.index(waits["number"])
    page = await desk.get("/console/stock/waiting")
    assert "6 units wait" in page
    assert "3 without a date" in page
    order = await desk.get(f"/console/orders/{express['order_id']}")
    assert "1 promised from delivery &lt;PO-1&gt; to North warehouse, expected Mon 9 Mar" in order
    assert "3 of whatever delivery comes" in await desk.get(f"/console/orders/{waits['order_id']}")


async def test_nobody_sees_what_waits_at_locations_that_are_not_theirs(shop: Shop, hire: Hire) -> None:
    await expect(shop, "PO-1", 3, SUPPLY)
    await sell_beyond(shop)
    await shop.place({"sku": "GLASS", "quantity": 6})
    south = await hire("floor", locations=["south"])
    for path in ("/console/stock/waiting", await path_of(shop)):
        assert "PO-1" not in await south.get(path)
    assert "PO-1" in await (await hire("floor", locations=["north"])).get("/console/stock/waiting")
    await south.get(f"{await path_of(shop)}/beyond", expect=403)
    await south.post(f"{await path_of(shop)}/beyond", {"do": "save", "kind": "none", "cap": 0}, expect=403)


async def test_a_delivery_that_is_overdue_says_so(shop: Shop, hire: Hire) -> None:
    await expect(shop, "PO-1", 3, SUPPLY)
    await sell_beyond(shop)
    await shop.place({"sku": "GLASS", "quantity": 6})
    desk = await hire("viewer")
    assert "Overdue" not in await desk.get("/console/stock/waiting")
    await shop.pass_time(LATER)
    assert "Overdue" in await desk.get("/console/stock/waiting")
    assert "A delivery of goods is overdue" in await desk.get("/console/exceptions")


async def test_terms_are_tried_first_then_set_once(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    path = f"{await path_of(shop)}/beyond"
    assert "Sell no more" in await desk.get(path)
    release = MONDAY + timedelta(days=21)
    fields = {"kind": "preorder", "cap": 50, "sells": "on", "release_at": release.strftime("%Y-%m-%dT%H:%M")}
    page = (await desk.post(path, {**fields, "do": "look"}, expect=200)).text
    assert "No order gets another date by this." in page
    await desk.post(path, {**fields, "do": "save"})
    (terms,) = (await shop.get("/v1/beyond-stock", sku="GLASS"))["items"]
    assert (terms["kind"], terms["cap"], terms["release_at"]) == ("preorder", 50, "2026-03-23T09:00:00Z")
    placed = await shop.place({"sku": "GLASS", "quantity": 2})
    await shop.drain()
    moved = {**fields, "release_at": "2026-03-30T10:00"}
    assert "1 order gets another date" in (await desk.post(path, {**moved, "do": "look"}, expect=200)).text
    await shop.drain()
    assert len(await dates(shop, placed)) == 1
    await desk.post(path, {**moved, "do": "save"})
    await shop.drain()
    assert len(await dates(shop, placed)) == 2
    assert "set aside at North warehouse" in await desk.get(f"/console/orders/{placed['order_id']}")
    assert "stock.beyond" in await desk.get("/console/audit-log")


async def test_what_is_wrong_with_terms_is_said_and_changes_nothing(shop: Shop, hire: Hire) -> None:
    await expect(shop, "PO-1", 3, SUPPLY)
    await sell_beyond(shop, cap=5)
    await shop.place({"sku": "GLASS", "quantity": 7})
    desk = await hire("admin")
    path = f"{await path_of(shop)}/beyond"
    for fields in (
        {"kind": "preorder", "cap": 5},
        {"kind": "backorder", "cap": -1},
        {"kind": "backorder", "cap": "x" * 2_000},
        {"kind": "backorder", "cap": 5, "release_at": "2026-03-23T09:00"},
        {"kind": "preorder", "cap": 5, "release_at": "never"},
        {"kind": "<script>", "cap": 5},
    ):
        page = (await desk.post(path, {**fields, "do": "save"}, expect=422)).text
        assert '<script>"' not in page
    assert "cannot be lower" in (await desk.post(path, {"kind": "backorder", "cap": 1, "do": "save"}, expect=409)).text
    (terms,) = (await shop.get("/v1/beyond-stock", sku="GLASS"))["items"]
    assert (terms["kind"], terms["cap"], terms["promised"]) == ("backorder", 5, 2)
