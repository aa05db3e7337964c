"""A cart's hold as a storefront sees it: reserve, look, change, extend, release, and buy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.shop import ADDRESS, Shop

NOBODY = "cht_" + "0" * 32


async def hold(shop: Shop, *lines: tuple[str, int], expect: int = 201, **more: Any) -> Any:
    """Hold lines of (sku, quantity)."""
    return await shop.send("POST", "/v1/cart-holds", wish(*lines, channel="web", **more), expect=expect)


def wish(*lines: tuple[str, int], **more: Any) -> dict[str, Any]:
    """The body of a cart."""
    return {"lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines], **more}


def kind(problem: Any) -> str:
    """The last part of a problem's type."""
    return str(problem["type"]).rpartition("/")[2]


async def reserved(shop: Shop, sku: str = "MUG") -> dict[str, int]:
    """Reserved units by location."""
    return {place: row["reserved"] for place, row in (await shop.stock(sku)).items()}


async def pass_minutes(shop: Shop, minutes: int) -> None:
    """Move the brand's clock and nothing else."""
    shop.now += timedelta(minutes=minutes)
    await shop.set_clock(shop.now)


async def test_a_cart_is_held_with_a_countdown_and_bought(shop: Shop) -> None:
    held = await hold(shop, ("MUG", 2), ("CARD", 1), ("MUG", 1))
    assert held["status"] == "open"
    assert held["expires_in_s"] == 900
    assert held["lines"] == [
        {"sku": "MUG", "quantity": 3, "held": 3},
        {"sku": "CARD", "quantity": 1, "held": 1},
    ]
    assert await reserved(shop) == {"north": 3, "south": 0}
    await pass_minutes(shop, 5)
    path = f"/v1/cart-holds/{held['hold_id']}"
    assert (await shop.get(path))["expires_in_s"] == 600
    placed = await shop.place({"sku": "MUG", "quantity": 3}, {"sku": "CARD"}, cart_hold=held["hold_id"])
    after = await shop.get(path)
    assert (after["status"], after["order_id"]) == ("converted", placed["order_id"])
    assert await reserved(shop) == {"north": 3, "south": 0}
    await shop.audit()


async def test_missing_units_are_named_and_nothing_is_held(shop: Shop) -> None:
    problem = await hold(shop, ("CARD", 1), ("MUG", 9), ("MUG", 6), expect=409)
    assert kind(problem) == "insufficient-stock"
    assert problem["short"] == [{"sku": "MUG", "wanted": 15, "available": 14}]
    assert await shop.value("SELECT count(*) FROM cart_holds") == 0
    assert await reserved(shop, "CARD") == {"north": 0, "south": 0}


async def test_ones_own_units_do_not_block_a_bigger_cart_a_quote_or_an_order(shop: Shop) -> None:
    held = await hold(shop, ("MUG", 10))
    path = f"/v1/cart-holds/{held['hold_id']}"
    changed = await shop.send("PUT", path, wish(("MUG", 14)))
    assert changed["lines"] == [{"sku": "MUG", "quantity": 14, "held": 14}]
    cart = wish(("MUG", 14), country="GB", postcode=ADDRESS["postcode"])
    (blocked, *_) = (await shop.send("POST", "/v1/delivery-options", cart))["options"]
    assert blocked["short"] == [[1, 14]]
    (own, *_) = (await shop.send("POST", "/v1/delivery-options", {**cart, "cart_hold": held["hold_id"]}))["options"]
    assert own["short"] == []
    await shop.place({"sku": "MUG", "quantity": 1}, expect=409)
    await shop.place({"sku": "MUG", "quantity": 14}, cart_hold=held["hold_id"])
    assert await reserved(shop) == {"north": 10, "south": 4}
    await shop.audit()


async def test_a_change_that_is_refused_leaves_what_was_held(shop: Shop) -> None:
    held = await hold(shop, ("MUG", 2), minutes=5)
    path = f"/v1/cart-holds/{held['hold_id']}"
    problem = await shop.send("PUT", path, wish(("CARD", 1), ("MUG", 15), minutes=60), expect=409)
    assert problem["short"] == [{"sku": "MUG", "wanted": 15, "available": 14}]
    assert await shop.get(path) == held


