"""Find orders: words and filters in any combination, newest first, at the same speed however many orders there are.

Segments are looked at newest first, some at a time, until a page is full. In each, the sets of places of the conditions
are cut with one another. What is rare is missed in a segment by one look at its index; what is common fills the page
from the first segments. Only where two common things are rarely together may there be much to read: then the search
says how far it came, and the next page goes on from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import and_
from typing import Final, Literal
from uuid import UUID

import msgspec

from doorstep.db import Tx, statements
from doorstep.insights.places import bitmap, each, union, unpack
from doorstep.insights.terms import LAST, Facts, asked, facet, moment, quarter
from doorstep.kit.ids import show
from doorstep.kit.limits import COUNT_TO, SEARCH_ROWS
from doorstep.kit.paging import encode

SQL = statements(__package__)
END: Final = UUID(int=2**128 - 1)  # behind every order
_DENSE = 128  # more matches than this in a segment: walk its orders instead of looking each up
_STEPS = (1, 7, 24, 96)  # segments looked at in one go: few first, for what is common

Axis = Literal["status", "payment_status", "fulfillment_status", "service", "channel", "kind", "location", "hold"]
_NAMES: Final[Mapping[Axis, str]] = {
    "status": "status",
    "payment_status": "payment",
    "fulfillment_status": "fulfillment",
    "service": "service",
    "channel": "channel",
    "kind": "kind",
    "location": "location",
    "hold": "hold",
}
_Range = tuple[str, str]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for; all of it must hold. A tuple is any of its values, and no condition when it is empty.

    `text`: words, each the beginning of a word of the order's number, its people, e-mail address, SKUs, titles or
    tracking numbers. `location` is a code: where open claims are or parcels left from. `kind`: an order with a line of
    it. `hold`: reasons of open holds. `late`: promised by now and not there, or known to come late. `excepted`: with an
    open exception. `placed_from` and `placed_until` (not included) are aware and count by the quarter of an hour.
    """

    text: str = ""
    status: tuple[str, ...] = ()
    payment_status: tuple[str, ...] = ()
    fulfillment_status: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    location: tuple[str, ...] = ()
    hold: tuple[str, ...] = ()
    lane: Literal[0, 1] | None = None
    gift_wrap: bool = False
    late: bool = False
    excepted: bool = False
    placed_from: datetime | None = None
    placed_until: datetime | None = None


class FoundOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order in a list, as it is now. Amounts in minor units; `units` without canceled ones; `locations` are codes.

    `promised_by` is the newest promise for all that is not canceled, null when a date is not known. `exceptions` counts
    the open ones.
    """

    order_id: str
    number: str
    channel: str
    placed_at: datetime
    customer: str
    service: str
    lane: int
    status: str
    payment_status: str
    fulfillment_status: str
    currency: str
    total_minor: int
    units: int
    titles: list[str]
    kinds: list[str]
    gift_wrap: bool
    holds: list[str]
    locations: list[str]
    promised_by: datetime | None
    late: bool
    exceptions: int


class FoundPage(msgspec.Struct, frozen=True, kw_only=True):
    """Orders, newest first. `complete` is false when it stopped before the page was full: go on with the cursor."""

    items: Sequence[FoundOrder]
    next_cursor: str | None
    complete: bool = True


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How many orders have each value. `at_least`: there may be more of each, the count stopped early."""

    values: Mapping[str, int]
    total: int
    at_least: bool


class _Segment(msgspec.Struct, frozen=True):
    segment: int
    first_id: UUID
    until: UUID
    orders: int


class _Conditions(msgspec.Struct, frozen=True):
    """What must hold: facets cost a row each and a segment, words as many as there are words that begin so."""

    facets: list[list[_Range]]
    words: list[str]
    excepted: bool
    impossible: bool = False

    @classmethod
    def of(cls, wanted: Wanted, now: datetime, without: Axis | None = None) -> _Conditions:
        facets: list[list[_Range]] = []
        for axis, name in _NAMES.items():
            values: tuple[str, ...] = getattr(wanted, axis)
            if values and axis != without:
                facets.append([_only(name, value) for value in values])
        if wanted.lane is not None:
            facets.append([_only("lane", str(wanted.lane))])
        if wanted.gift_wrap:
            facets.append([_only("wrap", "yes")])
        if wanted.late:
            facets.append([(facet("due", ""), facet("due", moment(now))), _only("late", "announced")])
        if wanted.placed_from or wanted.placed_until:
            low = quarter(wanted.placed_from) if wanted.placed_from else ""
            high = quarter(wanted.placed_until - timedelta(microseconds=1)) if wanted.placed_until else LAST
            facets.append([(facet("placed", low), facet("placed", high))])
        words = sorted(asked(wanted.text), key=len, reverse=True)  # the longest is likely the rarest
        return cls(facets, words, wanted.excepted, impossible=bool(wanted.text.strip()) and not words)

    @property
    def none(self) -> bool:
        return not (self.facets or self.words or self.excepted or self.impossible)


