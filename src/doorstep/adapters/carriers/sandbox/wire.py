"""The sandbox carrier's published interface: its products, its words, its messages."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import msgspec

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Positive = Annotated[int, msgspec.Meta(gt=0)]


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """What the carrier sells: transit in working days (Monday to Friday), price in minor units plus a part per kg."""

    title: str
    transit_days: int
    price_minor: int
    price_per_kg_minor: int


PRODUCTS = {
    "STD": Product(title="STANDARD", transit_days=3, price_minor=389, price_per_kg_minor=22),
    "EXP": Product(title="EXPRESS", transit_days=1, price_minor=695, price_per_kg_minor=38),
    "FTK": Product(title="FAST-TRACK", transit_days=0, price_minor=1290, price_per_kg_minor=55),
}
CURRENCY = "GBP"
WEIGHT_MAX_G = 30_000
UNSERVED_POSTCODE = "ZZ99"  # the postcode that British records use for "no fixed abode": nobody delivers there


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """One end of a shipment."""

    name: str
    street: tuple[str, ...]
    postal_code: str
    town: str
    country_code: str
    telephone: str | None = None
    email: str | None = None


class ShipmentOrder(msgspec.Struct, frozen=True, kw_only=True):
    """POST /v1/labels, with an Idempotency-Key equal to `customer_reference`.

    With a `collection_date`, Monday to Friday, the driver comes to the sender on that day and brings the label.
    """

    customer_reference: str
    product: str
    sender: Address
    recipient: Address
    weight_grams: Positive
    dimensions_mm: tuple[Positive, Positive, Positive]
    return_shipment: bool = False
    collection_date: date | None = None


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """A bought label; `label_pdf` travels as base64."""

    shipment_id: str
    tracking_number: str
    customer_reference: str
    product: str
    price_minor: int
    currency: str
    canceled: bool
    label_pdf: bytes


class Cancellation(msgspec.Struct, frozen=True, kw_only=True):
    """POST /v1/labels/{customer_reference}/cancel"""

    customer_reference: str
    canceled: bool


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One scan or notice. `code` is one of the carrier's words, `reason` says why; `eta` is a new estimate."""

    id: str
    tracking_number: str
    code: str
    at: Moment
    text: str
    reason: str | None = None
    place: str | None = None
    eta: Moment | None = None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook's body: some events, of any parcels."""

    events: list[Event]