async def test_a_smaller_cart_gives_back_at_once(shop: Shop) -> None:
    held = await hold(shop, ("MUG", 14), ("CARD", 2))
    changed = await shop.send("PUT", f"/v1/cart-holds/{held['hold_id']}", wish(("MUG", 1)))
    assert changed["lines"] == [{"sku": "MUG", "quantity": 1, "held": 1}]
    assert await reserved(shop) == {"north": 1, "south": 0}
    assert await reserved(shop, "CARD") == {"north": 0, "south": 0}
    await shop.audit()


async def test_a_released_cart_is_free_for_others_and_stays_released(shop: Shop) -> None:
    held = await hold(shop, ("MUG", 14))
    path = f"/v1/cart-holds/{held['hold_id']}"
    assert (await shop.send("POST", f"{path}/release"))["status"] == "released"
    assert (await shop.send("POST", f"{path}/release"))["status"] == "released"
    assert await reserved(shop) == {"north": 0, "south": 0}
    for method, where, body in (("POST", f"{path}/extend", {}), ("PUT", path, wish(("MUG", 1)))):
        assert kind(await shop.send(method, where, body, expect=409)) == "hold-ended"
    problem = await shop.place({"sku": "MUG"}, cart_hold=held["hold_id"], expect=409)
    assert kind(problem) == "hold-ended"
    assert await shop.value("SELECT count(*) FROM orders") == 0


async def test_an_expired_cart_keeps_what_nobody_needs_and_still_becomes_an_order(shop: Shop) -> None:
    held = await hold(shop, ("MUG", 14))
    await pass_minutes(shop, 16)
    seen = await shop.get(f"/v1/cart-holds/{held['hold_id']}")
    assert (seen["status"], seen["expires_in_s"], seen["lines"][0]["held"]) == ("expired", 0, 14)
    cart = wish(("MUG", 14), country="GB", postcode=ADDRESS["postcode"])
    for more in ({}, {"cart_hold": held["hold_id"]}):
        (option, *_) = (await shop.send("POST", "/v1/delivery-options", {**cart, **more}))["options"]
        assert option["short"] == []  # whoever needs them first has them
    await shop.place({"sku": "MUG", "quantity": 14}, cart_hold=held["hold_id"])
    await shop.audit()


@pytest.mark.parametrize("how", ["order", "cart"])
async def test_what_has_expired_goes_to_whoever_needs_it(shop: Shop, how: str) -> None:
    held = await hold(shop, ("MUG", 14), ("CARD", 1))
    path = f"/v1/cart-holds/{held['hold_id']}"
    await pass_minutes(shop, 16)
    if how == "order":
        await shop.place({"sku": "MUG", "quantity": 11})
    else:
        await hold(shop, ("MUG", 11))
    seen = await shop.get(path)
    assert seen["status"] == "expired"
    assert [line["held"] for line in seen["lines"]] == [0, 1]  # cards were not needed
    assert kind(await shop.send("POST", f"{path}/extend", {}, expect=409)) == "hold-ended"
    problem = await shop.send("PUT", path, wish(("MUG", 14)), expect=409)
    assert problem["short"] == [{"sku": "MUG", "wanted": 14, "available": 3}]
    assert (await shop.send("PUT", path, wish(("MUG", 3))))["status"] == "open"
    assert sum((await reserved(shop)).values()) == 14
    await shop.audit()


async def test_an_expired_cart_that_is_whole_can_be_extended(shop: Shop) -> None:
    held = await hold(shop, ("MUG", 14))
    await pass_minutes(shop, 20)
    extended = await shop.send("POST", f"/v1/cart-holds/{held['hold_id']}/extend", {"minutes": 2})
    assert (extended["status"], extended["expires_in_s"]) == ("open", 120)
    await shop.place({"sku": "MUG"}, expect=409)
    await pass_minutes(shop, 3)
    await shop.place({"sku": "MUG"})


