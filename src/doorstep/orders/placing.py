"""Placing, as types: the request with its key, the channel's terms, and the answer that is the same for every retry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from doorstep.inventory import Location
from doorstep.kit.errors import Invalid, Problem
from doorstep.kit.ids import new_id, parse, show
from doorstep.orders.model import OnShort
from doorstep.orders.requests import PlaceOrder, faults_of, fingerprint
from doorstep.routing import Awaited, Decision, Network, Part

Key = tuple[str, str]


class Placing(msgspec.Struct, frozen=True, kw_only=True):
    """A request to place an order. `order_id` is new; when the order is there already it is not used."""

    order_id: UUID
    order: PlaceOrder
    fingerprint: bytes
    actor: str

    @classmethod
    def of(cls, order: PlaceOrder, actor: str) -> Placing:
        """Raises Invalid when the order is wrong in itself."""
        faults = faults_of(order)
        if faults:
            raise Invalid(faults)
        return cls(order_id=new_id(), order=order, fingerprint=fingerprint(order), actor=actor)

    @property
    def cart_hold(self) -> UUID | None:
        """The cart's hold that the order eats."""
        return parse("cht", self.order.cart_hold) if self.order.cart_hold else None

    def asks_like(self, other: Placing) -> bool:
        """The same order with the same cart: what was refused to the one is refused to the other."""
        return self.fingerprint == other.fingerprint and self.order.cart_hold == other.order.cart_hold

    @property
    def key(self) -> Key:
        """The natural key: channel and number."""
        return self.order.channel, self.order.number


class OrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """Knows the address of an order's page; the edge makes it, as links are signed above us."""

    address: Callable[[str], str]

    def __call__(self, order_id: str) -> str:
        """The page of the order with this id."""
        return self.address(order_id)


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A storefront's terms."""

    channel_id: int
    channel: str
    currency: str
    on_short: OnShort
    risk_limit: int


class PartView(msgspec.Struct, frozen=True, kw_only=True):
    """What one location sends, and when it arrives. `lines` are [line_no, quantity] pairs."""

    location: str
    service: str
    hand_over_by: datetime
    promised_from: datetime
    promised_by: datetime
    lines: Sequence[tuple[int, int]]


class AwaitedView(PartView, frozen=True, kw_only=True):
    """What a location sends later: it is ready from `ready_at` on, when the goods are there and may leave."""

    ready_at: datetime


class PlacedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to placing. `parts` are sent from stock; `awaited` are promised from goods on their way, or of
    products that may not leave yet; `short`: [line_no, quantity] pairs nothing could be claimed for yet.

    `order_page` is the order's page for its customer, the link that is in every message: whoever has it sees the order.
    """

    order_id: str
    channel: str
    number: str
    placed_at: datetime
    currency: str
    total_minor: int
    promised_from: datetime
    promised_by: datetime | None
    parts: Sequence[PartView]
    short: Sequence[tuple[int, int]]
    why: str
    order_page: str = ""
    awaited: Sequence[AwaitedView] = ()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request: an answer (`new`: written by this request), or a problem and nothing written."""

    answer: PlacedOrder | None = None
    new: bool = False
    problem: Problem | None = None


def answer(row: Any, channel: str, decision: Decision, network: Network) -> PlacedOrder:
    """The answer from what is stored for good, so that a retry gets the same. `row` has the order's immutable
    columns.
    """
    return PlacedOrder(
        order_id=show("ord", row["order_id"]),
        channel=channel,
        number=row["number"],
        placed_at=row["placed_at"],
        currency=row["currency"],
        total_minor=row["total_minor"],
        promised_from=row["promised_from"],
        promised_by=row["promised_by"],
        parts=[part_view(part, network.locations) for part in decision.parts],
        short=decision.short,
        why=decision.why,
        awaited=[awaited_view(part, network.locations) for part in decision.awaited],
    )


def awaited_view(part: Awaited, locations: Mapping[int, Location]) -> AwaitedView:
    """A part that is sent later, with its location's code."""
    return AwaitedView(**msgspec.structs.asdict(part_view(part, locations)), ready_at=part.ready_at)


def part_view(part: Part, locations: Mapping[int, Location]) -> PartView:
    """A part of a decision with its location's code."""
    return PartView(
        location=locations[part.location_id].code,
        service=part.service,
        hand_over_by=part.hand_over_by,
        promised_from=part.promised_from,
        promised_by=part.promised_by,
        lines=part.lines,
    )
