"""The console's transfers, supply and limits of many shelves: shown first, done once, and only where one works."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.shop import Shop
from tests.support.staff import Desk, Hire

PLAN: dict[str, object] = {
    "from": "north",
    "to": "south",
    "reference": "T-1",
    "expected_on": "2026-03-05",
    "lines": "MUG 6\nGLASS 2\n",
}


async def planned(desk: Desk, **more: str) -> str:
    """The path of a new transfer."""
    answer = await desk.post("/console/stock/transfers/new", {**PLAN, **more})
    return answer.headers["location"].partition("?")[0]


async def done(desk: Desk, path: str, *, expect: int = 303, **fields: Any) -> str:
    """Look at the preview, then do it."""
    await desk.get(f"{path}/preview?{urlencode(fields)}", expect=200 if expect == 303 else expect)
    return (await desk.post(f"{path}/do", fields, expect=expect)).text


async def ids(shop: Shop) -> dict[str, int]:
    async with shop.brand.reading() as tx:
        return {row["sku"]: row["sku_id"] for row in await tx.fetch("SELECT sku, sku_id FROM products")}


async def test_a_transfer_goes_from_plan_to_the_last_unit(shop: Shop, hire: Hire) -> None:
    north, south, sku = (
        await hire("floor", locations=["north"]),
        await hire("floor", locations=["south"]),
        await ids(shop),
    )
    path = await planned(north)
    page = await north.get(f"{path}?said=planned")
    assert "Planned. Send it when the goods leave." in page
    sent = {f"units-{sku['MUG']}": 5, f"units-{sku['GLASS']}": 0}
    preview = await north.get(f"{path}/preview?{urlencode({'deed': 'ship', **sent})}")
    assert "are expected at South warehouse" in preview
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 10
    await done(north, path, deed="ship", **sent)
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 5
    assert "by transfer" in await south.get("/console/stock/incoming")
    assert "MUG" not in await north.get("/console/stock/incoming")
    arrived = {f"units-{sku['MUG']}": 3, f"damaged-{sku['MUG']}": 1}
    await done(south, path, deed="receive", reference="R-1", note="<b>wet</b>", **arrived)
    assert "1 in transit" in await south.get(path)
    await done(south, path, deed="receive", reference="R-1", expect=409, **{**arrived, f"units-{sku['MUG']}": 2})
    await done(south, path, deed="close", note="", expect=422)
    await done(south, path, deed="close", note="fell off <i>the</i> van")
    page = await south.get(path)
    assert "fell off &lt;i&gt;the&lt;/i&gt; van" in page
    stock = await shop.stock("MUG")
    assert (stock["south"]["on_hand"], stock["south"]["damaged"]) == (8, 1)
    assert "T-1" not in await south.get("/console/stock/transfers")
    assert "T-1" in await south.get("/console/stock/transfers?ended=1")
    log = "SELECT array_agg(action ORDER BY entry_id) FROM audit_log"
    assert await shop.value(log) == [
        "stock.plan_transfer", "stock.ship_transfer", "stock.receive_transfer", "stock.close_transfer"
    ]  # fmt: skip
    await shop.audit()


async def test_what_was_found_goes_back_and_a_plan_is_canceled(shop: Shop, hire: Hire) -> None:
    admin, sku = await hire("admin"), await ids(shop)
    path, other = await planned(admin), await planned(admin, reference="T-2")
    await done(admin, other, deed="cancel")
    await done(admin, other, deed="ship", expect=409, **{f"units-{sku['MUG']}": 1})
    await done(admin, path, deed="ship", **{f"units-{sku['MUG']}": 6})
    await done(admin, path, deed="close", **{f"units-{sku['MUG']}": 6})
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 10
    await shop.audit()


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "north"}, {"to": "moon"}, {"reference": ""}, {"reference": "x" * 101}, {"expected_on": "soon"},
        {"lines": ""}, {"lines": "MUG"}, {"lines": "NOPE 1"}, {"lines": "MUG 1\nMUG 2"}, {"lines": "MUG -1"},
        {"lines": "MUG 0"}, {"lines": "MUG ٣"}, {"lines": "<script>alert(1)</script> 1"}, {"lines": "x 1\n" * 300},
    ],
)  # fmt: skip
async def test_a_plan_that_makes_no_sense_opens_nothing(shop: Shop, hire: Hire, wrong: dict[str, str]) -> None:
    desk = await hire("floor")
    answer = await desk.post("/console/stock/transfers/new", {**PLAN, **wrong}, expect=422)
    assert "aria-invalid" in answer.text
    assert "<script>alert" not in answer.text
    assert await shop.value("SELECT count(*) FROM transfers") == 0


async def test_nobody_moves_goods_where_they_do_not_work(shop: Shop, hire: Hire) -> None:
    north, sku = await hire("floor", locations=["north"]), await ids(shop)
    path = await planned(north)
    await north.post(
        "/console/stock/transfers/new", {**PLAN, "from": "south", "to": "north", "reference": "T-9"}, expect=403
    )
    outsider = await hire("floor", locations=["workshop"])
    await outsider.get(path, expect=403)
    await outsider.post(f"{path}/do", {"deed": "ship", f"units-{sku['MUG']}": 1}, expect=403)
    assert "T-1" not in await outsider.get("/console/stock/transfers")
    south = await hire("floor", locations=["south"])
    assert "It is sent by who works at" in await south.get(path)
    await south.post(f"{path}/do", {"deed": "ship", f"units-{sku['MUG']}": 1}, expect=403)
    await done(north, path, deed="ship", **{f"units-{sku['MUG']}": 4})
    await north.post(f"{path}/do", {"deed": "receive", "reference": "R", f"units-{sku['MUG']}": 1}, expect=403)
    await south.post(f"{path}/do", {"deed": "close", "note": "x", f"units-{sku['MUG']}": 1}, expect=403)
    for role in ("viewer", "agent", "vendor"):
        desk = await hire(role, locations=["south"])
        assert "Preview the arrival" not in await desk.get(path)
        await desk.post(f"{path}/do", {"deed": "receive", "reference": "R", f"units-{sku['MUG']}": 1}, expect=403)
        await desk.post("/console/stock/transfers/new", PLAN, expect=403)
    await south.get("/console/stock/transfers/trf_" + "0" * 32, expect=404)


async def test_every_transfer_is_on_exactly_one_page(shop: Shop, hire: Hire) -> None:
    desk = await hire("floor")
    for n in range(30):
        body = {"reference": f"P-{n:02}", "from": "north", "to": "south", "expected_at": "2026-03-05T09:00:00Z",
                "lines": [{"sku": "MUG", "quantity": 1}]}  # fmt: skip
        await shop.send("POST", "/v1/stock/transfers", body, expect=201)
    seen: list[str] = []
    path = "/console/stock/transfers"
    while path:
        page = await desk.get(path)
        seen += re.findall(r">(P-\d+)</a>", page)
        found = re.search(r'<a href="([^"]+)" rel="next"', page)
        path = found[1].replace("&amp;", "&") if found else ""
    assert seen == [f"P-{n:02}" for n in reversed(range(30))]


async def test_supply_is_dated_anew_and_called_off(shop: Shop, hire: Hire) -> None:
    body = {"reference": "PO <1>", "location": "south", "expected_at": "2026-03-05T09:00:00Z",
            "lines": [{"sku": "GLASS", "quantity": 10}]}  # fmt: skip
    await shop.client.post("/v1/stock/incoming", json=body)
    desk = await hire("floor", locations=["south"])
    page = await desk.get("/console/stock/incoming")
    assert "PO &lt;1&gt;" in page
    found = re.search(r"/console/stock/incoming/inc_[0-9a-f]+", page)
    assert found
    path = found[0]
    await desk.post(f"{path}/change", {"quantity": 12, "expected_on": "2026-03-09"})
    (supply,) = (await shop.get("/v1/stock/incoming"))["items"]
    assert (supply["quantity"], supply["expected_at"]) == (12, "2026-03-09T18:00:00Z")
    for wrong in ({"quantity": 0, "expected_on": "2026-03-09"}, {"quantity": 1, "expected_on": "x"}):
        await desk.post(f"{path}/change", wrong, expect=422)
    other = await hire("floor", locations=["north"])
    await other.get(path, expect=403)
    await other.post(f"{path}/cancel", expect=403)
    assert "GLASS" not in await other.get("/console/stock/incoming")
    viewer = await hire("viewer")
    await viewer.post(f"{path}/cancel", expect=403)
    assert "12 units do not come" in await desk.get(f"{path}?cancel=1")
    await desk.post(f"{path}/cancel")
    assert "The rest was called off." in await desk.get(path)
    await desk.post(f"{path}/change", {"quantity": 12, "expected_on": "2026-03-10"}, expect=409)
    await shop.audit()


async def test_limits_of_many_shelves_are_set_at_once(shop: Shop, hire: Hire) -> None:
    desk, sku = await hire("floor", locations=["north"]), await ids(shop)
    page = await desk.get("/console/stock/limits?location=north")
    assert f'name="safety-{sku["MUG"]}"' in page
    order = await shop.place({"sku": "GLASS", "quantity": 5})
    fields = {"location": "north", f"safety-{sku['MUG']}": 3, f"oversell-{sku['GLASS']}": 2, f"safety-{sku['CARD']}": 0}
    preview = await desk.get(f"/console/stock/limits/preview?{urlencode(fields)}")
    assert "0 → 3" in preview
    assert "CARD" not in preview
    await desk.post("/console/stock/limits/do", fields)
    assert (await shop.stock("MUG"))["north"]["safety_stock"] == 3
    assert (await shop.stock("GLASS"))["north"]["oversell_limit"] == 2
    more = await shop.place({"sku": "GLASS", "quantity": 2})
    lowered = {"location": "north", f"oversell-{sku['GLASS']}": 0}
    preview = await desk.get(f"/console/stock/limits/preview?{urlencode(lowered)}")
    assert more["number"] in preview
    assert order["number"] not in preview
    await desk.post("/console/stock/limits/do", lowered)
    await shop.drain()
    assert (await shop.get(f"/v1/orders/{more['order_id']}"))["lines"][0]["units"] == {"shortfall": 2}
    await desk.get(f"/console/stock/limits/preview?{urlencode({**lowered, 'asked': 1})}")
    await desk.get(f"/console/stock/limits/preview?location=north&safety-{sku['MUG']}=x", expect=422)
    await desk.get(f"/console/stock/limits/preview?location=south&safety-{sku['MUG']}=1", expect=403)
    await desk.post("/console/stock/limits/do", {"location": "south", f"safety-{sku['MUG']}": 1}, expect=403)
    viewer = await hire("viewer")
    assert "Preview the limits" not in await viewer.get("/console/stock/limits?location=north")
    await viewer.post("/console/stock/limits/do", fields, expect=403)
    await shop.audit()
