"""The order's page as its customer uses it, and as somebody uses it who is not its customer."""

from __future__ import annotations

import asyncio
import io
import re
from datetime import timedelta
from importlib.resources import files
from typing import Any

import httpx2
import pytest
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from doorstep.db import Database
from doorstep.kit.ids import parse
from doorstep.kit.templates import catalogs
from doorstep.updates import token
from doorstep.web.api.keys import create
from doorstep.web.shopper import door
from tests.support.shop import ADDRESS, CUSTOMER, Shop

SECRET = "0123456789abcdef0123456789abcdef"
EVIL = "<script>alert(1)</script>\"'&{{7*7}}"


def link(placed: dict[str, Any]) -> str:
    return f"/o/{token(SECRET, 'main', parse('ord', placed['order_id']))}"


async def post(shop: Shop, path: str, **fields: object) -> httpx2.Response:
    return await shop.client.post(path, data={name.replace("_N_", "-"): str(value) for name, value in fields.items()})


async def known(shop: Shop, path: str) -> None:
    answer = await post(shop, f"{path}/known", postcode="sw1y 4jh")
    assert answer.status_code == 303, answer.text


async def page(shop: Shop, path: str, *, expect: int = 200) -> str:
    answer = await shop.client.get(path)
    assert answer.status_code == expect, answer.text
    return re.sub(r"\s+", " ", answer.text)


async def test_the_page_tells_where_the_order_is_from_the_first_moment_to_the_last(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 2})
    first = await page(shop, link(placed))
    assert "check the payment" in first
    assert "Arrives by" in first
    await shop.drain()
    assert "We are preparing your order" in await page(shop, link(placed))
    await shop.ship(placed["order_id"])
    sent = await page(shop, link(placed))
    assert "Your order is on its way" in sent
    assert "Arrives by" in sent
    assert "2 × A mug" in sent
    for _ in range(30):
        await shop.pass_time(timedelta(hours=4))
    arrived = await page(shop, link(placed))
    assert "Your order has arrived" in arrived
    assert "Delivered: 2 × A mug." in arrived
    assert "£24.95" in arrived


async def test_the_link_in_a_message_leads_to_the_page(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    await shop.drain()
    (found,) = {address for mail in shop.mailbox() for address in re.findall(r"/o/[\w.=-]+", mail["text"])}
    assert found == link(placed)
    assert f"Order {placed['number']}" in await page(shop, found)


@pytest.mark.parametrize(
    "broken", ["", "main", "main.", "main.xyz", "other.", "main.%00", "..%2f..%2fv1", "main." + "A" * 180]
)
async def test_a_link_that_is_not_ours_shows_nothing(shop: Shop, broken: str) -> None:
    answer = await shop.client.get(f"/o/{broken}")
    assert answer.status_code in (400, 404)
    assert "order_id" not in answer.text


async def test_a_link_for_another_order_cannot_be_made_from_ones_own(shop: Shop) -> None:
    mine, other = link(await shop.place({"sku": "MUG"})), link(await shop.place({"sku": "CARD"}))
    mixed = other[:30] + mine[30:]
    await page(shop, mixed, expect=404)


async def test_looking_changes_nothing(shop: Shop) -> None:
    path = link(await shop.place({"sku": "MUG"}))
    before = (await shop.client.get(f"{path}/version")).text
    for address in (path, f"{path}?said=canceled", f"{path}/version", "/find/main"):
        await page(shop, address)
    for address in (f"{path}/cancel", f"{path}/address", f"{path}/known", f"{path}/preferences"):
        assert (await shop.client.get(address)).headers["location"] == path
    assert (await shop.client.get(f"{path}/version")).text == before


async def test_nothing_that_hurts_is_changed_without_the_postcode(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 2})
    path = link(placed)
    assert (await post(shop, f"{path}/cancel", line_N_1=1, confirmed="k")).status_code == 403
    assert (await post(shop, f"{path}/address", street="1 Elsewhere")).status_code == 403
    assert "Save the address" not in await page(shop, path)
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert (order["lines"][0]["units"], order["ship_to"]["street"]) == ({"reserved": 2}, ADDRESS["street"])


async def test_after_five_wrong_postcodes_even_the_right_one_is_not_heard(shop: Shop) -> None:
    path = link(await shop.place({"sku": "MUG"}))
    for guess in ("SW1Y 4JX", "", "x" * 200, EVIL, "0"):
        assert (await post(shop, f"{path}/known", postcode=guess)).status_code == 422
    answer = await post(shop, f"{path}/known", postcode=ADDRESS["postcode"])
    assert (answer.status_code, "Too many attempts" in answer.text) == (429, True)
    async with shop.brand.transaction() as tx:  # a quarter of an hour later
        await tx.execute("UPDATE wrong_answers SET answered_at = answered_at - $1::interval", door.FORGOTTEN_AFTER)
    await known(shop, path)


