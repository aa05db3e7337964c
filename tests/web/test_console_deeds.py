"""Acts on an order: shown beforehand, done once, written down, refused where they do not fit, undone where it goes."""

from __future__ import annotations

import html
import re
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.support.shop import ADDRESS, Shop
from tests.support.staff import Desk, Hire

EVIL = '<script>alert("x")</script>'


def hidden(page: str) -> dict[str, str]:
    """What a confirmation sends: its hidden fields, but for the key, which is new each time."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.partition('class="preview')[2])
    return {name: html.unescape(text) for name, text in found if name != "csrf"}


async def seen(desk: Desk, path: str, **fields: object) -> dict[str, str]:
    """Ask what would come of a form; the fields of the confirmation."""
    return hidden((await desk.post(path, dict(fields), expect=200)).text)


async def done(desk: Desk, path: str, **fields: object) -> str:
    """Ask, confirm (twice, as `post` does); the page of the order afterwards."""
    answer = await desk.post(path, dict(await seen(desk, path, **fields)))
    return await desk.get(answer.headers["location"].partition("#")[0])


async def log(shop: Shop) -> list[tuple[str, Any]]:
    """What the audit log says of orders, oldest first."""
    async with shop.brand.reading() as tx:
        rows = await tx.fetch("SELECT action, detail FROM audit_log WHERE order_id IS NOT NULL ORDER BY entry_id")
    return [(row["action"], row["detail"]) for row in rows]


async def version(shop: Shop, placed: dict[str, Any]) -> int:
    """How many events the order has."""
    found: int = await shop.value("SELECT event_seq FROM orders WHERE number = $1", placed["number"])
    return found


async def test_a_hold_is_shown_placed_once_and_released(shop: Shop, hire: Hire) -> None:
    desk, placed = await hire("agent"), await shop.place({"sku": "MUG"})
    await shop.drain()
    path = f"/console/orders/{placed['order_id']}"
    before = await version(shop, placed)
    preview = await desk.post(f"{path}/hold", {"reason": "customer_request", "note": EVIL}, expect=200)
    assert "nothing more is picked" in preview.text
    assert "<script>alert" not in preview.text
    assert await version(shop, placed) == before
    assert await log(shop) == []
    page = await done(desk, f"{path}/hold", reason="customer_request", note=EVIL)
    assert "The order is held" in page
    assert "&lt;script&gt;alert" in page
    assert await version(shop, placed) == before + 1
    (undo,) = re.findall(r'href="([^"]+)">Undo: release it', page)
    release = await desk.get(undo)
    assert "work starts at once" in release
    answer = await desk.post(f"{path}/release", dict(hidden(release)))
    assert "The hold is released" in await desk.get(answer.headers["location"])
    assert [action for action, _ in await log(shop)] == ["orders.hold", "orders.release"]
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["status"] == "open"


async def test_units_are_canceled_as_shown(shop: Shop, hire: Hire) -> None:
    desk, placed = await hire("agent"), await shop.place({"sku": "MUG", "quantity": 3})
    await shop.drain()
    path = f"/console/orders/{placed['order_id']}"
    assert "3 of 3 can be canceled" in await desk.get(f"{path}/cancel")
    preview = await desk.post(f"{path}/cancel", {"line-1": 2, "reason": "changed mind"}, expect=200)
    assert "£20.00 will not be charged" in preview.text
    assert (await shop.stock("MUG"))["north"]["reserved"] == 3
    page = await done(desk, f"{path}/cancel", **{"line-1": 2, "reason": "changed mind"})
    await shop.drain()
    assert "2 canceled" in page
    assert (await shop.stock("MUG"))["north"]["reserved"] == 1
    assert await log(shop) == [("orders.cancel", {"lines": [[1, 2]], "reason": "changed mind"})]
    page = await done(desk, f"{path}/cancel", everything="yes", reason="suspected fraud")
    assert "Canceled" in page
    assert "Everything is picked, sent or canceled already" in await desk.get(f"{path}/cancel")
    await shop.drain()
    await shop.audit()


async def test_what_was_shown_is_what_is_done_or_nothing_is(shop: Shop, hire: Hire) -> None:
    desk, placed = await hire("agent"), await shop.place({"sku": "MUG", "quantity": 3})
    await shop.drain()
    path = f"/console/orders/{placed['order_id']}/cancel"
    confirmation = await seen(desk, path, everything="yes", reason="changed mind")
    meanwhile = {"lines": [{"line_no": 1, "quantity": 1}], "reason": "less"}
    await shop.send("POST", f"/v1/orders/{placed['order_id']}/cancel", meanwhile)
    moved = await desk.post(path, dict(confirmation), expect=409)
    assert "has moved on since you looked" in moved.text
    assert "£20.00" not in moved.text or "£24.95 will not be charged" in moved.text
    assert await log(shop) == []
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["lines"][0]["units"]["canceled"] == 1
    await desk.post(path, dict(hidden(moved.text)))
    assert (await shop.get(f"/v1/orders/{placed['order_id']}"))["status"] == "canceled"


async def test_an_address_is_changed_and_set_back(shop: Shop, hire: Hire) -> None:
    desk, placed = await hire("agent"), await shop.place({"sku": "MUG"})
    await shop.drain()
    path = f"/console/orders/{placed['order_id']}"
    new = {**ADDRESS, "street": f"1 Elsewhere {EVIL}", "region": ""}
    page = await done(desk, f"{path}/address", **new)
    assert "1 Elsewhere &lt;script&gt;" in page
    (undo,) = re.findall(r'href="([^"]+)">Undo: set it back', page)
    form = await desk.get(html.unescape(undo))
    assert 'value="12 St James&#39;s Square"' in form
    page = await done(desk, f"{path}/address", **{**ADDRESS, "region": ""})
    assert "12 St James" in page
    entries = await log(shop)
    assert [action for action, _ in entries] == ["orders.address"] * 2
    assert [detail for _, detail in entries] == [{}, {}], "an entry is not erased with the person it concerns"
    assert "It goes there already" in (await desk.post(f"{path}/address", {**ADDRESS, "region": ""}, expect=409)).text
    await desk.post(f"{path}/address", {**ADDRESS, "street": "x" * 201}, expect=422)
    await desk.post(f"{path}/address", {**ADDRESS, "street": ""}, expect=422)
    await shop.ship(placed["order_id"])
    assert "Picking has begun" in await desk.get(f"{path}/address")


async def test_a_message_is_read_and_sent_again(shop: Shop, hire: Hire) -> None:
    desk, placed = await hire("agent"), await shop.place({"sku": "MUG"})
    await shop.drain()
    path = f"/console/orders/{placed['order_id']}"
    (message,) = re.findall(r'href="([^"]+/messages/[^"]+)"', await desk.get(path))
    assert "Ada Lovelace" in await desk.get(message)
    update = message.rpartition("/")[2]
    before = len(shop.mailbox())
    for channel, text in (("email", "by e-mail to ada@example.test"), ("sms", "by text message to +447700900123")):
        preview = await desk.post(f"{path}/resend", {"message": update, "channel": channel}, expect=200)
        assert text in preview.text
        await desk.post(f"{path}/resend", dict(hidden(preview.text)))
    await shop.drain()
    assert sorted(sent["kind"] for sent in shop.mailbox()[before:]) == ["mail", "sms"]
    assert [action for action, _ in await log(shop)] == ["orders.resend"] * 2
    other = await shop.place({"sku": "CARD"})
    await desk.get(f"/console/orders/{other['order_id']}/messages/{update}", expect=404)
    await desk.post(f"/console/orders/{other['order_id']}/resend", {"message": update}, expect=404)
    await desk.post(f"{path}/resend", {"message": update, "channel": "pigeon"}, expect=422)
    await shop.audit()


async def test_a_note_stays_until_it_is_taken_away(shop: Shop, hire: Hire) -> None:
    desk, placed = await hire("agent"), await shop.place({"sku": "MUG"})
    path = f"/console/orders/{placed['order_id']}"
    await desk.post(f"{path}/notes", {"text": f"Called. {EVIL}"})
    page = await desk.get(path)
    assert page.count("Called. &lt;script&gt;") == 1
    (remove,) = re.findall(r'action="([^"]+/notes/[^"]+/remove)"', page)
    await desk.post(remove)
    page = await desk.get(path)
    assert "Called" not in page
    assert f"A note was taken away by user:{desk.login}" in page
    assert [action for action, _ in await log(shop)] == ["orders.note", "orders.remove_note"]
    again: dict[str, object] = {"key": "thesame", "text": "First"}
    await desk.post(f"{path}/notes", again)
    lost = await desk.post(f"{path}/notes", {**again, "text": "Written after going back"}, expect=409)
    assert "sent before with something else in it" in lost.text, "what somebody wrote is not lost without a word"
    await desk.post(f"{path}/notes", {"text": " "}, expect=422)
    await desk.post(f"{path}/notes", {"text": "x" * 2001}, expect=422)
    await desk.post(f"{path}/notes/not_{'0' * 32}/remove", expect=404)


async def test_no_form_of_an_order_holds_a_connection_and_wants_another(shop: Shop, hire: Hire) -> None:
    desk, placed = await hire("admin"), await shop.place({"sku": "MUG"})
    await shop.drain()
    path = f"/console/orders/{placed['order_id']}"
    async with AsyncExitStack() as others:
        for _ in range(shop.brand._pool.get_max_size() - 1):
            await others.enter_async_context(shop.brand.reading())
        for name in ("", "/hold", "/cancel", "/address", "/reroute", "/return", "/refund", "/goodwill"):
            assert placed["number"] in await desk.get(f"{path}{name}")
        await desk.post(f"{path}/cancel", {"everything": "yes", "reason": "changed mind"}, expect=200)


ACTS = ("hold", "release", "cancel", "address", "resend")


@pytest.mark.parametrize("role", ["viewer", "floor", "vendor"])
async def test_who_may_not_act_is_refused_everywhere(shop: Shop, hire: Hire, role: str) -> None:
    placed = await shop.place({"sku": "MUG"})
    desk = await hire(role, locations=["north"] if role == "vendor" else None)
    path = f"/console/orders/{placed['order_id']}"
    for name in ACTS:
        await desk.get(f"{path}/{name}", expect=403)
        await desk.post(f"{path}/{name}", {"reason": "other", "confirmed": "x"}, expect=403)
    await desk.post(f"{path}/notes", {"text": "Hello"}, expect=403)
    assert await log(shop) == []


async def test_an_agent_of_a_location_acts_on_its_orders_only(shop: Shop, hire: Hire) -> None:
    mine, others = await shop.place({"sku": "GLASS"}), await shop.place({"sku": "JERSEY"})
    await shop.drain()
    desk = await hire("agent", locations=["north"])
    assert "The order is held" in await done(desk, f"/console/orders/{mine['order_id']}/hold", reason="other")
    path = f"/console/orders/{others['order_id']}"
    for name in ACTS:
        await desk.get(f"{path}/{name}", expect=404)
        await desk.post(f"{path}/{name}", {"reason": "other", "confirmed": "x"}, expect=404)
    await desk.post(f"{path}/notes", {"text": "Hello"}, expect=404)
    assert [action for action, _ in await log(shop)] == ["orders.hold"]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("hold", {"reason": "awaiting_payment"}),
        ("hold", {"reason": "nonsense"}),
        ("hold", {"reason": "other", "note": "x" * 201}),
        ("cancel", {"reason": "changed mind"}),
        ("cancel", {"line-1": 1, "reason": EVIL}),
        ("cancel", {"line-9": 1, "reason": "changed mind"}),
    ],
)
async def test_a_form_that_does_not_fit_says_why(shop: Shop, hire: Hire, name: str, fields: dict[str, object]) -> None:
    desk, placed = await hire("admin"), await shop.place({"sku": "MUG"})
    path = f"/console/orders/{placed['order_id']}/{name}"
    refused = await desk.post(path, fields, expect=422)
    assert "Please look at this again" in refused.text
    assert "<script>alert" not in refused.text
    await desk.post(path, {**fields, "confirmed": "x"}, expect=422)
    assert await log(shop) == []