def _only(name: str, value: str) -> _Range:
    return facet(name, value), facet(name, value)


class _Reader:
    """Reads the sets of a search, some segments at a time. `stopped_at` is set when it gave up before the last one."""

    def __init__(self, tx: Tx, conditions: _Conditions) -> None:
        self._tx, self._conditions, self._rows = tx, conditions, 0
        self.stopped_at: UUID | None = None

    async def matches(self, segments: Sequence[_Segment]) -> AsyncIterator[list[tuple[_Segment, int]]]:
        """The segments with matches, newest first, and which places match."""
        steps, at = iter(_STEPS), 0
        while at < len(segments) and not self._conditions.impossible:
            if self._rows > SEARCH_ROWS:
                self.stopped_at = segments[at].until
                return
            some = segments[at : at + next(steps, _STEPS[-1])]
            at += len(some)
            bits = await self._cut({one.segment: (1 << one.orders) - 1 for one in some}, some)
            yield [(one, bits[one.segment]) for one in some if one.segment in bits]

    async def _cut(self, bits: dict[int, int], some: Sequence[_Segment]) -> dict[int, int]:
        bits = await self._keep(bits, self._conditions.facets)
        if self._conditions.excepted and bits:
            rows = await self._tx.fetch(SQL.find_excepted, some[-1].first_id, some[0].until)
            excepted = {row["segment"]: sum(1 << place for place in row["places"]) for row in rows}
            bits = {segment: kept for segment, had in bits.items() if (kept := had & excepted.get(segment, 0))}
        for word in self._conditions.words:
            bits = await self._keep(bits, [[(word, word + LAST)]])
        return bits

    async def _keep(self, bits: dict[int, int], conditions: Sequence[Sequence[_Range]]) -> dict[int, int]:
        """The places that meet all conditions too; segments without any are gone."""
        if not conditions or not bits:
            return bits
        flat = [(index, *one) for index, ranges in enumerate(conditions) for one in ranges]
        columns = [list(column) for column in zip(*flat, strict=True)]
        met = {segment: [0] * len(conditions) for segment in bits}
        for row in await self._tx.fetch(SQL.find_places, list(bits), *columns):
            self._rows += len(row["places"])
            met[row["segment"]][row["condition"]] |= union(row["places"])
        every = {segment: reduce(and_, met[segment], had) for segment, had in bits.items()}
        return {segment: kept for segment, kept in every.items() if kept}


async def find_orders(tx: Tx, wanted: Wanted, *, now: datetime, limit: int, before: UUID | None = None) -> FoundPage:
    """Up to `limit` orders with ids below `before`, newest first. Give it `brand.snapshot()`.

    An order is found some moments after it was placed or changed, when the reaction has come to it; what is shown of it
    is always as it is now. The cursor's key is `(UUID,)`.
    """
    ids, stopped_at = await _ids(tx, _Conditions.of(wanted, now), limit + 1, before or END)
    items = await shown(tx, ids[:limit], now)
    go_on = ids[limit - 1] if len(ids) > limit else stopped_at
    return FoundPage(items=items, next_cursor=encode([go_on]) if go_on else None, complete=stopped_at is None)


async def _ids(tx: Tx, conditions: _Conditions, limit: int, before: UUID) -> tuple[list[UUID], UUID | None]:
    """The newest orders that match; and below which id to go on, when the search gave up before it had them all."""
    if conditions.none:
        return [row["order_id"] for row in await tx.fetch(SQL.newest_orders, before, limit)], None
    reader, found = _Reader(tx, conditions), list[UUID]()
    async for matched in reader.matches(await _segments(tx, before)):
        found += await _newest(tx, matched, before, limit - len(found))
        if len(found) >= limit:
            return found, None
    return found, reader.stopped_at


