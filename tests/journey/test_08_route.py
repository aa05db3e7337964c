"""Route: the decision is kept with its reasons; on reject and short pick the claim moves, never lost or doubled."""

from __future__ import annotations

from tests.support.shop import Shop, receive


async def test_the_decision_keeps_its_candidates_and_reasons(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 6})
    (decision,) = (await shop.get(f"/v1/orders/{placed['order_id']}"))["decisions"]
    assert decision["why"] == "the only location that has everything"
    candidates = {candidate["location"]: candidate["out"] for candidate in decision["candidates"]}
    assert candidates == {"north": "", "south": "not enough stock", "workshop": "not enough stock"}


async def test_a_rejected_order_goes_elsewhere_and_never_back(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 4})
    await shop.drain()
    (work,) = await shop.work(placed["order_id"])
    assert work["location"] == "north"
    reason = {"reason": "the roof leaks"}
    await shop.send("POST", f"/v1/fulfillment-orders/{work['fulfillment_order_id']}/reject", reason)
    await shop.drain()
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert [(claim["location"], claim["quantity"]) for claim in order["claims"]] == [("south", 4)]
    assert [decision["cause"] for decision in order["decisions"]] == ["placed", "rejected"]
    (work,) = await shop.work(placed["order_id"])
    assert work["location"] == "south"
    await shop.send("POST", f"/v1/fulfillment-orders/{work['fulfillment_order_id']}/reject", reason)
    await shop.drain()
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert order["claims"] == []
    assert order["lines"][0]["units"] == {"shortfall": 4}
    assert [item["kind"] for item in (await shop.get("/v1/exceptions"))["items"]] == ["stock_short"]
    await shop.audit()


async def test_a_short_pick_moves_the_claim_and_corrects_the_shelf(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 5})
    await shop.drain()
    (work,) = await shop.work(placed["order_id"])
    path = f"/v1/fulfillment-orders/{work['fulfillment_order_id']}"
    await shop.send("POST", f"{path}/accept")
    short = {"lines": [{"line_no": 1, "quantity": 2}], "reason": "damaged"}
    await shop.send("POST", f"{path}/short-pick", short)
    await shop.drain()
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert sorted((claim["location"], claim["quantity"]) for claim in order["claims"]) == [("north", 3), ("south", 2)]
    stock = await shop.stock("MUG")
    assert (stock["north"]["on_hand"], stock["north"]["reserved"], stock["south"]["reserved"]) == (8, 3, 2)
    for work in await shop.work(placed["order_id"]):
        await shop.fulfill(work)
    await shop.hand_over(placed["order_id"])
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert order["fulfillment_status"] == "shipped"
    assert order["money"]["captured_minor"] == order["money"]["total_minor"]
    await shop.audit()


async def test_who_waits_is_served_when_goods_arrive_first_come_first_served(shop: Shop) -> None:
    first = await shop.place({"sku": "GLASS", "quantity": 7}, on_short="accept")
    second = await shop.place({"sku": "GLASS", "quantity": 2}, on_short="accept")
    await shop.drain()
    await receive(shop, "north", {"GLASS": 3})
    await shop.drain()
    first_order = await shop.get(f"/v1/orders/{first['order_id']}")
    second_order = await shop.get(f"/v1/orders/{second['order_id']}")
    assert first_order["lines"][0]["units"].get("shortfall", 0) == 0
    assert second_order["lines"][0]["units"]["shortfall"] == 1
    assert [item["order_id"] for item in (await shop.get("/v1/exceptions"))["items"]] == [second["order_id"]]
    await shop.audit()


async def test_a_date_that_was_not_known_is_told_when_goods_arrive(shop: Shop) -> None:
    placed = await shop.place({"sku": "GLASS", "quantity": 7}, on_short="accept")
    await shop.drain()
    before = (await shop.get(f"/v1/orders/{placed['order_id']}"))["promises"]
    assert [entry["promised_by"] for entry in before] == [None]
    await receive(shop, "north", {"GLASS": 9})
    await shop.drain()
    after = (await shop.get(f"/v1/orders/{placed['order_id']}"))["promises"]
    assert after[-1]["promised_by"] is not None
    assert after[-1]["told_at"] is not None
    await shop.audit()
