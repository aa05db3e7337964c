"""Money back and goods back at the desk: to the cent, within limits, told, and never twice."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.support.shop import Shop
from tests.support.staff import Hire
from tests.web.test_console_deeds import done, hidden, log, seen


async def arrived(shop: Shop, *lines: dict[str, Any]) -> dict[str, Any]:
    """An order that has arrived."""
    placed: dict[str, Any] = await shop.place(*lines)
    await shop.ship(placed["order_id"])
    for _ in range(30):
        await shop.pass_time(timedelta(hours=4))
    return placed


async def money(shop: Shop, placed: dict[str, Any]) -> tuple[int, int]:
    """What was taken and what was given back."""
    found = await shop.get(f"/v1/orders/{placed['order_id']}/payments")
    return found["captured_minor"], found["refunded_minor"]


async def test_goodwill_is_given_once_told_and_never_beyond_the_limit(shop: Shop, hire: Hire) -> None:
    agent, admin = await hire("agent"), await hire("admin")
    placed = await arrived(shop, {"sku": "MUG", "quantity": 2})
    path = f"/console/orders/{placed['order_id']}/goodwill"
    assert 'You may give</dt><dd class="num"><strong>£4.99' in await agent.get(path)
    preview = await agent.post(path, {"amount": "3,50", "reason": "late"}, expect=200)
    assert "£3.50 of the £24.95 paid" in preview.text
    assert await money(shop, placed) == (2495, 0)
    page = await done(agent, path, amount="3.50", reason="late")
    assert "Goodwill given" in page
    await shop.drain()
    assert await money(shop, placed) == (2495, 350)
    assert (await agent.post(path, {"amount": "1.50", "reason": "late"}, expect=409)).text.count(
        "more than may be given"
    )
    await done(admin, path, percent="10", reason="our_mistake")
    await shop.drain()
    assert await money(shop, placed) == (2495, 350 + 249)
    told = [mail["subject"] for mail in shop.mailbox() if "back" in mail["subject"]]
    assert told == [f"£3.50 back for order {placed['number']}", f"£2.49 back for order {placed['number']}"]
    assert [action for action, _ in await log(shop)] == ["orders.goodwill"] * 2
    await admin.post(path, {"amount": "19", "reason": "late"}, expect=409)
    await shop.audit()


async def test_what_comes_back_after_goodwill_is_refunded_but_never_twice(shop: Shop, hire: Hire) -> None:
    admin = await hire("admin")
    placed = await arrived(shop, {"sku": "MUG"}, {"sku": "CARD"})
    path = f"/console/orders/{placed['order_id']}"
    await done(admin, f"{path}/goodwill", amount="6", reason="damaged")
    await shop.drain()
    await shop.audit()
    await done(admin, f"{path}/refund", **{"line-1": 1, "reason-1": "damaged"})
    await shop.drain()
    assert await money(shop, placed) == (2495, 600 + 1000)
    await shop.audit()
    await done(admin, f"{path}/refund", **{"line-2": 1, "reason-2": "damaged"})
    await shop.drain()
    assert await money(shop, placed) == (2495, 2495), "the rest, and not a penny more than was paid"
    assert (await shop.get("/v1/exceptions"))["items"] == []
    await shop.audit()
    assert "Nothing has been paid that could be given back" in await admin.get(f"{path}/goodwill")


async def test_goods_are_refunded_and_stay_with_the_customer(shop: Shop, hire: Hire) -> None:
    desk, placed = await hire("agent"), await arrived(shop, {"sku": "MUG", "quantity": 3})
    path = f"/console/orders/{placed['order_id']}"
    stock = await shop.stock("MUG")
    preview = await desk.post(f"{path}/refund", {"line-1": 2, "reason-1": "defective"}, expect=200)
    assert "£20.00" in preview.text
    page = await done(desk, f"{path}/refund", **{"line-1": 2, "reason-1": "defective"})
    assert "the customer keeps the goods" in page
    await shop.drain()
    assert await money(shop, placed) == (3495, 2000)
    assert await shop.stock("MUG") == stock
    found = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert found["lines"][0]["units"] == {"delivered": 1, "returned": 2}
    page = await done(desk, f"{path}/refund", **{"line-1": 1, "reason-1": "defective"})
    await shop.drain()
    assert await money(shop, placed) == (3495, 3495), "with the last goods the shipping fee goes back"
    assert [action for action, _ in await log(shop)] == ["returns.waive"] * 2
    await desk.post(f"{path}/refund", {"line-1": 1}, expect=409)
    await shop.audit()


async def test_a_return_is_opened_for_the_customer_and_withdrawn(shop: Shop, hire: Hire) -> None:
    desk, placed = await hire("agent"), await arrived(shop, {"sku": "MUG", "quantity": 2})
    path = f"/console/orders/{placed['order_id']}"
    wish = {"line-1": 1, "reason-1": "too_big", "handover": "label"}
    preview = await desk.post(f"{path}/return", wish, expect=200)
    assert "A label is bought" in preview.text
    assert (await shop.get("/v1/returns", order=placed["order_id"]))["items"] == []
    page = await done(desk, f"{path}/return", **wish)
    assert "The label is being bought" in page
    await shop.drain()
    page = await desk.get(path)
    (label,) = re.findall(r'href="([^"]+label\.pdf)"', page)
    pdf = await shop.client.get(label, headers=desk.headers)
    assert pdf.content[:4] == b"%PDF"
    other = await shop.place({"sku": "CARD"})
    await desk.get(label.replace(placed["order_id"], other["order_id"]), expect=404)
    (withdraw,) = re.findall(r'href="([^"]+/withdraw[^"]+)"', page)
    await desk.post(f"{path}/withdraw", dict(hidden(await desk.get(withdraw))))
    await shop.drain()
    assert "Withdrawn" in await desk.get(path)
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["lines"][0]["units"] == {"delivered": 2}
    await done(desk, f"{path}/return", **{"line-1": 2, "reason-1": "other", "handover": "store", "store": "south"})
    (code,) = re.findall(r'href="([^"]+qr\.svg)"', await desk.get(path))
    assert "<svg" in await desk.get(code)
    assert [action for action, _ in await log(shop)] == ["returns.request", "returns.decline", "returns.request"]
    await shop.drain()
    await shop.audit()


async def test_a_confirmation_of_money_that_has_moved_gives_nothing(shop: Shop, hire: Hire) -> None:
    desk, placed = await hire("admin"), await arrived(shop, {"sku": "MUG"})
    path = f"/console/orders/{placed['order_id']}/goodwill"
    first, second = [await seen(desk, path, amount="5", reason="late") for _ in range(2)]
    await desk.post(path, dict(first))
    assert "has moved on since you looked" in (await desk.post(path, dict(second), expect=409)).text
    await shop.drain()
    assert await money(shop, placed) == (1495, 500)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("goodwill", {"reason": "late"}),
        ("goodwill", {"amount": "5", "percent": "5", "reason": "late"}),
        ("goodwill", {"amount": "-5", "reason": "late"}),
        ("goodwill", {"amount": "NaN", "reason": "late"}),
        ("goodwill", {"amount": "1e999990", "reason": "late"}),
        ("goodwill", {"amount": "1e99999999", "reason": "late"}),
        ("goodwill", {"amount": "1e3", "reason": "nonsense"}),
        ("goodwill", {"amount": "1.234", "reason": "late"}),
        ("goodwill", {"percent": "101", "reason": "late"}),
        ("refund", {}),
        ("refund", {"line-9": "1"}),
        ("return", {"line-1": "1", "handover": "pigeon"}),
        ("return", {"line-1": "1", "handover": "store", "store": "workshop"}),
        ("return", {"handover": "label"}),
    ],
)
async def test_a_wish_that_does_not_fit_gives_nothing(
    shop: Shop, hire: Hire, name: str, fields: dict[str, object]
) -> None:
    desk, placed = await hire("admin"), await shop.place({"sku": "MUG"})
    path = f"/console/orders/{placed['order_id']}/{name}"
    assert (await desk.post(path, fields, expect=422)).text
    assert (await desk.post(path, {**fields, "confirmed": "x"}, expect=422)).text
    assert await log(shop) == []


@pytest.mark.parametrize("role", ["viewer", "floor", "vendor"])
async def test_who_may_not_touch_money_is_refused(shop: Shop, hire: Hire, role: str) -> None:
    placed = await shop.place({"sku": "MUG"})
    desk = await hire(role, locations=["north"])
    for name in ("goodwill", "refund", "return", "withdraw"):
        await desk.get(f"/console/orders/{placed['order_id']}/{name}", expect=403)
        await desk.post(f"/console/orders/{placed['order_id']}/{name}", {"confirmed": "x"}, expect=403)
    assert await log(shop) == []
