"""Availability: what a channel may sell of each SKU now, and promise by later dates. What is answered is what an order
of that channel would have found under lock at that moment: the same locations, the same units.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from doorstep import inventory
from doorstep.db import Tx
from doorstep.inventory import ChannelStock, StockSeen
from doorstep.kit.errors import Fault, Invalid
from doorstep.kit.limits import LOW_STOCK
from doorstep.routing.network import Network, NetworkCache

State = Literal["in_stock", "low", "out", "backorder", "unknown", "not_sold"]
Dated = Sequence[tuple[datetime, int]]  # (by, units)


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """Units, roughly: at least `from_units`, at most `to_units`; no `to_units`: or more."""

    from_units: int
    to_units: int | None


class Supply(msgspec.Struct, frozen=True, kw_only=True):
    """Units that can be promised by a date, those in stock now included; no number where the channel shows bands."""

    by: datetime
    units: int | None


class Availability(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU for a channel. `units` may be sold now; where the channel shows bands, `band` says how many, roughly.

    `promise`: what can be promised by later dates, when more is on its way than orders wait for.
    """

    sku: str
    state: State
    units: int | None
    band: Band | None
    promise: Sequence[Supply]


class Available(msgspec.Struct, frozen=True, kw_only=True):
    """Availability of SKUs, in the order they were asked for, at one moment of the brand's clock."""

    channel: str
    as_of: datetime
    items: Sequence[Availability]


async def availability(
    tx: Tx, networks: NetworkCache, *, channel: str, skus: Sequence[str], cart: UUID | None = None
) -> Available:
    """What the channel may sell of the SKUs; what the hold of `cart` has counts.

    Raises Invalid for a channel or a hold that does not exist. A SKU that is not sold is answered so.
    """
    network = await networks.get(tx)
    if channel not in network.channels:
        network = await networks.get(tx, fresh=True)
    rules = network.channels.get(channel)
    if rules is None:
        raise Invalid([Fault("/channel", f"There is no channel {channel!r}.")])
    seen = await inventory.look(tx, skus, cart=cart)
    if not seen.held:
        raise Invalid([Fault("/cart_hold", "There is no such cart hold.")])
    units, later = _units(seen, network, rules), _later(seen, network, rules)
    unsure = _unsure(seen, network, rules)

    def of(sku: str) -> tuple[int, Dated]:
        sku_id = seen.sku_ids[sku]
        now = units.get(sku_id, 0)
        return now, _promise(now, *later[sku_id]) if sku_id in later else ()

    items = []
    for sku in skus:
        if sku in seen.kits and all(part in seen.sku_ids for part, _ in seen.kits[sku]):
            known = unsure.isdisjoint(seen.sku_ids[part] for part, _ in seen.kits[sku])
            items.append(_item(sku, rules, *_scarcest([(*of(part), each) for part, each in seen.kits[sku]]), known))
        elif sku in seen.sku_ids and sku not in seen.kits:
            items.append(_item(sku, rules, *of(sku), seen.sku_ids[sku] not in unsure))
        else:
            items.append(Availability(sku=sku, state="not_sold", units=0, band=None, promise=()))
    return Available(channel=channel, as_of=seen.now, items=items)


def _scarcest(parts: Sequence[tuple[int, Dated, int]]) -> tuple[int, Dated]:
    """How many kits there are now and by later dates: as many as the scarcest component allows. Each part is what there
    is of it now, what by later dates, and how many one kit takes.
    """
    now = min(units // each for units, _, each in parts)
    found: list[tuple[datetime, int]] = []
    for at in sorted({by for _, later, _ in parts for by, _ in later}):
        kits = min(max([units, *(more for by, more in later if by <= at)]) // each for units, later, each in parts)
        if kits > (found[-1][1] if found else now):
            found.append((at, kits))
    return now, found


def _units(seen: StockSeen, network: Network, rules: ChannelStock) -> dict[int, int]:
    """Units the channel may sell now, by sku_id."""
    usual = network.selling(rules, frozenset(), seen.now)
    special = {sku_id: network.selling(rules, handling, seen.now) for sku_id, handling in seen.handling.items()}
    units: dict[int, int] = {}
    for sku_id, place, free in _free(seen, rules):
        if free > 0 and place in special.get(sku_id, usual):
            units[sku_id] = units.get(sku_id, 0) + free
    return units


def _unsure(seen: StockSeen, network: Network, rules: ChannelStock) -> set[int]:
    """The SKUs of which nothing is there for sure, but perhaps at a location whose feed is too old."""
    doubtful = {one.location_id for one in network.unknown(seen.now) if rules.sees(one.location_id)}
    if not doubtful:
        return set()
    usual, sure, unsure = frozenset[str](), set(), set()
    for sku_id, place, free in _free(seen, rules):
        if place in doubtful:
            unsure.add(sku_id)
        elif free > 0 and place in network.selling(rules, seen.handling.get(sku_id, usual), seen.now):
            sure.add(sku_id)
    return unsure - sure


def _free(seen: StockSeen, rules: ChannelStock) -> Iterator[tuple[int, int, int]]:
    """(sku_id, location_id, units) the channel may take there, carts looked at and buffers kept back."""
    expired, own = seen.expired(), seen.own()
    if not (expired or own or rules.keeps_back):
        return seen.stock()
    return (
        (sku_id, place, rules.room(units + expired.get((sku_id, place), 0), own.get((sku_id, place), 0)))
        for sku_id, place, units in seen.stock()
    )


def _later(seen: StockSeen, network: Network, rules: ChannelStock) -> Mapping[int, tuple[Dated, int]]:
    """By sku_id: supply by its date, at locations the channel sells from, and the units that wait for it. Supply that
    is overdue promises nothing until it has a new date.
    """
    dated: dict[int, dict[datetime, int]] = {}
    for sku_id, place, at, units in seen.coming():
        if at > seen.now and place in network.selling(rules, seen.handling.get(sku_id, frozenset()), seen.now):
            by = dated.setdefault(sku_id, {})
            by[at] = by.get(at, 0) + units
    if not dated:
        return {}
    waiting = seen.waiting()
    return {sku_id: (sorted(by.items()), waiting.get(sku_id, 0)) for sku_id, by in dated.items()}


def _promise(now: int, supply: Dated, waiting: int) -> Dated:
    """What can be promised by each date of supply: orders that wait are served first. Dates that add nothing are left
    out.
    """
    found: list[tuple[datetime, int]] = []
    most, total = now, now - waiting
    for by, units in supply:
        total += units
        if total > most:
            most = total
            found.append((by, total))
    return found


def _item(sku: str, rules: ChannelStock, now: int, later: Dated, known: bool) -> Availability:
    """A SKU as the channel shows it."""
    state: State = "in_stock" if now > LOW_STOCK else "low" if now > 0 else "backorder" if later else "out"
    if not known:
        state = "unknown"
    if rules.bands:
        promise = [Supply(by=by, units=None) for by, _ in later]
        return Availability(sku=sku, state=state, units=None, band=_band(rules.bands, now), promise=promise)
    cap = rules.show_at_most
    promise = [Supply(by=by, units=min(units, cap) if cap else units) for by, units in later]
    return Availability(sku=sku, state=state, units=min(now, cap) if cap else now, band=None, promise=promise)


def _band(ends: Sequence[int], units: int) -> Band:
    start = 1 if units > 0 else 0
    for end in (0, *ends) if units <= 0 else ends:
        if units <= end:
            return Band(from_units=start, to_units=end)
        start = end + 1
    return Band(from_units=start, to_units=None)
