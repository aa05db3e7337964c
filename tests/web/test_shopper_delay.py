"""A date that moved to later asks the customer what they want; each answer acts, once, and a later delay asks again."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.support.shop import ADDRESS, CUSTOMER, Shop
from tests.web.test_shopper import EVIL, known, link, page, post


async def late_on_the_road(shop: Shop, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An order whose parcel left and is late by a carrier that says nothing: its date moved once."""
    placed: dict[str, Any] = await shop.place(*(lines or ({"sku": "MUG", "quantity": 2},)), **more)
    await shop.ship(placed["order_id"])
    await be_silent(shop, 8 if "JERSEY" in str(lines) else 4)
    return placed


async def be_silent(shop: Shop, days: int) -> None:
    """Days pass, and of the carrier nothing is heard."""
    for _ in range(days * 6):
        shop.now += timedelta(hours=4)
        await shop.set_clock(shop.now)
        await shop.drain()


async def late_on_the_shelf(shop: Shop) -> dict[str, Any]:
    """An order that nobody packed in time."""
    placed: dict[str, Any] = await shop.place({"sku": "MUG", "quantity": 3})
    await shop.drain()
    await be_silent(shop, 4)
    return placed


async def delay_of(shop: Shop, placed: dict[str, Any]) -> dict[str, Any]:
    """The delay of an order, as staff see it."""
    found: dict[str, Any] = (await shop.get(f"/v1/orders/{placed['order_id']}"))["delay"]
    return found


async def answered(shop: Shop, placed: dict[str, Any]) -> list[str]:
    """The sentences of the answers in the timeline."""
    return [text for text in await shop.story(placed["order_id"]) if text.startswith("Asked about the delay")]


async def test_who_waits_says_so_with_the_link_alone_and_it_is_noted_once(shop: Shop) -> None:
    placed = await late_on_the_road(shop)
    path = link(placed)
    assert (await delay_of(shop, placed))["choices"] == ["wait", "send_back"]
    mail = next(mail for mail in shop.mailbox() if mail["subject"].startswith("Later than promised"))
    assert "See and choose" in mail["text"]
    asked = await page(shop, path)
    assert "What would you like?" in asked
    assert "Cancel what has not left" not in asked
    (seq,) = re.findall(r'name="delay" value="(\d+)"', asked)
    for _ in range(2):  # the button pressed twice
        done = await post(shop, f"{path}/delay", delay=seq, answer="wait")
        assert (done.status_code, done.headers["location"]) == (303, f"{path}?said=wait#delay")
    found = await delay_of(shop, placed)
    assert (found["seq"], found["answer"], found["answered_by"]) == (int(seq), "wait", "customer")
    assert await answered(shop, placed) == ["Asked about the delay, the customer waits for the new date."]
    assert "You wait for the new date." in await page(shop, path)
    await shop.audit()


async def test_a_later_delay_asks_again_and_an_old_page_cannot_answer_it(shop: Shop) -> None:
    placed = await late_on_the_road(shop)
    path = link(placed)
    first = await delay_of(shop, placed)
    await post(shop, f"{path}/delay", delay=first["seq"], answer="wait")
    await be_silent(shop, 4)
    again = await delay_of(shop, placed)
    assert (again["seq"] > first["seq"], again["answer"]) == (True, None)
    assert "What would you like?" in await page(shop, path)
    old = await post(shop, f"{path}/delay", delay=first["seq"], answer="wait")
    assert (old.status_code, "Something has changed in the meantime" in old.text) == (409, True)
    assert len(await answered(shop, placed)) == 1


async def test_what_has_not_left_is_canceled_after_it_was_shown_and_that_is_the_answer(shop: Shop) -> None:
    placed = await late_on_the_shelf(shop)
    path = link(placed)
    seq = (await delay_of(shop, placed))["seq"]
    assert (await post(shop, f"{path}/delay", delay=seq, answer="cancel")).status_code == 403
    assert (await post(shop, f"{path}/delay", delay=seq, answer="cancel", postcode="LS1 1AA")).status_code == 422
    seen = await post(shop, f"{path}/delay", delay=seq, answer="cancel", postcode="sw1y 4jh")
    assert (seen.status_code, "Cancel the whole order?" in seen.text) == (200, True)
    assert "doorstep_known" in seen.headers["set-cookie"]
    assert (await delay_of(shop, placed))["answer"] is None
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]+)"', seen.text))
    assert fields["line-1"] == "3"
    for _ in range(2):
        assert (await post(shop, f"{path}/cancel", **fields)).status_code == 303
    await shop.drain()
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert (order["status"], order["delay"]["answer"], order["delay"]["choices"]) == ("canceled", "cancel", [])
    assert await answered(shop, placed) == ["Asked about the delay, the customer cancels what has not left."]
    assert (await shop.stock("MUG"))["north"]["reserved"] == 0
    await shop.audit()


async def test_what_goes_back_when_it_arrives_has_its_label_in_that_moment(shop: Shop) -> None:
    placed = await late_on_the_road(shop, {"sku": "MUG", "quantity": 2})
    path = link(placed)
    seq = (await delay_of(shop, placed))["seq"]
    await known(shop, path)
    for _ in range(2):
        assert (await post(shop, f"{path}/delay", delay=seq, answer="send_back")).status_code == 303
    assert "Keep it after all" in await page(shop, path)
    assert (await shop.get("/v1/returns", order=placed["order_id"]))["items"] == []
    await shop.pass_time(timedelta(hours=1))  # now the carrier tells, and it has arrived
    (opened,) = (await shop.get("/v1/returns", order=placed["order_id"]))["items"]
    assert (opened["handover"], opened["lines"][0]["quantity"], opened["lines"][0]["reason"]) == (
        "label",
        2,
        "arrived_late",
    )
    assert opened["tracking_number"]
    assert "Label to print (PDF)" in await page(shop, path)
    assert any("The label for your return" in mail["subject"] for mail in shop.mailbox())
    await shop.audit()


