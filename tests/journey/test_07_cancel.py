"""Cancel: lines and part quantities; stock back, money back, told."""

from __future__ import annotations

from tests.support.shop import Shop


async def test_part_of_a_line_can_be_canceled_until_it_is_picked(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 3}, {"sku": "CARD", "quantity": 2})
    await shop.drain()
    path = f"/v1/orders/{placed['order_id']}/cancel"
    wish = {"reason": "changed my mind", "lines": [{"line_no": 1, "quantity": 2}]}
    answer = await shop.send("POST", path, wish)
    assert answer == {"lines": [{"line_no": 1, "quantity": 2}], "amount_minor": 2000, "everything": False}
    await shop.drain()
    assert (await shop.stock("MUG"))["north"]["reserved"] == 1
    await shop.ship(placed["order_id"])
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert order["money"]["captured_minor"] == 1000 + 2000 + 495
    assert order["money"]["captured_minor"] + order["money"]["voided_minor"] == order["money"]["authorized_minor"]
    assert any("cancel" in mail["subject"].lower() for mail in shop.mailbox())
    await shop.audit()


async def test_a_whole_order_is_canceled_and_its_money_let_go(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 3}, {"sku": "JERSEY"})
    await shop.drain()
    answer = await shop.send("POST", f"/v1/orders/{placed['order_id']}/cancel", {"reason": "wrong size"})
    assert (answer["amount_minor"], answer["everything"]) == (4495, True)
    await shop.drain()
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert (order["status"], order["payment_status"]) == ("canceled", "voided")
    assert (await shop.stock("MUG"))["north"]["reserved"] == 0
    assert await shop.work(placed["order_id"]) == []
    await shop.audit()


async def test_canceled_before_the_money_is_asked_for_nothing_is_taken(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    await shop.send("POST", f"/v1/orders/{placed['order_id']}/cancel", {"reason": "oops"})
    await shop.drain()
    money = (await shop.get(f"/v1/orders/{placed['order_id']}"))["money"]
    assert money["captured_minor"] == 0
    assert money["authorized_minor"] == money["voided_minor"]
    await shop.audit()


async def test_what_is_picked_cannot_be_canceled_and_the_answer_says_so(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 2})
    await shop.drain()
    (work,) = await shop.work(placed["order_id"])
    path = f"/v1/fulfillment-orders/{work['fulfillment_order_id']}"
    await shop.send("POST", f"{path}/accept")
    await shop.send("POST", f"{path}/pick", {"lines": [{"line_no": 1, "quantity": 1}]})
    wish = {"reason": "late", "lines": [{"line_no": 1, "quantity": 2}]}
    problem = await shop.send("POST", f"/v1/orders/{placed['order_id']}/cancel", wish, expect=409)
    assert problem["cancelable"] == 1
    await shop.send("POST", f"/v1/orders/{placed['order_id']}/cancel", {"reason": "late"})
    await shop.drain()
    (work,) = await shop.work(placed["order_id"])
    assert [(line["withdrawn"], line["to_pick"]) for line in work["lines"]] == [(1, 0)]
    await shop.audit()


async def test_a_bad_wish_changes_nothing(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 2})
    path = f"/v1/orders/{placed['order_id']}/cancel"
    for wish, status in (
        ({"reason": "x", "lines": [{"line_no": 9, "quantity": 1}]}, 422),
        ({"reason": "x", "lines": [{"line_no": 1, "quantity": 3}]}, 409),
        ({"reason": "x", "lines": [{"line_no": 1, "quantity": 2}, {"line_no": 1, "quantity": 1}]}, 409),
        ({"reason": "x", "lines": [{"line_no": 1, "quantity": 0}]}, 422),
        ({"reason": ""}, 422),
    ):
        await shop.send("POST", path, wish, expect=status)
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["lines"][0]["units"] == {"reserved": 2}
