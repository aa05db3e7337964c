"""Supply, terms and claims as values; who is moved and who is served, as pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final, Literal
from uuid import UUID

import msgspec

from doorstep.journal import Event

Kind = Literal["none", "backorder", "preorder"]
LATE_AFTER: Final = timedelta(days=1)
"""A delivery that has not come so long after its date is overdue: nothing more is sold of it, and a person is asked."""


class ChannelTerms(msgspec.Struct, frozen=True, kw_only=True):
    """A channel's own terms of a product: whether it sells beyond the stock, and how many units at most."""

    channel: str
    sells: bool
    cap: int
    promised: int


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How a product is sold beyond its stock. `cap` and `promised` are of all channels together; `sells` is for
    channels without terms of their own.
    """

    sku_id: int
    kind: Kind
    cap: int
    promised: int
    sells: bool
    sold_until: datetime | None
    release_at: datetime | None
    channels: Mapping[str, ChannelTerms]

    def room(self, channel: str, now: datetime) -> int:
        """Units that may still be sold beyond the stock on a channel."""
        own = self.channels.get(channel)
        if self.kind == "none" or not (own.sells if own else self.sells):
            return 0
        if self.sold_until is not None and now >= self.sold_until:
            return 0
        left = self.cap - self.promised
        return max(0, min(left, own.cap - own.promised) if own else left)


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """Goods on their way: `quantity` units to come, of which `promised` belong to order lines."""

    incoming_id: UUID
    reference: str
    sku_id: int
    location_id: int
    quantity: int
    promised: int
    expected_at: datetime

    @property
    def left(self) -> int:
        """Units that nobody was promised."""
        return max(0, self.quantity - self.promised)


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Units of an order line that wait for a delivery, or (None) for whichever comes. `sold`: counted in the cap."""

    order_id: UUID
    line_no: int
    sku_id: int
    incoming_id: UUID | None
    units: int
    sold: bool
    needs: frozenset[str]


class Waiting(Wait, frozen=True, kw_only=True):
    """A wait as it stands. Who comes first by `rank` is served first."""

    channel: str
    lane: int
    priority: int
    news: str | None

    @property
    def rank(self) -> tuple[int, int, UUID, int]:
        """Express first, then the channel's priority, then who ordered first."""
        return (self.lane, self.priority, self.order_id, self.line_no)


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """Units that are there, and kept for a line that waited for them."""

    order_id: UUID
    line_no: int
    sku_id: int
    location_id: int
    units: int