async def test_who_changes_their_mind_keeps_it(shop: Shop) -> None:
    placed = await late_on_the_road(shop)
    path = link(placed)
    seq = (await delay_of(shop, placed))["seq"]
    await known(shop, path)
    for wish in ("send_back", "wait"):
        assert (await post(shop, f"{path}/delay", delay=seq, answer=wish)).status_code == 303
    await shop.pass_time(timedelta(hours=1))
    assert (await shop.get("/v1/returns", order=placed["order_id"]))["items"] == []
    assert len(await answered(shop, placed)) == 2
    await shop.audit()


async def test_what_was_made_for_one_person_is_not_offered_to_be_sent_back(shop: Shop) -> None:
    jersey = {"sku": "JERSEY", "personalization": {"fields": {"name": "ADA", "number": "1"}}}
    placed = await late_on_the_road(shop, jersey)
    path = link(placed)
    found = await delay_of(shop, placed)
    assert found["choices"] == ["wait"]
    await known(shop, path)
    assert (await post(shop, f"{path}/delay", delay=found["seq"], answer="send_back")).status_code == 409
    assert await answered(shop, placed) == []


async def test_staff_answer_for_the_customer_and_see_what_is_left_to_choose(shop: Shop) -> None:
    placed = await late_on_the_shelf(shop)
    path = f"/v1/orders/{placed['order_id']}/delay-answer"
    seq = (await delay_of(shop, placed))["seq"]
    refused = await shop.send("POST", path, {"seq": seq, "answer": "send_back"}, expect=409)
    assert refused["choices"] == ["wait", "cancel"]
    await shop.send("POST", path, {"seq": seq + 1, "answer": "wait"}, expect=409)
    await shop.send("POST", path, {"seq": seq, "answer": "burn"}, expect=422)
    done = await shop.send("POST", path, {"seq": seq, "answer": "cancel"})
    assert (done["delay"]["answer"], done["delay"]["answered_by"]) == ("cancel", "key:test")
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["lines"][0]["units"] == {"canceled": 3}
    on_time = await shop.place({"sku": "MUG"})
    await shop.send("POST", f"/v1/orders/{on_time['order_id']}/delay-answer", {"seq": 1, "answer": "wait"}, expect=409)
    await shop.audit()


async def test_a_button_at_the_carrier_makes_a_parcel_late_and_its_customer_is_told_and_asked(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    (parcel,) = await shop.ship(placed["order_id"])
    await shop.pass_time(timedelta(minutes=5))
    for presses in (1, 2):  # each press is another day
        await press(shop, parcel["tracking_number"], "delay")
        assert "What would you like?" in await page(shop, link(placed))
        subjects = [mail["subject"] for mail in shop.mailbox()]
        assert len([subject for subject in subjects if subject.startswith("Later than promised")]) == presses
        await post(shop, f"{link(placed)}/delay", delay=(await delay_of(shop, placed))["seq"], answer="wait")
    await press(shop, parcel["tracking_number"], "miss")
    await press(shop, parcel["tracking_number"], "deliver")
    assert "Your order has arrived" in await page(shop, link(placed))
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["delay"]["choices"] == []
    await shop.audit()


async def test_a_button_at_the_carrier_loses_a_parcel(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    (parcel,) = await shop.ship(placed["order_id"])
    await shop.pass_time(timedelta(minutes=5))
    await press(shop, parcel["tracking_number"], "lose")
    assert "A parcel was lost. You get back £14.95." in await page(shop, link(placed))
    await shop.audit()


async def press(shop: Shop, tracking_number: str, what: str) -> None:
    """A button on the carrier's page, and what follows."""
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        answer = await client.post(f"{shop.carrier.url}/parcels/{tracking_number}/{what}")
    assert answer.status_code == 303, answer.text
    await shop.drain()


@pytest.mark.parametrize(
    "fields",
    [{}, {"answer": EVIL, "delay": 1}, {"answer": "cancel", "delay": EVIL}, {"answer": "wait", "delay": "9" * 40},
     {"answer": "wait", "delay": "-1"}, {"answer": "send_back", "postcode": "x" * 5000, "delay": 1}],
)  # fmt: skip
async def test_an_answer_that_makes_no_sense_changes_nothing(shop: Shop, fields: dict[str, Any]) -> None:
    placed = await late_on_the_road(shop)
    path = link(placed)
    refused = await post(shop, f"{path}/delay", **fields)
    assert refused.status_code in (403, 409, 422)
    assert "<script>alert" not in refused.text
    assert (await shop.client.get(f"{path}/delay")).headers["location"] == path
    assert (await delay_of(shop, placed))["answer"] is None


async def test_the_questions_are_asked_in_german(shop: Shop) -> None:
    placed = await late_on_the_road(shop, customer={**CUSTOMER, "locale": "de"})
    text = await page(shop, link(placed))
    assert "Auf den neuen Termin warten" in text
    assert "Zurückschicken, wenn es ankommt" in text
    assert ADDRESS["street"] not in text
