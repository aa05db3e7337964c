"""Returns as types: what a customer may send back, the states on the way, what is decided on arrival. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import ClassVar, Final, Literal, get_args
from uuid import UUID

import msgspec

from doorstep.catalog import Product
from doorstep.inventory import Disposition
from doorstep.journal import Event
from doorstep.kit.money import share
from doorstep.orders import LineQuantity, LineRow

Status = Literal["requested", "in_transit", "received", "closed", "declined", "expired"]
TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = {
    "requested": frozenset({"in_transit", "received", "closed", "declined", "expired"}),
    "in_transit": frozenset({"received", "closed", "expired"}),
    "received": frozenset({"received", "closed"}),
    "closed": frozenset(),
    "declined": frozenset(),
    "expired": frozenset(),
}
"""received: something of it is here, the rest is awaited or a person must judge. closed: every unit is settled."""
OPEN: Final = tuple(status for status, after in TRANSITIONS.items() if after)


def before(status: Status) -> tuple[Status, ...]:
    """The states from which a return may come to this one."""
    return tuple(source for source, after in TRANSITIONS.items() if status in after)


Outcome = Literal["refund", "exchange"]
Handover = Literal["label", "qr", "store", "collection"]
Way = Literal["label", "qr", "store", "collection", "keep"]
"""How it comes back; `keep`: it does not, the customer keeps the goods and gets the money."""
BY_CARRIER: Final[tuple[Handover, ...]] = ("label", "collection")
"""Ways on which our carrier brings it, under a label."""
Reception = Literal["awaiting", "in_transit", "received", "lost", "short", "wrong_item", "expired", "kept"]
Acceptance = Literal["pending", "accepted", "rejected", "manual"]
Reason = Literal[
    "changed_mind",
    "too_big",
    "too_small",
    "too_many",
    "not_as_described",
    "arrived_late",
    "defective",
    "damaged",
    "wrong_item",
    "other",
]
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
FAULTY: Final[tuple[Reason, ...]] = ("defective", "damaged", "wrong_item")
"""Reasons that are our fault: they hold also for what was made for one person and for what is never taken back else."""
FAULTY_DAYS: Final = 30
EXPIRE: Final = "returns.expire"


class WishLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a line that the customer wants to send back, and why; for an exchange, the SKU wanted instead."""

    line_no: int
    quantity: int
    reason: Reason
    exchange_sku: str | None = None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """Units found in a parcel, and what is decided on them; `disposition` belongs to accepted units only."""

    line_no: int
    quantity: int
    reception: Literal["received", "wrong_item", "lost", "kept"] = "received"
    acceptance: Literal["accepted", "rejected", "manual"] = "accepted"
    disposition: Disposition | None = None


class ReturnLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a return. `refund_minor` is what was given back for it so far."""

    return_id: UUID
    line_no: int
    sku_id: int
    quantity: int
    reason: Reason
    reception: Reception
    acceptance: Acceptance
    disposition: Disposition | None
    received: int
    accepted: int
    rejected: int
    missing: int
    refund_minor: int

    @property
    def open(self) -> int:
        """Units not settled yet: these are in the order line's bucket `return_requested`."""
        return self.quantity - self.accepted - self.rejected - self.missing

    @property
    def to_judge(self) -> int:
        """Units that are here and wait for a person's decision."""
        return self.received - self.accepted - self.rejected

    @property
    def awaited(self) -> int:
        """Units that are not here yet."""
        return self.quantity - self.received - self.missing


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent for the units of a line of a return: a line of an order that costs nothing.

    `sku_id` is what is sent; `meant`: its units that are the customer's or on their way to them. What was paid for the
    `accepted` units that came back, `value_minor`, is worth as many units sent, shared cumulatively; `fee_minor` is the
    shipping fee when it went over with the last of the order. `refunded_minor` of both was given back since.
    """

    return_id: UUID
    line_no: int
    order_id: UUID
    exchange_order_id: UUID
    exchange_line_no: int
    exchange_number: str
    sku_id: int
    meant: int
    accepted: int
    value_minor: int
    fee_minor: int
    refunded_minor: int

    @property
    def owed_minor(self) -> int:
        """What is to be given back now: the worth of units that were accepted and are not meant for the customer."""
        served = min(self.meant, self.accepted)
        worth = share(self.value_minor, served, self.accepted) if served else 0
        fee_minor = 0 if served else self.fee_minor
        return max(0, self.value_minor - worth + fee_minor - self.refunded_minor)

    def after(self, refund_minor: int) -> Exchange:
        """With this given back."""
        return msgspec.structs.replace(self, refunded_minor=self.refunded_minor + refund_minor)


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """A return with its lines. Amounts in minor units of the order's currency; `refund_by` was told to the customer."""

    return_id: UUID
    order_id: UUID
    number: str
    status: Status
    outcome: Outcome
    handover: Way
    location_id: int
    qr_token: str | None
    tracking_number: str | None = None
    refund_by: datetime
    refund_minor: int
    receipts: int
    requested_at: datetime
    received_at: datetime | None
    closed_at: datetime | None
    expires_at: datetime
    collect_on: date | None = None
    lines: tuple[ReturnLine, ...] = ()
    exchanges: tuple[Exchange, ...] = ()

    @property
    def cause(self) -> str:
        """The natural key of the refund for what is received next: one for each receipt."""
        return f"return:{self.return_id.hex}" + (f":{self.receipts + 1}" if self.receipts else "")


