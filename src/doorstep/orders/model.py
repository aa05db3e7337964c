"""The order, its lines and their units, as types; what happened to them, as events; and the rules that need no
database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

import msgspec

from doorstep.journal import Event
from doorstep.kit.money import share

Bucket = Literal[
    "canceled",
    "backordered",
    "shortfall",
    "reserved",
    "activated",
    "picked",
    "packed",
    "shipped",
    "delivered",
    "return_requested",
    "returned",
]
BUCKETS: tuple[Bucket, ...] = (
    "canceled",
    "backordered",
    "shortfall",
    "reserved",
    "activated",
    "picked",
    "packed",
    "shipped",
    "delivered",
    "return_requested",
    "returned",
)

# Where a line's units may go from where they are. The one door is `move_units`.
TRANSITIONS: Mapping[Bucket, frozenset[Bucket]] = {
    "backordered": frozenset({"reserved", "shortfall", "canceled"}),
    "shortfall": frozenset({"reserved", "backordered", "canceled"}),
    "reserved": frozenset({"activated", "backordered", "shortfall", "canceled"}),
    "activated": frozenset({"picked", "reserved", "shortfall", "canceled"}),
    "picked": frozenset({"packed", "reserved", "shortfall"}),
    "packed": frozenset({"shipped", "picked"}),
    "shipped": frozenset({"delivered", "canceled"}),  # canceled: lost on the way, and refunded
    "delivered": frozenset({"return_requested"}),
    "return_requested": frozenset({"returned", "delivered"}),
    "canceled": frozenset(),
    "returned": frozenset(),
}

RoutingKind = Literal["regular", "personalized", "special"]
HoldReason = Literal[
    "awaiting_payment",
    "high_risk_of_fraud",
    "incorrect_address",
    "inventory_out_of_stock",
    "unknown_delivery_date",
    "awaiting_personalization_proof",
    "customer_request",
    "promise_at_risk",
    "awaiting_return",
    "other",
]
OnShort = Literal["refuse", "accept"]


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """The person who ordered."""

    contact_id: UUID
    name: str
    email: str | None
    phone: str | None
    locale: str


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where it goes."""

    address_id: UUID
    name: str
    street: str
    city: str
    region: str
    postcode: str
    country: str


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order as its row says. Amounts in minor units of `currency`."""

    order_id: UUID
    channel_id: int
    number: str
    contact_id: UUID
    address_id: UUID
    placed_at: datetime
    service: str
    lane: int
    currency: str
    total_minor: int
    shipping_minor: int
    promised_from: datetime
    promised_by: datetime | None
    decision: dict[str, Any]
    awaiting_payment: bool
    open_holds: int
    status: str
    payment_status: str
    fulfillment_status: str

    @property
    def clear(self) -> bool:
        """No hold of any kind is open: work may be activated."""
        return not self.awaiting_payment and not self.open_holds


class LineService(msgspec.Struct, frozen=True, kw_only=True):
    """What is done to a line besides sending it: `personalization` or `gift_wrap`."""

    kind: str
    detail: dict[str, Any]
    fee_minor: int


class LineRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line and where its units are. `tax_minor` and `discount_minor` are of the whole line."""

    order_id: UUID
    line_no: int
    sku_id: int
    ordered: int
    canceled: int
    backordered: int
    shortfall: int
    reserved: int
    activated: int
    picked: int
    packed: int
    shipped: int
    delivered: int
    return_requested: int
    returned: int
    unit_price_minor: int
    tax_minor: int
    discount_minor: int
    routing_kind: RoutingKind
    kind_reason: str
    instructions: str
    services: tuple[LineService, ...] = ()

    @property
    def total_minor(self) -> int:
        """What the whole line costs: price less discount plus tax plus the fees of its services."""
        fees = sum(service.fee_minor for service in self.services)
        return self.unit_price_minor * self.ordered - self.discount_minor + self.tax_minor + fees

    @property
    def kept(self) -> int:
        """Units that left the house and are the customer's: what captured less refunded pays for."""
        return self.shipped + self.delivered + self.return_requested

    @property
    def to_come(self) -> int:
        """Units the customer still waits for, wherever they are."""
        return self.ordered - self.canceled - self.delivered - self.return_requested - self.returned

    @property
    def meant(self) -> int:
        """Units that are the customer's or still meant for them."""
        return self.ordered - self.canceled - self.returned

    @property
    def cancelable(self) -> int:
        """Units that were not picked."""
        return self.shortfall + self.backordered + self.reserved + self.activated

    def value(self, first: int, units: int) -> int:
        """What `units` cost when `first` were counted before them; consecutive values add up to `total_minor` exactly.

        To capture, count up from `kept`; to refund, count down: captured less refunded stays the price of what is kept.
        """
        return share(self.total_minor, first + units, self.ordered) - share(self.total_minor, first, self.ordered)

    def cancel_value(self, units: int) -> int:
        """What `units` about to be canceled would have cost."""
        return self.value(self.ordered - self.canceled - units, units)


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a line that go from one bucket to another."""

    order_id: UUID
    line_no: int
    quantity: int
    source: Bucket
    target: Bucket


GoodwillReason = Literal["late", "damaged", "not_as_expected", "our_mistake", "other"]


class MoneyTold(msgspec.Struct, frozen=True, kw_only=True):
    """What an order's events say so far: what will not be charged, what was to be taken, and given back, for goods and
    as goodwill.
    """

    canceled: int
    shipped: int
    refunded: int
    goodwill: int = 0


class LineQuantity(msgspec.Struct, frozen=True, kw_only=True):
    """Some units of a line, in an event or an answer."""

    line_no: int
    quantity: int


class CanceledLine(LineQuantity, frozen=True, kw_only=True):
    """Canceled units: the bucket they came from, and the location that had claimed them."""

    was: Bucket
    location_id: int | None


class AllocatedLine(LineQuantity, frozen=True, kw_only=True):
    """Units that got stock, and where."""

    location_id: int


class ReroutedLine(LineQuantity, frozen=True, kw_only=True):
    """Units whose claim moved; from nowhere when they had come up short."""

    from_location_id: int | None
    to_location_id: int


class WaitingLine(LineQuantity, frozen=True, kw_only=True):
    """Units that wait for goods: backordered (supply is dated) or shortfall (no supply is known)."""

    bucket: Bucket


class Placed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The order stands: lines claimed, promise v1 given. `short`: something has no date yet; `awaited`: something is
    sent when goods on their way are here, or when it may leave.
    """

    KIND: ClassVar[str] = "orders.placed"
    short: bool
    awaited: bool = False