class Await(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a line that wait, as told: for a delivery (by `reference`, to `location_id`, `expected_at`), for
    whichever comes (none of these), or `here` on a shelf for the product's release. `ready_at`: when they may be sent;
    None: nobody knows, or now.
    """

    order_id: UUID
    line_no: int
    sku_id: int
    units: int
    sold: bool
    news: str | None
    incoming_id: UUID | None
    reference: str | None
    location_id: int | None
    expected_at: datetime | None
    release_at: datetime | None
    ready_at: datetime | None
    here: bool


class SupplyMoved(Event, frozen=True, kw_only=True):
    """Claims on the supply of these products moved, or its date did: their orders follow."""

    KIND: ClassVar[str] = "inventory.supply_moved"
    sku_ids: Sequence[int]


Fits = Callable[[Waiting, int], bool]
"""Whether a location can do what the units of a wait need."""


def settle(
    waits: Sequence[Waiting], deliveries: Iterable[Delivery], fits: Fits, *, lost: str, up: str
) -> list[Waiting]:
    """Who waits for which delivery, now that deliveries came, went or changed; all of one product.

    `quantity` of a delivery is what it will bring (0: it will not come). Who has a claim keeps it, the first by rank
    where it has become too small. Then, delivery by delivery from the earliest: whoever has none, or one on a later
    delivery, moves up, the first by rank. So nobody's date gets worse but by a delivery that is late, short or gone.
    A wait that lost its delivery carries `lost` as its news, one that moved to an earlier one `up`.
    """
    ranked = sorted(waits, key=lambda wait: wait.rank)
    coming = sorted(deliveries, key=lambda one: (one.expected_at, one.incoming_id))
    place = {one.incoming_id: at for at, one in enumerate(coming)}
    left = {one.incoming_id: one.quantity for one in coming}
    kept: list[Waiting] = []
    for wait in ranked:
        units = min(wait.units, left.get(wait.incoming_id, 0)) if wait.incoming_id else 0
        if units and wait.incoming_id:
            left[wait.incoming_id] -= units
            kept.append(msgspec.structs.replace(wait, units=units))
        if units < wait.units:
            news = lost if wait.incoming_id is not None else wait.news
            kept.append(msgspec.structs.replace(wait, units=wait.units - units, incoming_id=None, news=news))
    for at, delivery in enumerate(coming):
        moved: list[Waiting] = []
        for wait in kept:
            later = wait.incoming_id is None or place[wait.incoming_id] > at
            units = min(wait.units, left[delivery.incoming_id]) if later and fits(wait, delivery.location_id) else 0
            if units:
                left[delivery.incoming_id] -= units
                if wait.incoming_id:
                    left[wait.incoming_id] += units
                news = up if wait.news != lost else lost
                moved.append(msgspec.structs.replace(wait, units=units, incoming_id=delivery.incoming_id, news=news))
            if units < wait.units:
                moved.append(msgspec.structs.replace(wait, units=wait.units - units))
        kept = moved
    return _merged(kept)


def serve(
    waits: Sequence[Waiting], free: Mapping[int, int], fits: Fits, *, arrived: Iterable[UUID]
) -> tuple[list[Waiting], list[tuple[Waiting, int]]]:
    """Give units that are there, `free` by location, to who waits, all of one product; who goes on waiting, and what
    was given: (wait with the units it got, location).

    First those who were promised what has `arrived`, then everybody else; by rank among each.
    """
    came = set(arrived)
    left = dict(free)
    waiting: list[Waiting] = []
    given: list[tuple[Waiting, int]] = []
    for wait in sorted(waits, key=lambda one: (one.incoming_id not in came, one.rank)):
        open_ = wait.units
        for location_id in left:
            units = min(open_, max(0, left[location_id]))
            if units and fits(wait, location_id):
                left[location_id] -= units
                open_ -= units
                given.append((msgspec.structs.replace(wait, units=units), location_id))
        if open_:
            waiting.append(msgspec.structs.replace(wait, units=open_))
    return waiting, given


def take_back(waits: Sequence[Waiting], dates: Mapping[UUID, datetime], quantity: int) -> list[Waiting]:
    """Which waits of a line give up `quantity` units (fewer when there are not so many): what would come last first."""

    def last(wait: Waiting) -> tuple[bool, float]:
        date = dates.get(wait.incoming_id) if wait.incoming_id else None
        return (date is not None, -date.timestamp() if date else 0.0)

    given = []
    for wait in sorted(waits, key=last):
        units = min(quantity, wait.units)
        quantity -= units
        if units:
            given.append(msgspec.structs.replace(wait, units=units))
    return given


def _merged(waits: Iterable[Waiting]) -> list[Waiting]:
    """One wait for each (order, line, delivery, sold), in order of rank."""
    merged: dict[tuple[UUID, int, UUID | None, bool], Waiting] = {}
    for wait in waits:
        key = (wait.order_id, wait.line_no, wait.incoming_id, wait.sold)
        before = merged.get(key)
        if before is not None:
            wait = msgspec.structs.replace(wait, units=wait.units + before.units, news=wait.news or before.news)
        merged[key] = wait
    return sorted(merged.values(), key=lambda wait: wait.rank)


def promised(waits: Iterable[Waiting]) -> dict[UUID, int]:
    """Units promised of each delivery."""
    sums: defaultdict[UUID, int] = defaultdict(int)
    for wait in waits:
        if wait.incoming_id is not None:
            sums[wait.incoming_id] += wait.units
    return dict(sums)