async def test_to_extend_never_shortens(shop: Shop) -> None:
    held = await hold(shop, ("MUG", 1), minutes=60)
    extended = await shop.send("POST", f"/v1/cart-holds/{held['hold_id']}/extend", {"minutes": 1})
    assert extended["expires_at"] == held["expires_at"]


async def test_an_order_may_be_smaller_or_bigger_than_its_cart(shop: Shop) -> None:
    held = await hold(shop, ("MUG", 12), ("CARD", 5))
    await shop.place({"sku": "MUG", "quantity": 11}, {"sku": "GLASS", "quantity": 1}, cart_hold=held["hold_id"])
    assert sum((await reserved(shop)).values()) == 11
    assert await reserved(shop, "CARD") == {"north": 0, "south": 0}
    await shop.place({"sku": "MUG", "quantity": 3})
    await shop.audit()


async def test_a_cart_becomes_one_order_and_a_retry_is_answered_as_before(shop: Shop) -> None:
    held = await hold(shop, ("MUG", 14))
    body = shop.order({"sku": "MUG", "quantity": 14}, cart_hold=held["hold_id"])
    placed = await shop.send("POST", "/v1/orders", body, expect=201)
    problem = await shop.place({"sku": "CARD"}, cart_hold=held["hold_id"], expect=409)
    assert (kind(problem), problem["order_id"]) == ("hold-ended", placed["order_id"])
    again = await shop.send("POST", "/v1/orders", body)
    assert again == placed
    problem = await shop.send("POST", f"/v1/cart-holds/{held['hold_id']}/release", expect=409)
    assert kind(problem) == "hold-ended"


async def test_a_cart_that_is_not_there_or_not_ours_is_a_fault_of_the_order(shop: Shop) -> None:
    channel = {"channel": "phone", "title": "Phone", "currency": "GBP"}
    await shop.send("PUT", "/v1/channels", [channel])
    held = await hold(shop, ("MUG", 1))
    for cart_hold, channel_name in ((NOBODY, "web"), (held["hold_id"], "phone"), ("cht_x", "web")):
        problem = await shop.place({"sku": "MUG"}, cart_hold=cart_hold, channel=channel_name, expect=422)
        assert [error["pointer"] for error in problem["errors"]] == ["/cart_hold"]
    assert (await shop.get(f"/v1/cart-holds/{held['hold_id']}"))["status"] == "open"
    cart = wish(("MUG", 1), country="GB", postcode=ADDRESS["postcode"], cart_hold=NOBODY)
    problem = await shop.send("POST", "/v1/delivery-options", cart, expect=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/cart_hold"]


async def test_a_wrong_cart_is_told_everything_that_is_wrong(shop: Shop) -> None:
    body = wish(("NOPE", 1), ("MUG", 1), ("NOR", 1), channel="nowhere")
    problem = await shop.send("POST", "/v1/cart-holds", body, expect=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/channel", "/lines/0/sku", "/lines/2/sku"]
    wrongs: tuple[dict[str, Any], ...] = (
        {"minutes": 0}, {"minutes": 61}, {"minutes": 1.5}, {"lines": []}, {"country": "gb"}, {"postcode": "N1"},
        {"channel": ""}, {"hold": 1},
    )  # fmt: skip
    for wrong in wrongs:
        await shop.send("POST", "/v1/cart-holds", wish(("MUG", 1), channel="web") | wrong, expect=422)
    for quantity in (0, -1, 10**7, "1", None):
        lines = [{"sku": "MUG", "quantity": quantity}]
        await shop.send("POST", "/v1/cart-holds", {"channel": "web", "lines": lines}, expect=422)
    for method, path, sent in (
        ("POST", f"/v1/cart-holds/{NOBODY}/extend", {}),
        ("POST", f"/v1/cart-holds/{NOBODY}/release", None),
        ("PUT", f"/v1/cart-holds/{NOBODY}", wish(("MUG", 1))),
    ):
        await shop.send(method, path, sent, expect=404)
    assert await shop.value("SELECT count(*) FROM cart_holds") == 0
