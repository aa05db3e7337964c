"""Keep the stock right: counts that find less than was sold, or of a while ago; adjustments, limits, dated supply."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.shop import MONDAY, Shop, receive

HELD = {"reason": "customer_request", "note": ""}


async def held(shop: Shop, *lines: dict[str, Any], **more: Any) -> Any:
    """An order that is paid, and held before anybody works on it."""
    order = await shop.place(*lines, **more)
    await shop.send("POST", f"/v1/orders/{order['order_id']}/holds", HELD, expect=201)
    await shop.drain()
    return order


async def note(shop: Shop, path: str, body: object, *, expect: int = 200) -> Any:
    """Send a note with a reference of its own twice; the first answer. The second books nothing."""
    first, second = [await shop.client.post(path, json=body) for _ in range(2)]
    assert (first.status_code, second.status_code) == (expect, expect), first.text
    if expect == 200:
        assert second.json()["changed"] == 0
    return first.json()


def count(sku: str, on_hand: int, reference: str, **more: Any) -> dict[str, Any]:
    """A count of the north."""
    return {"reference": reference, "location": "north", "lines": [{"sku": sku, "on_hand": on_hand}], **more}


async def test_a_count_below_what_was_sold_makes_an_order_wait_and_tells_its_customer(shop: Shop) -> None:
    order = await held(shop, {"sku": "GLASS", "quantity": 5})
    booked = await note(shop, "/v1/stock/counts", count("GLASS", 3, "c-1"))
    assert booked["moved"] == [{"order_id": order["order_id"], "line_no": 1, "quantity": 2}]
    await shop.drain()
    found = await shop.get(f"/v1/orders/{order['order_id']}")
    assert (found["lines"][0]["units"]["reserved"], found["lines"][0]["units"]["shortfall"]) == (3, 2)
    (trouble,) = (await shop.get("/v1/exceptions"))["items"]
    assert (trouble["kind"], trouble["order_id"]) == ("stock_short", order["order_id"])
    mail = [one["subject"] for one in shop.mailbox()]
    assert len(mail) == 2, mail  # the order's confirmation, and that the date is not sure any more
    await receive(shop, "north", {"GLASS": 2})
    await shop.drain()
    assert (await shop.get(f"/v1/orders/{order['order_id']}"))["lines"][0]["units"]["reserved"] == 5
    await shop.audit()


async def test_who_gives_way_gets_it_from_elsewhere_when_it_is_there(shop: Shop) -> None:
    order = await held(shop, {"sku": "MUG", "quantity": 6})
    booked = await note(shop, "/v1/stock/counts", count("MUG", 4, "c-1"))
    assert [one["quantity"] for one in booked["moved"]] == [2]
    await shop.drain()
    claims = (await shop.get(f"/v1/orders/{order['order_id']}"))["claims"]
    assert {one["location"]: one["quantity"] for one in claims} == {"north": 4, "south": 2}
    await shop.audit()


async def test_a_cart_that_loses_units_to_a_count_shows_it_when_it_is_read(shop: Shop) -> None:
    body = {"channel": "web", "lines": [{"sku": "GLASS", "quantity": 4}]}
    cart = await shop.send("POST", "/v1/cart-holds", body, expect=201)
    await note(shop, "/v1/stock/counts", count("GLASS", 1, "c-1"))
    (line,) = (await shop.get(f"/v1/cart-holds/{cart['hold_id']}"))["lines"]
    assert (line["quantity"], line["held"]) == (4, 1)
    await shop.send("POST", f"/v1/cart-holds/{cart['hold_id']}/extend", {}, expect=409)
    await shop.audit()


async def test_a_count_of_an_hour_ago_knows_what_left_since(shop: Shop) -> None:
    await shop.pass_time(MONDAY + timedelta(minutes=10))
    order = await shop.place({"sku": "MUG", "quantity": 2})
    await shop.ship(order["order_id"])
    await receive(shop, "north", {"MUG": 5})
    await shop.pass_time(timedelta(hours=1))
    counted_at = (MONDAY + timedelta(minutes=5)).isoformat()
    await note(shop, "/v1/stock/counts", count("MUG", 9, "c-1", counted_at=counted_at))  # one less than the book said
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 9 - 2 + 5
    (move,) = [one for one in (await shop.get("/v1/stock/movements", sku="MUG"))["items"] if one["kind"] == "counted"]
    assert (move["on_hand_delta"], move["occurred_at"]) == (-1, counted_at.replace("+00:00", "Z"))
    later = (shop.now + timedelta(seconds=1)).isoformat()
    for time in (later, "2026-03-02T09:05:00"):
        refused = await note(shop, "/v1/stock/counts", count("MUG", 9, "c-2", counted_at=time), expect=422)
        assert refused["errors"][0]["pointer"] == "/counted_at"
    await note(shop, "/v1/stock/counts", count("MUG", 9, "c-3", counted_at=MONDAY.isoformat()), expect=409)
    await shop.audit()


async def test_units_are_adjusted_with_their_reason_and_released_from_control(shop: Shop) -> None:
    async def adjust(reference: str, *lines: dict[str, Any], expect: int = 200) -> Any:
        body = {"reference": reference, "location": "north", "lines": [{"sku": "MUG", **line} for line in lines]}
        return await shop.send("POST", "/v1/stock/adjustments", body, expect=expect)

    lost = {
        "quantity": 2,
        "from": "sellable",
        "to": "nowhere",
        "reason": "lost",
        "note": "fell <b>behind</b> the shelf",
    }
    assert (await adjust("a-1", lost))["changed"] == 1
    assert (await adjust("a-1", lost))["changed"] == 0  # the same note under another key
    await adjust("a-1", {**lost, "quantity": 3}, expect=409)
    control = {"quantity": 5, "from": "sellable", "to": "quality_control", "reason": "other", "note": "recall"}
    await adjust("a-2", control)
    row = (await shop.stock("MUG"))["north"]
    assert (row["on_hand"], row["quality_control"], row["available"]) == (8, 5, 3)
    await adjust("a-3", {"quantity": 3, "from": "quality_control", "to": "sellable", "reason": "inspected"})
    await adjust("a-4", {"quantity": 2, "from": "quality_control", "to": "damaged", "reason": "inspected"})
    await adjust("a-5", {"quantity": 1, "from": "damaged", "to": "nowhere", "reason": "broken"})
    row = (await shop.stock("MUG"))["north"]
    assert (row["on_hand"], row["quality_control"], row["damaged"], row["available"]) == (7, 0, 1, 6)
    for wrong in (
        {**control, "to": "sellable"}, {**control, "note": " "}, {**control, "quantity": 0}, {**control, "reason": "x"},
        {**control, "sku": "NOPE"}, {**control, "note": "x" * 201}, {**control, "to": "moon"},
    ):  # fmt: skip
        await adjust("a-6", wrong, expect=422)
    await adjust("a-7", {"quantity": 2, "from": "damaged", "to": "sellable", "reason": "found"}, expect=409)
    reasons = [one["reason"] for one in (await shop.get("/v1/stock/movements", sku="MUG"))["items"]]
    assert "lost: fell <b>behind</b> the shelf" in reasons
    await shop.audit()


async def test_limits_are_set_in_bulk_and_claims_above_a_lowered_one_give_way(shop: Shop) -> None:
    lines = [
        {"sku": "GLASS", "location": "north", "oversell_limit": 3},
        {"sku": "MUG", "location": "north", "safety_stock": 9},
    ]
    assert (await shop.send("PUT", "/v1/stock/limits", lines))["changed"] == 2
    assert (await shop.send("PUT", "/v1/stock/limits", lines))["changed"] == 0
    order = await held(shop, {"sku": "GLASS", "quantity": 8})
    row = (await shop.stock("MUG"))["north"]
    assert (row["safety_stock"], row["available"], row["oversell_limit"]) == (9, 1, 0)
    lowered = await shop.client.put("/v1/stock/limits", json=[{**lines[0], "oversell_limit": 1}])
    assert lowered.json()["moved"] == [{"order_id": order["order_id"], "line_no": 1, "quantity": 2}]
    await shop.drain()
    assert (await shop.get(f"/v1/orders/{order['order_id']}"))["lines"][0]["units"]["shortfall"] == 2
    raised = await shop.client.put("/v1/stock/limits", json=[{**lines[0], "oversell_limit": 3}])
    assert raised.json() == {"changed": 1, "moved": []}
    await shop.drain()
    assert (await shop.get(f"/v1/orders/{order['order_id']}"))["lines"][0]["units"]["reserved"] == 8
    bought = await held(shop, {"sku": "MUG", "quantity": 1})
    await shop.send("PUT", "/v1/stock/limits", [{**lines[1], "safety_stock": 1_000}])  # guards new claims only
    assert (await shop.get(f"/v1/orders/{bought['order_id']}"))["lines"][0]["units"]["reserved"] == 1
    for wrong in (
        {"sku": "NOPE", "location": "north"},
        {"sku": "MUG", "location": "moon"},
        {**lines[1], "safety_stock": -1},
    ):
        await shop.send("PUT", "/v1/stock/limits", [wrong], expect=422)
    await shop.send("PUT", "/v1/stock/limits", [lines[0], lines[0]], expect=422)
    await shop.audit()


async def test_supply_is_announced_dated_anew_comes_in_parts_and_is_called_off(shop: Shop) -> None:
    body = {"reference": "PO-1", "location": "north", "expected_at": "2026-03-05T09:00:00Z",
            "lines": [{"sku": "GLASS", "quantity": 10}, {"sku": "MUG", "quantity": 4}]}  # fmt: skip
    await note(shop, "/v1/stock/incoming", body)
    glass, mug = (await shop.get("/v1/stock/incoming"))["items"]
    if glass["sku"] == "MUG":
        glass, mug = mug, glass
    path = f"/v1/stock/incoming/{glass['incoming_id']}"
    changed = await shop.send("PUT", path, {"quantity": 12, "expected_at": "2026-03-09T09:00:00Z"})
    assert (changed["quantity"], changed["expected_at"], changed["status"]) == (12, "2026-03-09T09:00:00Z", "open")
    part = {"location": "north", "expected": "PO-1", "lines": [{"sku": "GLASS", "quantity": 5}]}
    for reference in ("DN-1", "DN-2", "DN-3"):  # 15 of 12 in the end
        await note(shop, "/v1/stock/receipts", {**part, "reference": reference})
    found = await shop.get(path)
    assert (found["arrived"], found["quantity"], found["status"]) == (15, 12, "received")
    assert (await shop.stock("GLASS"))["north"]["on_hand"] == 20
    await shop.send("PUT", path, {"quantity": 20, "expected_at": "2026-03-09T09:00:00Z"}, expect=409)
    await shop.send("POST", f"{path}/cancel", expect=409)
    off = f"/v1/stock/incoming/{mug['incoming_id']}"
    assert (await shop.send("POST", f"{off}/cancel"))["status"] == "canceled"
    assert (await shop.send("POST", f"{off}/cancel", key="another"))["status"] == "canceled"
    again = {**body, "expected_at": "2026-03-12T09:00:00Z"} | {"lines": body["lines"][1:]}
    assert (await note(shop, "/v1/stock/incoming", again))["changed"] == 0
    assert (await shop.get(off))["status"] == "canceled"  # an old message opens nothing
    assert (await shop.get("/v1/stock/incoming"))["items"] == []
    assert len((await shop.get("/v1/stock/incoming", ended=True, sku="MUG", location="north"))["items"]) == 1
    await shop.get("/v1/stock/incoming/inc_" + "0" * 32, expect=404)
    await shop.audit()


async def test_goods_go_from_one_location_to_another_and_what_is_missing_is_accounted_for(shop: Shop) -> None:
    body = {"reference": "T-1", "from": "north", "to": "south", "expected_at": "2026-03-05T09:00:00Z",
            "lines": [{"sku": "MUG", "quantity": 5}, {"sku": "GLASS", "quantity": 3}]}  # fmt: skip
    made = await shop.send("POST", "/v1/stock/transfers", body, expect=201)
    assert (await shop.send("POST", "/v1/stock/transfers", body, expect=201))["transfer_id"] == made["transfer_id"]
    await shop.send("POST", "/v1/stock/transfers", {**body, "to": "workshop"}, expect=409)
    path = f"/v1/stock/transfers/{made['transfer_id']}"
    sent = await shop.send("POST", f"{path}/ship", {"lines": [{"sku": "MUG", "quantity": 5}]})
    assert (sent["state"], {one["sku"]: one["in_transit"] for one in sent["lines"]}) == (
        "in_transit",
        {"GLASS": 0, "MUG": 5},
    )
    (supply,) = (await shop.get("/v1/stock/incoming"))["items"]
    assert (supply["sku"], supply["location"], supply["quantity"]) == ("MUG", "south", 5)
    late = {"quantity": 5, "expected_at": "2026-03-06T09:00:00Z"}
    await shop.send("PUT", f"/v1/stock/incoming/{supply['incoming_id']}", late)
    await shop.send("PUT", f"/v1/stock/incoming/{supply['incoming_id']}", {**late, "quantity": 4}, expect=409)
    await shop.send("POST", f"/v1/stock/incoming/{supply['incoming_id']}/cancel", expect=409)
    forged = {
        "reference": "x",
        "location": "south",
        "expected": supply["reference"],
        "lines": [{"sku": "MUG", "quantity": 1}],
    }
    await note(shop, "/v1/stock/receipts", forged, expect=422)
    await note(shop, "/v1/stock/incoming", {**forged, "reference": supply["reference"]}, expect=422)
    part = {"reference": "R-1", "lines": [{"sku": "MUG", "quantity": 2, "damaged": 1}], "note": "wet box"}
    assert (await shop.send("POST", f"{path}/receive", part))["lines"][1]["in_transit"] == 2
    await shop.send("POST", f"{path}/cancel", expect=409)
    await shop.send("POST", f"{path}/close", {}, expect=422)
    closed = await shop.send("POST", f"{path}/close", {"found": [{"sku": "MUG", "quantity": 1}], "why": "lost"})
    assert (closed["state"], closed["lines"][1]["missing"], closed["lines"][1]["found"]) == ("closed", 1, 1)
    stock = await shop.stock("MUG")
    assert (stock["north"]["on_hand"], stock["south"]["on_hand"], stock["south"]["damaged"]) == (6, 7, 1)
    assert (await shop.get("/v1/stock/transfers"))["items"] == []
    assert [one["reference"] for one in (await shop.get("/v1/stock/transfers", ended=True))["items"]] == ["T-1"]
    other = await shop.send("POST", "/v1/stock/transfers", {**body, "reference": "T-2"}, expect=201)
    assert (await shop.send("POST", f"/v1/stock/transfers/{other['transfer_id']}/cancel"))["state"] == "canceled"
    await shop.get("/v1/stock/transfers/trf_" + "0" * 32, expect=404)
    for wrong in (
        {**body, "to": "north"},
        {**body, "from": "moon"},
        {**body, "lines": [*body["lines"]] * 2},
        {**body, "lines": []},
    ):
        await shop.send("POST", "/v1/stock/transfers", {**wrong, "reference": "T-3"}, expect=422)
    await shop.audit()


@pytest.mark.parametrize("last", [True, False])
async def test_less_than_was_expected_stays_expected_unless_no_more_will_come(shop: Shop, last: bool) -> None:
    lines = [{"sku": "GLASS", "quantity": 10}]
    body = {"reference": "PO-1", "location": "north", "expected_at": "2026-03-05T09:00:00Z", "lines": lines}
    await note(shop, "/v1/stock/incoming", body)
    receipt = {"reference": "PO-1", "location": "north", "lines": [{"sku": "GLASS", "quantity": 7}], "last": last}
    await note(shop, "/v1/stock/receipts", receipt)
    (found,) = (await shop.get("/v1/stock/incoming", ended=True))["items"]
    assert (found["arrived"], found["status"]) == (7, "received" if last else "open")
    await shop.audit()
