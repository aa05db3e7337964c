"""The first-run guide: from an empty brand to its first order without code; left and resumed; hostile input."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest

from doorstep.db import Brand, Database
from doorstep.db.migrate import create_brand
from doorstep.web.console.staff import Role
from tests.support.shop import Shop
from tests.support.staff import Desk, Hire

AT = "/console/welcome"
EVIL = '"><script>alert(1)</script>'


class Fresh:
    """An empty brand, and its admin."""

    def __init__(self, brand: Brand, desk: Desk) -> None:
        self.brand, self.desk = brand, desk

    async def value(self, query: str, *arguments: object) -> Any:
        async with self.brand.reading() as tx:
            return await tx.fetchval(query, *arguments)


@pytest.fixture
async def fresh(shop: Shop, hire: Hire, database: Database) -> Fresh:
    await create_brand(database.dsn, "fresh", "Fresh")
    return Fresh(await database.brand("fresh"), await hire("admin", brand="fresh"))


async def send_file(shop: Shop, desk: Desk, kind: str, content: bytes, key: str = "file1") -> httpx2.Response:
    return await shop.client.post(
        f"{AT}/products/file",
        data={"csrf": desk.csrf, "key": key, "kind": kind},
        files={"file": ("x.csv", content, "text/csv")},
        headers=desk.headers,
    )


async def test_from_an_empty_brand_to_the_first_order(shop: Shop, fresh: Fresh) -> None:
    desk = fresh.desk
    await desk.get("/console", expect=303)
    assert "Your shop" in await desk.get(f"{AT}/shop")
    await desk.post(
        f"{AT}/shop", {"title": "Mugs & more", "country": "GB", "currency": "GBP", "timezone": "Europe/London"}
    )
    await desk.post(
        f"{AT}/location",
        {"name": "Main", "code": "main", "kind": "warehouse", "street": "1 Mill Lane", "postcode": "WA1 1AA",
         "city": "Warrington", "country": "GB", "timezone": "Europe/London", "can-returns": "on"},
    )  # fmt: skip
    assert await fresh.value("SELECT latitude FROM locations") == pytest.approx(53.4, abs=0.1)
    page = await desk.get(f"{AT}/delivery")
    assert 'value="3.95"' in page
    offers = {
        f"{field}-{code}": value
        for code, price in (("standard", "4.50"), ("express", "7,00"))
        for field, value in {"offer": "on", "title": code, "price": price, "cut_off": "15:00"}.items()
    }
    await desk.post(f"{AT}/delivery", dict(offers))
    assert await fresh.value("SELECT array_agg(price_minor ORDER BY rank) FROM services") == [450, 700]
    await desk.post(f"{AT}/products", {"sku-1": "MUG", "title-1": EVIL, "weight_g-1": "350", "units-1": "7"})
    assert await fresh.value("SELECT on_hand FROM stock") == 7
    answer = await desk.post(
        f"{AT}/storefront", {"channel": "web", "title": "Web", "currency": "GBP", "on_short": "refuse"}, expect=200
    )
    (secret,) = set(re.findall(r"dsk_fresh_[0-9a-f]{48}", answer.text))
    headers = {"authorization": f"Bearer {secret}"}
    assert len((await shop.client.get("/v1/services", headers=headers)).json()["items"]) == 2
    sent = await desk.post(f"{AT}/mail", {"to": "ada@example.test"}, expect=200)
    assert "The mail server took it." in sent.text
    page = await desk.get(f"{AT}/finish")
    assert "<script>alert" not in page
    await desk.post(f"{AT}/finish", {"email": "ada@example.test"})
    assert await fresh.value("SELECT count(*) FROM orders") == 1
    page = await desk.get(f"{AT}/finish")
    assert "your shop takes orders" in page
    (order_page,) = re.findall(r'href="(/o/[^"]+)"', page)
    assert "Mugs &amp; more" in (await shop.client.get(order_page)).text
    await desk.post(f"{AT}/end")
    await desk.get("/console")
    log = await fresh.value("SELECT array_agg(action ORDER BY entry_id) FROM audit_log")
    assert log == ["guide.shop", "locations.add", "guide.delivery", "guide.products", "channels.add", "api_keys.make",
        "mail.test", "guide.test_order", "guide.end"]  # fmt: skip


async def test_the_line_to_copy_places_an_order(shop: Shop, hire: Hire) -> None:
    import html
    import json

    desk = await hire("admin")
    answer = await desk.post(
        f"{AT}/storefront", {"channel": "web2", "title": "Web", "currency": "GBP", "on_short": "refuse"}, expect=200
    )
    command = html.unescape(re.findall(r"<pre[^>]*>(.*?)</pre>", answer.text, re.DOTALL)[0])
    (key,) = re.findall(r"Bearer (\S+?)\"", command)
    body = json.loads(command.partition("-d '")[2].rpartition("'")[0])
    placed = await shop.client.post("/v1/orders", json=body, headers={"authorization": f"Bearer {key}"})
    assert placed.status_code == 201, placed.text


async def test_the_guide_is_left_and_resumed_where_it_was(fresh: Fresh) -> None:
    desk = fresh.desk
    assert 'aria-current="step"' in await desk.get(f"{AT}/shop")
    await desk.post(f"{AT}/shop", {"title": "Mugs", "country": "DE", "currency": "EUR", "timezone": "Europe/Berlin"})
    page = await desk.get(f"{AT}/location")
    assert '<option value="DE" selected>' in page
    assert 'value="Europe/Berlin"' in page
    for step in ("location", "delivery", "products", "storefront", "mail", "finish"):
        assert "Skip the guide" in await desk.get(f"{AT}/{step}")  # each can be looked at without the ones before
    await desk.get("/console", expect=303)
    await desk.post(f"{AT}/end")
    assert 'aria-current="step"' not in await desk.get("/console")


async def test_a_shop_that_is_set_up_is_not_led_into_the_guide(hire: Hire) -> None:
    desk = await hire("admin")
    assert "aria-current" in await desk.get("/console")


@pytest.mark.parametrize("role", ["agent", "floor", "vendor", "viewer"])
async def test_only_an_admin_is_guided(shop: Shop, hire: Hire, role: Role) -> None:
    desk = await hire(role, locations=["north"])
    for step in ("shop", "location", "delivery", "products", "storefront", "mail", "finish"):
        await desk.get(f"{AT}/{step}", expect=403)
        await desk.post(f"{AT}/{step}", {"title": "x"}, expect=403)
    for path in ("products/file", "products/load", "end"):
        await desk.post(f"{AT}/{path}", expect=403)
    assert await shop.value("SELECT count(*) FROM audit_log") == 0


@pytest.mark.parametrize(
    ("step", "fields", "says"),
    [
        ("shop", {"title": "", "country": "GB", "currency": "GBP", "timezone": "Europe/London"}, "1 to 100"),
        ("shop", {"title": "A\u202eb", "country": "GB", "currency": "GBP", "timezone": "Europe/London"}, "1 to 100"),
        ("shop", {"title": EVIL, "country": "XX", "currency": "gbp", "timezone": "../etc"}, "capital letters"),
        ("location", {"name": EVIL, "code": "a b", "country": "GB"}, "A code has"),
        ("location", {"name": "x" * 201, "code": "a", "country": "GB", "latitude": "91"}, "-90 to 90"),
        ("delivery", {}, "Tick one service"),
        ("delivery", {"offer-standard": "on", "title-standard": "", "price-standard": "-1"}, "An amount of"),
        ("delivery", {"offer-fast-track": "on", "title-fast-track": "x", "price-fast-track": "1e9999",
                      "cut_off-fast-track": "17:00"}, "An amount of"),
        ("delivery", {"offer-fast-track": "on", "title-fast-track": "x", "price-fast-track": "1",
                      "cut_off-fast-track": "17:00"}, "before 16:00"),
        ("products", {}, "One product at least"),
        ("products", {"sku-1": " ", "title-1": EVIL}, "A SKU has"),
        ("products", {"sku-1": "A", "title-1": "x" * 301, "units-1": "-3", "weight_g-1": "1.5"}, "whole number"),
        ("products", {"sku-1": "A", "title-1": "x", "sku-2": "A", "title-2": "y"}, "stands"),
        ("storefront", {"channel": "A B", "title": "", "currency": "x"}, "small letters"),
        ("mail", {"to": "ada@example.test\r\nBcc: eve@evil.test"}, "An e-mail address"),
        ("mail", {"to": "<ada@example.test>"}, "An e-mail address"),
        ("finish", {"email": "no address"}, "Expected"),
    ],
)  # fmt: skip
async def test_what_does_not_fit_is_said_and_changes_nothing(
    shop: Shop, hire: Hire, step: str, fields: dict[str, object], says: str
) -> None:
    desk = await hire("admin")
    answer = await desk.post(f"{AT}/{step}", fields, expect=422)
    assert says in answer.text
    assert "<script>alert" not in answer.text
    assert await shop.value("SELECT count(*) FROM audit_log") == 0
    assert await shop.value("SELECT title FROM doorstep.brands WHERE brand = 'main'") == "Main"


async def test_a_file_is_looked_at_before_it_is_loaded(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    content = (
        "sku,title,weight_g,length_mm,width_mm,height_mm\n"
        'CUP,"<script>alert(1)</script>",350,100,100,110\nBAD,Bad,-1,1,1,1\nCUP,Again,1,1,1,1\n'
    )
    answer = await send_file(shop, desk, "products", content.encode())
    assert answer.status_code == 200
    assert "Line 3:" in answer.text
    assert "<script>alert" not in answer.text
    assert await shop.value("SELECT count(*) FROM products WHERE sku = 'CUP'") == 0
    refused = await desk.post(f"{AT}/products/load", {"kind": "products", "content": content}, expect=422)
    assert "Line 3" in refused.text
    await desk.post(f"{AT}/products/load", {"kind": "products", "content": content, "skip_bad": "on"})
    assert await shop.value("SELECT count(*) FROM products WHERE sku = 'BAD'") == 0
    await desk.post(f"{AT}/products/load", {"kind": "stock", "content": "sku,location,on_hand\nMUG,north,40\n"})
    assert (await shop.stock("MUG"))["north"]["on_hand"] == 40


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "Choose a CSV file first."),
        (b"\xff\xfe\x00", "no text"),
        (b"\xff\xfeabc", "not UTF-8"),
        (b"nonsense\n1\n", "lacks"),
        (b"sku,title,weight_g,length_mm,width_mm,height_mm,evil\n", "unknown columns"),
        (b'sku,"title', "not CSV"),
        (b"\x89PNG\r\n\x1a\n\x00", "no text"),
    ],
)
async def test_a_file_that_is_none_is_refused_in_words(shop: Shop, hire: Hire, content: bytes, says: str) -> None:
    desk = await hire("admin")
    answer = await send_file(shop, desk, "products", content)
    assert answer.status_code == 422
    assert says in answer.text


async def test_a_file_too_large_or_in_a_form_that_is_none_is_refused(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    assert (await send_file(shop, desk, "products", b"a" * 700_000)).status_code == 400
    headers = {**desk.headers, "content-type": "multipart/form-data; boundary=x"}
    for body in (b"", b"--x", b"--x\r\n\r\n", b"--y--", b"\xff" * 100):
        answer = await shop.client.post(f"{AT}/products/file", content=body, headers=headers)
        assert answer.status_code in (400, 403), body
    headers["content-type"] = "multipart/form-data"
    assert (await shop.client.post(f"{AT}/products/file", content=b"--x", headers=headers)).status_code in (400, 403)


async def test_an_order_that_cannot_be_served_is_told_and_not_placed(shop: Shop, fresh: Fresh) -> None:
    answer = await fresh.desk.post(f"{AT}/finish", {}, expect=409)
    assert "It takes a product in stock" in answer.text
    assert await fresh.value("SELECT count(*) FROM orders") == 0
