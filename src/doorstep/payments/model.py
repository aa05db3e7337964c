"""Money as types: the events, the states of an intent, and the arithmetic of what may be taken, given back or let go.

Pure: nothing here reads or writes. Amounts are minor units of the order's currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Literal, Protocol
from uuid import UUID

import msgspec

from doorstep.journal import Event
from doorstep.kit.limits import PAYMENT_DECLINES, PAYMENT_RETRY_WINDOW

Kind = Literal["authorize", "capture", "refund", "void"]
Status = Literal["wanted", "approved", "declined", "failed", "withdrawn"]
PaymentStatus = Literal[
    "awaiting", "authorized", "partially_captured", "captured", "partially_refunded", "refunded", "voided", "failed"
]

# From where an intent may go where. Only a person makes a failed one wanted again (`retry`).
TRANSITIONS: dict[Status, frozenset[Status]] = {
    "wanted": frozenset({"approved", "declined", "failed", "withdrawn"}),
    "failed": frozenset({"wanted"}),
    "approved": frozenset(),
    "declined": frozenset(),
    "withdrawn": frozenset(),
}

# How long after the first attempt the next ones follow: soon for a slip, then when a card may have been topped up.
RETRY_AFTER = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=20))


class Authorized(Event, frozen=True, kw_only=True):
    """Money stands ready. `transaction_id` is None when nothing was due (a free order)."""

    KIND: ClassVar[str] = "payments.authorized"
    transaction_id: UUID | None
    amount_minor: int
    risk_score: int | None = None


class Declined(Event, frozen=True, kw_only=True):
    """The bank said no. `attempt` counts from 1; `next_at` is when it is asked again, None after the final one."""

    KIND: ClassVar[str] = "payments.declined"
    transaction_id: UUID
    code: str
    attempt: int
    final: bool
    next_at: datetime | None = None


class Captured(Event, frozen=True, kw_only=True):
    """Money was taken, for the shipment in `cause`."""

    KIND: ClassVar[str] = "payments.captured"
    transaction_id: UUID
    amount_minor: int
    cause: str


class Refunded(Event, frozen=True, kw_only=True):
    """Money was given back, for what `cause` says."""

    KIND: ClassVar[str] = "payments.refunded"
    transaction_id: UUID
    amount_minor: int
    cause: str


class Voided(Event, frozen=True, kw_only=True):
    """What an authorization still held was let go."""

    KIND: ClassVar[str] = "payments.voided"
    transaction_id: UUID
    amount_minor: int
    cause: str


class Failed(Event, frozen=True, kw_only=True):
    """The gateway refused an intent; a person decides (exception `payment_failed`)."""

    KIND: ClassVar[str] = "payments.failed"
    transaction_id: UUID
    kind: str
    code: str


class Chargeable(Protocol):
    """An event that says money is now earned, e.g. a parcel handed over; `cause` is its natural key."""

    @property
    def amount_minor(self) -> int:
        """How much."""

    @property
    def rest_minor(self) -> int:
        """What of the order's total will now never be charged."""

    @property
    def cause(self) -> str:
        """What for, e.g. `shipment:<hex>`."""


class Reducing(Protocol):
    """An event that says part of the order will never be charged; `change_id` is its natural key."""

    @property
    def change_id(self) -> UUID:
        """The change that did it."""

    @property
    def amount_minor(self) -> int:
        """By how much."""


class Book(msgspec.Struct, kw_only=True):
    """An order's money under lock, with what is on its way. Mutable: a batch may decide several times on one."""

    order_id: UUID
    currency: str
    total_minor: int
    due_minor: int
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    voided_minor: int
    capturing_minor: int
    voiding_minor: int
    authorization_id: UUID | None

    @property
    def free_minor(self) -> int:
        """What the authorization still holds and nobody has asked for."""
        spoken_for = self.captured_minor + self.capturing_minor + self.voided_minor + self.voiding_minor
        return self.authorized_minor - spoken_for

    @property
    def open_minor(self) -> int:
        """What is due and neither taken nor being taken."""
        return max(0, self.due_minor - self.captured_minor - self.capturing_minor)

    def take(self, amount_minor: int) -> int:
        """Speak for up to this much and return how much it is: never above the authorization, nor above what is due."""
        taken = max(0, min(amount_minor, self.free_minor, self.open_minor))
        self.capturing_minor += taken
        return taken

    def let_go(self) -> int:
        """Speak for the remainder of the authorization once nothing is left to capture; 0 while something is.

        A void lets go of everything at the gateway, so it must wait until no capture is on its way.
        """
        if self.open_minor or self.capturing_minor:
            return 0
        rest = self.free_minor
        self.voiding_minor += rest
        return rest


class Capture(msgspec.Struct, kw_only=True):
    """A capture and what of it is not given back yet. Mutable for the same reason as `Book`."""

    transaction_id: UUID
    cause: str
    left_minor: int


def spread(captures: Sequence[Capture], amount_minor: int, cause: str) -> list[tuple[Capture, int]]:
    """Which captures a refund comes out of, and how much out of each; lowers their `left_minor`.

    The capture of the same parcel first, then one that is large enough alone, then the largest ones.
    The parts sum to the amount, or to all there is when that is less.
    """
    parcel = cause.partition(":")[2]

    def rank(capture: Capture) -> tuple[bool, bool, int]:
        same_parcel = capture.cause.partition(":")[2] == parcel
        return (not same_parcel, capture.left_minor < amount_minor, -capture.left_minor)

    parts: list[tuple[Capture, int]] = []
    for capture in sorted(captures, key=rank):
        part = min(amount_minor - sum(given for _, given in parts), capture.left_minor)
        if part > 0:
            capture.left_minor -= part
            parts.append((capture, part))
    return parts


def next_attempt(first_at: datetime, attempt: int) -> datetime | None:
    """When to ask the bank again after declined attempt number `attempt`; None when that was the last."""
    if attempt >= PAYMENT_DECLINES or attempt > len(RETRY_AFTER):
        return None
    after = RETRY_AFTER[attempt - 1]
    return first_at + after if after <= PAYMENT_RETRY_WINDOW else None


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """Where an order's money is. `due_minor` is the agreed total less what was canceled."""

    currency: str
    total_minor: int
    due_minor: int
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    voided_minor: int
    declines: int

    @property
    def status(self) -> PaymentStatus:
        """The order's payment axis."""
        if self.refunded_minor:
            return "refunded" if self.refunded_minor >= self.captured_minor else "partially_refunded"
        if self.captured_minor:
            return "captured" if self.captured_minor >= self.due_minor else "partially_captured"
        if self.authorized_minor:
            return "authorized" if self.authorized_minor > self.voided_minor else "voided"
        if self.due_minor:
            return "awaiting"
        if self.total_minor == 0:
            return "captured"
        return "failed" if self.declines else "voided"


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """An intent as people see it."""

    transaction_id: UUID
    kind: Kind
    status: Status
    amount_minor: int
    currency: str
    cause: str
    gateway_reference: str | None
    code: str | None
    wanted_at: datetime
    settled_at: datetime | None


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """An intent as the job that carries it out needs it. `against` is the gateway's reference of what it builds on."""

    transaction_id: UUID
    order_id: UUID
    kind: Kind
    status: Status
    amount_minor: int
    currency: str
    cause: str
    number: str
    token: str | None
    due_minor: int
    first_at: datetime
    against: str | None
    against_status: Status | None