async def _segments(tx: Tx, before: UUID) -> list[_Segment]:
    """The segments that hold ids below `before`, newest first."""
    found, until = [], END
    for row in await tx.fetch(SQL.segments, before):
        found.append(_Segment(row["segment"], row["first_id"], until, row["orders"]))
        until = row["first_id"]
    return found


async def _newest(tx: Tx, matched: Sequence[tuple[_Segment, int]], before: UUID, limit: int) -> list[UUID]:
    """The newest orders at the places that match, below `before`."""
    found: list[UUID] = []
    few: list[tuple[int, int]] = []

    async def look_up() -> None:
        if few:
            columns = [list(column) for column in zip(*few, strict=True)]
            found.extend(row["order_id"] for row in await tx.fetch(SQL.orders_at, *columns, before, limit - len(found)))
            few.clear()

    for one, bits in matched:
        if bits.bit_count() <= _DENSE:
            few.extend((one.segment, place) for place in each(bits))
            if len(found) + len(few) < limit:
                continue
        await look_up()
        if len(found) < limit and bits.bit_count() > _DENSE:
            until, mask = min(one.until, before), bitmap(bits, one.orders)
            left = limit - len(found)
            rows = await tx.fetch(SQL.orders_among, one.first_id, until, one.segment, mask, left)
            found.extend(row["order_id"] for row in rows)
        if len(found) >= limit:
            return found
    await look_up()
    return found


async def count_orders(
    tx: Tx, wanted: Wanted, axes: Sequence[Axis], *, now: datetime, up_to: int = COUNT_TO
) -> dict[Axis, Counted]:
    """How many orders have each value of each axis, for the numbers beside filters: all conditions hold but the axis's
    own. Exact with filters alone; with words, counted from the newest until `up_to` or so.
    """
    segments = await _segments(tx, END)
    counted: dict[Axis, Counted] = {}
    for chosen, group in _alike(wanted, axes):
        conditions = _Conditions.of(wanted, now, chosen)
        values: dict[Axis, Counter[str]] = {axis: Counter() for axis in group}
        reader, total = _Reader(tx, conditions), 0
        at_least = False
        async for matched in reader.matches(segments):
            bits = {one.segment: kept for one, kept in matched}
            total += sum(kept.bit_count() for kept in bits.values())
            for axis in group:
                values[axis] += await _values(tx, axis, bits)
            if conditions.words and total >= up_to:
                at_least = True
                break
        at_least |= reader.stopped_at is not None
        counted |= {axis: Counted(values=values[axis], total=total, at_least=at_least) for axis in group}
    return counted


def _alike(wanted: Wanted, axes: Sequence[Axis]) -> list[tuple[Axis | None, list[Axis]]]:
    """Axes without a condition of their own share one count; each of the others leaves its condition out."""
    free = [axis for axis in axes if not getattr(wanted, axis)]
    own: list[tuple[Axis | None, list[Axis]]] = [(axis, [axis]) for axis in axes if getattr(wanted, axis)]
    return own + ([(None, free)] if free else [])


async def _values(tx: Tx, axis: Axis, bits: Mapping[int, int]) -> Counter[str]:
    name = _NAMES[axis]
    found: Counter[str] = Counter()
    for row in await tx.fetch(SQL.find_values, list(bits), facet(name, ""), facet(name, LAST)):
        found[row["term"].removeprefix(facet(name, ""))] += (unpack(row["places"]) & bits[row["segment"]]).bit_count()
    return +found


async def shown(tx: Tx, ids: Sequence[UUID], now: datetime) -> list[FoundOrder]:
    """Orders as a list shows them, in the order of `ids`."""
    facts = {row["order_id"]: Facts.of(row) for row in await tx.fetch(SQL.order_facts, ids)}
    excepted = {row["order_id"]: row["open"] for row in await tx.fetch(SQL.open_exceptions, ids)}
    return [_shown(facts[order_id], excepted.get(order_id, 0), now) for order_id in ids]


_SAME: Final = tuple(field for field in FoundOrder.__struct_fields__ if field in Facts.__struct_fields__)


def _shown(facts: Facts, exceptions: int, now: datetime) -> FoundOrder:
    same = {field: getattr(facts, field) for field in _SAME}
    same["order_id"] = show("ord", facts.order_id)
    return FoundOrder(**same, late=facts.late(now), exceptions=exceptions)