@pytest.mark.parametrize("forged", ["", "x", "99999999999.", "99999999999.0", "-1.0", "1." + "a" * 64])
async def test_the_proof_of_a_postcode_cannot_be_forged(shop: Shop, forged: str) -> None:
    path = link(await shop.place({"sku": "MUG"}))
    headers = {"cookie": f"{door.COOKIE}={forged}"}
    answer = await shop.client.post(f"{path}/cancel", data={"line-1": "1", "confirmed": "k"}, headers=headers)
    assert answer.status_code == 403


async def test_the_proof_for_one_order_does_not_open_another(shop: Shop) -> None:
    mine, other = link(await shop.place({"sku": "MUG"})), link(await shop.place({"sku": "MUG"}))
    answer = await post(shop, f"{mine}/known", postcode=ADDRESS["postcode"])
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert f"Path={mine}" in cookie
    value = cookie.partition(";")[0]
    assert "Save the address" in (await shop.client.get(mine, headers={"cookie": value})).text
    assert "Save the address" not in (await shop.client.get(other, headers={"cookie": value})).text


async def test_the_address_is_changed_and_a_bad_one_is_refused_with_a_word_at_its_field(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    path = link(placed)
    await known(shop, path)
    refused = await post(shop, f"{path}/address", street="", city="London", postcode="SW1Y 4JH", name="Ada")
    assert refused.status_code == 422
    assert 'id="street-fault"' in refused.text
    nowhere = await post(shop, f"{path}/address", street="1 New Street", city="Leeds", postcode="x" * 30, name="Ada")
    assert nowhere.status_code == 422
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["ship_to"]["street"] == ADDRESS["street"]
    done = await post(shop, f"{path}/address", street="1 New Street", city="Leeds", postcode="LS1 1AA", name="Ada")
    assert (done.status_code, done.headers["location"]) == (303, f"{path}?said=moved")
    address = (await shop.get(f"/v1/orders/{placed['order_id']}"))["ship_to"]
    assert (address["street"], address["city"], address["country"]) == ("1 New Street", "Leeds", "GB")
    await shop.ship(placed["order_id"])
    assert (await post(shop, f"{path}/address", street="2 Late Street")).status_code == 409


async def test_a_cancel_is_shown_first_and_done_once_however_often_it_is_confirmed(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 3})
    path = link(placed)
    await known(shop, path)
    version = (await shop.client.get(f"{path}/version")).text
    preview = await post(shop, f"{path}/cancel", line_N_1=2)
    assert preview.status_code == 200
    assert "£20.00 will not be charged" in preview.text
    assert (await shop.client.get(f"{path}/version")).text == version
    assert (await shop.stock("MUG"))["north"]["reserved"] == 3
    (key,) = re.findall(r'name="confirmed" value="(\w+)"', preview.text)
    for _ in range(2):
        done = await post(shop, f"{path}/cancel", line_N_1=2, confirmed=key)
        assert (done.status_code, done.headers["location"]) == (303, f"{path}?said=canceled")
    assert (await shop.stock("MUG"))["north"]["reserved"] == 1
    assert "2 canceled" in await page(shop, path)
    assert (await post(shop, f"{path}/cancel", line_N_1=5, confirmed="other")).status_code == 409
    for nothing in ({}, {"line_N_1": 0}, {"line_N_1": "-1"}, {"line_N_1": "١"}, {"line_N_x": 1}):
        assert (await post(shop, f"{path}/cancel", confirmed="k", **nothing)).status_code == 422
    assert (await post(shop, f"{path}/cancel", line_N_9=1, confirmed="third")).status_code == 409
    await shop.audit()


