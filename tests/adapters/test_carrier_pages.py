"""The carrier's page: every parcel with what was told of it, and buttons that make something happen now."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from tests.adapters.test_mailbox_pages import HOSTILE, Seen, contrast, expect_harmless, policy
from tests.support.twins import Twin

TWIN = "doorstep.adapters.carriers.sandbox"
HEADERS = {"authorization": "Bearer sandbox"}


def buy(twin: Twin, reference: str, name: str = "Zoë", **more: Any) -> str:
    """A label; its tracking number."""
    there = {"name": name, "street": ["1 High Street"], "postal_code": "EH1 1RE", "town": "Edinburgh",
             "country_code": "GB"}  # fmt: skip
    order = {
        "customer_reference": reference, "product": "STD", "sender": {**there, "name": "Shop", "town": "Daventry"},
        "recipient": there, "weight_grams": 400, "dimensions_mm": [300, 200, 100], **more,
    }  # fmt: skip
    headers = {**HEADERS, "idempotency-key": reference}
    answer = httpx2.post(twin.url + "/v1/labels", json=order, headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    number: str = answer.json()["tracking_number"]
    return number


def look(twin: Twin, path: str = "/", status: int = 200, **query: str | int) -> httpx2.Response:
    """What a browser gets."""
    answer = httpx2.get(twin.url + path, params=query or None, trust_env=False)
    assert answer.status_code == status, answer.text
    return answer


def press(twin: Twin, number: str, what: str, status: int = 303, **headers: str) -> httpx2.Response:
    """Press a button."""
    answer = httpx2.post(f"{twin.url}/parcels/{number}/{what}", headers=headers, trust_env=False)
    assert answer.status_code == status, answer.text
    return answer


def buttons(html: str) -> list[str]:
    return re.findall(r'action="/parcels/[^/]+/(\w+)"', html)


def badge(twin: Twin, number: str) -> str:
    """What the page says of a parcel."""
    (word,) = re.findall(r'class="badge[^>]*>(.*?)</span>', look(twin, q=number).text)
    return str(word)


def test_an_empty_carrier_says_so(carrier_twin: Twin) -> None:
    assert "No parcels yet" in look(carrier_twin).text
    assert "Nothing found" in look(carrier_twin, q="x").text


def test_a_parcel_has_the_buttons_that_still_mean_something(carrier_twin: Twin) -> None:
    number = buy(carrier_twin, "one")
    assert badge(carrier_twin, number) == "Label bought"
    assert buttons(look(carrier_twin).text) == ["collect", "delay", "miss", "deliver", "lose"]
    for _ in range(2):  # the button pressed twice
        assert press(carrier_twin, number, "collect").headers["location"] == f"/?q={number}"
    assert badge(carrier_twin, number) == "Collected"
    assert buttons(look(carrier_twin).text) == ["delay", "miss", "deliver", "lose"]
    canceled = buy(carrier_twin, "two")
    headers = {**HEADERS, "idempotency-key": "two/cancel"}
    httpx2.post(carrier_twin.url + "/v1/labels/two/cancel", headers=headers, trust_env=False)
    assert (badge(carrier_twin, canceled), buttons(look(carrier_twin, q=canceled).text)) == ("Label canceled", [])
    press(carrier_twin, canceled, "deliver", 409)


def test_looking_changes_nothing(carrier_twin: Twin) -> None:
    number = buy(carrier_twin, "one")
    before = carrier_twin.get("/sandbox/ledger")
    for path in ("/", f"/?q={number}", "/?before=2"):
        look(carrier_twin, path)
    look(carrier_twin, f"/parcels/{number}/lose", 405)
    assert carrier_twin.get("/sandbox/ledger") == before


@pytest.mark.parametrize(
    ("number", "what", "status"),
    [("DS1", "lose", 404), ("..%2f..", "lose", 404), ("{{7*7}}", "lose", 404), ("here", "explode", 404)],
)
def test_what_is_not_there_cannot_be_pressed(carrier_twin: Twin, number: str, what: str, status: int) -> None:
    there = buy(carrier_twin, "one")
    html = press(carrier_twin, there if number == "here" else number, what, status).text
    assert "Nothing was changed" in html
    assert "49" not in html
    assert badge(carrier_twin, there) == "Label bought"


def test_a_button_on_another_site_does_nothing(carrier_twin: Twin) -> None:
    number = buy(carrier_twin, "one")
    press(carrier_twin, number, "lose", 403, **{"sec-fetch-site": "cross-site"})
    assert badge(carrier_twin, number) == "Label bought"


def test_parcels_are_found_by_number_name_town_and_postcode_and_paged(carrier_twin: Twin) -> None:
    numbers = [buy(carrier_twin, f"r{place}", name=f"Ada {place}") for place in range(30)]
    first = look(carrier_twin).text
    (older,) = Seen(first).links("next")
    shown = [re.findall(r'<li class="row" id="(DS\d+)"', page) for page in (first, look(carrier_twin, older).text)]
    assert [len(each) for each in shown] == [25, 5]
    assert shown[0] + shown[1] == numbers[::-1]
    for sought, count in (("ADA 7", 1), ("edinburgh", 25), ("EH1 1RE", 25), (numbers[3], 1), ("%", 0), ("' OR 1", 0)):
        assert look(carrier_twin, q=sought).text.count('<li class="row"') == count, sought
    assert look(carrier_twin, before="9" * 30).text.count('<li class="row"') == 25


def test_nothing_a_shop_writes_leaves_its_place_and_nothing_is_loaded_from_elsewhere(carrier_twin: Twin) -> None:
    number = buy(carrier_twin, "one", name=HOSTILE)
    for path, status in (("/", 200), (f"/?q={number}", 200)):
        answer = look(carrier_twin, path, status)
        expect_harmless(answer.text)
        assert "alert(1)</script>" not in answer.text
        allowed = policy(answer)
        assert allowed["default-src"] == allowed["frame-ancestors"] == "'none'"
        assert "script-src" not in allowed
        levels = [int(tag[1]) for tag, _ in Seen(answer.text).tags if re.fullmatch(r"h\d", tag)]
        assert levels[0] == 1
        assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    expect_harmless(look(carrier_twin, q=HOSTILE).text)
    for path, kind in (("/carrier.css", "text/css"), ("/carrier.svg", "image/svg+xml")):
        assert look(carrier_twin, path).headers["content-type"].startswith(kind)


def test_every_color_can_be_read_on_its_ground_in_both_schemes() -> None:
    css = files(TWIN).joinpath("templates", "carrier.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#\w{6});", block)) for block in re.findall(r":root \{(.*?)\}", css, re.S)
    )
    assert light.keys() == dark.keys()
    pairs = [(ink, ground) for ink in ("ink", "quiet", "accent", "bad") for ground in ("ground", "surface")]
    pairs += [(tone, f"{tone}-soft") for tone in ("accent", "good", "warn", "bad")]
    pairs += [("on-accent", "accent"), ("bad", "accent-soft"), ("ink", "accent-soft")]
    for scheme in (light, dark):
        assert {pair for pair in pairs if contrast(scheme[pair[0]], scheme[pair[1]]) < 4.5} == set()
        for ground in ("ground", "surface"):
            assert contrast(scheme["edge"], scheme[ground]) >= 3.0
