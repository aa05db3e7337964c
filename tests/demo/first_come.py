"""A quick rehearsal of the scenario on paper: first come, first served, without the system under test.

It allocates like a plain shop would: from the nearest location that has everything, else from as few as a greedy
choice finds; what is not there waits for receipts, oldest first. It tells whether the scenario is worth playing.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import cos, hypot, radians

from doorstep.demo.model import Address, Capability, CustomerAction, Location, Order, OrderLine, Product, Receipt
from doorstep.demo.scenario import Scenario


@dataclass
class Outcome:
    """Orders by number: which were short at first, refused, split, and late because a supplier was."""

    short: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    parts: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    split_at_once: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    waits: list[timedelta] = field(default_factory=list)
    unserved_units: int = 0


@dataclass
class Waiting:
    """Units of a line that are still to come."""

    order: Order
    line: OrderLine
    quantity: int


def rehearse(scenario: Scenario) -> Outcome:
    """Play the orders and receipts against the stock, and say what came of it."""
    products = {product.sku: product for product in scenario.products}
    stock: Counter[tuple[str, str]] = Counter()
    for level in scenario.opening:
        stock[level.sku, level.location] += level.quantity
    waiting: defaultdict[str, deque[Waiting]] = defaultdict(deque)
    outcome = Outcome()
    for happening in scenario.timeline():
        match happening:
            case Receipt():
                stock[happening.sku, happening.location] += happening.quantity
                _serve_waiting(happening, waiting[happening.sku], scenario, products, stock, outcome)
            case Order():
                left = _allocate(happening, scenario, products, stock, outcome)
                for line, quantity in left:
                    waiting[line.sku].append(Waiting(happening, line, quantity))
            case CustomerAction():
                pass
    outcome.unserved_units = sum(entry.quantity for queue in waiting.values() for entry in queue)
    return outcome


def eligible(location: Location, line: OrderLine, product: Product) -> bool:
    """Tell whether a location can do all that a line asks for."""
    needed: set[Capability] = set(product.handling)
    if line.gift_wrap:
        needed.add("gift_wrap")
    if line.personalization:
        needed.add("personalize")
    return needed <= set(location.capabilities)


def _allocate(
    order: Order,
    scenario: Scenario,
    products: Mapping[str, Product],
    stock: Counter[tuple[str, str]],
    outcome: Outcome,
) -> list[tuple[OrderLine, int]]:
    near = sorted(scenario.locations, key=lambda location: _distance_km(location, order.ship_to))
    can = {
        location.code: {line.number for line in order.lines if eligible(location, line, products[line.sku])}
        for location in near
    }
    left = {line.number: line.quantity for line in order.lines}
    taken: Counter[tuple[str, str]] = Counter()

    def coverage(code: str) -> Counter[int]:
        have = Counter({line.sku: stock[line.sku, code] - taken[line.sku, code] for line in order.lines})
        serves: Counter[int] = Counter()
        for line in order.lines:
            units = min(left[line.number], have[line.sku]) if line.number in can[code] else 0
            serves[line.number] = units
            have[line.sku] -= units
        return serves

    parts: set[str] = set()
    while any(left.values()):
        offers = {location.code: coverage(location.code) for location in near}
        best = max(offers, key=lambda code: (offers[code] == Counter(left), offers[code].total()))
        if not offers[best].total():
            break
        parts.add(best)
        for line in order.lines:
            left[line.number] -= offers[best][line.number]
            taken[line.sku, best] += offers[best][line.number]
    short = [(line, left[line.number]) for line in order.lines if left[line.number]]
    if short and order.on_short == "refuse":
        outcome.refused.add(order.number)
        return []
    if short:
        outcome.short.add(order.number)
    if len(parts) > 1:
        outcome.split_at_once.add(order.number)
    outcome.parts[order.number] |= parts
    stock.subtract(taken)
    return short


def _serve_waiting(
    receipt: Receipt,
    queue: deque[Waiting],
    scenario: Scenario,
    products: Mapping[str, Product],
    stock: Counter[tuple[str, str]],
    outcome: Outcome,
) -> None:
    location = next(place for place in scenario.locations if place.code == receipt.location)
    key = (receipt.sku, receipt.location)
    for entry in list(queue):
        if not eligible(location, entry.line, products[receipt.sku]):
            continue
        units = min(entry.quantity, stock[key])
        stock[key] -= units
        entry.quantity -= units
        if units:
            outcome.parts[entry.order.number].add(receipt.location)
            outcome.waits.append(receipt.arrives_at - entry.order.placed_at)
            if receipt.arrives_at > receipt.due_at > entry.order.placed_at:
                outcome.late.add(entry.order.number)
        if not entry.quantity:
            queue.remove(entry)


def _distance_km(location: Location, address: Address) -> float:
    east = (location.lon - address.lon) * cos(radians(address.lat))
    return 111.2 * hypot(location.lat - address.lat, east)