class Eligibility(msgspec.Struct, frozen=True, kw_only=True):
    """Whether units of a line may come back: how many, until when, for which reasons; else why not, in a sentence."""

    line_no: int
    sku: str
    title: str
    quantity: int
    until: datetime | None
    reasons: tuple[Reason, ...]
    code: Literal["", "not_delivered", "returning", "returned", "too_late", "not_returnable"] = ""
    why: str = ""


def eligibility(
    line: LineRow, product: Product, deliveries: Sequence[tuple[datetime, int]], now: datetime
) -> Eligibility:
    """What of a line may be sent back now. `deliveries` are (delivered at, units) of its parcels.

    The days count from the delivery of each parcel; units that went back before count as the oldest, for the customer.
    What was personalized, or is never taken back, comes back only when something is wrong with it, within 30 days.
    """
    personal = any(service.kind == "personalization" for service in line.services)
    only_faulty = personal or product.return_days == 0
    reasons = FAULTY if only_faulty else REASONS
    days = timedelta(days=max(product.return_days, FAULTY_DAYS) if only_faulty else product.return_days)
    in_time = [(at + days, units) for at, units in deliveries if now <= at + days]
    quantity = min(line.delivered, sum(units for _, units in in_time))
    found = Eligibility(
        line_no=line.line_no,
        sku=product.sku,
        title=product.title,
        quantity=quantity,
        until=max((until for until, _ in in_time), default=None) if quantity else None,
        reasons=reasons if quantity else (),
    )
    if quantity:
        why = ""
        if only_faulty:
            kind = "personalized" if personal else "excluded from returns"
            why = f"This is {kind}: it can come back only when it is defective, damaged or not what was ordered."
        return msgspec.structs.replace(found, why=why)
    if line.delivered and deliveries:
        last = max(at for at, _ in deliveries) + days
        return msgspec.structs.replace(found, code="too_late", why=f"It could be returned until {last:%Y-%m-%d}.")
    if line.return_requested:
        return msgspec.structs.replace(found, code="returning", why="A return of it is open already.")
    if line.returned:
        return msgspec.structs.replace(found, code="returned", why="It was returned already.")
    return msgspec.structs.replace(found, code="not_delivered", why="It has not been delivered.")


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """An article that a line may be exchanged for, and how many of it could be claimed now."""

    sku: str
    title: str
    option: str
    available: int


class Requested(Event, frozen=True, kw_only=True):
    """The customer wants to send something back."""

    KIND: ClassVar[str] = "returns.requested"
    return_id: UUID
    number: str
    handover: Handover
    collect_on: date | None = None
    exchange_number: str | None = None
    """The number of the order that is sent in exchange."""


class LabelBought(Event, frozen=True, kw_only=True):
    """The label for the way back is there."""

    KIND: ClassVar[str] = "returns.label_bought"
    return_id: UUID
    tracking_number: str
    collect_on: date | None = None


class InTransit(Event, frozen=True, kw_only=True):
    """It is on its way back, or handed in at a drop-off."""

    KIND: ClassVar[str] = "returns.in_transit"
    return_id: UUID


class ReceivedLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units that were judged."""

    line_no: int
    quantity: int
    acceptance: Literal["accepted", "rejected", "manual"]
    disposition: Disposition | None


class Received(Event, frozen=True, kw_only=True):
    """Something of it is here and was judged; `refund_minor` is to be given back for it (0: nothing), for `cause`.

    `exchanged_minor` of what was paid for it went over to the goods that are sent in exchange.
    """

    KIND: ClassVar[str] = "returns.received"
    return_id: UUID
    location_id: int
    refund_minor: int
    cause: str
    lines: Sequence[ReceivedLine]
    exchanged_minor: int = 0


class Lost(Event, frozen=True, kw_only=True):
    """Our carrier lost it on the way back: the customer gets the money all the same."""

    KIND: ClassVar[str] = "returns.lost"
    return_id: UUID
    refund_minor: int
    cause: str
    exchanged_minor: int = 0


class ExchangeReady(Event, frozen=True, kw_only=True):
    """On the order that is sent in exchange: what it waited for is here; these units go out from `expected_at` on."""

    KIND: ClassVar[str] = "returns.exchange_ready"
    return_id: UUID
    cause: Literal["return_here"] = "return_here"
    expected_at: datetime
    lines: Sequence[LineQuantity]


class ExchangeUndone(Event, frozen=True, kw_only=True):
    """On the order that is sent in exchange: units of it do not reach the customer, what was paid goes back."""

    KIND: ClassVar[str] = "returns.exchange_undone"
    return_id: UUID
    refund_minor: int
    cause: str


class Waived(Event, frozen=True, kw_only=True):
    """The customer keeps the goods and gets the money: `refund_minor` is to be given back, for `cause`."""

    KIND: ClassVar[str] = "returns.waived"
    return_id: UUID
    number: str
    refund_minor: int
    cause: str
    lines: Sequence[LineQuantity]


class Declined(Event, frozen=True, kw_only=True):
    """We do not take it back, or the customer thought better of it."""

    KIND: ClassVar[str] = "returns.declined"
    return_id: UUID
    reason: str


class Expired(Event, frozen=True, kw_only=True):
    """It did not come (or the rest of it did not): what is missing stays the customer's."""

    KIND: ClassVar[str] = "returns.expired"
    return_id: UUID
    reason: str
