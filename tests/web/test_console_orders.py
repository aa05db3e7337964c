"""The list of orders: found by words and filters, page by page, and only where one may look."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.support.shop import CUSTOMER, MONDAY, Shop
from tests.support.staff import Desk, Hire

EVIL = '<script>alert("x")</script>\u202e'


async def numbers(desk: Desk, query: str = "") -> list[str]:
    """The numbers of the orders a list shows."""
    return re.findall(r"data-row href=[^>]*>([^<]*)<", await desk.get(f"/console/orders?{query}"))


async def test_the_list_shows_an_order_in_a_line(shop: Shop, hire: Hire) -> None:
    desk = await hire("agent")
    assert "No orders yet" in await desk.get("/console/orders")
    placed = await shop.place({"sku": "MUG", "quantity": 2}, {"sku": "CARD"}, customer={**CUSTOMER, "name": EVIL})
    await shop.drain()
    seen = await desk.get("/console/orders")
    assert f'href="/console/orders/{placed["order_id"]}"' in seen
    assert "£34.95" in seen
    assert "A card, A mug" in seen
    assert "<script>alert" not in seen
    assert "&lt;script&gt;" in seen


async def test_orders_are_found_by_words_and_filters(shop: Shop, hire: Hire) -> None:
    desk = await hire("viewer")
    jersey = {"sku": "JERSEY", "personalization": {"fields": {"name": "ADA", "number": "10"}}}
    wrapped = {"sku": "MUG", "gift_wrap": {"message": "Hello"}}
    first = await shop.place({"sku": "MUG"})
    second = await shop.place(jersey, service="express")
    third = await shop.place(wrapped, customer={**CUSTOMER, "name": "Grace Hopper", "email": "grace@navy.test"})
    await shop.send("POST", f"/v1/orders/{first['order_id']}/holds", {"reason": "customer_request"}, expect=201)
    await shop.drain()
    one, two, three = (placed["number"] for placed in (first, second, third))
    for query, found in {
        "": [three, two, one],
        "q=grace@na": [three],
        f"q={two}": [two],
        "q=jers": [two],
        "status=on_hold": [one],
        "status=open": [three, two],
        "status=open&status=on_hold": [three, two, one],
        "hold=customer_request": [one],
        "kind=personalized": [two],
        "lane=express": [two],
        "service=standard": [three, one],
        "gift_wrap=yes": [three],
        "channel=web&location=workshop": [two],
        "payment=authorized": [three, two, one],
        "late=1": [],
        f"from={MONDAY:%Y-%m-%d}&to={MONDAY:%Y-%m-%d}": [three, two, one],
        f"from={MONDAY + timedelta(days=1):%Y-%m-%d}": [],
    }.items():
        assert await numbers(desk, query) == found, query
    assert "No order fits" in await desk.get("/console/orders?late=1")


async def test_what_an_address_says_that_nobody_knows_is_left_out(shop: Shop, hire: Hire) -> None:
    desk = await hire("viewer")
    placed = await shop.place({"sku": "MUG"})
    await shop.drain()
    for query in ("status=nonsense", "kind=%0A", "from=yesterday&to=2026-99-99", "lane=2", "late=maybe", "x=y"):
        assert await numbers(desk, query) == [placed["number"]], query
    await desk.get("/console/orders?cursor=nonsense", expect=422)
    evil = await desk.get("/console/orders?q=%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE")
    assert "<script>alert" not in evil


async def test_the_pages_follow_one_another_without_a_gap(
    shop: Shop, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("doorstep.web.console.orders.listing._ROWS", 2)
    desk = await hire("viewer")
    placed = [(await shop.place({"sku": "CARD"}))["number"] for _ in range(5)]
    await shop.drain()
    query, found = "q=ada", list[str]()
    for _ in range(3):
        page = await desk.get(f"/console/orders?{query}")
        found += re.findall(r"data-row href=[^>]*>([^<]*)<", page)
        more = re.search(r'rel="next" href="/console/orders\?([^"]+)"', page)
        query = more[1].replace("&amp;", "&") if more else ""
    assert found == placed[::-1]
    assert query == ""


async def test_who_works_at_one_location_sees_the_orders_of_it_only(shop: Shop, hire: Hire) -> None:
    north = await shop.place({"sku": "GLASS"})
    workshop = await shop.place({"sku": "JERSEY"})
    await shop.drain()
    desk = await hire("agent", locations=["north"])
    assert await numbers(desk) == [north["number"]]
    assert await numbers(desk, "location=workshop") == [north["number"]]
    assert await numbers(desk, f"q={workshop['number']}") == []
    assert north["number"] in await desk.get(f"/console/orders/{north['order_id']}")
    await desk.get(f"/console/orders/{workshop['order_id']}", expect=404)


@pytest.mark.parametrize("role", ["floor", "vendor"])
async def test_who_works_on_the_floor_sees_no_customers(shop: Shop, hire: Hire, role: str) -> None:
    placed = await shop.place({"sku": "MUG"})
    desk = await hire(role, locations=["north"])
    for path in ("/console/orders", f"/console/orders/{placed['order_id']}"):
        assert "Ada" not in await desk.get(path, expect=403)


async def test_who_only_looks_gets_no_link_that_acts_as_the_customer(shop: Shop, hire: Hire) -> None:
    placed = await shop.place({"sku": "MUG"})
    await shop.drain()
    path = f"/console/orders/{placed['order_id']}"
    for role, there in (("viewer", False), ("agent", True)):
        desk = await hire(role)
        page = await desk.get(path)
        (message,) = re.findall(r'href="([^"]+/messages/[^"]+)"', page)
        letter = await desk.get(message)
        assert "Ada Lovelace" in letter
        assert [("/o/main." in seen) for seen in (page, letter)] == [there, there]


async def test_the_page_of_an_order_tells_all_of_it(shop: Shop, hire: Hire) -> None:
    desk = await hire("viewer")
    jersey = {
        "sku": "JERSEY",
        "personalization": {"fields": {"name": "ADA <b>", "number": "10"}},
        "gift_wrap": {"message": EVIL, "hide_prices": True},
    }
    placed = await shop.place(jersey, {"sku": "MUG", "instructions": "Mind the handle"})
    await shop.drain()
    path = f"/console/orders/{placed['order_id']}"
    seen = await desk.get(path)
    for words in (
        "ADA &lt;b&gt;", "&lt;script&gt;alert", "Mind the handle", "1 to be picked",
        "Print workshop accepts and picks it",
        "split over as few parcels as possible", "The order was placed.", "Order received", "Authorization",
        "12 St James", "ada@example.test",
    ):  # fmt: skip
        assert words in seen, words
    assert "<script>alert" not in seen
    assert "Put on hold" not in seen, "who only looks is offered nothing to do"
    sent = await shop.place({"sku": "MUG"})
    (parcel,) = await shop.ship(sent["order_id"])
    seen = await desk.get(f"/console/orders/{sent['order_id']}")
    assert parcel["tracking_number"] in seen
    assert "1 on the way" in seen
    await desk.get("/console/orders/ord_0", expect=404)
    await desk.get("/console/orders/ord_" + "0" * 32, expect=404)


async def test_a_list_is_kept_under_a_name_by_who_made_it(shop: Shop, hire: Hire) -> None:
    desk, other, name = await hire("viewer"), await hire("viewer"), '<script>alert("x")</script>'
    await desk.post("/console/orders/saved", {"name": name, "query": "status=on_hold&q=mug&evil=//evil.test"})
    page = await desk.get("/console/orders")
    assert 'href="/console/orders?q=mug&amp;status=on_hold"' in page
    assert "<script>alert" not in page
    assert "Your lists" not in await other.get("/console/orders")
    assert "Keep it no longer" in await desk.get("/console/orders?q=mug&status=on_hold")
    await desk.post("/console/orders/saved", {"name": name, "query": "late=yes"})
    page = await desk.get("/console/orders?late=yes")
    assert page.count('class="tag"') == 1
    await other.post("/console/orders/saved/forget", {"name": name, "query": ""})
    assert "Your lists" in await desk.get("/console/orders")
    await desk.post("/console/orders/saved/forget", {"name": name, "query": ""})
    assert "Your lists" not in await desk.get("/console/orders")
    for unfit, query in (("", "late=yes"), (EVIL, "late=yes"), ("x" * 61, "late=yes"), ("x", ""), ("x", "no=such")):
        await desk.post("/console/orders/saved", {"name": unfit, "query": query}, expect=422)
    floor = await hire("floor")
    await floor.post("/console/orders/saved", {"name": "x", "query": "late=yes"}, expect=403)
