"""Stock, claims and locations as types."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, Literal
from uuid import UUID

import msgspec

from doorstep.journal import Event

LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)
StaleStock = Literal["withhold", "sell"]
State = Literal["sellable", "damaged", "quality_control", "nowhere"]  # nowhere: not in the house, or not any more
Reason = Literal["found", "lost", "broken", "expired", "inspected", "used_here", "stolen", "wrong_in_book", "other"]
Disposition = Literal["restock", "refurbish", "damaged", "scrap", "return_to_vendor"]


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """Where goods are and work is done. `capabilities`: personalize, gift_wrap, fragile, hazmat, oversize, cold,
    returns.
    """

    location_id: int
    code: str
    name: str
    kind: str
    enabled: bool
    priority: int
    country: str
    postcode: str
    city: str
    street: str
    latitude: float
    longitude: float
    timezone: str
    capabilities: frozenset[str]
    fed_as_of: datetime | None = None
    feed_max_age_minutes: int | None = None
    stale_stock: StaleStock = "withhold"

    @property
    def known_until(self) -> datetime | None:
        """When its stock becomes unknown, if no feed comes; None: never."""
        if self.feed_max_age_minutes is None:
            return None
        if self.fed_as_of is None:
            return LONG_AGO
        return self.fed_as_of + timedelta(minutes=self.feed_max_age_minutes)

    def unknown(self, now: datetime) -> bool:
        """Whether its feed is too old, so that nobody knows its stock."""
        until = self.known_until
        return until is not None and now > until

    def withheld(self, now: datetime) -> bool:
        """Whether it is not sold from for that."""
        return self.stale_stock == "withhold" and self.unknown(now)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Units of an order line at a location. `quantity` in whole sellable units."""

    order_id: UUID
    line_no: int
    sku_id: int
    location_id: int
    quantity: int


class CartClaim(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a cart's hold at a location, until `expires_at`, and after it until somebody needs them."""

    hold_id: UUID
    sku_id: int
    location_id: int
    quantity: int
    expires_at: datetime


class Displaced(msgspec.Struct, frozen=True, kw_only=True):
    """Units of an order line that had to leave a location, for fewer are there than were claimed."""

    order_id: UUID
    line_no: int
    location_id: int
    quantity: int


class Restock(msgspec.Struct, frozen=True, kw_only=True):
    """Units that came back, and what becomes of them."""

    sku_id: int
    location_id: int
    quantity: int
    disposition: Disposition


class Received(Event, frozen=True, kw_only=True):
    """Units may be sold at a location that could not before: goods arrived, came back, or a claim was given up."""

    KIND: ClassVar[str] = "inventory.received"
    location_id: int
    sku_ids: Sequence[int]
    arrived: bool  # goods came in, or were found by a count; not just a claim given up


class StockLow(Event, frozen=True, kw_only=True):
    """A SKU has gone down to its threshold: at a location that is watched, or at all together (no `location`)."""

    KIND: ClassVar[str] = "inventory.low"
    sku: str
    location: str | None
    units: int


class StockOut(Event, frozen=True, kw_only=True):
    """Nothing of a SKU is left to sell: at a location that is watched, or at all together (no `location`)."""

    KIND: ClassVar[str] = "inventory.out"
    sku: str
    location: str | None


class BackInStock(Event, frozen=True, kw_only=True):
    """A SKU that was told to be out may be sold again: at a location that is watched, or at all together (no
    `location`).
    """

    KIND: ClassVar[str] = "inventory.back_in_stock"
    sku: str
    location: str | None
    units: int


class SupplyChanged(Event, frozen=True, kw_only=True):
    """What is expected at a location is another now: announced, dated anew, more or fewer, or called off."""

    KIND: ClassVar[str] = "inventory.supply_changed"
    location_id: int
    sku_ids: Sequence[int]
