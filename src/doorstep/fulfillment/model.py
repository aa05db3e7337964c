"""Fulfillment orders, their lines and work steps as types; the doors between their states; what happens to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import msgspec

from doorstep.journal import Event
from doorstep.orders import LineQuantity

StatusCategory = Literal["draft", "activated", "fulfilling", "closed", "canceled", "rejected"]
RequestStatus = Literal[
    "unsubmitted",
    "submitted",
    "accepted",
    "rejected",
    "cancellation_requested",
    "cancellation_accepted",
    "cancellation_rejected",
    "closed",
]
StepKind = Literal["acknowledge", "personalize", "gift_wrap"]
ShortReason = Literal["shelf_empty", "damaged", "not_found", "other"]

# In which order work on a line is done.
STEP_ORDER: Mapping[StepKind, int] = {"acknowledge": 1, "personalize": 2, "gift_wrap": 3}

TRANSITIONS: Mapping[StatusCategory, frozenset[StatusCategory]] = {
    "draft": frozenset({"activated", "canceled"}),
    "activated": frozenset({"fulfilling", "rejected", "canceled"}),
    "fulfilling": frozenset({"fulfilling", "closed", "canceled"}),
    "closed": frozenset(),
    "canceled": frozenset(),
    "rejected": frozenset(),
}

Stamp = Literal["activated_at", "accepted_at", "packed_at", "closed_at", ""]


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """A move of a fulfillment order: from which categories, to what, and which moment it stamps.

    `request_status` None leaves the handshake as it is.
    """

    sources: frozenset[StatusCategory]
    target: StatusCategory
    status: str
    request_status: RequestStatus | None = None
    stamp: Stamp = ""


DOORS: Mapping[str, Door] = {
    "activate": Door(
        sources=frozenset({"draft"}),
        target="activated",
        status="open",
        request_status="submitted",
        stamp="activated_at",
    ),
    "accept": Door(
        sources=frozenset({"activated"}),
        target="fulfilling",
        status="accepted",
        request_status="accepted",
        stamp="accepted_at",
    ),
    "reject": Door(
        sources=frozenset({"activated"}),
        target="rejected",
        status="rejected",
        request_status="rejected",
        stamp="closed_at",
    ),
    "pick_some": Door(sources=frozenset({"fulfilling"}), target="fulfilling", status="picking"),
    "pick_all": Door(sources=frozenset({"fulfilling"}), target="fulfilling", status="picked"),
    "pack": Door(sources=frozenset({"fulfilling"}), target="fulfilling", status="packed", stamp="packed_at"),
    "close": Door(
        sources=frozenset({"fulfilling"}),
        target="closed",
        status="handed_over",
        request_status="closed",
        stamp="closed_at",
    ),
    "cancel": Door(
        sources=frozenset({"draft", "activated", "fulfilling"}),
        target="canceled",
        status="canceled",
        request_status="cancellation_accepted",
        stamp="closed_at",
    ),
}
OPEN: frozenset[StatusCategory] = frozenset({"activated", "fulfilling"})


class FulfillmentLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units of an order line to be fulfilled here. `withdrawn` were taken back: canceled, short, or sent elsewhere."""

    line_no: int
    sku_id: int
    quantity: int
    withdrawn: int
    picked: int
    packed: int
    shipped: int

    @property
    def to_pick(self) -> int:
        """Units still to be taken from the shelf."""
        return self.quantity - self.withdrawn - self.picked


class WorkStep(msgspec.Struct, frozen=True, kw_only=True):
    """Work on a line besides picking it.

    `detail`: acknowledge {"instructions"}; personalize {"fields": {name: text}}; gift_wrap {"paper", "message",
    "hide_prices"}.
    """

    work_step_id: UUID
    line_no: int
    kind: StepKind
    step: int
    detail: dict[str, Any]
    status: Literal["waiting", "done", "canceled"]
    done_by: str | None
    done_at: datetime | None


class FulfillmentOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Work at one location for one order. `lane` 0 is express."""

    fulfillment_order_id: UUID
    order_id: UUID
    location_id: int
    service: str
    lane: int
    status_category: StatusCategory
    status: str
    request_status: RequestStatus
    created_at: datetime
    activated_at: datetime | None
    accepted_at: datetime | None
    packed_at: datetime | None
    closed_at: datetime | None
    pick_by: datetime
    promised_by: datetime | None
    lines: tuple[FulfillmentLine, ...] = ()
    steps: tuple[WorkStep, ...] = ()

    @property
    def live(self) -> bool:
        """Someone at the location has it in hand or on the list."""
        return self.status_category in OPEN


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """One physical box and what is in it: gross weight in grams, outer sizes in millimeters."""

    weight_g: int
    length_mm: int
    width_mm: int
    height_mm: int
    lines: tuple[LineQuantity, ...]


class ParcelMeasures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A box as the packer gives it. What is left out follows from the products; without lines, everything is in it."""

    weight_g: Annotated[int, msgspec.Meta(ge=1, le=2_000_000)] | None = None
    length_mm: Annotated[int, msgspec.Meta(ge=1, le=20_000)] | None = None
    width_mm: Annotated[int, msgspec.Meta(ge=1, le=20_000)] | None = None
    height_mm: Annotated[int, msgspec.Meta(ge=1, le=20_000)] | None = None
    lines: Annotated[tuple[LineQuantity, ...], msgspec.Meta(max_length=1_000)] = ()


class Pick(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken from the shelf for a fulfillment order; `lines` None = everything that was still to pick."""

    fulfillment_order_id: UUID
    lines: Sequence[LineQuantity] | None = None


class Packing(msgspec.Struct, frozen=True, kw_only=True):
    """How a fulfillment order was packed; no parcels = as the products' weights and sizes suggest."""

    fulfillment_order_id: UUID
    parcels: Sequence[ParcelMeasures] = ()


class HandedOverLine(msgspec.Struct, frozen=True, kw_only=True):
    """Packed units that leave the house."""

    fulfillment_order_id: UUID
    line_no: int
    quantity: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one of many went. `already`: it had been done before, nothing changed. `problem` says why it was not done."""

    fulfillment_order_id: UUID
    done: bool
    already: bool = False
    problem: str = ""
    missing: bool = False


class _AtLocation(Event, frozen=True, kw_only=True):
    fulfillment_order_id: UUID
    location_id: int


class Activated(_AtLocation, frozen=True, kw_only=True):
    """The location may work on it."""

    KIND: ClassVar[str] = "fulfillment.activated"


class Accepted(_AtLocation, frozen=True, kw_only=True):
    """The location does it."""

    KIND: ClassVar[str] = "fulfillment.accepted"


class Rejected(_AtLocation, frozen=True, kw_only=True):
    """The location does not do it; the units keep their claim there until they are routed elsewhere."""

    KIND: ClassVar[str] = "fulfillment.rejected"
    reason: str
    lines: Sequence[LineQuantity]


class Picked(Event, frozen=True, kw_only=True):
    """Units were taken from the shelf."""

    KIND: ClassVar[str] = "fulfillment.picked"
    fulfillment_order_id: UUID
    lines: Sequence[LineQuantity]


class ShortPicked(_AtLocation, frozen=True, kw_only=True):
    """`lines` were not there; they have left the shelf count and wait in shortfall."""

    KIND: ClassVar[str] = "fulfillment.short_picked"
    reason: ShortReason
    lines: Sequence[LineQuantity]


class WorkDone(Event, frozen=True, kw_only=True):
    """A work step on a line is done."""

    KIND: ClassVar[str] = "fulfillment.work_done"
    fulfillment_order_id: UUID
    line_no: int
    kind: StepKind


class WorkReopened(Event, frozen=True, kw_only=True):
    """A work step that was called done waits again."""

    KIND: ClassVar[str] = "fulfillment.work_reopened"
    fulfillment_order_id: UUID
    line_no: int
    kind: StepKind


class Packed(_AtLocation, frozen=True, kw_only=True):
    """All that is left of it is in boxes."""

    KIND: ClassVar[str] = "fulfillment.packed"
    parcels: Sequence[Parcel]
