"""Track: signed webhooks, duplicates, out of order; the status moves forward only; late and lost are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.support.shop import Shop


async def travel(shop: Shop, days: int) -> None:
    """Let days pass, four hours at a time."""
    for _ in range(days * 6):
        await shop.pass_time(timedelta(hours=4))


async def faulty(shop: Shop, **faults: Any) -> None:
    """Give the carrier faults, keeping where its webhooks go."""
    shop.carrier.reset(webhook_url=shop.webhook_url, faults=faults)


async def test_a_parcel_is_followed_to_the_door(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 2})
    await shop.ship(placed["order_id"])
    await travel(shop, 5)
    (shipment,) = (await shop.get("/v1/shipments", order=placed["order_id"]))["items"]
    assert shipment["status"] == "delivered"
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert (order["status"], order["fulfillment_status"]) == ("completed", "delivered")
    assert order["lines"][0]["units"] == {"delivered": 2}
    await shop.audit()


async def test_duplicates_garbage_and_disorder_change_nothing(shop: Shop) -> None:
    await faulty(shop, duplicate=1.0, out_of_order=0.5, repeat_webhook=1.0, garbage_webhook=0.3, bad_signature=0.3)
    placed = await shop.place({"sku": "MUG"})
    await shop.ship(placed["order_id"])
    await travel(shop, 7)
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert order["fulfillment_status"] == "delivered"
    story = [chapter["kind"] for chapter in (await shop.get(f"/v1/orders/{placed['order_id']}/timeline"))["items"]]
    assert story.count("shipping.delivered") == 1
    statuses = [kind for kind in story if kind == "shipping.tracked"]
    assert len(statuses) <= 5
    await shop.audit()


async def test_a_late_parcel_is_told_before_the_old_date(shop: Shop) -> None:
    await faulty(shop, late=1.0)
    placed = await shop.place({"sku": "MUG"})
    await shop.ship(placed["order_id"])
    await travel(shop, 10)
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    versions = {entry["version"]: entry for entry in order["promises"]}
    assert versions[2]["promised_by"] > versions[1]["promised_by"]
    assert versions[2]["told_at"] < versions[1]["promised_by"]
    assert order["fulfillment_status"] == "delivered"
    await shop.audit()


async def test_a_lost_parcel_is_an_exception_and_the_money_goes_back(shop: Shop) -> None:
    await faulty(shop, lost=1.0)
    placed = await shop.place({"sku": "MUG"})
    await shop.ship(placed["order_id"])
    await travel(shop, 25)
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert order["money"]["refunded_minor"] == order["money"]["captured_minor"]
    kinds = {item["kind"] for item in (await shop.get("/v1/exceptions"))["items"]}
    assert any("lost" in kind for kind in kinds), kinds
    await shop.audit()


async def test_a_webhook_with_a_wrong_signature_is_refused(shop: Shop) -> None:
    answer = await shop.client.post(
        "/v1/webhooks/carriers/main/sandbox", content=b'{"events": []}', headers={"webhook-id": "x"}
    )
    assert answer.status_code in (400, 401)
