"""Shipments, labels and what happens to them, as types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import ClassVar, Literal
from uuid import UUID

import msgspec

from doorstep.journal import Event
from doorstep.orders import LineQuantity
from doorstep.shipping.ports import TrackingStatus

LabelStatus = Literal["wanted", "bought", "refused", "canceled"]

# A refused label is wanted again when a person lets its job run again.
LABEL_TRANSITIONS: Mapping[LabelStatus, frozenset[LabelStatus]] = {
    "wanted": frozenset({"bought", "refused", "canceled"}),
    "refused": frozenset({"bought", "refused", "canceled"}),
    "bought": frozenset({"canceled"}),
    "canceled": frozenset(),
}

BUY_LABEL = "shipping.buy_label"
"""The kind of job that buys a label; its subject is the label's id."""

CANCEL_LABEL = "shipping.cancel_label"
"""The kind of job that gives a label back to the carrier; its subject is the label's id."""

WATCH = "shipping.watch"
"""The kind of job that watches a fulfillment order until its parcels have arrived; its subject is that order's id."""

# Nothing more will happen on the road.
ENDED: frozenset[TrackingStatus] = frozenset({"delivered", "returned", "expired"})
# The recipient has it, or can have it.
ARRIVED: frozenset[TrackingStatus] = ENDED | {"available_for_pickup"}


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel on its way out. `amount_minor` is what was charged for it, None before hand-over."""

    shipment_id: UUID
    fulfillment_order_id: UUID
    parcel_no: int
    order_id: UUID
    location_id: int
    carrier: str
    service: str
    status: TrackingStatus
    substatus: str
    status_at: datetime | None
    tracking_number: str | None
    promised_by: datetime | None
    expected_by: datetime | None
    amount_minor: int | None
    created_at: datetime
    handed_over_at: datetime | None
    last_heard_at: datetime | None
    delivered_at: datetime | None
    late_at: datetime | None
    lost_at: datetime | None
    came_back_at: datetime | None
    lines: tuple[LineQuantity, ...] = ()

    @property
    def ended(self) -> bool:
        """Nothing more is expected of it."""
        return self.status in ENDED or self.paid_back

    @property
    def paid_back(self) -> bool:
        """It was lost, or came back to us: the customer has the money for it, and its units left the order."""
        return self.lost_at is not None or self.came_back_at is not None


class LabelRow(msgspec.Struct, frozen=True, kw_only=True):
    """A label we want or have, without its PDF. `parcel_id` is the shipment (out) or the return (back)."""

    label_id: UUID
    parcel_id: UUID
    direction: Literal["out", "back"]
    order_id: UUID
    location_id: int
    carrier: str
    service: str
    weight_g: int
    length_mm: int
    width_mm: int
    height_mm: int
    collect_on: date | None
    status: LabelStatus
    refused_because: str | None
    tracking_number: str | None
    cost_minor: int | None
    currency: str | None
    wanted_at: datetime
    bought_at: datetime | None
    tracked_status: TrackingStatus
    tracked_substatus: str
    tracked_at: datetime | None


class HandOverOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one of many went. `already`: it had left before, nothing changed. `problem` says why it was not done."""

    shipment_id: UUID
    done: bool
    already: bool = False
    problem: str = ""
    missing: bool = False


class LabelBought(Event, frozen=True, kw_only=True):
    """The carrier sold us the label."""

    KIND: ClassVar[str] = "shipping.label_bought"
    shipment_id: UUID
    tracking_number: str


class HandedOver(Event, frozen=True, kw_only=True):
    """The carrier has the parcel; `amount_minor` is now to be taken, for `cause`.

    `rest_minor`: with the last parcel of an order, what of its total will now never be charged. More than nothing only
    when units were lost or came back before, for then consecutive shares begin anew.
    """

    KIND: ClassVar[str] = "shipping.handed_over"
    shipment_id: UUID
    fulfillment_order_id: UUID
    tracking_number: str
    amount_minor: int
    rest_minor: int = 0
    cause: str
    lines: Sequence[LineQuantity]


class Tracked(Event, frozen=True, kw_only=True):
    """The parcel moved on."""

    KIND: ClassVar[str] = "shipping.tracked"
    shipment_id: UUID
    status: TrackingStatus
    substatus: str


class Late(Event, frozen=True, kw_only=True):
    """It will not arrive by `promised_by` but, as far as we know, by `expected_by`.

    `shipment_id` is None when not everything has left the house, or when several parcels are late together.
    """

    KIND: ClassVar[str] = "shipping.late"
    shipment_id: UUID | None
    fulfillment_order_id: UUID
    promised_by: datetime | None
    expected_by: datetime | None
    cause: Literal["carrier_delay", "attempt_failed", "not_on_time", "not_handed_over"]
    lines: Sequence[LineQuantity]


class Lost(Event, frozen=True, kw_only=True):
    """The carrier lost it; `amount_minor` is to be given back, for `cause`."""

    KIND: ClassVar[str] = "shipping.lost"
    shipment_id: UUID
    amount_minor: int
    cause: str
    lines: Sequence[LineQuantity]


class CameBack(Event, frozen=True, kw_only=True):
    """It could not be delivered and is with us again; `amount_minor` is to be given back, for `cause`."""

    KIND: ClassVar[str] = "shipping.came_back"
    shipment_id: UUID
    amount_minor: int
    cause: str
    lines: Sequence[LineQuantity]


class Delivered(Event, frozen=True, kw_only=True):
    """It arrived."""

    KIND: ClassVar[str] = "shipping.delivered"
    shipment_id: UUID
    lines: Sequence[LineQuantity]


class ReturnLabelBought(Event, frozen=True, kw_only=True):
    """The label for a return is there."""

    KIND: ClassVar[str] = "shipping.return_label_bought"
    return_id: UUID
    tracking_number: str


class ReturnTracked(Event, frozen=True, kw_only=True):
    """A parcel on its way back moved on."""

    KIND: ClassVar[str] = "shipping.return_tracked"
    return_id: UUID
    status: TrackingStatus
    substatus: str
