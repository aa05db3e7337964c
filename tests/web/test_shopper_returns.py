"""The return page: from the wish to what is needed for it, once, and only for one's own goods."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest

from tests.returns.world import AREAS, POINTS, point
from tests.support.shop import Shop
from tests.web.test_shopper import EVIL, known, link, page, post


async def arrived(shop: Shop, *lines: dict[str, Any]) -> dict[str, Any]:
    """An order that has arrived."""
    placed: dict[str, Any] = await shop.place(*lines)
    await shop.ship(placed["order_id"])
    for _ in range(30):
        await shop.pass_time(timedelta(hours=4))
    return placed


async def test_goods_are_sent_back_with_a_label_to_print(shop: Shop) -> None:
    placed = await arrived(shop, {"sku": "MUG", "quantity": 3})
    path = link(placed)
    assert "Send something back" in await page(shop, path)
    await known(shop, path)
    offered = await page(shop, f"{path}/return")
    assert "(of 3)" in offered
    (number,) = re.findall(r'name="number" value="([^"]+)"', offered)
    wish = {"number": number, "line-1": 2, "reason-1": "too_many", "handover": "label"}
    for _ in range(2):  # the button pressed twice
        done = await post(shop, f"{path}/return", **wish)
        assert (done.status_code, done.headers["location"]) == (303, f"{path}?said=return#returns")
    (opened,) = (await shop.get("/v1/returns", order=placed["order_id"]))["items"]
    assert (opened["number"], opened["handover"], opened["lines"][0]["quantity"]) == (number, "label", 2)
    assert "The label is being made" in await page(shop, path)
    await shop.drain()
    ready = await page(shop, path)
    (label,) = re.findall(r'href="([^"]+label\.pdf)"', ready)
    pdf = await shop.client.get(label)
    assert (pdf.headers["content-type"], pdf.content[:4]) == ("application/pdf", b"%PDF")
    received = {"lines": [{"line_no": 1, "quantity": 2, "disposition": "restock", "acceptance": "accepted"}]}
    await shop.send("POST", f"/v1/returns/{opened['return_id']}/receive", {"location": "north", **received})
    await shop.drain()
    over = await page(shop, path)
    assert "£20.00 goes back" in over
    assert "We paid back £20.00." in over
    await shop.audit()


@pytest.mark.parametrize("handover", ["qr", "store"])
async def test_goods_are_handed_in_with_a_code(shop: Shop, handover: str) -> None:
    placed = await arrived(shop, {"sku": "MUG"})
    path = link(placed)
    await known(shop, path)
    wish = {"number": "R-1", "line-1": 1, "reason-1": "too_big", "handover": handover, "store": "north"}
    assert (await post(shop, f"{path}/return", **wish)).status_code == 303
    (code,) = re.findall(r'src="([^"]+qr\.svg)"', await page(shop, path))
    picture = await shop.client.get(code)
    assert (picture.headers["content-type"], "<svg" in picture.text) == ("image/svg+xml", True)


async def test_what_cannot_be_returned_is_said_and_refused(shop: Shop) -> None:
    fresh = link(await shop.place({"sku": "MUG"}))
    await known(shop, fresh)
    assert "It has not arrived yet." in await page(shop, f"{fresh}/return")
    assert "Send something back" not in await page(shop, fresh)
    assert (await post(shop, f"{fresh}/return", **{"line-1": 1, "handover": "label"})).status_code == 409
    placed = await arrived(
        shop, {"sku": "JERSEY", "personalization": {"fields": {"name": "ADA", "number": "1"}}}, {"sku": "MUG"}
    )
    path = link(placed)
    await known(shop, path)
    assert "It was made for you" in await page(shop, f"{path}/return")
    for wish, status in (
        ({}, 422),
        ({"line-1": 0, "handover": "label"}, 422),
        ({"line-2": 1}, 422),
        ({"line-2": 1, "handover": "pigeon"}, 422),
        ({"line-2": 1, "handover": "store", "store": "nowhere"}, 422),
        ({"line-1": 1, "reason-1": "changed_mind", "handover": "label"}, 422),
        ({"line-2": 5, "reason-2": "other", "handover": "label"}, 409),
        ({"line-7": 1, "handover": "label"}, 422),
        ({"line-2": "1" * 30, "handover": EVIL}, 422),
    ):
        answer = await post(shop, f"{path}/return", **wish)
        assert answer.status_code == status, (wish, answer.status_code)
        assert "<script>alert" not in answer.text
    assert (await shop.get("/v1/returns", order=placed["order_id"]))["items"] == []


async def test_label_and_code_of_another_order_stay_out_of_reach(shop: Shop) -> None:
    placed = await arrived(shop, {"sku": "MUG"})
    mine, other = link(placed), link(await shop.place({"sku": "MUG"}))
    await known(shop, mine)
    await known(shop, other)
    await post(shop, f"{mine}/return", **{"number": "R-1", "line-1": 1, "reason-1": "other", "handover": "label"})
    await shop.drain()
    (opened,) = (await shop.get("/v1/returns", order=placed["order_id"]))["items"]
    for name, status in (("label.pdf", 200), ("qr.svg", 404)):
        assert (await shop.client.get(f"{mine}/returns/{opened['return_id']}/{name}")).status_code == status
        assert (await shop.client.get(f"{other}/returns/{opened['return_id']}/{name}")).status_code == 404
        assert (await shop.client.get(f"{mine}/returns/ret_1/{name}")).status_code == 404


async def test_the_link_alone_neither_asks_for_a_return_nor_shows_where_its_sender_lives(shop: Shop) -> None:
    placed = await arrived(shop, {"sku": "MUG", "quantity": 2})
    path = link(placed)
    wish = {"number": "R-1", "line-1": 1, "reason-1": "other", "handover": "label"}
    assert (await post(shop, f"{path}/return", **wish)).status_code == 403
    opened = {"order_id": placed["order_id"], "lines": [{"line_no": 1, "quantity": 1, "reason": "other"}]}
    opened = await shop.send("POST", "/v1/returns", {**opened, "handover": "label", "outcome": "refund"}, expect=201)
    await shop.drain()
    label = f"{path}/returns/{opened['return_id']}/label.pdf"
    assert (await shop.client.get(label)).status_code == 403
    for address in (path, f"{path}/return"):
        text = await page(shop, address)
        assert "label.pdf" not in text
        assert "SW1Y" not in text
        assert "St James" not in text
    step = await post(shop, f"{path}/known", postcode="SW1Y 4JH", next="return")
    assert step.headers["location"] == f"{path}/return"
    assert (await shop.client.get(label)).status_code == 200


async def test_the_page_says_where_to_bring_it_near_the_customer_or_another_postcode(shop: Shop) -> None:
    placed = await arrived(shop, {"sku": "MUG"})
    path = link(placed)
    assert "Where to bring it" not in await page(shop, f"{path}/return"), "not before the postcode was given"
    await known(shop, path)
    assert "We do not know where SW1Y 4JH is" in await page(shop, f"{path}/return")
    await shop.send("PUT", "/v1/postcode-areas", AREAS)
    await shop.send("PUT", "/v1/drop-off-points", [*POINTS, point("evil", 51.5071, -0.1341, name=EVIL)])
    text = await page(shop, f"{path}/return")
    assert text.index("Shop near") < text.index("Shop middle") < text.index("Shop far")
    assert "11 km" in text
    assert "Shop theirs" not in text, "another carrier's"
    assert "Shop gone" not in text
    assert "<script>alert" not in text
    elsewhere = await page(shop, f"{path}/return?near=M1+1AA")
    assert elsewhere.index("Shop manchester") < elsewhere.index("Shop near")
    assert elsewhere.index("North warehouse") < elsewhere.index("South warehouse")
    for nonsense in ("%00", EVIL, "x" * 5000, "9" * 20):
        text = (await shop.client.get(f"{path}/return", params={"near": nonsense})).text
        assert "<script>alert" not in text


async def test_a_return_is_collected_on_the_day_that_was_chosen_without_anything_to_print(shop: Shop) -> None:
    placed = await arrived(shop, {"sku": "MUG"})
    path = link(placed)
    await known(shop, path)
    offered = await page(shop, f"{path}/return")
    days = re.findall(r'<option value="(\d{4}-\d\d-\d\d)"', offered)
    assert len(days) == 5
    assert all(date.fromisoformat(day).weekday() < 5 for day in days)
    assert days[0] > shop.now.date().isoformat()
    wish = {"number": "R-1", "line-1": 1, "reason-1": "too_big", "handover": "collection"}
    for nonsense in ("", "tomorrow", "1999-01-01", shop.now.date().isoformat(), EVIL):
        refused = await post(shop, f"{path}/return", **wish, collect_on=nonsense)
        assert (refused.status_code, "Choose one of the days" in refused.text) == (422, True)
        assert "<script>alert" not in refused.text
    for _ in range(2):
        assert (await post(shop, f"{path}/return", **wish, collect_on=days[1])).status_code == 303
    other = await post(shop, f"{path}/return", **wish, collect_on=days[2])
    assert other.status_code == 409
    assert "The collection is being booked." in await page(shop, path)
    await shop.drain()
    text = await page(shop, path)
    assert "The driver comes for it on" in text
    assert "label.pdf" not in text
    assert any("is collected on" in mail["subject"] for mail in shop.mailbox())
    while shop.now.date().isoformat() <= days[1]:
        await shop.pass_time(timedelta(hours=4))
    (moved,) = (await shop.get("/v1/returns", order=placed["order_id"]))["items"]
    assert (moved["status"], moved["collect_on"]) == ("in_transit", days[1])
    await shop.audit()


async def test_a_return_that_is_declined_takes_its_collection_with_it(shop: Shop) -> None:
    placed = await arrived(shop, {"sku": "MUG"})
    order = {"order_id": placed["order_id"]}
    day = (await shop.send("POST", "/v1/returns/eligibility", order))["collection_days"][0]
    body = {**order, "lines": [{"line_no": 1, "quantity": 1, "reason": "other"}], "handover": "collection"}
    await shop.send("POST", "/v1/returns", body, expect=422)
    await shop.send("POST", "/v1/returns", {**body, "handover": "label", "collect_on": day}, expect=422)
    opened = await shop.send("POST", "/v1/returns", {**body, "collect_on": day}, expect=201)
    await shop.drain()
    await shop.send("POST", f"/v1/returns/{opened['return_id']}/decline", {"reason": "kept"})
    await shop.drain()
    for _ in range(12):
        await shop.pass_time(timedelta(hours=8))
    (label,) = [one for one in shop.carrier.get("/sandbox/ledger")["labels"].values() if one["is_return"]]
    assert (label["canceled"], label["handed_over_at"], label["collection_date"]) == (True, None, day)
    await shop.audit()


async def test_another_size_is_chosen_and_followed_on_its_own_page(shop: Shop) -> None:
    size = {"title": "Shoe", "weight_g": 900, "length_mm": 330, "width_mm": 220, "height_mm": 120, "style": "SHOE"}
    sizes = [{**size, "sku": f"SHOE-{no}", "title": f"Shoe, {no}", "option": str(no)} for no in (41, 42, 43)]
    await shop.send("PUT", "/v1/products", sizes)
    lines = [{"sku": "SHOE-41", "quantity": 5}, {"sku": "SHOE-42", "quantity": 1}]
    note = {"location": "north", "reference": "shoes", "lines": lines}
    assert (await shop.client.post("/v1/stock/receipts", json=note)).status_code == 200
    placed = await arrived(shop, {"sku": "SHOE-41"}, {"sku": "MUG"})
    path = link(placed)
    await known(shop, path)
    offered = await page(shop, f"{path}/return")
    assert re.findall(r'<option value="(SHOE-[0-9]+)"', offered) == ["SHOE-42", "SHOE-41"]
    wish = {"number": "R-9", "line-1": 1, "reason-1": "too_small", "handover": "label", "outcome": "exchange"}
    for instead in ("", "MUG", "SHOE-99", EVIL):
        assert (await post(shop, f"{path}/return", **wish, **{"instead-1": instead})).status_code == 422
    gone = await post(shop, f"{path}/return", **wish, **{"instead-1": "SHOE-43"})
    assert (gone.status_code, "was sold a moment ago" in gone.text) == (409, True)
    for _ in range(2):  # the button pressed twice
        assert (await post(shop, f"{path}/return", **wish, **{"instead-1": "SHOE-42"})).status_code == 303
    await shop.drain()
    here = await page(shop, path)
    assert "1 × Shoe, 42" in here
    assert "You asked to exchange something: R-9." in here
    (other,) = re.findall(r'href="(/o/[^"]+)">[^<]+-X1</a>', here)
    kept = await page(shop, other)
    assert "We keep your exchange for you" in kept
    assert f'href="{path}"' in kept
    (opened,) = (await shop.get("/v1/returns", order=placed["order_id"]))["items"]
    received = {"lines": [{"line_no": 1, "quantity": 1, "disposition": "restock", "acceptance": "accepted"}]}
    await shop.send("POST", f"/v1/returns/{opened['return_id']}/receive", {"location": "north", **received})
    await shop.drain()
    assert "Your return is here. We send you what you chose instead." in await page(shop, path)
    assert "Arrives by" in await page(shop, other)
    told = [mail["subject"] for mail in shop.mailbox()]
    number = opened["exchange_number"]
    assert f"We keep your exchange {number} for you" in told
    assert any(number in subject for subject in told[told.index(f"We keep your exchange {number} for you") + 1 :])
    await shop.audit()
