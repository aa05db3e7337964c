"""Fulfill: accept, pick, work steps, pack; express work precedes standard."""

from __future__ import annotations

from tests.support.shop import Shop


async def test_express_work_precedes_standard(shop: Shop) -> None:
    standard = await shop.place({"sku": "CARD"})
    express = await shop.place({"sku": "CARD"}, service="express")
    fast = await shop.place({"sku": "CARD"}, service="fast-track")
    await shop.drain()
    items = (await shop.get("/v1/fulfillment-orders", location="north"))["items"]
    assert items[-1]["order_id"] == standard["order_id"]
    assert {item["order_id"] for item in items[:2]} == {express["order_id"], fast["order_id"]}
    assert [item["express"] for item in items] == [True, True, False]


async def test_nothing_is_packed_that_is_not_picked_or_whose_work_is_not_done(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 2, "gift_wrap": {"paper": "stars"}})
    await shop.drain()
    (work,) = await shop.work(placed["order_id"])
    path = f"/v1/fulfillment-orders/{work['fulfillment_order_id']}"
    await shop.send("POST", f"{path}/accept")
    await shop.send("POST", f"{path}/pack", {}, expect=409)
    await shop.send("POST", f"{path}/pick", {})
    problem = await shop.send("POST", f"{path}/pack", {}, expect=409)
    assert "wrap" in problem["detail"].lower()
    await shop.send("POST", f"{path}/steps/{work['steps'][0]['step_id']}/done")
    packed = await shop.send("POST", f"{path}/pack", {})
    assert packed["packed_at"] is not None
    await shop.audit()


async def test_more_than_asked_for_cannot_be_picked(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 2})
    await shop.drain()
    (work,) = await shop.work(placed["order_id"])
    path = f"/v1/fulfillment-orders/{work['fulfillment_order_id']}"
    await shop.send("POST", f"{path}/accept")
    for lines in ([{"line_no": 1, "quantity": 3}], [{"line_no": 2, "quantity": 1}]):
        answer = await shop.client.post(f"{path}/pick", json={"lines": lines}, headers={"Idempotency-Key": str(lines)})
        assert answer.status_code in (409, 422), answer.text
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["lines"][0]["units"] == {"activated": 2}
