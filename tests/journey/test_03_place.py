"""Place: once, whatever is retried; units claimed; split when one location cannot serve all; short is refused or
accepted.
"""

from __future__ import annotations

import asyncio

from tests.support.shop import Shop


async def test_an_order_is_placed_once_and_a_retry_gets_the_same_answer(shop: Shop) -> None:
    body = shop.order({"sku": "MUG", "quantity": 2})
    answers = [await shop.client.post("/v1/orders", json=body) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert len({answer.content for answer in answers}) == 1
    assert answers[1].headers["idempotent-replay"] == "true"
    assert (await shop.stock("MUG"))["north"]["reserved"] == 2
    await shop.audit()


async def test_the_same_number_with_another_body_is_a_conflict_that_names_the_fields(shop: Shop) -> None:
    body = shop.order({"sku": "MUG", "quantity": 2})
    await shop.send("POST", "/v1/orders", body, expect=201)
    changed = {**body, "service": "express", "customer": {**body["customer"], "name": "Grace"}}
    problem = await shop.send("POST", "/v1/orders", changed, expect=409)
    assert problem["fields"] == ["customer", "service"]
    assert (await shop.stock("MUG"))["north"]["reserved"] == 2


async def test_sent_five_times_at_once_it_is_placed_once(shop: Shop) -> None:
    body = shop.order({"sku": "MUG", "quantity": 1})
    answers = await asyncio.gather(*(shop.client.post("/v1/orders", json=body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
    assert len({answer.content for answer in answers}) == 1
    assert (await shop.stock("MUG"))["north"]["reserved"] == 1


async def test_units_are_claimed_where_they_were_promised(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 3}, {"sku": "MUG", "quantity": 1})
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert [(claim["line_no"], claim["location"], claim["quantity"]) for claim in order["claims"]] == [
        (1, "north", 3),
        (2, "north", 1),
    ]
    assert order["decisions"][0]["why"] == "has everything, at the least cost"


async def test_what_one_location_cannot_serve_is_split(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 12}, {"sku": "GLASS", "quantity": 1})
    assert sorted(part["location"] for part in placed["parts"]) == ["north", "south"]
    stock = await shop.stock("MUG")
    assert stock["north"]["reserved"] + stock["south"]["reserved"] == 12
    assert placed["short"] == []


async def test_a_channel_that_refuses_short_orders_writes_nothing(shop: Shop) -> None:
    problem = await shop.place({"sku": "MUG", "quantity": 15}, expect=409)
    assert problem["type"].endswith("insufficient-stock")
    assert problem["lines"] == [{"line_no": 1, "sku": "MUG", "ordered": 15, "missing": 1, "available": 14}]
    assert (await shop.get("/v1/orders"))["items"] == []
    await shop.audit()


async def test_the_same_sku_on_two_lines_is_added_up_before_it_is_promised(shop: Shop) -> None:
    problem = await shop.place({"sku": "GLASS", "quantity": 3}, {"sku": "GLASS", "quantity": 3}, expect=409)
    assert problem["lines"] == [{"line_no": 2, "sku": "GLASS", "ordered": 3, "missing": 1, "available": 5}]


async def test_a_channel_that_accepts_owes_the_rest_with_an_exception_and_a_date(shop: Shop) -> None:
    expected = {
        "reference": "po-1", "location": "north", "lines": [{"sku": "MUG", "quantity": 50}],
        "expected_at": "2026-03-06T08:00:00Z",
    }  # fmt: skip
    assert (await shop.client.post("/v1/stock/incoming", json=expected)).json() == {"changed": 1}
    placed = await shop.place({"sku": "MUG", "quantity": 15}, on_short="accept")
    assert placed["short"] == []
    assert [part["lines"] for part in placed["awaited"]] == [[[1, 1]]]
    assert placed["promised_by"] == placed["awaited"][0]["promised_by"] > expected["expected_at"]
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert order["lines"][0]["units"] == {"backordered": 1, "reserved": 14}
    exceptions = (await shop.get("/v1/exceptions"))["items"]
    assert [(item["kind"], item["order_id"]) for item in exceptions] == [("stock_short", placed["order_id"])]
    await shop.drain()
    assert [mail["subject"] for mail in shop.mailbox()] == [f"We have your order {placed['number']}"]
    await shop.audit()


async def test_everything_wrong_with_an_order_is_told_at_once(shop: Shop) -> None:
    body = shop.order({"sku": "NOPE"}, {"sku": "MUG", "personalization": {"fields": {"name": "X"}}})
    problem = await shop.send("POST", "/v1/orders", {**body, "service": "teleport"}, expect=422)
    assert [error["pointer"] for error in problem["errors"]] == [
        "/service",
        "/lines/0/sku",
        "/lines/1/personalization/fields",
    ]
    wrong_total = {**shop.order({"sku": "MUG"}), "total_minor": 1}
    problem = await shop.send("POST", "/v1/orders", wrong_total, expect=422)
    assert problem["errors"][0] == {"pointer": "/total_minor", "detail": "The parts add up to 1495, not 1."}
    assert (await shop.get("/v1/orders"))["items"] == []
