"""Hold: nothing is activated under an open hold; a person or a rule releases it."""

from __future__ import annotations

import pytest

from tests.support.shop import ADDRESS, Shop


async def test_nothing_activates_under_an_open_hold(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    path = f"/v1/orders/{placed['order_id']}/holds"
    hold = await shop.send("POST", path, {"reason": "customer_request", "note": "wait for my call"}, expect=201)
    await shop.drain()
    assert await shop.work(placed["order_id"]) == []
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert (order["status"], order["payment_status"]) == ("on_hold", "authorized")
    assert await shop.send("POST", f"{path}/{hold['hold_id']}/release") == {"released": True}
    await shop.drain()
    assert [work["status_category"] for work in await shop.work(placed["order_id"])] == ["activated"]
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["status"] == "open"


async def test_the_same_hold_again_is_the_same_hold(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    path = f"/v1/orders/{placed['order_id']}/holds"
    first = await shop.send("POST", path, {"reason": "other"}, expect=201, key="one")
    second = await shop.send("POST", path, {"reason": "other"}, expect=201, key="two")
    assert first == second


async def test_every_order_waits_for_its_payment_first(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert order["awaiting_payment"]
    assert order["status"] == "on_hold"
    await shop.drain()
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert [(hold["reason"], hold["released_by"]) for hold in order["holds"]] == [("awaiting_payment", "rule")]


async def test_risk_over_the_limit_holds_the_order(shop: Shop) -> None:
    by_channel = await shop.place({"sku": "MUG"}, risk_score=90)
    by_gateway = await shop.place({"sku": "MUG"}, payment={"token": "tok_risky"})
    await shop.drain()
    for placed in (by_channel, by_gateway):
        order = await shop.get(f"/v1/orders/{placed['order_id']}")
        open_holds = [hold["reason"] for hold in order["holds"] if hold["released_at"] is None]
        assert open_holds == ["high_risk_of_fraud"]
        assert await shop.work(placed["order_id"]) == []


async def test_a_doubtful_address_holds_the_order_until_it_is_corrected(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"}, ship_to={**ADDRESS, "postcode": "NOT A CODE"})
    await shop.drain()
    assert await shop.work(placed["order_id"]) == []
    path = f"/v1/orders/{placed['order_id']}/address"
    first = await shop.client.put(path, json=ADDRESS)
    second = await shop.client.put(path, json=ADDRESS)
    assert (first.json(), second.json()) == ({"changed": True}, {"changed": False})
    await shop.drain()
    assert len(await shop.work(placed["order_id"])) == 1


@pytest.mark.parametrize(
    "body", [{}, {"reason": "because"}, {"reason": "awaiting_payment"}, {"reason": "other", "note": "x" * 600}]
)
async def test_a_bad_hold_changes_nothing(shop: Shop, body: dict[str, str]) -> None:
    placed = await shop.place({"sku": "MUG"})
    answer = await shop.client.post(
        f"/v1/orders/{placed['order_id']}/holds", json=body, headers={"Idempotency-Key": "k"}
    )
    assert answer.status_code in (400, 409, 422)
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["holds"] == []


async def test_the_address_can_be_changed_until_picking_starts(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    await shop.drain()
    path = f"/v1/orders/{placed['order_id']}/address"
    elsewhere = {**ADDRESS, "street": "1 Other Street"}
    assert (await shop.client.put(path, json=elsewhere)).json() == {"changed": True}
    abroad = {**ADDRESS, "country": "FR", "postcode": "75001"}
    assert (await shop.client.put(path, json=abroad)).status_code == 422
    (work,) = await shop.work(placed["order_id"])
    await shop.fulfill(work)
    assert (await shop.client.put(path, json=ADDRESS)).status_code == 409
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert order["ship_to"]["street"] == "1 Other Street"
