"""Where the stock is when the demo begins, and what suppliers deliver later: enough for all, but not in time for all.

Opening stock is 80 % of the slice's demand for each SKU. The rest arrives in dated receipts, some of them after the
shortage has begun to bite. For each SKU the units of opening stock and receipts together cover its whole demand,
what pickers will not find, and, where only some locations can do the work, that work's demand once more at such a
location; so no order waits forever, whatever routing chooses.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from doorstep.demo.model import FloorPlan, Order, Product, Receipt, StockLevel
from doorstep.demo.places import MAIN, SECOND, WORKSHOP
from doorstep.kit.money import prorate

OPENING_PERCENT = 80
SLACK_PERCENT = 25
TOP_SELLER_SHARE = 0.1
LATE_RECEIPT_SHARE = 0.03
PLANNED_PERCENT = 70
"""Receipts that are on time are planned for when this much of the opening stock is sold."""

SLIPPED_SHARE = 0.4
"""Share of the late receipts that were announced for an earlier day than they arrive."""

RECEIPT_TAIL = timedelta(days=18)
"""No receipt arrives later than this after the last order."""

_ARRIVAL = timedelta(hours=5)
_DAY = timedelta(days=1)

# Shares of the opening stock by location, for a drawn share of the SKUs. Most are not everywhere, so baskets split.
_TOP_SELLER: Mapping[str, int] = {MAIN: 90, SECOND: 5, "LIV": 2, "LON": 1, "EDI": 1, "BRS": 1}
_HEAVY: Mapping[str, int] = {MAIN: 80, SECOND: 20}
_SPREADS: tuple[tuple[float, Mapping[str, int]], ...] = (
    (0.005, {SECOND: 100}),
    (0.80, {MAIN: 100}),
    (0.95, {MAIN: 94, SECOND: 6}),
    (1.00, {MAIN: 91, SECOND: 5, "LIV": 2, "LON": 2}),
)


class Need(NamedTuple):
    """All that the slice asks of one SKU, in units. ``demands`` are (time, units) in the order of the orders, and
    ``redone`` those that will not be found, or not be done, at the first location asked."""

    demands: list[tuple[datetime, int]]
    units: int
    personalized: int
    wrapped: int
    redone: list[tuple[datetime, int]]


def opening_units(demand: int) -> int:
    """80 % of the demand, to the nearest whole unit."""
    return (demand * OPENING_PERCENT + 50) // 100


def needs_of(orders: Iterable[Order], floor: FloorPlan) -> dict[str, Need]:
    """Add up what the orders ask of each SKU, and what the floor will not find or not do, sorted by SKU."""
    missing = {(pick.order, pick.line): pick.missing for pick in floor.short_picks}
    turned_away = {rejection.order for rejection in floor.rejections}
    demands: defaultdict[str, list[tuple[datetime, int]]] = defaultdict(list)
    redone: defaultdict[str, list[tuple[datetime, int]]] = defaultdict(list)
    personalized: Counter[str] = Counter()
    wrapped: Counter[str] = Counter()
    for order in orders:
        for line in order.lines:
            demands[line.sku].append((order.placed_at, line.quantity))
            if line.personalization:
                personalized[line.sku] += line.quantity
            elif line.gift_wrap:
                wrapped[line.sku] += line.quantity
            again = line.quantity if order.number in turned_away else missing.get((order.number, line.number), 0)
            if again:
                redone[line.sku].append((order.placed_at, again))
    return {
        sku: Need(
            demands=demands[sku],
            units=sum(quantity for _, quantity in demands[sku]),
            personalized=personalized[sku],
            wrapped=wrapped[sku],
            redone=redone.get(sku, []),
        )
        for sku in sorted(demands)
    }


def opening_stock(needs: Mapping[str, Need], products: Mapping[str, Product], seed: int) -> tuple[StockLevel, ...]:
    """Spread the opening stock over the locations. The workshop gets first what it will be asked to personalize."""
    rng = random.Random(f"{seed}/opening")
    by_lines = sorted(needs, key=lambda sku: (-len(needs[sku].demands), sku))
    top_sellers = set(by_lines[: round(len(by_lines) * TOP_SELLER_SHARE)])
    levels: list[StockLevel] = []
    for sku, need in needs.items():
        product = products[sku]
        draw = rng.random()
        if set(product.handling) & {"hazmat", "oversize"}:
            shares = _HEAVY
        elif sku in top_sellers:
            shares = _TOP_SELLER
        else:
            shares = next(spread for limit, spread in _SPREADS if draw < limit)
        if "fragile" in product.handling:
            shares = {code: share for code, share in shares.items() if code != "BRS"}
        units = opening_units(need.units)
        at_workshop = min(units, need.personalized)
        parts = prorate(units - at_workshop, list(shares.values()))
        quantities = {**dict(zip(shares, parts, strict=True)), WORKSHOP: at_workshop}
        levels.extend(StockLevel(sku=sku, location=code, quantity=many) for code, many in quantities.items() if many)
    return tuple(levels)


def receipts(needs: Mapping[str, Need], seed: int) -> tuple[Receipt, ...]:
    """Date the deliveries: for most SKUs some days before their stock would run out, for the rest some days after.

    Top-ups follow the last order of a SKU, where only some locations can do what is asked. Sorted by arrival.
    """
    rng = random.Random(f"{seed}/receipts")
    # Nothing is delivered on the first day: opening stock is all there is.
    first_delivery = _delivery_day(min(need.demands[0][0] for need in needs.values()) + _DAY)
    dated: list[Receipt] = []
    for sku, need in needs.items():
        opening = opening_units(need.units)
        late = rng.random() < LATE_RECEIPT_SHARE
        if late:
            arrives = _delivery_day(_runs_out_at(need, opening) + rng.randint(2, 8) * _DAY)
        else:
            arrives = _delivery_day(_runs_out_at(need, opening * PLANNED_PERCENT // 100) - rng.randint(2, 4) * _DAY)
        arrives = max(arrives, first_delivery)
        slipped = late and rng.random() < SLIPPED_SHARE
        due = max(_delivery_day(arrives - rng.randint(2, 4) * _DAY), first_delivery) if slipped else arrives
        quantity = need.units - opening + max(1, need.units * SLACK_PERCENT // 100)
        dated.append(_receipt(sku, MAIN, quantity, due, arrives))
        dated += _merged(_top_ups(sku, need, max(arrives, need.demands[-1][0])))
    return tuple(sorted(dated, key=lambda receipt: (receipt.arrives_at, receipt.location, receipt.sku)))


def _top_ups(sku: str, need: Need, settled_at: datetime) -> Iterator[Receipt]:
    """Units for work that not every location can do, or that the first location asked could not do after all.

    A location that came up short or rejected the work is not asked again, so both large warehouses get what must be
    redone. The workshop's units come last: only work that needs the workshop still waits then.
    """
    again = sum(quantity for _, quantity in need.redone)
    for placed_at, quantity in need.redone:
        yield _planned(sku, SECOND, quantity, placed_at + 4 * _DAY)
    if again:
        yield _planned(sku, SECOND, again, settled_at + 2 * _DAY)
    if again + need.wrapped:
        yield _planned(sku, MAIN, again + need.wrapped, settled_at + 2 * _DAY)
    if need.personalized:
        yield _planned(sku, WORKSHOP, need.personalized, settled_at + 5 * _DAY)


def _merged(dated: Iterable[Receipt]) -> list[Receipt]:
    """One receipt for each delivery and SKU: a delivery note names a SKU once."""
    notes: dict[str, Receipt] = {}
    for receipt in dated:
        before = notes.get(receipt.reference)
        quantity = receipt.quantity + (before.quantity if before else 0)
        notes[receipt.reference] = msgspec.structs.replace(receipt, quantity=quantity)
    return list(notes.values())


def _runs_out_at(need: Need, opening: int) -> datetime:
    """Time of the first order that the opening stock cannot serve; of the last order, when it serves them all."""
    left = opening
    for at, quantity in need.demands:
        left -= quantity
        if left < 0:
            return at
    return need.demands[-1][0]


def _delivery_day(at: datetime) -> datetime:
    """Early morning of that day, or of the next Monday when it is a weekend."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + (7 - day.weekday() if day.weekday() > 4 else 0) * _DAY + _ARRIVAL


def _planned(sku: str, location: str, quantity: int, at: datetime) -> Receipt:
    """A receipt that arrives on the day it is due."""
    day = _delivery_day(at)
    return _receipt(sku, location, quantity, day, day)


def _receipt(sku: str, location: str, quantity: int, due_at: datetime, arrives_at: datetime) -> Receipt:
    return Receipt(
        reference=f"{location}-{arrives_at:%Y%m%d}",
        sku=sku,
        location=location,
        quantity=quantity,
        due_at=due_at,
        arrives_at=arrives_at,
    )