class HoldPlaced(Event, frozen=True, kw_only=True):
    """Nothing more is activated until it is released."""

    KIND: ClassVar[str] = "orders.hold_placed"
    hold_id: UUID
    reason: HoldReason


class HoldReleased(Event, frozen=True, kw_only=True):
    """One hold less. `all_clear`: it was the last of any kind."""

    KIND: ClassVar[str] = "orders.hold_released"
    reason: HoldReason
    all_clear: bool


class Canceled(Event, frozen=True, kw_only=True):
    """Units the customer will not get. `amount_minor` is owed less for them; with the last of them, all that was never
    shipped. `refund_minor` goes back if the customer then keeps nothing: the shipping fee of what was lost or returned.
    """

    KIND: ClassVar[str] = "orders.canceled"
    change_id: UUID
    reason: str
    amount_minor: int
    refund_minor: int
    cause: str
    everything: bool
    lines: Sequence[CanceledLine]


class Allocated(Event, frozen=True, kw_only=True):
    """Waiting units got stock; from where they are now they arrive by `expected_by`."""

    KIND: ClassVar[str] = "orders.allocated"
    cause: str
    lines: Sequence[AllocatedLine]
    expected_by: datetime


class Rerouted(Event, frozen=True, kw_only=True):
    """Claims moved to other locations; from there the units arrive by `expected_by`."""

    KIND: ClassVar[str] = "orders.rerouted"
    cause: str
    lines: Sequence[ReroutedLine]
    expected_by: datetime


class Backordered(Event, frozen=True, kw_only=True):
    """Units wait for goods. `expected_at` is when supply is expected, None when nobody knows."""

    KIND: ClassVar[str] = "orders.backordered"
    cause: str
    lines: Sequence[WaitingLine]
    expected_at: datetime | None


class Redated(Event, frozen=True, kw_only=True):
    """What lines wait for comes at another time, earlier or later: they arrive by `expected_by`; None: nobody knows."""

    KIND: ClassVar[str] = "orders.redated"
    EITHER_WAY: ClassVar[bool] = True
    cause: str
    lines: Sequence[LineQuantity]
    expected_by: datetime | None


class GoodwillGiven(Event, frozen=True, kw_only=True):
    """Some of what was taken goes back, for `cause`, and the customer keeps the goods."""

    KIND: ClassVar[str] = "orders.goodwill_given"
    goodwill_id: UUID
    amount_minor: int
    reason: GoodwillReason
    cause: str


class AddressChanged(Event, frozen=True, kw_only=True):
    """The parcel goes elsewhere; the new address is in `addresses`."""

    KIND: ClassVar[str] = "orders.address_changed"
