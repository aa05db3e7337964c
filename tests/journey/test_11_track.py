"""Track: signed webhooks, duplicates, out of order; the status moves forward only; late and lost are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from doorstep.kit.ids import new_id, show
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
    # Express has no day to spare; a standard parcel may be a day early, and then a day's delay is not late.
    placed = await shop.place({"sku": "MUG"}, service="express")
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


async def on_the_road(shop: Shop, sku: str = "MUG", quantity: int = 2) -> tuple[str, str]:
    """An order whose parcel left and of which nothing more is heard: its id, and the parcel's path."""
    placed = await shop.place({"sku": sku, "quantity": quantity})
    (shipment,) = await shop.ship(placed["order_id"])
    return placed["order_id"], f"/v1/shipments/{shipment['shipment_id']}"


async def test_a_parcel_that_came_back_is_refunded_restocked_and_told(shop: Shop) -> None:
    order_id, parcel = await on_the_road(shop)
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 8
    back = await shop.send("POST", f"{parcel}/take-back", {"disposition": "restock"})
    assert (back["status"], back["came_back_at"] is not None) == ("returned", True)
    await shop.drain()
    order = await shop.get(f"/v1/orders/{order_id}")
    assert order["money"]["refunded_minor"] == order["money"]["captured_minor"] == 2 * 1000 + 495
    assert order["lines"][0]["units"] == {"canceled": 2}
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 10
    subjects = [mail["subject"] for mail in shop.mailbox()]
    assert [subject for subject in subjects if "came back" in subject] == [
        f"A parcel of your order {order['number']} came back to us"
    ]
    assert "The parcel could not be delivered and came back." in await shop.story(order_id)
    await shop.send("POST", f"{parcel}/declare-lost", expect=409)
    await shop.audit()


async def test_damaged_goods_that_came_back_are_not_sold_again(shop: Shop) -> None:
    _, parcel = await on_the_road(shop)
    await shop.send("POST", f"{parcel}/take-back", {"disposition": "damaged"})
    row = (await shop.stock("MUG"))["north"]
    assert (row["on_hand"], row["damaged"], row["available"]) == (10, 2, 8)
    await shop.send("POST", f"{parcel}/take-back", {"disposition": "sell it anyway"}, expect=422)
    await shop.audit()


async def test_a_parcel_a_person_declares_lost_is_refunded_and_told_once(shop: Shop) -> None:
    order_id, parcel = await on_the_road(shop)
    await shop.set_clock(shop.now + timedelta(days=3))  # ours only: of the carrier nothing is heard
    await shop.drain()
    assert "carrier_silent" in {item["kind"] for item in (await shop.get("/v1/exceptions"))["items"]}
    lost = await shop.send("POST", f"{parcel}/declare-lost")
    assert (lost["status"], lost["substatus"], lost["lost_at"] is not None) == ("exception", "lost", True)
    await shop.drain()
    order = await shop.get(f"/v1/orders/{order_id}")
    assert order["money"]["refunded_minor"] == order["money"]["captured_minor"]
    assert [item["kind"] for item in (await shop.get("/v1/exceptions"))["items"]] == ["parcel_lost"]
    await shop.send("POST", f"{parcel}/take-back", {}, expect=409)
    await shop.audit()


async def test_nothing_is_taken_back_that_never_left_or_has_arrived(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    await shop.drain()
    (work,) = await shop.work(placed["order_id"])
    await shop.fulfill(work)
    (shipment,) = (await shop.get("/v1/shipments", order=placed["order_id"]))["items"]
    parcel = f"/v1/shipments/{shipment['shipment_id']}"
    await shop.send("POST", f"{parcel}/take-back", {}, expect=409)
    await shop.hand_over(placed["order_id"])
    await travel(shop, 5)
    for verb in ("take-back", "declare-lost"):
        refused = await shop.send("POST", f"{parcel}/{verb}", {} if verb == "take-back" else None, expect=409)
        assert "return" in refused["detail"]
        await shop.send("POST", f"/v1/shipments/{new_shipment()}/{verb}", {}, expect=404)
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["lines"][0]["units"] == {"delivered": 1}
    await shop.audit()


async def test_what_the_carrier_tells_of_a_parcel_that_is_back_moves_no_money(shop: Shop) -> None:
    order_id, parcel = await on_the_road(shop)
    await shop.send("POST", f"{parcel}/take-back", {})
    await travel(shop, 6)  # the twin knows nothing of it, and delivers
    order = await shop.get(f"/v1/orders/{order_id}")
    assert order["lines"][0]["units"] == {"canceled": 2}
    assert order["money"]["refunded_minor"] == order["money"]["captured_minor"]
    assert [item["kind"] for item in (await shop.get("/v1/exceptions"))["items"]] == ["delivered_after_lost"]
    await shop.audit()


def new_shipment() -> str:
    """The id of a shipment there is not."""
    return show("shp", new_id())
