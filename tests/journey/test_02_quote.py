"""Quote: services × cut-off × transit table → cost and dated promise, from the engine that routes."""

from __future__ import annotations

from tests.support.shop import ADDRESS, Shop

CART = {"country": "GB", "postcode": ADDRESS["postcode"]}


async def test_every_service_comes_with_a_price_and_a_date(shop: Shop) -> None:
    cart = {**CART, "lines": [{"sku": "MUG", "quantity": 2}]}
    options = (await shop.send("POST", "/v1/delivery-options", cart))["options"]
    by_service = {option["service"]: option for option in options}
    assert {"standard", "express", "fast-track"} <= set(by_service)
    assert by_service["express"]["promised_by"] < by_service["standard"]["promised_by"]
    assert by_service["express"]["price_minor"] > by_service["standard"]["price_minor"]
    assert all(option["origins"] == ["north"] and option["together"] for option in options)
    assert all(0 < option["order_within_s"] <= 86_400 for option in options)


async def test_the_date_quoted_is_the_date_promised(shop: Shop) -> None:
    cart = {**CART, "lines": [{"sku": "JERSEY", "quantity": 1, "personalized": True}]}
    options = (await shop.send("POST", "/v1/delivery-options", cart))["options"]
    quoted = next(option for option in options if option["service"] == "standard")
    placed = await shop.place({"sku": "JERSEY", "personalization": {"fields": {"name": "ADA", "number": "10"}}})
    assert placed["promised_by"] == quoted["promised_by"]
    assert [part["location"] for part in placed["parts"]] == quoted["origins"] == ["workshop"]


async def test_a_cart_that_must_split_says_from_where(shop: Shop) -> None:
    cart = {**CART, "lines": [{"sku": "GLASS", "quantity": 1}, {"sku": "JERSEY", "quantity": 1}]}
    option = (await shop.send("POST", "/v1/delivery-options", cart))["options"][0]
    assert not option["together"]
    assert sorted(option["origins"]) == ["north", "workshop"]


async def test_what_is_not_in_stock_has_no_date(shop: Shop) -> None:
    cart = {**CART, "lines": [{"sku": "MUG", "quantity": 15}]}
    option = (await shop.send("POST", "/v1/delivery-options", cart))["options"][0]
    assert option["short"] == [[1, 1]]
    assert option["promised_by"] is None


async def test_a_bad_cart_is_told_everything_that_is_wrong(shop: Shop) -> None:
    cart = {**CART, "lines": [{"sku": "NOPE", "quantity": 1}, {"sku": "MUG", "quantity": 1, "personalized": True}]}
    problem = await shop.send("POST", "/v1/delivery-options", cart, expect=422)
    assert [error["pointer"] for error in problem["errors"]] == ["/lines/0/sku", "/lines/1/personalized"]
