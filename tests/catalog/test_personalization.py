"""What may be printed on a product, and what may not."""

from __future__ import annotations

import time

import pytest

from doorstep.catalog import PersonalizationField, Product, ProductData, check_personalization, printed_text
from doorstep.catalog.model import product_faults

NAME = PersonalizationField(name="name", label="Name", max_length=12)
NUMBER = PersonalizationField(name="number", label="Number", max_length=2, required=False, pattern="[0-9]{1,2}")
FONT = PersonalizationField(name="font", label="Font", required=False, choices=("Serif", "Block"))


def jersey(*fields: PersonalizationField) -> Product:
    return Product(
        sku_id=1,
        sku="JERSEY",
        title="Jersey",
        weight_g=200,
        length_mm=300,
        width_mm=200,
        height_mm=20,
        personalization=fields or (NAME, NUMBER, FONT),
    )


@pytest.mark.parametrize("name", ["Ada", "Zoë", "Łukasz", "Şükrü", "日本", "नीरज", "محمد", "O’Neill-Ng", "नर\u200dमा"])
def test_names_of_every_script_can_be_printed(name: str) -> None:
    assert check_personalization(jersey(), {"name": name}) == []


@pytest.mark.parametrize(
    "name", ["A\nda", "A\x07da", "Ada\u202e", "\u2066Ada", "A\u2028da", "A\ufeffda", "A\x85da", "\ue000", "A\U000e0001"]
)
def test_control_characters_are_refused(name: str) -> None:
    assert [fault.pointer for fault in check_personalization(jersey(), {"name": name}, at="/p")] == ["/p/name"]


def test_length_counts_composed_characters() -> None:
    decomposed = "e\u0301" * 12
    assert check_personalization(jersey(), {"name": decomposed}) == []
    assert printed_text(decomposed) == "é" * 12
    assert check_personalization(jersey(), {"name": decomposed + "x"}) != []


def test_every_fault_is_told_at_its_place() -> None:
    fields = {"name": " ", "number": "7b", "font": "Comic", "motto": "go"}
    pointers = [fault.pointer for fault in check_personalization(jersey(), fields, at="/lines/0/fields")]
    assert sorted(pointers) == [f"/lines/0/fields/{name}" for name in ("font", "motto", "name", "number")]


def test_a_pattern_must_match_the_whole_text() -> None:
    assert check_personalization(jersey(), {"name": "A", "number": "10"}) == []
    assert check_personalization(jersey(), {"name": "A", "number": "x1"}) != []


def test_a_product_without_fields_takes_no_text() -> None:
    plain = Product(sku_id=2, sku="MUG", title="Mug", weight_g=1, length_mm=1, width_mm=1, height_mm=1)
    assert check_personalization(plain, {"name": "Ada"}) != []


def test_something_must_be_printed_even_if_every_field_is_optional() -> None:
    product = jersey(NUMBER, FONT)
    assert check_personalization(product, {"number": " "}) != []
    assert check_personalization(product, {"number": "7"}) == []


@pytest.mark.parametrize("pattern", ["(a+)+", "a|b", "[A-Z]+[a-z]*[0-9]?x{2}", "[", r"(?:a)", r"a\1", "a**"])
def test_a_pattern_that_could_keep_the_server_busy_is_refused(pattern: str) -> None:
    field = PersonalizationField(name="name", label="Name", pattern=pattern)
    faults = product_faults(jersey(field), "/0")
    assert [fault.pointer for fault in faults] == ["/0/personalization/0/pattern"]


@pytest.mark.parametrize("pattern", ["[A-Z0-9 ()|+*]{1,12}", r"[^\]x]+", r"\([0-9]+\)", "[]x]+", "[A-Z][a-z]*-[0-9]+"])
def test_simple_patterns_are_accepted(pattern: str) -> None:
    assert product_faults(jersey(PersonalizationField(name="name", label="Name", pattern=pattern)), "/0") == []


def test_the_worst_allowed_pattern_on_the_longest_text_takes_no_time() -> None:
    field = PersonalizationField(name="name", label="Name", max_length=200, pattern="a*a*a*b")
    assert product_faults(jersey(field), "") == []
    started = time.monotonic()
    assert check_personalization(jersey(field), {"name": "a" * 200}) != []
    assert time.monotonic() - started < 0.5


def test_choices_must_fit_their_own_field() -> None:
    field = PersonalizationField(name="font", label="Font", max_length=5, choices=("Serif", "Handwritten"))
    data = ProductData(
        sku="A", title="A", weight_g=1, length_mm=1, width_mm=1, height_mm=1, personalization=(field, field)
    )
    pointers = {fault.pointer for fault in product_faults(data, "/3")}
    assert pointers == {
        "/3/personalization",
        "/3/personalization/0/choices/1",
        "/3/personalization/1/choices/1",
    }
