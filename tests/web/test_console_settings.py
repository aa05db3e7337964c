"""Settings: locations, services, channels, branding, messages, test mail. Previews, refusals, what is noted."""

from __future__ import annotations

import re
import struct
import zlib
from typing import Any

import httpx2
import pytest

from doorstep.kit.ids import parse, show
from doorstep.kit.images import NoPicture, cleaned
from doorstep.updates import token
from doorstep.web.console.staff import Role
from tests.support.shop import Shop
from tests.support.staff import Desk, Hire

AT = "/console/settings"
EVIL = '"><script>alert(1)</script>'
PNG = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int = 2, height: int = 2, *, more: bytes = b"", after: bytes = b"", pixels: bytes | None = None
) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    raw = pixels if pixels is not None else (b"\0" + b"\x10\x20\x30" * width) * height
    return PNG + chunk(b"IHDR", head) + more + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"") + after


async def log(shop: Shop) -> list[Any]:
    entries = "SELECT jsonb_agg(jsonb_build_array(action, detail) ORDER BY entry_id) FROM audit_log"
    return list(await shop.value(entries) or [])


LOCATION: dict[str, object] = {
    "name": "North, new", "kind": "warehouse", "street": "1 Mill Lane", "postcode": "WA1 1AA", "city": "Warrington",
    "country": "GB", "timezone": "Europe/London", "priority": "5", "latitude": "53.39", "longitude": "-2.59",
    "can-returns": "on",
}  # fmt: skip
SERVICE: dict[str, object] = {
    "title": "Standard", "carrier": "sandbox", "lane": "1", "rank": "10", "price": "4,50", "currency": "GBP",
    "parcel_cost": "3.00", "kilogram_cost": "0.40", "cut_off": "14:00", "handling_days": "0", "enabled": "on",
    "transit": "GB 3\nGB BT 5\nZZ 10", "to_country": "GB", "to_postcode": "SW1Y 4JH",
}  # fmt: skip


@pytest.mark.parametrize("role", ["agent", "viewer"])
async def test_only_an_admin_changes_how_the_shop_works(shop: Shop, hire: Hire, role: Role) -> None:
    desk = await hire(role)
    for path in ("locations/north", "services/standard", "channels/web", "branding/accent", "messages/placed/en"):
        await desk.post(f"{AT}/{path}", {**LOCATION, **SERVICE, "do": "save", "accent": "#ff0000"}, expect=403)
    assert await log(shop) == []


