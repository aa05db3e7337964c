"""The storefront's parts that need nobody else: sums, what is typed, settings."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorstep.web.shop.cart import Cart, Line, Wrap, ordered_line
from doorstep.web.shop.settings import VARIABLES, Settings, SettingsError, environment, read
from doorstep.web.shop.typed import faults_of, ready, tidy
from doorstep.web.shop.wares import BY_SKU, VAT_PERCENT, WARES, Role, print_faults, printed
from tests.docs.pages import page

TEXTS = {"name": "ADA", "number": "10"}


@given(
    st.sampled_from(sorted(BY_SKU)),
    st.integers(1, 10),
    st.booleans(),
    st.booleans(),
    st.sampled_from(sorted(VAT_PERCENT)),
)
def test_net_prices_fees_and_tax_are_the_price_that_was_shown(
    sku: str, quantity: int, wrapped: bool, with_print: bool, country: str
) -> None:
    ware = BY_SKU[sku][0]
    texts = TEXTS if with_print and ware.fields else {}
    line = Line(line_id=1, sku=sku, quantity=quantity, texts=texts, wrap=Wrap(paper="stars") if wrapped else None)
    body = ordered_line(line, VAT_PERCENT[country])
    fees = sum(body[service]["fee_minor"] for service in ("personalization", "gift_wrap") if service in body)
    assert body["unit_price_minor"] * quantity + body["tax_minor"] + fees == line.total_minor
    exact = line.total_minor * VAT_PERCENT[country] / (100 + VAT_PERCENT[country])
    assert 0 <= body["tax_minor"] - exact < quantity + 2  # each net amount is rounded down to the cent


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=400)))
def test_whatever_is_typed_is_put_in_order_and_only_what_is_ready_is_asked_for(fields: dict[str, str]) -> None:
    found = tidy({**fields, "country": "DE"})
    assert all(len(text) <= 254 for text in found.values())
    assert ready(found) == bool(re.fullmatch("[0-9]{5}", found["postcode"]))
    assert tidy(found) == found
    faults_of(found)


@pytest.mark.parametrize(
    ("country", "postcode", "fits"),
    [("DE", "10115", True), ("DE", "1011", False), ("GB", "sw1y 4jh", True), ("NL", "1012 ab", True),
     ("IE", "D02 X285", True), ("XX", "10115", True), ("AT", "10115", False)],
)  # fmt: skip
def test_a_postcode_belongs_to_its_country(country: str, postcode: str, fits: bool) -> None:
    assert ready(tidy({"country": country, "postcode": postcode})) is fits


@pytest.mark.parametrize(
    ("name", "number", "wrong"),
    [("Ada", "10", set()), ("", "", set()), ("Ada", "", {"number"}), ("", "7", {"name"}), ("A" * 13, "7", {"name"}),
     ("Åsa-Lo", "99", set()), ("A\u202eB", "7", {"name"}), ("<b>", "7", {"name"}), ("Ada", "٣", {"number"})],
)  # fmt: skip
def test_what_can_be_printed_is_what_the_workshop_takes(name: str, number: str, wrong: set[str]) -> None:
    ware = WARES["jersey"]
    assert print_faults(ware, printed(ware, {"name": name, "number": number})) == wrong


def test_the_same_thing_twice_is_one_line_and_another_print_is_another() -> None:
    cart = Cart()
    cart.lines = cart.with_more("SHOP-JERSEY-M", 1, TEXTS, 10)
    cart.lines = cart.with_more("SHOP-JERSEY-M", 2, dict(TEXTS), 10)
    cart.lines = cart.with_more("SHOP-JERSEY-M", 1, {**TEXTS, "number": "11"}, 10)
    assert [line.quantity for line in cart.lines] == [3, 1]
    assert cart.with_more("SHOP-JERSEY-M", 10, TEXTS, 10)[0].quantity == 10


def test_each_cart_has_a_number_of_its_own_until_it_is_bought() -> None:
    cart, other = Cart(), Cart()
    assert re.fullmatch("S-[A-Z2-7]{8}", cart.number)
    assert cart.number != other.number
    before = cart.number
    cart.done("https://example.test/o/x")
    assert cart.bought == {before: "https://example.test/o/x"}
    assert cart.number != before


def test_every_ware_is_stocked_somewhere_known_and_has_a_sku_of_its_own() -> None:
    assert len(WARES) == 8
    assert len(BY_SKU) == sum(len(ware.sizes) for ware in WARES.values())
    assert {role for _, size in BY_SKU.values() for role in size.stock} <= set(get_args(Role))


def test_settings_survive_the_way_to_a_child_process() -> None:
    settings = Settings(
        api_url="https://api.example", api_key="k", doorstep_url="https://doorstep.example", host="0.0.0.0", port=1,
        name="A shop", stock_up=True, secure=True, answer_within_s=9,
    )  # fmt: skip
    assert read(environment(settings)) == settings
    assert read({}) == Settings()


def test_the_table_of_settings_is_what_the_code_reads() -> None:
    names = {f"DOORSTEP_SHOP_{name.strip()}" for listed in VARIABLES for name in listed.split(",")}
    assert set(re.findall(r"^\| `(DOORSTEP_SHOP_\w+)`", page("docs/howto/storefront.md").text, re.MULTILINE)) == names
    assert set(environment(Settings())) == names


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "0"), ("PORT", "x"), ("API", "ftp://x"), ("DOORSTEP", "https://x/path"), ("API", "x")]
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"DOORSTEP_SHOP_{name}"):
        read({f"DOORSTEP_SHOP_{name}": value})
