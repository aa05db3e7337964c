"""Return: eligibility, a choice of hand-over, restocked, refunded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from doorstep.adapters import registry
from doorstep.adapters.settings import Settings as AdapterSettings
from tests.support.shop import Shop


async def delivered(shop: Shop, *lines: dict[str, Any]) -> str:
    """An order that has arrived."""
    placed = await shop.place(*lines)
    await shop.ship(placed["order_id"])
    for _ in range(30):
        await shop.pass_time(timedelta(hours=4))
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert order["fulfillment_status"] == "delivered"
    return str(placed["order_id"])


@pytest.mark.parametrize("handover", ["label", "qr", "store"])
async def test_what_comes_back_is_restocked_and_refunded(shop: Shop, handover: str) -> None:
    order_id = await delivered(shop, {"sku": "MUG", "quantity": 3, "unit_price_minor": 333})
    eligible = await shop.send("POST", "/v1/returns/eligibility", {"order_id": order_id})
    assert eligible["lines"][0]["quantity"] == 3, eligible
    wish = {
        "order_id": order_id, "number": "R-1", "handover": handover, "outcome": "refund", "location": "north",
        "lines": [{"line_no": 1, "quantity": 2, "reason": "too_many"}],
    }  # fmt: skip
    opened = await shop.send("POST", "/v1/returns", wish, expect=201)
    await shop.drain()
    path = f"/v1/returns/{opened['return_id']}"
    if handover == "label":
        assert (await shop.client.get(f"{path}/label.pdf")).content.startswith(b"%PDF")
    if handover == "qr":
        assert b"<svg" in (await shop.client.get(f"{path}/qr.svg")).content
    lines = [{"line_no": 1, "quantity": 2, "disposition": "restock", "acceptance": "accepted"}]
    await shop.send("POST", f"{path}/receive", {"location": "north", "lines": lines})
    await shop.drain()
    order = await shop.get(f"/v1/orders/{order_id}")
    assert order["money"]["refunded_minor"] == 666
    assert order["money"]["captured_minor"] - order["money"]["refunded_minor"] == 333 + 495
    assert order["lines"][0]["units"] == {"delivered": 1, "returned": 2}
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 9
    assert "We have sent you £6.66 back" in [mail["subject"] for mail in shop.mailbox()]
    await shop.audit()


async def test_the_same_units_cannot_be_returned_twice(shop: Shop) -> None:
    order_id = await delivered(shop, {"sku": "MUG", "quantity": 1})
    wish = {
        "order_id": order_id, "number": "R-1", "handover": "label", "outcome": "refund", "location": "north",
        "lines": [{"line_no": 1, "quantity": 1, "reason": "too_many"}],
    }  # fmt: skip
    await shop.send("POST", "/v1/returns", wish, expect=201)
    problem = await shop.client.post("/v1/returns", json={**wish, "number": "R-2"}, headers={"Idempotency-Key": "k2"})
    assert problem.status_code in (409, 422), problem.text


async def test_what_was_made_for_someone_is_not_returned_because_they_changed_their_mind(shop: Shop) -> None:
    order_id = await delivered(shop, {"sku": "JERSEY", "personalization": {"fields": {"name": "Ada", "number": "1"}}})
    (line,) = (await shop.send("POST", "/v1/returns/eligibility", {"order_id": order_id}))["lines"]
    assert line["why"]


async def test_the_label_of_a_return_that_ends_without_it_goes_back_to_the_carrier(shop: Shop) -> None:
    order_id = await delivered(shop, {"sku": "MUG", "quantity": 1})
    wish = {
        "order_id": order_id, "number": "R-1", "handover": "label", "outcome": "refund", "location": "north",
        "lines": [{"line_no": 1, "quantity": 1, "reason": "too_many"}],
    }  # fmt: skip
    opened = await shop.send("POST", "/v1/returns", wish, expect=201)
    await shop.drain()
    carrier = registry.carrier("sandbox", AdapterSettings(base_url=shop.carrier.url))
    label_id = await shop.value("SELECT label_id FROM labels WHERE direction = 'back'")
    assert await carrier.find_label(label_id.hex) is not None
    await shop.send("POST", f"/v1/returns/{opened['return_id']}/decline", {"reason": "outside the agreement"})
    await shop.drain()
    assert await carrier.find_label(label_id.hex) is None
    await carrier.aclose()
    assert await shop.value("SELECT status FROM labels WHERE direction = 'back'") == "canceled"
    await shop.audit()
