"""The whole inventory in a few lines of Python: shelves, claims, carts, notes. The state machine compares with it.

Where an order's units are taken from is the router's choice, so the model does not foretell it: it says how many, and
whether there are enough. What it may choose is checked when the choice is read back (`follow`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

Sku = str
Place = str
Key = tuple[Sku, Place]
LineOf = tuple[UUID, int]  # order and line


class Shelf:
    """Units at one place, by state."""

    def __init__(self) -> None:
        self.on_hand = self.damaged = self.quality_control = 0

    @property
    def sellable(self) -> int:
        """Units that may be claimed, claimed ones included."""
        return self.on_hand - self.damaged - self.quality_control


class Cart:
    """What a hold should be: what it wants, and what it has while nobody took it back."""

    def __init__(self, wants: Counter[Sku], expires_at: datetime) -> None:
        self.wants, self.expires_at = wants, expires_at
        self.has: Counter[Key] = Counter()
        self.ended = ""

    @property
    def whole(self) -> bool:
        """Whether it has all it wants."""
        return sum(self.has.values()) == sum(self.wants.values())


class Line:
    """A line of an order: units wanted still, and of them those that wait for goods."""

    def __init__(self, sku: Sku, wanted: int) -> None:
        self.sku, self.wanted, self.waiting = sku, wanted, 0


class Model:
    """Everything that is where."""

    def __init__(self, skus: Iterable[Sku], places: Iterable[Place], now: datetime) -> None:
        self.skus, self.places, self.now = tuple(skus), tuple(places), now
        self.shelves = {(sku, place): Shelf() for sku in self.skus for place in self.places}
        self.firm: defaultdict[LineOf, Counter[Place]] = defaultdict(Counter)  # open claims
        self.sku_of: dict[LineOf, Sku] = {}
        self.lines: dict[LineOf, Line] = {}  # of real orders; the others are claims without an order
        self.carts: dict[UUID, Cart] = {}
        self.notes: dict[tuple[str, str, Place], dict[Sku, int]] = {}  # what was told, by kind and reference
        self.incoming: dict[tuple[str, Key], datetime] = {}

    def free(self, key: Key) -> int:
        """Units nobody has."""
        return self.shelves[key].sellable - self.reserved(key)

    def reserved(self, key: Key) -> int:
        """Units that orders and carts have."""
        sku, place = key
        firm = sum(units[place] for line, units in self.firm.items() if self.sku_of[line] == sku)
        return firm + sum(cart.has[key] for cart in self.carts.values())

    def expired(self, key: Key, spare: UUID | None = None) -> int:
        """Units in carts that ran out of time, but for the one to spare."""
        return sum(cart.has[key] for hold, cart in self.carts.items() if cart.expires_at <= self.now and hold != spare)

    def reach(self, sku: Sku, own: UUID | None = None) -> int:
        """Units of a SKU that can be had: free ones, those of one's own cart, those that expired in others."""
        has = self.carts[own].has if own else Counter[Key]()
        keys = [(sku, place) for place in self.places]
        return sum(max(0, self.free(key) + has[key] + self.expired(key, own)) for key in keys)

    def enough(self, wants: Mapping[Sku, int], own: UUID | None = None) -> bool:
        """Whether all of it can be had."""
        return all(units <= self.reach(sku, own) for sku, units in wants.items())

    def floor(self, key: Key) -> int:
        """What a count must find at least: all that orders were promised, that is damaged or in quality control."""
        shelf = self.shelves[key]
        return self.reserved(key) - self.in_carts(key) + shelf.damaged + shelf.quality_control

    def take_back(self, key: Key) -> None:
        """What expired in carts at this key goes back."""
        for cart in self.carts.values():
            if cart.expires_at <= self.now:
                cart.has[key] = 0

    def in_carts(self, key: Key) -> int:
        """Units that carts have, in time or not: they give way to what is really there."""
        return sum(cart.has[key] for cart in self.carts.values())

    def make_room(self, key: Key) -> None:
        """Less is there than is claimed: what expired in carts goes back, then what carts hold, the newest first."""
        if self.free(key) >= 0:
            return
        self.take_back(key)
        for hold in sorted(self.carts, reverse=True):
            cart = self.carts[hold]
            cart.has[key] -= min(cart.has[key], max(0, -self.free(key)))

    def end(self, hold: UUID, how: str) -> None:
        """A cart has nothing any more."""
        self.carts[hold].ended = how
        self.carts[hold].has.clear()

    def next_supply(self, sku: Sku) -> datetime | None:
        """When the next units are expected."""
        return min((when for (_, key), when in self.incoming.items() if key[0] == sku), default=None)