async def test_a_location_is_changed_switched_off_and_on(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    await desk.post(f"{AT}/locations/north", LOCATION)
    ((action, detail),) = await log(shop)
    assert action == "locations.change"
    assert detail["before"]["name"], detail["after"]["name"] == ("North warehouse", "North, new")
    assert "city" not in detail["after"]
    page = await desk.get(f"{AT}/locations/north/disable")
    assert "Units on the shelves" in page
    for code in ("north", "south"):
        await desk.post(f"{AT}/locations/{code}/disable")
    await desk.post(f"{AT}/locations/workshop/disable", expect=409)  # the last one
    assert await shop.value("SELECT count(*) FROM locations WHERE enabled") == 1
    await desk.post(f"{AT}/locations/north/enable")


async def test_a_new_location_is_found_by_its_postcode(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    fields = {**LOCATION, "code": "york", "postcode": "YO1 7HH", "latitude": "", "longitude": ""}
    await desk.post(f"{AT}/locations/new", fields)
    assert await shop.value("SELECT latitude FROM locations WHERE code = 'york'") == pytest.approx(53.96, abs=0.1)
    answer = await desk.post(f"{AT}/locations/new", {**fields, "name": EVIL}, expect=422)
    assert "This code is taken." in answer.text
    assert "<script>alert" not in answer.text


async def test_a_week_and_days_off_are_set_in_the_calendar_and_taken_back(shop: Shop, hire: Hire) -> None:
    desk, at = await hire("admin"), f"{AT}/calendar"
    await desk.post(f"{at}/weeks", {"shown-north": "1", "north-mon": "on", "north-sat": "on"})
    assert await shop.value("SELECT array_agg(weekdays) FROM opening_weeks") == [["mon", "sat"]]
    answer = await desk.post(f"{at}/weeks", {"shown-north": "1", "north-sat": "on"}, expect=422)
    assert "one day from Monday to Friday" in answer.text
    day: dict[str, object] = {"whose": "location:north", "day": "2030-05-01", "reason": EVIL}
    await desk.post(f"{at}/days", day)
    page = await desk.get(at)
    assert "2030-05-01" in page
    assert "<script>alert" not in page
    await desk.post(f"{at}/days", {**day, "do": "remove"})
    assert await shop.value("SELECT count(*) FROM days_off") == 0
    assert [action for action, _ in await log(shop)] == ["calendar.weeks", "calendar.add", "calendar.remove"]
    assert (await log(shop))[-1][1] == {"day": "2030-05-01", "reason": EVIL}


@pytest.mark.parametrize(
    "wrong",
    [{"whose": "country:XX"}, {"whose": "location:nowhere"}, {"whose": ""}, {"day": "2030-02-30"}, {"day": ""},
     {"reason": ""}, {"reason": "x" * 101}],
)  # fmt: skip
async def test_a_day_off_that_makes_no_sense_changes_nothing(shop: Shop, hire: Hire, wrong: dict[str, object]) -> None:
    desk = await hire("admin")
    day = {"whose": "country:GB", "day": "2030-05-01", "reason": "A feast", **wrong}
    await desk.post(f"{AT}/calendar/days", day, expect=422)
    assert await shop.value("SELECT count(*) FROM days_off") == 0
    assert await log(shop) == []


async def test_public_holidays_are_shown_before_they_are_added(shop: Shop, hire: Hire) -> None:
    desk, at = await hire("admin"), f"{AT}/calendar"
    page = await desk.get(f"{at}/holidays?country=DE")
    assert "German Unity Day" in page
    assert await shop.value("SELECT count(*) FROM days_off") == 0
    await desk.post(f"{at}/holidays", {"country": "DE"})
    assert await shop.value("SELECT count(*) FROM days_off WHERE country = 'DE'") > 9
    assert "All of them are there." in await desk.get(f"{at}/holidays?country=DE")
    await desk.post(f"{at}/holidays", {"country": "XX"}, expect=422)


async def test_a_service_says_what_it_would_promise_before_it_does(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    days = "SELECT days FROM transit WHERE service = 'standard' AND country = 'GB' AND postcode_prefix = ''"
    before = await shop.value(days)
    tried = {**SERVICE, "transit": "GB 7", "do": "try"}
    answer = await desk.post(f"{AT}/services/standard", tried, expect=200)
    assert "2026-03-05 20:00" in answer.text  # as it is: Monday and three working days
    assert "2026-03-11 20:00" in answer.text  # as it would be
    assert await shop.value(days) == before
    assert await log(shop) == []
    await desk.post(f"{AT}/services/standard", {**SERVICE, "do": "save"})
    assert await shop.value("SELECT price_minor FROM services WHERE service = 'standard'") == 450
    ((action, detail),) = await log(shop)
    assert action == "services.change"
    assert detail["before"]["price_minor"] == 395
    page = await desk.get(f"{AT}/services?to_country=GB&to_postcode=BT1+1AA")
    assert "2026-03-09 20:00" in page


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"title": ""}, "1 to 200"),
        ({"price": "1.234"}, "An amount of GBP"),
        ({"price": "NaN"}, "An amount of GBP"),
        ({"currency": "pounds"}, "Three capital letters"),
        ({"cut_off": "25:00"}, "A time of day"),
        ({"cut_off": "16:30", "transit": "GB 0"}, "cut-off"),
        ({"transit": ""}, "One line at least"),
        ({"transit": f"GB 3\nnonsense {EVIL}"}, "Line 2"),
        ({"transit": "GB 3\nGB 4"}, "twice"),
        ({"transit": "ZZ AB 3"}, "has no postcodes"),
        ({"handling_days": "99"}, "0 to 60"),
    ],
)
async def test_a_service_that_cannot_be_is_refused_in_words(
    shop: Shop, hire: Hire, change: dict[str, object], says: str
) -> None:
    desk = await hire("admin")
    for do in ("save", "try"):
        answer = await desk.post(f"{AT}/services/standard", {**SERVICE, **change, "do": do}, expect=422)
        assert says in answer.text
        assert "<script>alert" not in answer.text
    assert await log(shop) == []


