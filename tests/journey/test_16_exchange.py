"""Exchange: another size is kept at once and sent when the return is here; money adds up, whatever happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from doorstep import returns
from doorstep.kit.ids import parse
from doorstep.shipping import ReturnTracked
from tests.journey.test_11_track import faulty, travel
from tests.journey.test_13_return import delivered
from tests.returns.world import recorded
from tests.support.shop import Shop

_SHOE: dict[str, Any] = {"weight_g": 900, "length_mm": 330, "width_mm": 220, "height_mm": 120, "style": "SHOE"}
_UNITS = {"SHOE-41": 9, "SHOE-42": 3, "SHOE-43": 1}


@pytest.fixture
async def shoes(shop: Shop) -> Shop:
    """The shop, which sells one shoe in three sizes: few of one, one of another."""
    sizes = [{"sku": sku, "title": f"Shoe, {sku[-2:]}", "option": sku[-2:], **_SHOE} for sku in _UNITS]
    await shop.send("PUT", "/v1/products", sizes)
    lines = [{"sku": sku, "quantity": quantity} for sku, quantity in _UNITS.items()]
    note = {"location": "north", "reference": "shoes", "lines": lines}
    assert (await shop.client.post("/v1/stock/receipts", json=note)).status_code == 200
    await shop.drain()
    return shop


async def swap(
    shop: Shop, order_id: str, *, units: int = 1, to: str = "SHOE-42", expect: int = 201, **more: Any
) -> Any:
    """Ask for another size of line 1."""
    line = {"line_no": 1, "quantity": units, "reason": "too_small", "exchange_sku": to}
    wish = {
        "order_id": order_id, "number": "R-1", "handover": "label", "outcome": "exchange", "location": "north",
        "lines": [line], **more,
    }  # fmt: skip
    answer = await shop.send("POST", "/v1/returns", wish, expect=expect)
    await shop.drain()
    return answer


async def came(shop: Shop, opened: Any, units: int, acceptance: str = "accepted", **more: Any) -> Any:
    """Units of a return arrive and are judged."""
    line = {"line_no": 1, "quantity": units, "acceptance": acceptance}
    if acceptance == "accepted":
        line["disposition"] = "restock"
    body = {"location": "north", "lines": [line] if units else [], **more}
    answer = await shop.send("POST", f"/v1/returns/{opened['return_id']}/receive", body)
    await shop.drain()
    return answer


async def money(shop: Shop, order_id: str) -> tuple[int, int]:
    """Captured and refunded."""
    found = (await shop.get(f"/v1/orders/{order_id}"))["money"]
    return found["captured_minor"], found["refunded_minor"]


async def pair(shop: Shop, units: int = 1, price: int = 1000, want: int | None = None) -> tuple[str, Any, str]:
    """A delivered order of size 41, its return for size 42, and the order that is sent for it."""
    order_id = await delivered(shop, {"sku": "SHOE-41", "quantity": units, "unit_price_minor": price})
    opened = await swap(shop, order_id, units=want or units)
    return order_id, opened, opened["exchange_order_id"]


async def test_another_size_is_kept_at_once_and_sent_when_the_return_is_here(shoes: Shop) -> None:
    order_id = await delivered(shoes, {"sku": "SHOE-41", "quantity": 1})
    (line,) = (await shoes.send("POST", "/v1/returns/eligibility", {"order_id": order_id}))["lines"]
    assert [(one["sku"], one["option"], one["available"]) for one in line["exchange"]] == [
        ("SHOE-41", "41", 8), ("SHOE-42", "42", 3), ("SHOE-43", "43", 1),
    ]  # fmt: skip
    opened = await swap(shoes, order_id)
    number = (await shoes.get(f"/v1/orders/{order_id}"))["number"]
    assert (opened["exchange_number"], opened["lines"][0]["exchange_sku"]) == (f"{number}-X1", "SHOE-42")
    sent = await shoes.get(f"/v1/orders/{opened['exchange_order_id']}")
    assert (sent["status"], sent["payment_status"], sent["promised_by"]) == ("on_hold", "captured", None)
    assert [hold["reason"] for hold in sent["holds"]] == ["awaiting_return"]
    assert (await shoes.stock("SHOE-42"))["north"]["reserved"] == 1
    await shoes.audit()
    for _ in range(3):
        await shoes.pass_time(timedelta(days=1))
    received = await came(shoes, opened, 1)
    assert (received["status"], received["refund_minor"]) == ("closed", 0)
    assert await money(shoes, order_id) == (1495, 0)
    sent = await shoes.get(f"/v1/orders/{opened['exchange_order_id']}")
    assert (sent["status"], sent["fulfillment_status"]) == ("open", "in_progress")
    promised = max(sent["promises"], key=lambda one: one["version"])
    assert promised["promised_by"] > shoes.now.isoformat()
    await shoes.audit()
    await shoes.ship(opened["exchange_order_id"])
    for _ in range(30):
        await shoes.pass_time(timedelta(hours=4))
    assert (await shoes.get(f"/v1/orders/{opened['exchange_order_id']}"))["status"] == "completed"
    assert (await money(shoes, order_id), await money(shoes, opened["exchange_order_id"])) == ((1495, 0), (0, 0))
    await shoes.audit()


async def test_what_was_sent_in_exchange_comes_back_for_its_money(shoes: Shop) -> None:
    order_id, opened, sent = await pair(shoes, units=3, price=333, want=2)
    await came(shoes, opened, 2)
    await shoes.ship(sent)
    for _ in range(30):
        await shoes.pass_time(timedelta(hours=4))
    refused = await shoes.client.post(
        "/v1/returns",
        json={"order_id": sent, "handover": "label", "outcome": "exchange",
              "lines": [{"line_no": 1, "quantity": 1, "reason": "too_big", "exchange_sku": "SHOE-43"}]},
        headers={"Idempotency-Key": "again"},
    )  # fmt: skip
    assert (refused.status_code, "came by an exchange" in refused.text) == (422, True)
    for number, given_back in (("R-2", 333), ("R-3", 666)):
        wish = {"order_id": sent, "number": number, "handover": "label", "location": "north",
                "lines": [{"line_no": 1, "quantity": 1, "reason": "changed_mind"}]}  # fmt: skip
        back = await shoes.send("POST", "/v1/returns", wish, expect=201)
        assert (await came(shoes, back, 1))["refund_minor"] == 333
        assert await money(shoes, order_id) == (999 + 495, given_back)
        await shoes.audit()


@pytest.mark.parametrize(("units", "price"), [(3, 1000), (7, 333), (2, 1)])
async def test_units_that_are_not_accepted_are_not_sent(shoes: Shop, units: int, price: int) -> None:
    order_id, opened, sent = await pair(shoes, units=units, price=price, want=2)
    await came(shoes, opened, 1)
    assert (await shoes.get(f"/v1/orders/{sent}"))["status"] == "on_hold"
    await came(shoes, opened, 1, "rejected")
    order = await shoes.get(f"/v1/orders/{sent}")
    assert (order["status"], order["lines"][0]["units"]["canceled"]) == ("open", 1)
    assert (await shoes.stock("SHOE-42"))["north"]["reserved"] == 1
    assert (await money(shoes, order_id))[1] == 0
    await shoes.audit()


@pytest.mark.parametrize("end", ["declined", "expired", "short"])
async def test_without_its_return_nothing_is_sent_and_stock_comes_back(shoes: Shop, end: str) -> None:
    order_id, opened, sent = await pair(shoes)
    if end == "declined":
        path = f"/v1/returns/{opened['return_id']}/decline"
        await shoes.send("POST", path, {"reason": "worn"})
        await shoes.drain()
    elif end == "expired":
        for _ in range(24):
            await shoes.pass_time(timedelta(days=1))
    else:
        await came(shoes, opened, 0, last=True)
    assert (await shoes.get(f"/v1/orders/{sent}"))["status"] == "canceled"
    assert (await shoes.stock("SHOE-42"))["north"]["reserved"] == 0
    assert await money(shoes, order_id) == (1495, 0)
    await shoes.audit()


async def test_who_cancels_the_exchange_gets_the_money_for_what_comes_back(shoes: Shop) -> None:
    order_id, opened, sent = await pair(shoes, units=2)
    await shoes.send("POST", f"/v1/orders/{sent}/cancel", {"reason": "changed mind"})
    await shoes.drain()
    assert await money(shoes, order_id) == (2495, 0)
    assert (await came(shoes, opened, 1))["refund_minor"] == 1000
    assert (await came(shoes, opened, 1))["refund_minor"] == 1000 + 1000 + 495
    assert await money(shoes, order_id) == (2495, 2495)
    await shoes.audit()


async def test_an_exchange_canceled_after_the_return_is_paid_back_with_the_shipping_fee(shoes: Shop) -> None:
    order_id, opened, sent = await pair(shoes, units=2)
    await came(shoes, opened, 2)
    assert await money(shoes, order_id) == (2495, 0)
    half = {"reason": "changed mind", "lines": [{"line_no": 1, "quantity": 1}]}
    await shoes.send("POST", f"/v1/orders/{sent}/cancel", half)
    await shoes.drain()
    assert await money(shoes, order_id) == (2495, 1000)
    await shoes.audit()
    await shoes.send("POST", f"/v1/orders/{sent}/cancel", {"reason": "changed mind"})
    await shoes.drain()
    assert await money(shoes, order_id) == (2495, 2495)
    await shoes.audit()


async def test_what_is_not_there_is_refused_and_nothing_is_changed(shoes: Shop) -> None:
    order_id = await delivered(shoes, {"sku": "SHOE-41", "quantity": 2})
    problem = await swap(shoes, order_id, units=2, to="SHOE-43", expect=409) or {}
    assert "not in stock" in problem["detail"]
    assert (await shoes.get("/v1/returns", order=order_id))["items"] == []
    for to, expect, words in (("MUG", 422, "same style"), ("NONE", 422, "same style")):
        assert words in str(await swap(shoes, order_id, to=to, expect=expect))
    assert await shoes.value("SELECT count(*) FROM orders") == 1
    await shoes.audit()


async def test_what_is_sent_in_exchange_and_does_not_arrive_is_paid_back(shoes: Shop) -> None:
    order_id, opened, sent = await pair(shoes, units=2, price=333)
    await came(shoes, opened, 1)
    await came(shoes, opened, 1)
    await faulty(shoes, lost=1.0)
    await shoes.ship(sent)
    await travel(shoes, 25)
    assert await money(shoes, order_id) == (666 + 495, 666 + 495)
    story = await shoes.story(sent)
    assert any("£11.61 to refund" in sentence for sentence in story), story
    await shoes.audit()


async def test_goods_lost_on_the_way_back_are_exchanged_all_the_same(shoes: Shop) -> None:
    order_id, opened, sent = await pair(shoes)
    one = parse("ret", opened["return_id"])
    async with shoes.brand.transaction() as tx:
        lost = ReturnTracked(return_id=one, status="exception", substatus="lost")
        await returns.follow(tx, [recorded(parse("ord", order_id), lost)] * 2, now=shoes.now)
    await shoes.drain()
    assert (await shoes.get(f"/v1/orders/{sent}"))["status"] == "open"
    assert await money(shoes, order_id) == (1495, 0)
    await shoes.audit()


async def test_goods_sent_ahead_for_a_return_that_never_comes_are_put_before_a_person(shoes: Shop) -> None:
    _, opened, sent = await pair(shoes)
    (hold,) = (await shoes.get(f"/v1/orders/{sent}"))["holds"]
    await shoes.send("POST", f"/v1/orders/{sent}/holds/{hold['hold_id']}/release")
    await shoes.ship(sent)
    await came(shoes, opened, 0, last=True)
    kinds = [one["kind"] for one in (await shoes.get("/v1/exceptions"))["items"]]
    assert kinds == ["exchange_not_returned"]
    await shoes.audit()