async def test_a_wrong_postcode_does_not_keep_its_customer_from_correcting_it(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"}, ship_to={**ADDRESS, "postcode": "NOWHERE"})
    await shop.drain()
    path = link(placed)
    asked = await page(shop, path)
    assert "We need your help with this order" in asked
    assert "Your e-mail address or phone number will do, too." in asked
    assert (await post(shop, f"{path}/known", postcode="ada @ example.test")).status_code == 303
    right = {field: ADDRESS[field] for field in ("name", "street", "city", "postcode")}
    assert (await post(shop, f"{path}/address", **right)).status_code == 303
    await shop.drain()
    assert "We are preparing your order" in await page(shop, path)
    other = link(await shop.place({"sku": "MUG"}))
    assert (await post(shop, f"{other}/known", postcode=CUSTOMER["email"])).status_code == 422


async def test_one_postcode_cannot_be_tried_on_all_numbers(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    for number in range(door.WRONG_ANSWERS):
        assert (await post(shop, "/find/main", number=f"W-9{number}", proof=ADDRESS["postcode"])).status_code == 422
    assert (await post(shop, "/find/main", number=placed["number"], proof=ADDRESS["postcode"])).status_code == 429


async def test_many_guesses_at_once_are_counted_one_by_one(shop: Shop) -> None:
    path = link(await shop.place({"sku": "MUG"}))
    answers = await asyncio.gather(*(post(shop, f"{path}/known", postcode=f"X{guess}") for guess in range(12)))
    assert sorted(answer.status_code for answer in answers) == [422] * door.WRONG_ANSWERS + [429] * 7


async def test_a_form_that_another_site_sends_is_refused(shop: Shop) -> None:
    path = link(await shop.place({"sku": "MUG"}))
    for site in ("cross-site", "same-site"):
        headers = {"sec-fetch-site": site}
        answer = await shop.client.post(f"{path}/preferences", data={"channel": "none"}, headers=headers)
        assert answer.status_code == 400


async def test_a_parcel_that_was_lost_is_not_called_canceled(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    (parcel,) = await shop.ship(placed["order_id"])
    await shop.send("POST", f"/v1/shipments/{parcel['shipment_id']}/declare-lost")
    await shop.drain()
    text = await page(shop, link(placed))
    assert "Your order could not be delivered" in text
    assert "A parcel was lost. You get back £14.95." in text


async def test_what_has_arrived_and_what_is_still_to_come_are_told_apart(shop: Shop) -> None:
    placed = await shop.place({"sku": "GLASS", "quantity": 7}, on_short="accept")
    await shop.ship(placed["order_id"])
    for _ in range(30):
        await shop.pass_time(timedelta(hours=4))
    text = await page(shop, link(placed))
    assert "A part of your order has arrived" in text
    assert "2 × A glass" in text
    assert "Waits for goods" in text


async def test_a_declined_payment_is_said_and_what_comes_of_it(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"}, payment={"token": "tok_declined"})
    await shop.drain()
    assert "The payment was declined" in await page(shop, link(placed))


async def test_nothing_about_an_order_is_kept_that_opens_its_page(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG", "quantity": 2})
    path = link(placed)
    await known(shop, path)
    await post(shop, f"{path}/cancel", line_N_1=1, confirmed="k")
    kept = await shop.value("SELECT string_agg(key || route || convert_from(answer, 'UTF8'), ' ') FROM commands")
    assert path.rpartition("/")[2] not in kept


async def test_how_we_write_is_changed_by_whoever_has_the_link(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    path = link(placed)
    wish = {"channel": "sms", "only_if_late": "yes", "quiet_from": "21:30", "quiet_until": "07:00"}
    assert (await post(shop, f"{path}/preferences", **wish)).status_code == 303
    kept = await shop.get(f"/v1/orders/{placed['order_id']}/preferences")
    assert (kept["channel"], kept["only_if_late"], kept["quiet_from"]) == ("sms", True, "21:30:00")
    for bad in ({"channel": "pigeon"}, {**wish, "quiet_until": ""}, {**wish, "quiet_from": "late"}, {}):
        assert (await post(shop, f"{path}/preferences", **bad)).status_code == 422
    assert await shop.get(f"/v1/orders/{placed['order_id']}/preferences") == kept


async def test_an_order_is_found_by_its_number_and_what_only_its_customer_knows(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    for proof in ("ADA@example.test", "sw1y4jh"):
        found = await post(shop, "/find/main", number=placed["number"], proof=proof)
        assert (found.status_code, found.headers["location"]) == (303, link(placed))
    await page(shop, "/find/nobody", expect=404)


async def test_a_wrong_pair_and_an_unknown_number_look_alike_and_cannot_be_tried_for_ever(shop: Shop) -> None:
    placed = await shop.place({"sku": "MUG"})
    wrong = await post(shop, "/find/main", number=placed["number"], proof="bob@example.test")
    unknown = await post(shop, "/find/main", number="W-99999", proof="bob@example.test")
    assert (wrong.status_code, wrong.text.replace(placed["number"], "W-99999")) == (422, unknown.text)
    for guess in ("a", "b", "c", ""):
        assert (await post(shop, "/find/main", number=placed["number"], proof=guess)).status_code == 422
    for number in (placed["number"], "W-99999"):
        for more in range(4):
            await post(shop, "/find/main", number=number, proof=f"{number}{more}")
        assert (await post(shop, "/find/main", number=number, proof=CUSTOMER["email"])).status_code == 429


async def test_whatever_a_customer_writes_is_only_text(shop: Shop) -> None:
    placed = await shop.place(
        {"sku": "MUG", "gift_wrap": {"paper": "stars", "message": EVIL, "hide_prices": True, "fee_minor": 0}},
        customer={**CUSTOMER, "name": EVIL},
        ship_to={**ADDRESS, "name": EVIL, "street": EVIL, "city": EVIL},
    )
    path = link(placed)
    await known(shop, path)
    for text in (await page(shop, path), (await post(shop, "/find/main", number=EVIL[:64], proof=EVIL)).text):
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "{{7*7}}" in text, "nothing is rendered twice"


async def test_every_page_lets_nothing_foreign_in_and_says_nothing_of_where_its_reader_came_from(shop: Shop) -> None:
    path = link(await shop.place({"sku": "MUG"}))
    for address in (path, "/find/main", "/o/main.nothing"):
        answer = await shop.client.get(address)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert len(answer.content) < 100_000
        assert not re.search(r"style=|<style|onclick|<script(?! src=\"/static/)|https?://", answer.text)
        for asset in re.findall(r'(?:href|src)="(/static/[^"]+)"', answer.text):
            kept = await shop.client.get(asset)
            assert (kept.status_code, "immutable" in kept.headers["cache-control"]) == (200, True)
    assert (await shop.client.get("/static/x/../app.py")).status_code == 404


async def test_a_german_customer_reads_german(shop: Shop) -> None:
    path = link(await shop.place({"sku": "MUG"}, customer={**CUSTOMER, "locale": "de"}))
    await shop.drain()
    text = await page(shop, path)
    assert '<html lang="de">' in text
    assert "Wir bereiten Ihre Bestellung vor" in text
    assert "14,95" in text


def test_every_sentence_of_the_pages_is_in_every_catalog() -> None:
    options = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}
    sentences = {
        message if isinstance(message, str) else str((message or ("",))[0])
        for template in files("doorstep.web").joinpath("templates").rglob("*.html")  # type: ignore[attr-defined]  # a real folder
        for _, _, message, _ in babel_extract(
            io.BytesIO(template.read_bytes()), ("gettext", "ngettext", "_"), [], options
        )
    }
    entries = [
        message
        for file in catalogs("doorstep.web", "de")
        for message in read_po(io.BytesIO(file.read_bytes()))
        if message.id
    ]
    # A sentence with a plural has two ids and two strings; otherwise it is its only form.
    forms = [(_forms(message.id), _forms(message.string)) for message in entries]
    assert {english[0] for english, _ in forms} == sentences
    assert len(set(forms)) == len(sentences)  # what stands in two files says the same in both
    for english, german in forms:
        assert len(english) == len(german)
        assert all(german)
        for ours, theirs in zip(english, german, strict=True):
            assert sorted(re.findall(r"%\(\w+\)s", ours)) == sorted(re.findall(r"%\(\w+\)s", theirs))


def _forms(text: Any) -> tuple[str, ...]:
    return (str(text),) if isinstance(text, str) else tuple(str(one) for one in text)


async def test_the_page_of_a_very_long_order_is_light_at_first_and_shows_all_when_asked(shop: Shop) -> None:
    path = link(await shop.place(*[{"sku": "CARD"}] * 120, on_short="accept"))
    await known(shop, path)
    short, whole = await page(shop, path), await page(shop, f"{path}?all=yes")
    assert "Show all 120 items" in short
    assert (short.count("1 × A card"), whole.count("1 × A card")) == (100, 240)
    assert (short.count('name="line-'), whole.count('name="line-')) == (50, 120)
    assert len(short) < 60_000


async def test_the_answer_of_placing_says_where_the_page_is(shop: Shop, database: Database) -> None:
    placed = await shop.place({"sku": "MUG"})
    assert placed["order_page"].endswith(link(placed))
    read = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert read["order_page"] == placed["order_page"]
    async with database.shared() as tx:
        _, secret = await create(tx, brand="main", name="reader", scope="read")
    headers = {"Authorization": f"Bearer {secret}"}
    only_looked = await shop.client.get(f"/v1/orders/{placed['order_id']}", headers=headers)
    assert only_looked.json()["order_page"] == "", "with the link a key could do what it may not"
    assert f"Order {placed['number']}" in await page(shop, "/o/" + placed["order_page"].rpartition("/o/")[2])
