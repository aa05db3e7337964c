"""What a channel sends to place an order: its shape, its fingerprint, and all that can be wrong with it alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import time
from functools import lru_cache
from operator import attrgetter
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from doorstep.kit.errors import Fault
from doorstep.kit.limits import AMOUNT_MINOR, LINES_PER_ORDER, UNITS_PER_LINE
from doorstep.orders.model import OnShort

Amount = Annotated[int, Meta(ge=0, le=AMOUNT_MINOR)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=500)]


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of every part of a request: unknown fields are refused, so that a misspelled one is not silently lost."""


class Customer(Shape, frozen=True, kw_only=True):
    """Who orders. Without an e-mail address or a phone number nobody can be told anything."""

    name: Name
    email: Annotated[str, Meta(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    phone: Annotated[str, Meta(pattern=r"^\+[0-9]{6,15}$")] | None = None
    locale: Annotated[str, Meta(pattern=r"^[a-z]{2}([-_][A-Z]{2})?$")] = "en"


class ShipTo(Shape, frozen=True, kw_only=True):
    """Where it goes. `country` is ISO 3166-1 alpha-2."""

    name: Name
    street: Name
    city: Name
    region: Annotated[str, Meta(max_length=100)] = ""
    postcode: Annotated[str, Meta(max_length=20)]
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")]


class Personalization(Shape, frozen=True, kw_only=True):
    """What is printed on the goods, by the product's fields, e.g. {"name": "ADA", "number": "10"}."""

    fields: Mapping[str, Annotated[str, Meta(max_length=500)]]
    fee_minor: Amount = 0


class GiftWrap(Shape, frozen=True, kw_only=True):
    """How the line is wrapped. `hide_prices` keeps them off the packing slip."""

    paper: Annotated[str, Meta(min_length=1, max_length=50)] = "standard"
    message: Text = ""
    hide_prices: bool = True
    fee_minor: Amount = 0


class PlaceLine(Shape, frozen=True, kw_only=True):
    """One line. Price of one unit; tax and discount of the whole line. The same SKU on two lines is normal."""

    sku: Annotated[str, Meta(min_length=1, max_length=100)]
    quantity: Annotated[int, Meta(ge=1, le=UNITS_PER_LINE)]
    unit_price_minor: Amount
    tax_minor: Amount = 0
    discount_minor: Amount = 0
    personalization: Personalization | None = None
    gift_wrap: GiftWrap | None = None
    instructions: Text = ""

    @property
    def total_minor(self) -> int:
        """What the line costs with everything."""
        fees = self.personalization.fee_minor if self.personalization else 0
        fees += self.gift_wrap.fee_minor if self.gift_wrap else 0
        return self.unit_price_minor * self.quantity - self.discount_minor + self.tax_minor + fees


class Payment(Shape, frozen=True, kw_only=True):
    """How it is paid: a `token` for us to authorize, or the `authorization_reference` the channel already has."""

    token: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    authorization_reference: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class Preferences(Shape, frozen=True, kw_only=True):
    """On whose terms we speak. `events`: kinds of message wanted, none = all. Quiet hours are local to `timezone`."""

    channel: Literal["email", "sms", "both", "none"] = "email"
    events: Annotated[tuple[Annotated[str, Meta(max_length=40)], ...], Meta(max_length=40)] = ()
    only_if_late: bool = False
    quiet_from: time | None = None
    quiet_until: time | None = None
    timezone: Annotated[str, Meta(max_length=60)] = "UTC"
    locale: Annotated[str, Meta(pattern=r"^[a-z]{2}([-_][A-Z]{2})?$")] | None = None


class PlaceOrder(Shape, frozen=True, kw_only=True):
    """An order from a channel. (channel, number) is its natural key; amounts are minor units of `currency`.

    `total_minor` must be the sum: lines with tax, less discounts, plus fees, plus shipping, less the order's discount.
    `cart_hold` says where units come from, not what is bought: it is no part of the fingerprint.
    """

    channel: Annotated[str, Meta(min_length=1, max_length=40)]
    number: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\s\x00-\x1f](.*[^\s\x00-\x1f])?$")]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    customer: Customer
    ship_to: ShipTo
    service: Annotated[str, Meta(min_length=1, max_length=40)]
    lines: Annotated[Sequence[PlaceLine], Meta(min_length=1, max_length=LINES_PER_ORDER)]
    shipping_minor: Amount = 0
    discount_minor: Amount = 0
    total_minor: Amount
    payment: Payment
    on_short: OnShort | None = None
    preferences: Preferences | None = None
    risk_score: Annotated[int, Meta(ge=0, le=100)] | None = None
    cart_hold: Annotated[str, Meta(pattern="^cht_[0-9a-f]{32}$")] | None = None


# New fields go to the end, with a default: the fingerprint of an old body must stay what it was.
_FIELDS = (
    "currency",
    "customer",
    "ship_to",
    "service",
    "lines",
    "shipping_minor",
    "discount_minor",
    "total_minor",
    "payment",
    "on_short",
    "preferences",
    "risk_score",
)
_fields_of = attrgetter(*_FIELDS)
_encode = msgspec.json.Encoder(order="deterministic").encode
_DIGEST = 4  # bytes per field: one changed retry in four billion passes as the same, and the row stays short


def fingerprint(order: PlaceOrder) -> bytes:
    """Four bytes for each field of the normalized body, so that a retry with another body can be told which field
    differs.
    """
    return b"".join(
        [
            _short_digest(value) if value is None or isinstance(value, (str, int)) else _digest(value)
            for value in _fields_of(order)
        ]
    )


def _digest(value: object) -> bytes:
    return hashlib.blake2b(_encode(value), digest_size=_DIGEST).digest()


# Currencies, services, round sums and what is left out come again and again. `typed`, for true is not 1.
_short_digest = lru_cache(maxsize=4_096, typed=True)(_digest)


def differing(before: bytes, after: bytes) -> list[str]:
    """Names of the fields whose fingerprints differ."""
    return [
        field
        for place, field in enumerate(_FIELDS)
        if before[place * _DIGEST : (place + 1) * _DIGEST] != after[place * _DIGEST : (place + 1) * _DIGEST]
    ]


def faults_of(order: PlaceOrder) -> list[Fault]:
    """What is wrong with an order, seen alone: sums, discounts above the goods, no way to pay, quiet hours half
    given.
    """
    faults = [
        Fault(f"/lines/{place}/discount_minor", "The discount is more than the line costs.")
        for place, line in enumerate(order.lines)
        if line.discount_minor > line.unit_price_minor * line.quantity
    ]
    goods = sum(line.total_minor for line in order.lines)
    if order.discount_minor > goods:
        faults.append(Fault("/discount_minor", "The discount is more than the goods cost."))
    total = goods + order.shipping_minor - order.discount_minor
    if order.total_minor != total:
        faults.append(Fault("/total_minor", f"The parts add up to {total}, not {order.total_minor}."))
    if order.total_minor and not (order.payment.token or order.payment.authorization_reference):
        faults.append(Fault("/payment", "A token or an authorization_reference is needed."))
    if order.payment.token and order.payment.authorization_reference:
        faults.append(Fault("/payment", "Give a token or an authorization_reference, not both."))
    if order.preferences and (order.preferences.quiet_from is None) != (order.preferences.quiet_until is None):
        faults.append(Fault("/preferences/quiet_from", "Quiet hours need both quiet_from and quiet_until."))
    if order.preferences and order.preferences.channel in ("sms", "both") and not order.customer.phone:
        faults.append(Fault("/preferences/channel", "Text messages need the customer's phone number."))
    return faults


_POSTCODES = {
    "GB": re.compile(r"(GIR ?0AA|[A-PR-UWYZ][A-HK-Y]?[0-9][0-9A-HJKMNPR-Y]? ?[0-9][ABD-HJLNP-UW-Z]{2})"),
    "US": re.compile(r"[0-9]{5}(-?[0-9]{4})?"),
    "DE": re.compile(r"[0-9]{5}"),
    "AT": re.compile(r"[0-9]{4}"),
    "CH": re.compile(r"[0-9]{4}"),
    "FR": re.compile(r"[0-9]{5}"),
    "NL": re.compile(r"[0-9]{4} ?[A-Z]{2}"),
}


def address_doubt(address: ShipTo) -> str:
    """Why a person should look at the address before anything is sent there; empty when nothing is wrong to see."""
    known = _POSTCODES.get(address.country)
    if known and not known.fullmatch(address.postcode.strip().upper()):
        return f"{address.postcode!r} is not a postcode of {address.country}"
    if not address.postcode.strip() and address.country not in ("IE", "HK", "AE"):
        return "the postcode is missing"
    return ""
