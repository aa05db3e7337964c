"""Pay: authorize, capture per shipment, refund; captured less refunded is what the goods kept cost, to the cent."""

from __future__ import annotations

from datetime import timedelta

from tests.support.shop import Shop
from tests.support.twins import first_attempt_only


async def test_money_is_taken_per_parcel_and_adds_up_to_the_cent(shop: Shop) -> None:
    placed = await shop.place(
        {"sku": "GLASS", "quantity": 3, "unit_price_minor": 333, "tax_minor": 100},
        {"sku": "JERSEY", "unit_price_minor": 2999},
        discount_minor=101,
    )
    await shop.drain()
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["payment_status"] == "authorized"
    first, second = await shop.work(placed["order_id"])
    await shop.fulfill(first)
    await shop.hand_over(placed["order_id"])
    money = (await shop.get(f"/v1/orders/{placed['order_id']}"))["money"]
    assert 0 < money["captured_minor"] < money["total_minor"]
    await shop.fulfill(second)
    await shop.hand_over(placed["order_id"])
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert order["money"]["captured_minor"] == order["money"]["total_minor"] == 333 * 3 + 100 + 2999 - 101 + 495
    assert order["payment_status"] == "captured"
    await shop.audit()


async def test_a_declined_card_is_tried_again_and_then_given_up_with_the_stock_back(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 4}, payment={"token": "tok_declined"})
    await shop.drain()
    assert (await shop.stock("MUG"))["north"]["reserved"] == 4
    for _ in range(30):
        await shop.pass_time(timedelta(hours=1))
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert (order["status"], order["payment_status"]) == ("canceled", "failed")
    assert (await shop.stock("MUG"))["north"]["reserved"] == 0
    await shop.audit()


async def test_a_second_try_may_succeed(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"}, payment={"token": "tok_insufficient_then_ok"})
    for _ in range(12):
        await shop.pass_time(timedelta(hours=1))
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert (order["status"], order["payment_status"]) == ("open", "authorized")


async def test_an_authorization_the_channel_has_is_not_asked_for_again(shop: Shop) -> None:
    # The storefront's own checkout asked the same gateway, and passes on what it was told.
    reference = await shop.authorize(1495)
    placed = await shop.place({"sku": "MUG"}, payment={"authorization_reference": reference})
    await shop.drain()
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["payment_status"] == "authorized"
    await shop.ship(placed["order_id"])
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["payment_status"] == "captured"


async def test_a_gateway_that_answers_too_late_is_charged_once(shop: Shop) -> None:
    shop.gateway.reset(**first_attempt_only(error_500_after=1.0))
    placed = await shop.place({"sku": "MUG"})
    for _ in range(50):
        await shop.drain()
        if (await shop.get(f"/v1/orders/{placed['order_id']}"))["payment_status"] == "authorized":
            break
        await shop.retry_now()
    await shop.ship(placed["order_id"])
    for _ in range(5):
        await shop.retry_now()
        await shop.drain()
    money = (await shop.get(f"/v1/orders/{placed['order_id']}"))["money"]
    assert money["captured_minor"] == money["total_minor"]
    kinds = sorted(entry["kind"] for entry in shop.gateway.get("/sandbox/ledger")["transactions"].values())
    assert kinds == ["authorization", "capture"]
