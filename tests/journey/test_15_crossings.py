"""What crosses: a cancel, a loss, a rejection and goods that arrive, in the order that hurts most."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.support.shop import Shop, receive


async def lose_parcels(shop: Shop) -> None:
    """From here on every parcel is lost, and the carrier says so in time."""
    shop.carrier.reset(webhook_url=shop.webhook_url, faults={"lost": 1.0})


async def travel(shop: Shop, days: int) -> None:
    """Let days pass, six hours at a time."""
    for _ in range(days * 4):
        await shop.pass_time(timedelta(hours=6))


async def money(shop: Shop, placed: dict[str, Any]) -> dict[str, int]:
    """The order's money."""
    found: dict[str, int] = (await shop.get(f"/v1/orders/{placed['order_id']}"))["money"]
    return found


async def test_a_parcel_lost_and_the_rest_canceled_gives_everything_back(shop: Shop) -> None:
    await lose_parcels(shop)
    placed = await shop.place({"sku": "GLASS", "quantity": 7, "unit_price_minor": 333}, on_short="accept")
    await shop.ship(placed["order_id"])  # five leave, two wait for goods
    await travel(shop, 20)
    assert (await money(shop, placed))["refunded_minor"] == 5 * 333
    await shop.send("POST", f"/v1/orders/{placed['order_id']}/cancel", {"reason": "enough"})
    await shop.drain()
    found = await money(shop, placed)
    assert found["captured_minor"] == found["refunded_minor"] == 5 * 333 + 495
    assert found["authorized_minor"] == found["captured_minor"] + found["voided_minor"]
    await shop.audit()


async def test_two_rejections_and_a_cancel_in_between_neither_lose_nor_double_a_claim(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 14})
    await shop.drain()
    for work in await shop.work(placed["order_id"]):
        path = f"/v1/fulfillment-orders/{work['fulfillment_order_id']}/reject"
        await shop.send("POST", path, {"reason": "flood"})
    wish = {"reason": "less", "lines": [{"line_no": 1, "quantity": 10}]}
    await shop.send("POST", f"/v1/orders/{placed['order_id']}/cancel", wish)
    await shop.audit()
    assert [item["kind"] for item in (await shop.get("/v1/exceptions"))["items"]] == ["stock_short"]
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert (order["claims"], order["lines"][0]["units"]) == ([], {"canceled": 10, "shortfall": 4})


async def test_an_order_nobody_delivers_any_more_does_not_keep_the_others_waiting(shop: Shop) -> None:
    first = await shop.place({"sku": "GLASS", "quantity": 6}, on_short="accept")
    second = await shop.place({"sku": "GLASS", "quantity": 1}, on_short="accept", service="express")
    await shop.drain()
    await shop.client.put("/v1/transit", json=[{"service": "standard", "country": "US", "days": 9}])
    await receive(shop, "north", {"GLASS": 5})
    await shop.drain()
    waiting = (await shop.get(f"/v1/orders/{first['order_id']}"))["lines"][0]["units"]
    served = (await shop.get(f"/v1/orders/{second['order_id']}"))["lines"][0]["units"]
    assert waiting == {"activated": 6}, "it has what it waited for: its other units are being worked on already"
    assert served == {"activated": 1}


async def test_a_hand_over_noted_after_the_delivery_counts_both(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    await shop.drain()
    (work,) = await shop.work(placed["order_id"])
    await shop.fulfill(work)
    (shipment,) = (await shop.get("/v1/shipments", order=placed["order_id"]))["items"]
    scan = {"tracking_number": shipment["tracking_number"], "at": shop.now.isoformat()}
    shop.carrier.post("/sandbox/hand-over", scan)  # the van took it, nobody noted it
    await travel(shop, 6)
    await shop.send("POST", f"/v1/shipments/{shipment['shipment_id']}/hand-over")
    await shop.drain()
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert order["lines"][0]["units"] == {"delivered": 1}
    assert order["money"]["captured_minor"] == order["money"]["total_minor"]


async def test_a_free_gift_does_not_wait_for_money_that_nobody_asks_for(shop: Shop) -> None:
    placed = await shop.place(
        {"sku": "MUG"},
        {"sku": "CARD", "unit_price_minor": 0},
        shipping_minor=0,
        payment={"token": "tok_insufficient_then_ok"},
    )
    await shop.drain()
    wish = {"reason": "only the gift", "lines": [{"line_no": 1, "quantity": 1}]}
    await shop.send("POST", f"/v1/orders/{placed['order_id']}/cancel", wish)
    for _ in range(10):
        await shop.pass_time(timedelta(hours=1))
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert (order["status"], order["awaiting_payment"]) == ("open", False)
    assert [work["status_category"] for work in await shop.work(placed["order_id"])] == ["activated"]


async def test_of_an_order_that_has_left_nothing_stays_authorized_though_a_parcel_was_lost_before(shop: Shop) -> None:
    # Three for 10.00: the first two cost 3.33 each, and after a loss the next one is the first one again.
    lines = {"sku": "GLASS", "quantity": 6, "unit_price_minor": 333, "tax_minor": 2}
    placed = await shop.place(lines, on_short="accept")
    (first,) = await shop.ship(placed["order_id"])  # five leave, one waits for goods
    await shop.send("POST", f"/v1/shipments/{first['shipment_id']}/declare-lost")
    await receive(shop, "north", {"GLASS": 1})
    await shop.ship(placed["order_id"])
    found = await money(shop, placed)
    price_of_one = (6 * 333 + 2) // 6
    assert found["captured_minor"] - found["refunded_minor"] == price_of_one + 495
    assert found["authorized_minor"] == found["captured_minor"] + found["voided_minor"]
    assert found["voided_minor"] > 0
    await shop.audit()
