"""Returns as the floor receives them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from tests.support.shop import Shop
from tests.support.staff import Hire


async def sent_back(shop: Shop, quantity: int = 2, *, instead: str | None = None) -> dict[str, Any]:
    """An order of mugs that has arrived, and a return of them by label; for an exchange when `instead` is a SKU."""
    placed = await shop.place({"sku": "MUG", "quantity": quantity})
    await shop.ship(placed["order_id"])
    for _ in range(30):
        await shop.pass_time(timedelta(hours=4))
    body = {
        "order_id": placed["order_id"],
        "lines": [{"line_no": 1, "quantity": quantity, "reason": "changed_mind", "exchange_sku": instead}],
        "handover": "label",
        "outcome": "exchange" if instead else "refund",
    }
    made: dict[str, Any] = await shop.send("POST", "/v1/returns", body, expect=201)
    await shop.drain()
    return made


async def test_what_came_is_judged_after_it_was_shown_what_that_means(shop: Shop, hire: Hire) -> None:
    one, desk = await sent_back(shop), await hire("floor", locations=["north"])
    path = f"/console/returns/{one['return_id']}"
    assert one["number"] in await desk.get("/console/returns")
    form: dict[str, object] = {"location": "north", "of": "receive", "restock-1": 1, "damaged-1": 1}
    before = await shop.stock("MUG")
    preview = await desk.post(f"{path}/receive", form, expect=200)
    assert "£24.95 go back to the customer." in preview.text
    assert await shop.stock("MUG") == before
    await desk.post(f"{path}/receive", {**form, "confirmed": 1})
    await shop.drain()
    after = await shop.get(f"/v1/returns/{one['return_id']}")
    assert (after["status"], after["refund_minor"]) == ("closed", 2495)
    stock = (await shop.stock("MUG"))["north"]
    assert (stock["on_hand"] - before["north"]["on_hand"], stock["damaged"] - before["north"]["damaged"]) == (2, 1)
    assert await shop.value("SELECT count(*) FROM audit_log WHERE action = 'returns.receive'") == 1
    await shop.audit()


async def test_an_exchange_says_what_is_sent_and_that_no_money_moves(shop: Shop, hire: Hire) -> None:
    one, desk = await sent_back(shop, instead="MUG"), await hire("admin")
    path, number = f"/console/returns/{one['return_id']}", one["exchange_number"]
    looked = await desk.get(path)
    assert "This is an exchange" in looked
    assert f'href="/console/orders/{one["exchange_order_id"]}"' in looked
    assert "Instead: A mug" in looked
    assert number in await desk.get(f"/console/orders/{one['order_id']}")
    assert "the hold goes by itself" in await desk.get(f"/console/orders/{one['exchange_order_id']}")
    form: dict[str, object] = {"location": "north", "of": "receive", "restock-1": 1, "refused-1": 1}
    preview = await desk.post(f"{path}/receive", form, expect=200)
    assert "No money goes back." in preview.text
    assert f"Order {number} is sent in exchange" in preview.text
    await desk.post(f"{path}/receive", {**form, "confirmed": 1})
    await shop.drain()
    sent = await shop.get(f"/v1/orders/{one['exchange_order_id']}")
    assert sent["lines"][0]["units"] == {"canceled": 1, "activated": 1}
    await shop.audit()


async def test_units_are_judged_later_and_what_is_missing_stays_the_customers(shop: Shop, hire: Hire) -> None:
    one, desk = await sent_back(shop, 3), await hire("admin")
    path = f"/console/returns/{one['return_id']}"
    come: dict[str, object] = {"location": "north", "of": "receive", "manual-1": 1, "refused-1": 1, "last": 1}
    assert "count as missing" not in (await desk.post(f"{path}/receive", come, expect=200)).text  # one unit: singular
    await desk.post(f"{path}/receive", {**come, "confirmed": 1})
    assert "Judge what waits" in await desk.get(path)
    assert one["number"] in await desk.get("/console/returns?show=here")
    await desk.post(f"{path}/receive", {"location": "north", "of": "judge", "restock-1": 1, "confirmed": 1})
    await shop.drain()
    (line,) = (await shop.get(f"/v1/returns/{one['return_id']}"))["lines"]
    assert (line["accepted"], line["rejected"], line["missing"]) == (1, 1, 1)
    await shop.audit()


async def test_what_a_return_pays_back_is_what_was_shown_or_nothing_is_done(shop: Shop, hire: Hire) -> None:
    one, desk = await sent_back(shop), await hire("admin")
    path = f"/console/returns/{one['return_id']}/receive"
    form: dict[str, object] = {"location": "north", "of": "receive", "restock-1": 1, "last": 1}
    preview = await desk.post(path, form, expect=200)
    assert "counts as missing" in preview.text
    (seen,) = re.findall(r'name="seen" value="([^"]+)"', preview.text)
    await desk.post(path, {"location": "north", "of": "receive", "restock-1": 1, "confirmed": 1})  # somebody else
    moved = await desk.post(path, {**form, "confirmed": 1, "seen": seen}, expect=409)
    assert "since you looked" in moved.text
    assert (await shop.get(f"/v1/returns/{one['return_id']}"))["status"] != "closed"


async def test_a_return_is_found_by_each_of_its_numbers(shop: Shop, hire: Hire) -> None:
    one, desk = await sent_back(shop), await hire("floor", locations=["north"])
    tracking = (await shop.get(f"/v1/returns/{one['return_id']}"))["tracking_number"]
    number = (await shop.get(f"/v1/orders/{one['order_id']}"))["number"]
    for text in (one["number"], tracking, number):
        answer = await shop.client.get("/console/returns", params={"q": text}, headers=desk.headers)
        assert answer.headers["location"] == f"/console/returns/{one['return_id']}"
    assert "No such return" in await desk.get("/console/returns?q=%3Cscript%3E")


async def test_a_return_is_declined_with_words_for_the_customer(shop: Shop, hire: Hire) -> None:
    one, desk = await sent_back(shop), await hire("admin")
    await desk.post(f"/console/returns/{one['return_id']}/decline", {"reason": ""}, expect=422)
    await desk.post(f"/console/returns/{one['return_id']}/decline", {"reason": "It was made for you."})
    assert (await shop.get(f"/v1/returns/{one['return_id']}"))["status"] == "declined"


async def test_another_locations_return_is_not_to_be_seen_or_received(shop: Shop, hire: Hire) -> None:
    one = await sent_back(shop)
    path = f"/console/returns/{one['return_id']}"
    theirs = {
        "south": await hire("floor", locations=["south"]),
        "workshop": await hire("vendor", locations=["workshop"]),
    }
    for location, desk in theirs.items():
        assert one["number"] not in await desk.get("/console/returns")
        assert one["number"] not in await desk.get(path, expect=404)
        await desk.post(f"{path}/receive", {"location": "north", "restock-1": 2, "confirmed": 1}, expect=403)
        await desk.post(f"{path}/receive", {"location": location, "restock-1": 2, "confirmed": 1}, expect=404)
        await desk.post(f"{path}/decline", {"reason": "x"}, expect=404)
    viewer, agent = await hire("viewer"), await hire("agent")
    await viewer.post(f"{path}/receive", {"location": "north", "restock-1": 2, "confirmed": 1}, expect=403)
    await agent.get("/console/returns", expect=403)
    assert (await shop.get(f"/v1/returns/{one['return_id']}"))["status"] == "requested"


SENSELESS: tuple[dict[str, object], ...] = (
    {}, {"restock-1": 3}, {"restock-1": -1}, {"restock-1": "x"}, {"restock-1": "9" * 30}, {"restock-9": 1},
    {"restock-x": 1}, {"restock-" + "1" * 50: 1}, {"location": "nowhere", "restock-1": 1},
    {"location": "workshop", "restock-1": 1}, {"of": "judge", "restock-1": 1}, {"restock-1": "²"},
)  # fmt: skip


async def test_a_form_that_makes_no_sense_changes_nothing(shop: Shop, hire: Hire) -> None:
    one, desk = await sent_back(shop), await hire("admin")
    for number, fields in enumerate(SENSELESS):
        data = {
            "csrf": desk.csrf,
            "key": f"k{number}",
            "location": "north",
            "of": "receive",
            "confirmed": "1",
            **fields,
        }
        answer = await shop.client.post(f"/console/returns/{one['return_id']}/receive", data=data, headers=desk.headers)
        assert answer.status_code in (409, 422), (fields, answer.text)
    assert (await shop.get(f"/v1/returns/{one['return_id']}"))["status"] == "requested"
