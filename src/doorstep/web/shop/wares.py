"""What this shop sells, and where its stock is put when the stage is set. Titles and texts are in the templates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Literal

import msgspec

CURRENCY = "EUR"
CHANNEL = "shop"
WRAP_FEE_MINOR = 450
PAPERS = ("stars", "forest", "plain")
MOST_UNITS = 10
MESSAGE_CHARACTERS = 200

# The standard rate of value-added tax where we deliver; prices are the same everywhere and include it.
VAT_PERCENT = {"DE": 19, "AT": 20, "FR": 20, "IE": 23, "NL": 21, "GB": 20}

Role = Literal["workshop", "main", "second"]
"""Where stock is put: the place that prints, the first that wraps, the second that does."""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """What may be printed: at most so many characters, all of which match `pattern`."""

    name: str
    label: str
    max_length: int
    pattern: str


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to put into a cart; `label` is empty where there is one size only. Stock is units by role."""

    sku: str
    label: str = ""
    stock: Mapping[Role, int]


class Ware(msgspec.Struct, frozen=True, kw_only=True):
    """A product page. Prices in cents, with tax; `title` is what Doorstep and its messages call it."""

    code: str
    title: str
    price_minor: int
    sizes: tuple[Size, ...]
    weight_g: int
    size_mm: tuple[int, int, int]
    fragile: bool = False
    fields: tuple[Field, ...] = ()
    print_fee_minor: int = 0


def _sizes(sku: str, stock: Mapping[str, Mapping[Role, int]]) -> tuple[Size, ...]:
    return tuple(Size(sku=f"{sku}-{label}", label=label, stock=units) for label, units in stock.items())


_PRINT = (
    Field(name="name", label="Name", max_length=12, pattern=r"[^\x00-\x1f<>]{1,12}"),
    Field(name="number", label="Number", max_length=2, pattern=r"[1-9][0-9]?"),
)
_JERSEYS: dict[str, Mapping[Role, int]] = {
    "S": {"workshop": 40, "main": 20},
    "M": {"workshop": 60, "main": 30},
    "L": {"workshop": 60, "main": 30},
    "XL": {},
}
_SHOES: dict[str, Mapping[Role, int]] = {
    "39": {"main": 12},
    "40": {"main": 12},
    "41": {"main": 2},
    "42": {"main": 20},
    "43": {"main": 20},
    "44": {},
}

WARES: dict[str, Ware] = {
    ware.code: ware
    for ware in (
        Ware(
            code="jersey", title="Home jersey", price_minor=7990, sizes=_sizes("SHOP-JERSEY", _JERSEYS),
            weight_g=240, size_mm=(300, 250, 30), fields=_PRINT, print_fee_minor=1500,
        ),
        Ware(
            code="shoes", title="Terrace shoes", price_minor=11900, sizes=_sizes("SHOP-SHOES", _SHOES),
            weight_g=980, size_mm=(330, 220, 125),
        ),
        Ware(
            code="ball", title="Match ball", price_minor=3490, weight_g=440, size_mm=(230, 230, 230),
            sizes=(Size(sku="SHOP-BALL", stock={"main": 60, "second": 60}),),
        ),
        Ware(
            code="scarf", title="Club scarf", price_minor=2490, weight_g=180, size_mm=(250, 200, 60),
            sizes=(Size(sku="SHOP-SCARF", stock={"main": 80, "workshop": 40}),),
        ),
        Ware(
            code="beanie", title="Wool beanie", price_minor=1990, weight_g=90, size_mm=(220, 200, 40),
            sizes=(Size(sku="SHOP-BEANIE", stock={"main": 40, "second": 40}),),
        ),
        Ware(
            code="mug", title="Half-time mug", price_minor=1490, weight_g=380, size_mm=(120, 100, 100), fragile=True,
            sizes=(Size(sku="SHOP-MUG", stock={"main": 50}),),
        ),
        Ware(
            code="bottle", title="Steel bottle", price_minor=2190, weight_g=310, size_mm=(260, 75, 75),
            sizes=(Size(sku="SHOP-BOTTLE", stock={"second": 50}),),
        ),
        Ware(
            code="backpack", title="Away-day backpack", price_minor=6490, weight_g=720, size_mm=(480, 320, 120),
            sizes=(Size(sku="SHOP-BACKPACK", stock={"second": 3}),),
        ),
    )
}  # fmt: skip

BY_SKU: dict[str, tuple[Ware, Size]] = {size.sku: (ware, size) for ware in WARES.values() for size in ware.sizes}


def printed(ware: Ware, wanted: Mapping[str, str]) -> dict[str, str]:
    """What is to be printed of what was typed: composed, in capitals, without what is empty."""
    texts = {one.name: unicodedata.normalize("NFC", wanted.get(one.name, "")).strip().upper() for one in ware.fields}
    return {name: text for name, text in texts.items() if text}


def print_faults(ware: Ware, texts: Mapping[str, str]) -> set[str]:
    """The fields that cannot be printed so; name and number come together or not at all."""
    if not texts:
        return set()
    return {
        one.name
        for one in ware.fields
        if len(texts.get(one.name, "")) > one.max_length
        or not re.fullmatch(one.pattern, texts.get(one.name, ""))
        or not all(unicodedata.category(character)[0] in "LMNPSZ" for character in texts[one.name])
    }
