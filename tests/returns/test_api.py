"""Returns over HTTP."""

from __future__ import annotations

from typing import Any

from doorstep.kit.ids import new_id, show
from tests.returns.world import Line, delivered, stock_room
from tests.support.shop import Shop


async def wished(shop: Shop, **changes: Any) -> dict[str, Any]:
    """The body of a return of one of three mugs, delivered."""
    async with shop.brand.transaction() as tx:
        await stock_room(tx)
        await tx.execute("UPDATE clock SET clock_from = '2026-06-03 09:00Z'")
        order_id = await delivered(tx, Line(units=3, total_minor=999))
    lines = [{"line_no": 1, "quantity": 1, "reason": "too_many"}]
    return {"order_id": show("ord", order_id), "lines": lines, "handover": "qr", **changes}


async def test_a_return_is_opened_scanned_received_and_read(shop: Shop) -> None:
    body = await wished(shop, number="R-1")
    (line,) = (await shop.send("POST", "/v1/returns/eligibility", {"order_id": body["order_id"]}))["lines"]
    assert line["quantity"] == 3
    opened = await shop.send("POST", "/v1/returns", body, expect=201)
    path = f"/v1/returns/{opened['return_id']}"
    other_key = await shop.send("POST", "/v1/returns", body, expect=201)
    assert other_key == opened
    async with shop.brand.transaction() as tx:
        token = await tx.fetchval("SELECT qr_token FROM returns")
    dropped = await shop.send("POST", "/v1/returns/drop-off", {"location": "LDS", "token": token})
    assert dropped == await shop.send("POST", f"{path}/drop-off", {"location": "LDS", "token": token})
    lines = [{"line_no": 1, "quantity": 1, "acceptance": "manual"}]
    waits = await shop.send("POST", f"{path}/receive", {"location": "LDS", "lines": lines})
    assert (waits["status"], waits["lines"][0]["acceptance"]) == ("received", "manual")
    decision = {"line_no": 1, "quantity": 1, "acceptance": "accepted", "disposition": "restock"}
    done = await shop.send("POST", f"{path}/decide", {"lines": [decision]})
    assert (done["status"], done["refund_minor"], done["currency"]) == ("closed", 333, "GBP")
    assert await shop.get(path) == done
    assert (await shop.get("/v1/returns", order=body["order_id"], status="closed"))["items"] == [done]
    assert (await shop.get("/v1/returns", status="requested"))["items"] == []
    svg = await shop.client.get(f"{path}/qr.svg")
    assert (svg.headers["content-type"].split(";")[0], svg.content[:4]) == ("image/svg+xml", b"<svg")
    await shop.get(f"{path}/label.pdf", expect=404)


async def test_the_list_goes_on_where_it_ended(shop: Shop) -> None:
    body = await wished(shop)
    opened = [(await shop.send("POST", "/v1/returns", body, expect=201))["return_id"] for _ in range(3)]
    first = await shop.get("/v1/returns", limit=2, location="LDS")
    second = await shop.get("/v1/returns", limit=2, cursor=first["next_cursor"])
    assert [item["return_id"] for item in first["items"] + second["items"]] == opened
    assert second["next_cursor"] is None


async def test_bad_input_is_refused_at_its_place(shop: Shop) -> None:
    body = await wished(shop)
    line = body["lines"][0]
    for change, pointer in (
        ({"outcome": "gift"}, "/outcome"),
        ({"outcome": "exchange"}, "/lines/0/exchange_sku"),
        ({"outcome": "exchange", "lines": [{**line, "exchange_sku": "JERSEY"}]}, "/lines/0/exchange_sku"),
        ({"outcome": "exchange", "lines": [{**line, "exchange_sku": "x' OR '1"}]}, "/lines/0/exchange_sku"),
        ({"outcome": "exchange", "lines": [{**line, "exchange_sku": ""}]}, "/lines/0/exchange_sku"),
        ({"outcome": "exchange", "lines": [{**line, "exchange_sku": "X" * 101}]}, "/lines/0/exchange_sku"),
        ({"lines": [{**line, "exchange_sku": "MUG"}]}, "/lines/0/exchange_sku"),
        ({"handover": "drone"}, "/handover"),
        ({"handover": "store"}, "/location"),
        ({"lines": []}, "/lines"),
        ({"lines": [{**line, "quantity": 0}]}, "/lines/0/quantity"),
        ({"lines": [{**line, "reason": "mood"}]}, "/lines/0/reason"),
        ({"lines": [{**line, "line_no": 2}]}, "/lines/0/line_no"),
        ({"note": "x"}, "/note"),
    ):
        problem = await shop.send("POST", "/v1/returns", {**body, **change}, expect=422)
        assert [error["pointer"] for error in problem["errors"]] == [pointer], change
    too_many = {**body, "lines": [{**line, "quantity": 4}]}
    problem = await shop.send("POST", "/v1/returns", too_many, expect=409)
    assert (problem["lines"][0]["returnable"], problem["lines"][0]["code"]) == (3, "too_many")


async def test_what_does_not_exist_is_not_found(shop: Shop) -> None:
    body = await wished(shop)
    await shop.send("POST", "/v1/returns", {**body, "order_id": show("ord", new_id())}, expect=404)
    await shop.send("POST", "/v1/returns/eligibility", {"order_id": "ord_1"}, expect=404)
    nowhere = f"/v1/returns/{show('ret', new_id())}"
    for path in (nowhere, f"{nowhere}/label.pdf", f"{nowhere}/qr.svg"):
        await shop.get(path, expect=404)
    assert (await shop.get("/v1/returns"))["items"] == []
    lines = [{"line_no": 1, "quantity": 1, "disposition": "scrap"}]
    await shop.send("POST", f"{nowhere}/receive", {"location": "LDS", "lines": lines}, expect=404)
    await shop.send("POST", f"{nowhere}/decline", {"reason": "no"}, expect=404)
    await shop.send("POST", "/v1/returns/drop-off", {"location": "LDS", "token": "x"}, expect=404)
