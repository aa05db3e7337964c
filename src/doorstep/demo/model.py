"""What the demo's scenario is made of: frozen values, in the order of the journey. No behavior beyond sums.

Money is in pence (``_minor``), weights in grams, lengths in millimeters, times are aware UTC datetimes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

Service = Literal["standard", "express", "fast-track"]
OnShort = Literal["accept", "refuse"]
HandOver = Literal["label", "qr", "store"]
Handling = Literal["fragile", "hazmat", "oversize"]
Capability = Literal["personalize", "gift_wrap", "fragile", "hazmat", "oversize", "returns"]
PaymentToken = Literal["tok_ok", "tok_insufficient_then_ok", "tok_declined", "tok_risky"]
ReturnReason = Literal["changed_mind", "damaged", "not_as_described", "wrong_item", "too_many"]
Disposition = Literal["restock", "refurbish", "damaged", "scrap"]


class PersonalizationField(msgspec.Struct, frozen=True, kw_only=True):
    """A text a customer may have printed: up to ``max_length`` characters, all of ``pattern`` or one of ``choices``."""

    name: str
    label: str
    max_length: int
    required: bool = True
    pattern: str | None = None
    choices: tuple[str, ...] = ()


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU. The price is the one most of its sales had; weight, size and flags follow the rules in goods.py."""

    sku: str
    title: str
    price_minor: int
    material: str
    weight_g: int
    length_mm: int
    width_mm: int
    height_mm: int
    handling: tuple[Handling, ...] = ()
    gift_wrap: bool = True
    personalization: tuple[PersonalizationField, ...] = ()


class WrapPaper(msgspec.Struct, frozen=True, kw_only=True):
    """A paper that gifts are wrapped in; its code is the stock code that the paper has in the data."""

    code: str
    title: str


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A place that holds stock. Hours are local, on the weekdays given (0 is Monday)."""

    code: str
    name: str
    kind: Literal["warehouse", "store", "workshop"]
    street: str
    city: str
    postcode: str
    outcode: str
    lat: float
    lon: float
    timezone: str
    capabilities: tuple[Capability, ...]
    weekdays: tuple[int, ...]
    opens: str
    cutoff: str
    closes: str
    country: str = "GB"


class StockLevel(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one SKU at one location when the demo begins."""

    sku: str
    location: str
    quantity: int


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Units that a supplier delivers. ``due_at`` is what is known from the start; ``arrives_at`` is what happens.

    Receipts of one delivery (location and day) share their ``reference``.
    """

    reference: str
    sku: str
    location: str
    quantity: int
    due_at: datetime
    arrives_at: datetime


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """How a customer wants to hear from the shop."""

    channel: Literal["email", "sms"]
    language: Literal["en", "de"]
    only_if_late: bool


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A made-up person behind a real customer number; guests have a reference of their own for each order."""

    reference: str
    name: str
    email: str
    phone: str | None
    guest: bool
    country: str
    preferences: Preferences


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A made-up street at a real outcode, whose centroid it carries. Inward codes are made up, and may be missing."""

    name: str
    company: str | None
    street: str
    city: str
    outcode: str
    inward: str
    lat: float
    lon: float
    country: str = "GB"

    @property
    def postcode(self) -> str:
        """The postcode as the customer wrote it."""
        return f"{self.outcode} {self.inward}".strip()


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A storefront, and what it wants done when stock is short."""

    code: str
    name: str
    on_short: OnShort


class GiftWrap(msgspec.Struct, frozen=True, kw_only=True):
    """Wrapping of all units of a line; the fee is for the line."""

    paper: str
    message: str
    hide_prices: bool
    fee_minor: int


class Personalization(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed on every unit of a line, by field; the fee is for the line."""

    fields: dict[str, str]
    fee_minor: int


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line, numbered from 1. Two lines of an order may have the same SKU, as they do in the data."""

    number: int
    sku: str
    quantity: int
    unit_price_minor: int
    gift_wrap: GiftWrap | None = None
    personalization: Personalization | None = None
    instructions: str = ""

    @property
    def amount_minor(self) -> int:
        """Goods and services of the line."""
        fees = (self.gift_wrap.fee_minor if self.gift_wrap else 0) + (
            self.personalization.fee_minor if self.personalization else 0
        )
        return self.quantity * self.unit_price_minor + fees


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order as the channel sends it; its number is the invoice number of the data.

    ``if_refused`` says what the shopper does when an ``on_short`` of "refuse" answers 409: take the later date
    ("accept"), come back on a later day ("retry"), or "leave".
    """

    number: str
    channel: str
    placed_at: datetime
    customer: Customer
    ship_to: Address
    service: Service
    lines: tuple[OrderLine, ...]
    shipping_minor: int
    payment_token: PaymentToken
    on_short: OnShort
    if_refused: Literal["accept", "retry", "leave"] = "accept"
    currency: str = "GBP"

    @property
    def total_minor(self) -> int:
        """What the customer pays: lines, their services, and shipping."""
        return sum(line.amount_minor for line in self.lines) + self.shipping_minor

    @property
    def units(self) -> int:
        """Sellable units over all lines."""
        return sum(line.quantity for line in self.lines)


class ActionItem(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one line that the customer does not want, why, and what the inspection decides if they come back."""

    line: int
    quantity: int
    reason: ReturnReason
    disposition: Disposition


class CustomerAction(msgspec.Struct, frozen=True, kw_only=True):
    """The customer takes back part of an order. What has not been shipped by then is canceled, the rest returned.

    ``hand_over`` is the way a return would travel.
    """

    reference: str
    order: str
    at: datetime
    items: tuple[ActionItem, ...]
    hand_over: HandOver


class ShortPick(msgspec.Struct, frozen=True, kw_only=True):
    """The first picker of this line finds ``missing`` units fewer than the stock says."""

    order: str
    line: int
    missing: int
    reason: Literal["not_found", "damaged", "miscounted"]


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """The first location asked rejects the work of this order."""

    order: str
    reason: Literal["capacity", "equipment_down", "closed_early"]


class ProofDecision(msgspec.Struct, frozen=True, kw_only=True):
    """The customer looks at the proof of a personalized line, and approves it or changes the text first."""

    order: str
    line: int
    after: timedelta
    change: dict[str, str] | None = None


class HoldDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decides about a held order, and how long after it was held; an address may be put right first."""

    order: str
    hold: Literal["high_risk_of_fraud", "incorrect_address"]
    verdict: Literal["release", "cancel"]
    after: timedelta
    ship_to: Address | None = None


class FloorPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What people do, beside what goes by itself: on the floor, at the desk, and at home over a proof."""

    short_picks: tuple[ShortPick, ...]
    rejections: tuple[Rejection, ...]
    proofs: tuple[ProofDecision, ...]
    holds: tuple[HoldDecision, ...]