async def test_a_service_and_a_channel_are_added_and_work_times_changed(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    await desk.post(f"{AT}/services/new", {**SERVICE, "service": "slow", "do": "save"})
    await desk.post(f"{AT}/services/new", {**SERVICE, "service": "slow", "do": "save"}, expect=422)
    times = {"personalize-days": "2", "personalize-fee": "6", "gift_wrap-days": "0", "gift_wrap-fee": "2.50"}
    await desk.post(f"{AT}/services/work-times", dict(times))
    assert await shop.value("SELECT fee_minor FROM work_times WHERE work = 'gift_wrap'") == 250
    await desk.post(f"{AT}/services/work-times", {**times, "gift_wrap-days": "x"}, expect=422)
    channel = {"channel": "market", "title": EVIL, "currency": "EUR", "on_short": "accept", "risk_limit": "50"}
    await desk.post(f"{AT}/channels/new", dict(channel))
    await desk.post(f"{AT}/channels/new", dict(channel), expect=422)
    await desk.post(f"{AT}/channels/market", {**channel, "risk_limit": "101"}, expect=422)
    await desk.post(f"{AT}/channels/nowhere", dict(channel), expect=404)
    for path in ("channels", "channels/market", "services", "services/slow"):
        assert "<script>alert" not in await desk.get(f"{AT}/{path}")
    assert [action for action, _ in await log(shop)] == ["services.add", "services.work_times", "channels.add"]


async def order_page(shop: Shop) -> str:
    placed = await shop.place({"sku": "MUG"})
    return f"/o/{token('0123456789abcdef0123456789abcdef', 'main', parse('ord', placed['order_id']))}"


async def send_logo(shop: Shop, desk: Desk, content: bytes, name: str = "logo.png") -> httpx2.Response:
    return await shop.client.post(
        f"{AT}/branding/logo",
        data={"csrf": desk.csrf, "key": "logo1"},
        files={"logo": (name, content, "image/png")},
        headers=desk.headers,
    )


async def test_the_look_reaches_the_customers_page_and_mail(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    await desk.post(f"{AT}/branding/title", {"title": "Mugs & more"})
    assert "too pale" in await desk.get(f"{AT}/branding?accent=%23ffee00")
    await desk.post(f"{AT}/branding/accent", {"accent": "#A0206F"})
    assert (await send_logo(shop, desk, png())).status_code == 303
    path = await order_page(shop)
    page = (await shop.client.get(path)).text
    (css,), (logo,) = re.findall(r'href="(/brand/[^"]+)"', page), re.findall(r'src="(/brand/[^"]+)"', page)
    assert "#a0206f" in (await shop.client.get(css)).text
    picture = await shop.client.get(logo)
    assert "immutable" in picture.headers["cache-control"]
    another = await shop.client.get(f"/brand/main/{'0' * 16}/logo")
    assert another.headers["cache-control"] == "no-cache", "nobody keeps this picture in another one's place"
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in picture.headers["content-security-policy"]
    await shop.drain()
    assert any("#a0206f" in str(one) and logo in str(one) for one in shop.mailbox())
    await desk.post(f"{AT}/branding/no-logo")
    assert (await shop.client.get(logo)).status_code == 404
    await desk.post(f"{AT}/branding/accent", {"accent": ""})
    assert "/brand/" not in (await shop.client.get(path)).text


@pytest.mark.parametrize("accent", ["red", "#fff", "#12345g", "#000000;}body{display:none", "url(http://evil.test)"])
async def test_what_is_no_color_is_refused(shop: Shop, hire: Hire, accent: str) -> None:
    desk = await hire("admin")
    await desk.post(f"{AT}/branding/accent", {"accent": accent}, expect=422)
    tried = await shop.client.get(f"{AT}/branding/tried.css", params={"accent": accent}, headers=desk.headers)
    assert "evil" not in tried.text
    assert "display" not in tried.text


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "Choose a file first."),
        (SVG, "neither a PNG nor a JPEG"),
        (b"GIF89a" + b"\0" * 50, "neither"),
        (b"<html><script>alert(1)</script>", "neither"),
        (PNG + SVG, "broken"),
        (png(3000, 1), "2000 by 2000"),
        (png()[:-30], "broken"),
        (png(pixels=b"\0" * 5), "broken"),
        (png(2000, 2000, pixels=b"\0" * 50_000_000), "broken"),  # a bomb: unpacked only as far as it should go
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "broken"),
        (b"a" * 700_000, "too large"),
    ],
)
async def test_what_is_no_picture_is_refused(shop: Shop, hire: Hire, content: bytes, says: str) -> None:
    desk = await hire("admin")
    answer = await send_logo(shop, desk, content, name="x.svg")
    assert answer.status_code in (400, 422)
    assert says in answer.text
    assert await shop.value("SELECT logo FROM look") is None


