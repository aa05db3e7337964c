"""Tell: the right person, language and link, one message per event; on the customer's terms."""

from __future__ import annotations

from tests.support.shop import CUSTOMER, Shop


async def test_the_right_person_gets_one_mail_per_event_with_a_link(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    await shop.ship(placed["order_id"])
    mails = shop.mailbox()
    assert {address for mail in mails for address in mail["to"]} == {CUSTOMER["email"]}
    assert len({mail["headers"]["message-id"] for mail in mails}) == len(mails) == 2
    confirmation, shipped = mails
    assert placed["number"] in confirmation["subject"] + confirmation["text"]
    assert "/o/" in confirmation["text"]
    assert "/o/" in confirmation["html"]
    tracking = (await shop.get("/v1/shipments", order=placed["order_id"]))["items"][0]["tracking_number"]
    assert tracking in shipped["text"]


async def test_a_german_customer_reads_german(shop: Shop) -> None:
    await shop.place({"sku": "MUG"}, customer={**CUSTOMER, "name": "Grete Müller", "locale": "de"})
    await shop.drain()
    (mail,) = shop.mailbox()
    assert "Bestellung" in mail["subject"]
    assert "Grete" in mail["text"]


async def test_text_messages_when_they_are_wanted(shop: Shop) -> None:
    await shop.place({"sku": "MUG"}, preferences={"channel": "sms"})
    await shop.drain()
    (message,) = shop.mailbox()
    assert (message["kind"], message["to"]) == ("sms", [CUSTOMER["phone"]])


async def test_only_if_late_means_only_if_late(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"}, preferences={"only_if_late": True})
    await shop.ship(placed["order_id"])
    assert shop.mailbox() == []
    texts = [text for text in await shop.story(placed["order_id"]) if text.startswith("No message")]
    assert texts


async def test_preferences_can_be_changed(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    path = f"/v1/orders/{placed['order_id']}/preferences"
    await shop.send("PUT", path, {"channel": "none"})
    await shop.drain()
    assert shop.mailbox() == []
