"""What shipping needs from a carrier: buy, find and cancel a label, and read what the carrier says about a parcel.

Every call may raise an outcome of `doorstep.kit.outcomes` and nothing else. `reference` is the id of our intent; it is
the idempotency key: the same reference buys one label, however often it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal, Protocol

import msgspec

TrackingStatus = Literal[
    "pending",
    "info_received",
    "in_transit",
    "out_for_delivery",
    "available_for_pickup",
    "attempt_failed",
    "delivered",
    "exception",
    "returning",
    "returned",
    "expired",
]
"""The canon: every carrier's own words are mapped onto these."""


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """A sender or a recipient as printed on a label; `country` is ISO 3166-1 alpha-2, `lines` the street lines."""

    name: str
    lines: tuple[str, ...]
    postcode: str
    city: str
    country: str
    phone: str | None = None
    email: str | None = None


class ParcelSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One physical box: gross weight in grams, outer sizes in millimetres."""

    weight_g: int
    length_mm: int
    width_mm: int
    height_mm: int


class LabelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One label to buy. `service` is one of the carrier's `services`; `promised_at` is the date we gave the buyer.

    With `collect_on` the carrier comes for the parcel at `ship_from` on that day, and brings the label: nothing is
    printed. Canceling the label cancels that, too.
    """

    reference: str
    service: str
    ship_from: Party
    ship_to: Party
    parcel: ParcelSpec
    is_return: bool = False
    collect_on: date | None = None
    promised_at: datetime | None = None


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A bought label: a PDF of 4 x 6 inch, and what the carrier charges us in minor units of `currency` (ISO 4217)."""

    tracking_number: str
    carrier_reference: str
    label_pdf: bytes
    cost_minor: int
    currency: str


class TrackingUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a parcel, in our canon. `event_id` is the carrier's and is the natural key.

    `substatus` says why, in a word (`delay`, `lost`, `recipient_absent`, ...); `expected_at` is the carrier's new
    estimate of the delivery when it gives one; `raw` is the event as the carrier sent it.
    Updates of one webhook may be repeated, late or out of order: the receiver sorts that out by `occurred_at`.
    """

    event_id: str
    tracking_number: str
    status: TrackingStatus
    substatus: str | None = None
    occurred_at: datetime
    description: str
    location: str | None = None
    expected_at: datetime | None = None
    raw: dict[str, object]


class Carrier(Protocol):
    """One account with one carrier."""

    @property
    def code(self) -> str:
        """The name this carrier is registered under."""

    @property
    def services(self) -> tuple[str, ...]:
        """The service codes `buy_label` accepts."""

    async def buy_label(self, request: LabelRequest) -> Label:
        """Buy one label, or give back the one bought before under the same reference.

        Raises Retry, Refused (`postcode_not_served`, `service_not_offered`, `collection_not_offered`,
        `reference_conflict`, ...) or Unknown.
        """

    async def find_label(self, reference: str) -> Label | None:
        """The label bought under our reference, or None when there is surely none (never sold, or canceled).

        Raises Retry (ask again) or Refused (the carrier does not answer us at all, such as a bad key)."""

    async def cancel_label(self, reference: str) -> None:
        """Give a label back before hand-over; canceling twice is fine.

        Raises Retry, Unknown (canceling again is safe) or Refused (`already_handed_over`, `not_found`).
        """

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[TrackingUpdate]:
        """Verify and map one webhook; header names in any case. Nothing is read from an unsigned body.

        Raises Refused with code `bad_signature` or `garbage`.
        """

    async def aclose(self) -> None:
        """Close the connections this carrier keeps open."""
