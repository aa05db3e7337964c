"""Products as values, and the rules of what may be printed on them. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta

from doorstep.kit.errors import Fault

Handling = Literal["fragile", "hazmat", "oversize", "cold"]
HANDLING: Final[tuple[Handling, ...]] = get_args(Handling)
"""Classes of goods that not every place can handle: each must be a capability of the location that serves them."""

PRODUCTS_PER_PUT: Final = 1_000
VARIANTS: Final = 500
PRINTED_CHARACTERS: Final = 200
_QUANTIFIERS: Final = 3

Sku = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")]


class PersonalizationField(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing a customer may have printed. `max_length` counts characters after composition (NFC).

    `choices`, when given, are the only texts allowed. `pattern` is a simple regular expression that the whole text must
    match: no groups and no alternatives, at most three quantifiers, so that no text can keep the server busy.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    label: Annotated[str, Meta(min_length=1, max_length=100)]
    max_length: Annotated[int, Meta(ge=1, le=PRINTED_CHARACTERS)] = 20
    required: bool = True
    pattern: Annotated[str, Meta(max_length=200)] | None = None
    choices: Annotated[tuple[str, ...], Meta(max_length=100)] = ()


class Component(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units of another product in one kit. `share`: what one of them is worth beside one of the others; by it the kit's
    price is divided.
    """

    sku: Sku
    quantity: Annotated[int, Meta(ge=1, le=1_000)] = 1
    share: Annotated[int, Meta(ge=1, le=1_000_000)] = 1


class ProductData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sold under a SKU. Weight in grams and outer sizes in millimeters, of one packed unit.

    `handling` names what the location must be able to handle; `return_days` count from the delivery, 0 = no returns.
    Products of one `style` are variants of one another, told apart by `option` ("M", "42"): they may be exchanged.
    With `components` it is a kit: it has no stock of its own, and an order of it becomes one of its components.
    """

    sku: Sku
    title: Annotated[str, Meta(min_length=1, max_length=300)]
    active: bool = True
    weight_g: Annotated[int, Meta(ge=0, le=2_000_000)]
    length_mm: Annotated[int, Meta(ge=0, le=20_000)]
    width_mm: Annotated[int, Meta(ge=0, le=20_000)]
    height_mm: Annotated[int, Meta(ge=0, le=20_000)]
    handling: Annotated[tuple[Handling, ...], Meta(max_length=len(HANDLING))] = ()
    gift_wrap: bool = True
    personalization: Annotated[tuple[PersonalizationField, ...], Meta(max_length=20)] = ()
    return_days: Annotated[int, Meta(ge=0, le=730)] = 30
    style: Annotated[str, Meta(max_length=100)] = ""
    option: Annotated[str, Meta(max_length=40)] = ""
    components: Annotated[tuple[Component, ...], Meta(max_length=50)] = ()


class Product(ProductData, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A product as stored. `sku_id` is its number inside: locks are taken in its order, whatever the collation.
    Nothing of it leaves before `release_at`.
    """

    sku_id: int
    release_at: datetime | None = None

    def unreleased(self, now: datetime) -> bool:
        """It may be sold, but not sent yet."""
        return self.release_at is not None and self.release_at > now


def product_faults(product: ProductData, at: str) -> list[Fault]:
    """What is wrong with a product besides its structure; `at` is the JSON pointer of the product."""
    faults = []
    if len(set(product.handling)) < len(product.handling):
        faults.append(Fault(f"{at}/handling", "A handling class stands twice."))
    if product.option and not product.style:
        faults.append(Fault(f"{at}/option", "An option needs the style whose variants it tells apart."))
    faults += _kit_faults(product, at)
    names = [field.name for field in product.personalization]
    if len(set(names)) < len(names):
        faults.append(Fault(f"{at}/personalization", "Two personalization fields have the same name."))
    for i, field in enumerate(product.personalization):
        if field.pattern is not None and (why := _pattern_fault(field.pattern)):
            faults.append(Fault(f"{at}/personalization/{i}/pattern", why))
        for j, choice in enumerate(field.choices):
            if why := _text_fault(field, printed_text(choice)):
                faults.append(Fault(f"{at}/personalization/{i}/choices/{j}", why))
    return faults


def _kit_faults(product: ProductData, at: str) -> list[Fault]:
    """What is wrong with a kit, seen alone."""
    if not product.components:
        return []
    faults = []
    if product.personalization:
        faults.append(Fault(f"{at}/personalization", "A kit cannot be personalized; its components can, sold singly."))
    if product.style:
        faults.append(Fault(f"{at}/style", "A kit has no variants."))
    skus = [one.sku for one in product.components]
    for i, sku in enumerate(skus):
        if sku == product.sku:
            faults.append(Fault(f"{at}/components/{i}/sku", "A kit is no component of itself."))
        elif sku in skus[:i]:
            faults.append(Fault(f"{at}/components/{i}/sku", f"{sku} stands twice; say so by its quantity."))
    return faults


def printed_text(text: str) -> str:
    """The text as it is printed: composed characters (NFC), no white space around it."""
    return unicodedata.normalize("NFC", text).strip()


def check_personalization(product: Product, fields: Mapping[str, str], *, at: str = "") -> list[Fault]:
    """What is wrong with the texts a customer wants printed; when nothing is, print what `printed_text` gives.

    Letters of every script are fine. Refused are: fields the product does not offer, missing required ones, control
    characters (those that turn the writing direction too), texts too long, not one of `choices`, or off `pattern`.
    """
    if not product.personalization:
        return [Fault(at, f"{product.sku} is not offered with personalization.")]
    offered = {field.name: field for field in product.personalization}
    faults = [
        Fault(f"{at}/{name}", f"{product.sku} has no field {name[:40]!r} to print.")
        for name in fields
        if name not in offered
    ]
    for name, field in offered.items():
        text = printed_text(fields.get(name, ""))
        if not text and field.required:
            faults.append(Fault(f"{at}/{name}", f"{field.label}: a text is needed."))
        elif text and (why := _text_fault(field, text)):
            faults.append(Fault(f"{at}/{name}", f"{field.label}: {why}"))
    if not faults and not any(printed_text(text) for text in fields.values()):
        faults.append(Fault(at, "Nothing to print was given."))
    return faults


def _text_fault(field: PersonalizationField, text: str) -> str | None:
    if not all(_printable(character) for character in text):
        return "control characters cannot be printed."
    if len(text) > field.max_length:
        return f"at most {field.max_length} characters, not {len(text)}."
    if field.choices and text not in {printed_text(choice) for choice in field.choices}:
        return "only one of " + ", ".join(field.choices[:10]) + "."
    if field.pattern is not None and not _compiled(field.pattern).fullmatch(text):
        return "this text is not of the allowed form."
    return None


def _printable(character: str) -> bool:
    """No control, format, surrogate, private or unassigned character, no line break; some scripts need the joiners."""
    return (
        unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or character in "\u200c\u200d"
    )


def _pattern_fault(pattern: str) -> str | None:
    """Why a pattern is refused. Without groups, k quantifiers over n characters cost at most about n ** k steps."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return "This is not a regular expression."
    bare = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "x", pattern, flags=re.DOTALL)
    if re.search(r"[()|]", bare):
        return "Groups and alternatives are not allowed in a pattern; use choices."
    if re.search(r"\\[1-9]", pattern):
        return "References are not allowed in a pattern."
    if len(re.findall(r"[*+?]|\{", bare)) > _QUANTIFIERS:
        return f"At most {_QUANTIFIERS} quantifiers are allowed in a pattern."
    return None


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
