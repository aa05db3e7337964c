"""What a customer wrote is text wherever the staff, the customer or the mailbox shows it: all pages are walked."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest

from doorstep.kit.ids import parse
from doorstep.updates import token
from tests.support.shop import ADDRESS, CUSTOMER, Shop
from tests.support.staff import Desk, Hire
from tests.web.test_shopper import SECRET

EVIL = "\"'><evil onerror=x>{{7*7}}"
_MOST_PAGES = 150
# Documents, streams and what ends the walk.
_NOT_WALKED = re.compile(r"logout|\.pdf|\.csv|\.svg|/static/")


async def hostile_order(shop: Shop, sku: str = "MUG", **line: Any) -> dict[str, Any]:
    """An order with hostile text in everything a customer may write."""
    wrap = {"paper": EVIL, "message": EVIL, "hide_prices": True, "fee_minor": 0}
    more = {"gift_wrap": wrap, **line}
    placed: dict[str, Any] = await shop.place(
        {"sku": sku, "quantity": 2, **more},
        number=f"{EVIL} {sku} {len(line)}",
        customer={**CUSTOMER, "name": EVIL, "email": "\"'><evil>@example.test"},
        ship_to={**ADDRESS, "name": EVIL, "street": EVIL, "city": EVIL, "region": EVIL},
    )
    return placed


@pytest.fixture
async def hostile(shop: Shop) -> list[dict[str, Any]]:
    """Hostile orders in several states: new, on the floor, on its way, arrived, coming back."""
    orders = [
        await hostile_order(shop),
        await hostile_order(shop, "CARD"),
        await hostile_order(shop, "CARD", instructions=EVIL),
    ]
    printed = {"personalization": {"fields": {"name": "<evil a>", "number": "1"}, "fee_minor": 0}}
    orders.append(await hostile_order(shop, "JERSEY", **printed))
    await shop.drain()
    await shop.ship(orders[0]["order_id"])
    for _ in range(30):
        await shop.pass_time(timedelta(hours=4))
    await shop.ship(orders[1]["order_id"])
    body = {
        "order_id": orders[0]["order_id"],
        "number": EVIL,
        "lines": [{"line_no": 1, "quantity": 1, "reason": "other"}],
        "handover": "label",
    }
    await shop.send("POST", "/v1/returns", body, expect=201)
    await shop.drain()
    return orders


def links(text: str) -> Iterable[str]:
    """The console's pages that a page leads to."""
    found = re.findall(r'href="([^"]+)"', text)
    return {one.replace("&amp;", "&").partition("#")[0] for one in found if one.startswith(("/console", "?"))}


async def walk(shop: Shop, desk: Desk, start: str) -> dict[str, str]:
    """Every page of the console that can be reached by links, by its address."""
    seen: dict[str, str] = {}
    waiting = [start]
    while waiting and len(seen) < _MOST_PAGES:
        path = waiting.pop(0)
        if path in seen or _NOT_WALKED.search(path):
            continue
        answer = await shop.client.get(path, headers=desk.headers)
        assert answer.status_code < 500, (path, answer.text[:500])
        seen[path] = answer.text
        base = path.partition("?")[0]
        waiting += [base + one if one.startswith("?") else one for one in sorted(links(answer.text))]
    return seen


def check(pages: dict[str, str], least: int) -> None:
    """Nothing hostile is markup anywhere, and it is shown as text in so many places that the walk means something."""
    assert not [path for path, text in pages.items() if "<evil" in text]
    assert not [path for path, text in pages.items() if re.search(r'href="\s*javascript:', text)]
    assert sum("&lt;evil" in text for text in pages.values()) >= least
    assert any("{{7*7}}" in text for text in pages.values()), "nothing is rendered twice"


async def test_no_page_of_the_console_takes_a_customers_text_for_markup(
    shop: Shop, hire: Hire, hostile: list[dict[str, Any]]
) -> None:
    pages = await walk(shop, await hire("admin"), "/console")
    for order in hostile:
        pages |= await walk_one(shop, await hire("admin"), f"/console/orders/{order['order_id']}")
    check(pages, 8)
    kinds = {re.sub(r"[a-z]{3}_[0-9a-f]{32}", "id", path.partition("?")[0]) for path in pages}
    assert {
        "/console/orders",
        "/console/orders/id",
        "/console/floor",
        "/console/returns",
        "/console/returns/id",
    } <= kinds


async def walk_one(shop: Shop, desk: Desk, path: str) -> dict[str, str]:
    answer = await shop.client.get(path, headers=desk.headers)
    assert answer.status_code == 200, answer.text[:500]
    return {path: answer.text}


async def test_no_page_of_the_shopper_takes_it_for_markup(shop: Shop, hostile: list[dict[str, Any]]) -> None:
    pages: dict[str, str] = {}
    for order in hostile:
        path = f"/o/{token(SECRET, 'main', parse('ord', order['order_id']))}"
        answers = [await shop.client.post(f"{path}/known", data={"postcode": ADDRESS["postcode"]})]
        answers += [await shop.client.get(one) for one in (path, f"{path}/return")]
        pages |= {f"{path} {place}": answer.text for place, answer in enumerate(answers)}
    check(pages, 4)


async def test_no_page_of_the_mailbox_takes_it_for_markup(shop: Shop, hostile: list[dict[str, Any]]) -> None:
    listing = await asyncio.to_thread(_fetched, f"{shop.messages.url}/")
    pages = {"/": listing}
    for path in sorted(set(re.findall(r'href="(/(?:message|messages|sms)[^"]*)"', listing)))[:30]:
        pages[path] = await asyncio.to_thread(_fetched, shop.messages.url + path.replace("&amp;", "&"))
    assert len(pages) > 3
    assert not [path for path, text in pages.items() if "<evil" in text]


def _fetched(address: str) -> str:
    with build_opener(ProxyHandler({})).open(address, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_the_walk_finds_what_it_looks_for() -> None:
    with pytest.raises(AssertionError):
        check({"/a": "<p><evil onerror=x>", "/b": "&lt;evil {{7*7}}"}, 1)
    with pytest.raises(AssertionError):
        check({"/b": "nothing {{7*7}}"}, 1)
