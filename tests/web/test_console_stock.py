"""The console's stock: what is where, who holds it, how it came about; changes by hand, shown first and undoable."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.shop import Shop, receive
from tests.support.staff import Desk, Hire


async def sku_path(shop: Shop, sku: str) -> str:
    return f"/console/stock/{await shop.value('SELECT sku_id FROM products WHERE sku = $1', sku)}"


async def change(desk: Desk, path: str, *, expect: int = 303, **fields: Any) -> str:
    """Look at the preview, then do it; the text of what came."""
    await desk.get(f"{path}/preview?{urlencode(fields)}", expect=200 if expect == 303 else expect)
    return (await desk.post(f"{path}/do", fields, expect=expect)).text


async def test_the_list_is_searched_by_word_and_sku_and_sorted_by_scarcity(shop: Shop, hire: Hire) -> None:
    desk = await hire("floor")
    page = await desk.get("/console/stock")
    assert re.findall(r'data-row href="/console/stock/\d+">(\w+)<', page) == ["CARD", "GLASS", "JERSEY", "MUG"]
    assert "A mug" in await desk.get("/console/stock?q=mu")
    assert "A card" not in await desk.get("/console/stock?q=mu")
    assert "A mug" in await desk.get("/console/stock?q=MUG")
    low = await desk.get("/console/stock?sort=low")
    assert re.findall(r'data-row href="/console/stock/\d+">(\w+)<', low) == ["GLASS", "MUG", "JERSEY", "CARD"]
    assert "South warehouse</td>" not in await desk.get("/console/stock?location=north")
    for hostile in ("'", "a' | 'b", "\\", "!!!", "<script>alert(1)</script>", "\u202e", "x" * 9_000, "%00", ":*&|!"):
        page = await desk.get("/console/stock?" + urlencode({"q": hostile}))
        assert "<script>alert" not in page
    for cursor in ("x", "W10", "WzFd", "WzEsMl0"):
        await desk.get(f"/console/stock?cursor={cursor}", expect=422)
    await desk.get("/console/stock?location=nowhere", expect=404)


async def test_every_product_is_on_exactly_one_page(shop: Shop, hire: Hire) -> None:
    products = [
        {"sku": f"P-{n:03}", "title": f"Thing {n}", "weight_g": 1, "length_mm": 1, "width_mm": 1, "height_mm": 1}
        for n in range(60)
    ]
    await shop.send("PUT", "/v1/products", products)
    desk = await hire("viewer")
    for more in ("", "&sort=low"):
        seen: list[str] = []
        path = f"/console/stock?q=thing{more}"
        while path:
            page = await desk.get(path)
            seen += re.findall(r">(P-\d+)</a>", page)
            found = re.search(r'<a href="([^"]+)" rel="next"', page)
            path = found[1].replace("&amp;", "&") if found else ""
        # Without stock nowhere, a product is not among the scarce.
        assert seen == ([] if more else [f"P-{n:03}" for n in range(60)])


async def test_a_count_is_shown_first_and_booked_once(shop: Shop, hire: Hire) -> None:
    desk = await hire("floor", locations=["north"])
    path = await sku_path(shop, "MUG")
    fields = {"deed": "count", "location": "north", "units": 12}
    page = await desk.get(f"{path}/preview?{urlencode(fields)}")
    assert "12 counted" in page
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 10
    await desk.post(f"{path}/do", fields)
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 12
    assert "+2" in await desk.get(f"{path}?said=count")
    assert await shop.value("SELECT action || ' ' || subject FROM audit_log") == "stock.count MUG"
    await shop.audit()


async def test_a_count_below_what_is_claimed_says_who_holds_it_and_what_helps(shop: Shop, hire: Hire) -> None:
    order = await shop.place({"sku": "MUG", "quantity": 6})
    await shop.drain()
    desk = await hire("admin")
    path = await sku_path(shop, "MUG")
    page = await change(desk, path, deed="count", location="north", units=5, expect=409)
    assert "6 units here are claimed" in page
    assert order["number"] in page
    assert "/console/floor/ful_" in page
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 10
    await shop.audit()


async def test_a_count_that_makes_orders_give_way_shows_them_first(shop: Shop, hire: Hire) -> None:
    order = await shop.place({"sku": "MUG", "quantity": 9})
    await shop.send(
        "POST", f"/v1/orders/{order['order_id']}/holds", {"reason": "customer_request", "note": ""}, expect=201
    )
    await shop.drain()
    desk, path = await hire("floor", locations=["north"]), await sku_path(shop, "MUG")
    fields = {"deed": "count", "location": "north", "units": 2, "counted_at": "2026-03-02T09:00"}
    page = await desk.get(f"{path}/preview?{urlencode(fields)}")
    assert "Who gives way" in page
    assert order["number"] in page
    assert "3 wait for goods, the others come from another location" in page
    assert "2 counted at 2026-03-02 09:00" in page
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 10
    await desk.post(f"{path}/do", fields)
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 2
    await shop.drain()
    found = await shop.get(f"/v1/orders/{order['order_id']}")
    assert found["lines"][0]["units"] == {"reserved": 6, "shortfall": 3}
    admin = await hire("admin", language="de")
    assert "es war weniger da, als im Bestand stand" in await admin.get(f"/console/orders/{order['order_id']}")
    await shop.audit()


async def test_limits_are_shown_first_and_set(shop: Shop, hire: Hire) -> None:
    desk, path = await hire("floor", locations=["north"]), await sku_path(shop, "MUG")
    await change(desk, path, deed="limits", location="north", units=4, oversell=2)
    row = (await shop.stock("MUG"))["north"]
    assert (row["safety_stock"], row["oversell_limit"], row["available"]) == (4, 2, 6)
    assert 'value="4"' in await desk.get(f"{path}/change?location=north")
    await shop.audit()


async def test_an_adjustment_is_undone_by_another_movement_and_only_once(shop: Shop, hire: Hire) -> None:
    desk = await hire("floor", locations=["north"])
    path = await sku_path(shop, "MUG")
    await change(desk, path, deed="adjust", location="north", units=-3, reason="broken", note="<b>fell</b>")
    page = await desk.get(path)
    assert "&lt;b&gt;fell&lt;/b&gt;" in page
    found = re.search(r"movement=(\d+)", page)
    assert found
    await change(desk, path, deed="undo", movement=found[1])
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 10
    assert "movement=" not in await desk.get(path)
    await desk.get(f"{path}/preview?deed=undo&movement={found[1]}", expect=409)
    await desk.post(f"{path}/do", {"deed": "undo", "movement": found[1]}, expect=409)
    (received,) = [
        move for move in (await shop.get("/v1/stock/movements", sku="MUG"))["items"] if move["location"] == "south"
    ]
    admin = await hire("admin")
    await admin.get(f"{path}/preview?deed=undo&movement={received['movement_id']}", expect=409)
    await shop.audit()


async def test_units_are_sorted_out_and_come_back(shop: Shop, hire: Hire) -> None:
    desk = await hire("floor", locations=["north"])
    path = await sku_path(shop, "MUG")
    await change(desk, path, deed="sort", location="north", units=4, source="sellable", target="damaged")
    row = (await shop.stock("MUG"))["north"]
    assert (row["on_hand"], row["damaged"], row["available"]) == (10, 4, 6)
    await change(desk, path, deed="sort", location="north", units=1, source="damaged", target="nowhere")
    await change(desk, path, deed="sort", location="north", units=2, source="damaged", target="sellable")
    row = (await shop.stock("MUG"))["north"]
    assert (row["on_hand"], row["damaged"], row["available"]) == (9, 1, 8)
    await change(desk, path, deed="sort", location="north", units=2, source="damaged", target="nowhere", expect=409)
    await change(desk, path, deed="sort", location="north", units=1, source="nowhere", target="damaged", expect=422)
    await shop.audit()


async def test_a_transfer_leaves_one_shelf_for_another_and_serves_who_waits_there(shop: Shop, hire: Hire) -> None:
    desk = await hire("floor", locations=["north", "south"])
    path = await sku_path(shop, "MUG")
    await change(desk, path, deed="transfer", location="north", units=3, to="south")
    stock = await shop.stock("MUG")
    assert (stock["north"]["on_hand"], stock["south"]["on_hand"]) == (7, 7)
    await change(desk, path, deed="transfer", location="north", units=8, to="south", expect=409)
    await change(desk, path, deed="transfer", location="north", units=1, to="north", expect=422)
    await change(desk, path, deed="transfer", location="north", units=1, to="workshop", expect=403)
    await shop.audit()


async def test_a_delivery_note_counts_once_and_serves_who_waits(shop: Shop, hire: Hire) -> None:
    order = await shop.place({"sku": "GLASS", "quantity": 9}, on_short="accept")
    await shop.drain()
    desk = await hire("floor", locations=["north"])
    path = await sku_path(shop, "GLASS")
    await change(desk, path, deed="receive", location="north", units=20, reference="N-1")
    await shop.drain()
    assert sum(line["quantity"] for line in (await shop.get(f"/v1/orders/{order['order_id']}"))["claims"]) == 9
    await change(desk, path, deed="receive", location="north", units=20, reference="N-1", expect=409)
    await change(desk, path, deed="receive", location="north", units=21, reference="N-1", expect=409)
    assert (await shop.stock("GLASS"))["north"]["on_hand"] == 25
    await shop.audit()


async def test_the_movements_lead_to_their_orders_and_page_newest_first(shop: Shop, hire: Hire) -> None:
    order = await shop.place({"sku": "CARD"})
    await shop.ship(order["order_id"])
    for n in range(60):
        await receive(shop, "north", {"CARD": 1}, f"note-{n}")
    agent, floor = await hire("agent"), await hire("floor")
    path = await sku_path(shop, "CARD")
    page = await agent.get(path)
    found = re.search(r'<a href="([^"]+)" rel="next"', page)
    assert found
    older = await agent.get(found[1].replace("&amp;", "&").partition("#")[0])
    assert f"/console/orders/{order['order_id']}" in older
    assert order["number"] not in page
    assert "/console/orders/" not in await floor.get(found[1].replace("&amp;", "&").partition("#")[0])


@pytest.mark.parametrize(
    "fields",
    [
        {"deed": "count", "units": "-1"}, {"deed": "count", "units": "1.5"}, {"deed": "count", "units": ""},
        {"deed": "count", "units": "9" * 50}, {"deed": "count", "units": "٣"},
        {"deed": "adjust", "units": "0", "reason": "lost"},
        {"deed": "adjust", "units": "-", "reason": "lost"}, {"deed": "adjust", "units": "1", "reason": ""},
        {"deed": "adjust", "units": "1", "reason": "lost", "note": "x" * 101},
        {"deed": "adjust", "units": "1", "reason": "lost", "note": "a\nb"},
        {"deed": "adjust", "units": "1", "reason": "other"}, {"deed": "adjust", "units": "1", "reason": "gone away"},
        {"deed": "count", "units": "1", "counted_at": "soon"},
        {"deed": "count", "units": "1", "counted_at": "2999-01-01T00:00"},
        {"deed": "limits", "units": "1", "oversell": ""}, {"deed": "limits", "units": "-1", "oversell": "0"},
        {"deed": "receive", "units": "1", "reference": ""}, {"deed": "receive", "units": "0", "reference": "n"},
        {"deed": "sort", "units": "1", "source": "sellable", "target": "sellable"}, {"deed": "sort", "units": "1"},
    ],
)  # fmt: skip
async def test_a_change_that_makes_no_sense_changes_nothing(shop: Shop, hire: Hire, fields: dict[str, str]) -> None:
    desk = await hire("admin")
    path = await sku_path(shop, "MUG")
    page = await change(desk, path, location="north", expect=422, **fields)
    assert "aria-invalid" in page
    assert await shop.value("SELECT count(*) FROM stock_movements WHERE kind NOT IN ('received')") == 0


async def test_nobody_sees_or_changes_stock_where_they_do_not_work(shop: Shop, hire: Hire) -> None:
    path = await sku_path(shop, "MUG")
    for desk in (await hire("floor", locations=["south"]), await hire("vendor", locations=["south"])):
        assert "North" not in await desk.get("/console/stock")
        assert "JERSEY" not in await desk.get("/console/stock")  # it has never been there
        assert "North" not in await desk.get(path)
        await desk.get("/console/stock?location=north", expect=403)
        await desk.get(f"{path}/change?location=north", expect=403)
        for deed in ("count", "adjust", "receive", "sort", "transfer"):
            fields: dict[str, object] = {
                "deed": deed,
                "location": "north",
                "units": 1,
                "to": "south",
                "reason": "lost",
                "reference": "n",
            }
            await desk.get(f"{path}/preview?{urlencode(fields)}", expect=403)
            await desk.post(f"{path}/do", fields, expect=403)
    for role in ("agent", "viewer", "vendor"):
        other = await hire(role, locations=["north"])
        await other.get(path)
        assert "/change?" not in await other.get(path)
        await other.post(f"{path}/do", {"deed": "count", "location": "north", "units": 1}, expect=403)
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 10


async def test_an_adjustment_and_a_claim_at_the_same_moment_never_leave_an_order_with_nothing(
    shop: Shop, hire: Hire
) -> None:
    desk = await hire("floor", locations=["north"])
    path = await sku_path(shop, "GLASS")
    fields = {"deed": "adjust", "location": "north", "units": -5, "reason": "broken"}

    async def adjust() -> int:
        data = {"csrf": desk.csrf, "key": "k1", **{name: str(value) for name, value in fields.items()}}
        return (await shop.client.post(f"{path}/do", data=data, headers=desk.headers)).status_code

    async def buy() -> int:
        body = shop.order({"sku": "GLASS", "quantity": 5})
        return (await shop.client.post("/v1/orders", json=body)).status_code

    sold, adjusted = await asyncio.gather(buy(), adjust())
    assert (sold, adjusted) in [(201, 303), (409, 303)]  # who bought first gives way: nobody works on it yet
    assert (await shop.stock("GLASS"))["north"]["reserved"] == 0
    await shop.drain()
    await shop.audit()


async def test_the_lists_use_their_indexes_at_twenty_thousand_products(shop: Shop) -> None:
    from doorstep.web.console.stock.reads import SQL

    async with shop.brand.transaction() as tx:
        await tx.execute(
            """INSERT INTO products (sku, title, weight_g, length_mm, width_mm, height_mm)
            SELECT 'S' || n, 'Mug number ' || n || ' ' || md5(n::text), 1, 1, 1, 1 FROM generate_series(1, 20000) n"""
        )
        await tx.execute(
            "INSERT INTO locations (code, name, kind, country, postcode, city, street, latitude, longitude,"
            " timezone) SELECT 'more' || n, 'More', 'warehouse', 'GB', '1', 'x', 'x', 0, 0, 'UTC'"
            " FROM generate_series(1, 2) n"
        )
        await tx.execute(
            """INSERT INTO stock (sku_id, location_id, on_hand) SELECT sku_id, location_id, sku_id % 50
            FROM products CROSS JOIN locations ON CONFLICT DO NOTHING"""
        )
        await tx.execute(
            """INSERT INTO stock_movements
                (sku_id, location_id, kind, on_hand_delta, reason, reference, actor, occurred_at)
            SELECT sku_id, location_id, 'received', on_hand, 'goods receipt', 'first', 'test', now() FROM stock"""
        )
        for table in ("products", "stock", "stock_movements"):
            await tx.execute(f"ANALYZE {table}")

        async def plan(statement: str, *values: object) -> tuple[str, float]:
            rows = await tx.fetch(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", *values)
            text = "\n".join(row[0] for row in rows)
            took = re.search(r"Execution Time: ([0-9.]+) ms", text)
            assert took
            return text, float(took[1])

        text, _ = await plan(SQL.skus, "S1", None, 26)
        assert "Seq Scan" not in text, text
        text, _ = await plan(SQL.skus, "S1", [1], 26)
        assert "Seq Scan" not in text, text
        text, _ = await plan(SQL.skus_found, "", None, 26, "'number':* & '1234':*", ["1234"])
        assert "products_words" in text, text
        text, _ = await plan(SQL.counters, list(range(100, 126)), None)
        assert "Seq Scan" not in text, text
        text, _ = await plan(SQL.movements, 5, [1, 2, 3, 4, 5], 2**62, 51)
        assert "stock_movements_key" in text, text
        _, took_ms = await plan(SQL.skus_low, -(2**40), 0, None, 26, "", [""])
        assert took_ms < 500


async def test_no_page_of_the_stock_holds_a_connection_and_wants_another(shop: Shop, hire: Hire) -> None:
    desk, path = await hire("floor"), await sku_path(shop, "MUG")
    bad = {"deed": "adjust", "location": "north", "units": "x", "reason": "lost"}
    async with AsyncExitStack() as others:
        for _ in range(shop.brand._pool.get_max_size() - 1):
            await others.enter_async_context(shop.brand.reading())
        assert "A whole number" in await desk.get(f"{path}/preview?{urlencode(bad)}", expect=422)
        assert "A whole number" in (await desk.post(f"{path}/do", {**bad}, expect=422)).text
        for page in ("/console/stock", path, f"{path}/change?location=north"):
            assert "MUG" in await desk.get(page)