def test_of_a_file_that_is_a_picture_and_something_else_only_the_picture_is_kept() -> None:
    for made in (png(after=SVG), png(more=chunk(b"tEXt", b"Comment\0" + SVG)), png(more=chunk(b"zzAa", SVG))):
        kept = cleaned(made)
        assert b"script" not in kept.content
        assert (kept.width, kept.height) == (2, 2)
        assert cleaned(kept.content) == kept


def test_a_jpeg_loses_its_notes_and_what_follows_it() -> None:
    def segment(marker: int, data: bytes) -> bytes:
        return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data

    frame = segment(0xC0, b"\x08" + struct.pack(">HH", 4, 6) + b"\x01\x01\x11\x00")
    made = (
        b"\xff\xd8" + segment(0xE1, b"Exif\0\0" + SVG) + segment(0xFE, SVG) + segment(0xDB, b"\0" * 65) + frame
        + segment(0xC4, b"\0" * 20) + segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\xff\x00\x34\xff\xd9" + SVG
    )  # fmt: skip
    kept = cleaned(made)
    assert b"script" not in kept.content
    assert (kept.media_type, kept.width, kept.height) == ("image/jpeg", 6, 4)
    with pytest.raises(NoPicture):
        cleaned(made[:60])


async def test_a_message_speaks_the_brands_words_to_the_customer(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    path = f"{AT}/messages/placed/en"
    words = {
        "subject": "{{ shop }} has {{ number }}",
        "body": "Hey {{ name }}!\n\n{% if day %}Look out on {{ day }}.{% endif %}\n\n<b>{{ total }}</b>",
        "sms": "",
    }
    answer = await desk.post(path, {**words, "do": "try"}, expect=200)
    assert "Main has W-10042" in answer.text
    assert await shop.value("SELECT count(*) FROM wordings") == 0
    await desk.post(path, {**words, "do": "save"})
    await shop.place({"sku": "MUG"})
    await shop.drain()
    (mail,) = [str(one) for one in shop.mailbox() if "Main has" in str(one)]
    assert "Hey Ada Lovelace!" in mail
    assert "Look out on" in mail
    assert "&lt;b&gt;" in mail
    assert "own words" in await desk.get(f"{AT}/messages")
    await desk.post(path, {"do": "reset"})
    assert await shop.value("SELECT count(*) FROM wordings") == 0
    assert [action for action, _ in await log(shop)] == ["messages.change", "messages.reset"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Hello {{ name", "Line 1"),
        ("One\nTwo {% if day %}", "Line 2"),
        ("One\n\n{{ secret }}", "Line 3: there is no fact"),
        ("{{ ''.__class__.__mro__ }}", "only texts, facts and if"),
        ("{{ name.upper() }}", "only texts, facts and if"),
        ("{% for x in name %}x{% endfor %}", "only texts, facts and if"),
        ("{{ 'a' * 1000000000 }}", "only texts, facts and if"),
        ("{{ range(10) }}", "only texts, facts and if"),
        ("{% include 'placed.jinja' %}", "only texts, facts and if"),
        ("{% set x = 1 %}", "only texts, facts and if"),
        ("{% if day %}" * 30 + "{% endif %}" * 30, "nested too deeply"),
        ("x" * 4001, "1 to 4000 characters"),
        ("{{ " + "(" * 1000 + "day" + ")" * 1000 + " }}", ""),
    ],
)
async def test_a_wording_that_is_more_than_words_is_refused_with_its_line(
    shop: Shop, hire: Hire, text: str, says: str
) -> None:
    desk = await hire("admin")
    for do in ("try", "save"):
        answer = await desk.post(f"{AT}/messages/late/de", {"body": text, "do": do}, expect=422)
        assert says in answer.text.replace("&#39;", "'")
    assert await shop.value("SELECT count(*) FROM wordings") == 0


@pytest.mark.parametrize("path", ["placed/fr", "nothing/en", "placed/en2"])
async def test_a_message_that_is_none_is_not_found(shop: Shop, hire: Hire, path: str) -> None:
    desk = await hire("admin")
    assert "There is no such message." in await desk.get(f"{AT}/messages/{path}", expect=404)
    await desk.post(f"{AT}/messages/{path}", {"subject": "x", "do": "save"}, expect=404)


async def test_every_message_can_be_previewed_in_every_language(shop: Shop, hire: Hire) -> None:
    from doorstep import updates

    desk = await hire("admin")
    for kind in updates.KINDS:
        for language in ("en", "de"):
            assert "W-10042" in await desk.get(f"{AT}/messages/{kind}/{language}")


async def test_a_test_mail_says_what_came_back(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    answer = await desk.post(f"{AT}/test-mail", {"to": "ada@example.test"}, expect=200)
    assert "The mail server took it." in answer.text
    assert "ada@example.test" not in str(await log(shop))
    shop.messages.kill()
    try:
        answer = await desk.post(f"{AT}/test-mail", {"to": "ada@example.test"}, expect=200)
        assert "It could not be sent now." in answer.text
    finally:
        shop.messages.start()


async def last_entry(shop: Shop) -> str:
    return show("aud", await shop.value("SELECT entry_id FROM audit_log ORDER BY entry_id DESC LIMIT 1"))


async def test_a_change_is_set_back_from_the_audit_log(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    channel = {"title": "Web shop, new", "currency": "GBP", "on_short": "accept", "risk_limit": "10"}
    for path, fields, read in (
        ("locations/north", LOCATION, "SELECT name || city || priority FROM locations WHERE code = 'north'"),
        ("locations/north/disable", {}, "SELECT enabled::text FROM locations WHERE code = 'north'"),
        ("services/standard", {**SERVICE, "do": "save"}, "SELECT max(price_minor)::text FROM services WHERE rank = 10"),
        ("channels/web", channel, "SELECT title || on_short || risk_limit FROM channels"),
        ("messages/placed/en", {"subject": "Ours", "do": "save"}, "SELECT count(*)::text FROM wordings"),
        ("branding/accent", {"accent": "#a0206f"}, "SELECT coalesce(accent, '') FROM look"),
        ("branding/title", {"title": "Mugs"}, "SELECT title FROM doorstep.brands WHERE brand = 'main'"),
    ):  # fmt: skip
        before = await shop.value(read)
        await desk.post(f"{AT}/{path}", dict(fields))
        assert await shop.value(read) != before, path
        entry = await last_entry(shop)
        assert f"{entry}/set-back" in await desk.get("/console/audit-log")
        assert "As it would be" in await desk.get(f"/console/audit-log/{entry}/set-back")
        await desk.post(f"/console/audit-log/{entry}/set-back")
        assert await shop.value(read) == before, path


async def test_what_was_changed_again_is_not_set_back(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    await desk.post(f"{AT}/branding/accent", {"accent": "#a0206f"})
    entry = await last_entry(shop)
    await desk.post(f"{AT}/branding/accent", {"accent": "#20a06f"})
    assert "changed again since" in await desk.get(f"/console/audit-log/{entry}/set-back")
    await desk.post(f"/console/audit-log/{entry}/set-back", expect=409)
    assert await shop.value("SELECT accent FROM look") == "#20a06f"
    await desk.post(f"/console/audit-log/{show('aud', parse('ord', 'ord_' + '0' * 32))}/set-back", expect=404)
    agent = await hire("agent")
    await agent.post(f"/console/audit-log/{entry}/set-back", expect=403)


async def test_what_a_channel_sells_is_set_and_noted(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    path = f"{AT}/channels/web/stock"
    page = await desk.get(path)
    assert all(one in page for one in ("North warehouse", "at-workshop", 'name="bands"'))
    assert path in await desk.get(f"{AT}/channels/web")
    wanted: dict[str, object] = {
        "at-south": "on",
        "buffer_units": "2",
        "buffer_percent": "10",
        "show_at_most": "",
        "bands": "5, 20",
    }
    await desk.post(path, wanted)
    assert await shop.get("/v1/channels/web/stock") == {
        "locations": ["south"], "buffer_units": 2, "buffer_percent": 10, "show_at_most": None, "bands": [5, 20]
    }  # fmt: skip
    assert re.search(r'name="at-south" checked', await desk.get(path))
    assert [(action, detail["after"]["locations"]) for action, detail in await log(shop)] == [
        ("channels.stock", ["south"])
    ]
    for wrong in ({"bands": EVIL}, {"bands": "20, 5"}, {"buffer_percent": "101"}, {"show_at_most": "3"}):
        refused = await desk.post(path, {**wanted, **wrong}, expect=422)
        assert EVIL not in refused.text
    await desk.post(f"{AT}/channels/nowhere/stock", wanted, expect=404)
    agent = await hire("agent")
    await agent.post(path, wanted, expect=403)
    await desk.post(path, {"buffer_units": "0"})
    assert (await shop.get("/v1/channels/web/stock"))["locations"] is None
    await desk.post(f"{AT}/locations/north", {**LOCATION, "feed_max_age_minutes": "30", "stale_stock": "sell"})
    assert re.search(r'name="feed_max_age_minutes" type="number" value="30"', (await desk.get(f"{AT}/locations/north")))
