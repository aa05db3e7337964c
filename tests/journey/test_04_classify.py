"""Classify: the kind of each line, with its reason; the kind limits locations and adds work."""

from __future__ import annotations

from tests.support.shop import Shop, receive


async def test_each_line_has_its_kind_and_the_reason(shop: Shop) -> None:
    placed = await shop.place(
        {"sku": "MUG"},
        {"sku": "GLASS"},
        {"sku": "MUG", "gift_wrap": {"paper": "stars", "message": "Happy birthday"}},
        {"sku": "MUG", "instructions": "Leave the box open"},
        {"sku": "JERSEY", "personalization": {"fields": {"name": "Zoë", "number": "7"}}, "gift_wrap": {}},
    )
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert [(line["routing_kind"], line["kind_reason"]) for line in order["lines"]] == [
        ("regular", ""),
        ("special", "fragile"),
        ("special", "gift wrap"),
        ("special", "special instructions"),
        ("personalized", "personalized (name, number), gift wrap"),
    ]


async def test_the_kind_limits_the_locations(shop: Shop) -> None:
    personalized = {"sku": "JERSEY", "personalization": {"fields": {"name": "Ada", "number": "1"}}}
    assert (await shop.place(personalized))["parts"][0]["location"] == "workshop"
    await receive(shop, "south", {"GLASS": 9})
    # South has glasses but cannot handle fragile goods: the order for six must not be served from there.
    problem = await shop.place({"sku": "GLASS", "quantity": 6}, expect=409)
    assert problem["lines"][0]["missing"] == 1


async def test_the_kind_adds_work_steps_in_order(shop: Shop) -> None:
    placed = await shop.place({
        "sku": "JERSEY", "personalization": {"fields": {"name": "Ada", "number": "1"}},
        "gift_wrap": {"paper": "stars", "message": "For you"}, "instructions": "Iron it",
    })  # fmt: skip
    await shop.drain()
    (work,) = await shop.work(placed["order_id"])
    assert [step["kind"] for step in work["steps"]] == ["acknowledge", "personalize", "gift_wrap"]
    details = {step["kind"]: step["detail"] for step in work["steps"]}
    assert details["personalize"]["fields"] == {"name": "Ada", "number": "1"}
    assert (details["gift_wrap"]["paper"], details["gift_wrap"]["message"]) == ("stars", "For you")


async def test_what_cannot_be_printed_is_refused(shop: Shop) -> None:
    for fields in (
        {"name": "A" * 13, "number": "1"},
        {"name": "Ada", "number": "ten"},
        {"name": "A\u202eb", "number": "1"},
    ):
        line = {"sku": "JERSEY", "personalization": {"fields": fields}}
        problem = await shop.place(line, expect=422)
        assert problem["errors"][0]["pointer"].startswith("/lines/0/personalization/fields/")
