"""Keep the index that orders are found by: read what changed anew, and write the difference.

The same again changes nothing, so it matters little which events there were, or how many.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from doorstep import orders
from doorstep.db import Brand, Tx, statements
from doorstep.insights.places import pack, unpack
from doorstep.insights.terms import Facts, terms_of
from doorstep.journal import Recorded
from doorstep.kit.limits import SEARCH_SEGMENT

SQL = statements(__package__)
_ZERO, _END = UUID(int=0), UUID(int=2**128 - 1)
# After these, orders.refresh_payment brings the status in line: another reaction, which may be behind.
_MONEY: Final = ("payments.authorized", "payments.captured", "payments.refunded", "payments.voided", "payments.failed")

_Key = tuple[int, str]


async def index_orders(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """Bring the index in line with the orders that these events are about, each once, however many events it has."""
    money = [event for event in events if event.data.KIND in _MONEY]
    if money:
        await orders.refresh_payment(tx, money, now=now)
    await digest(tx, {event.order for event in events})


async def digest(tx: Tx, order_ids: Collection[UUID]) -> None:
    """Bring the index in line with orders as they are now.

    Call it after a person was blanked out: then no word of theirs is left in it.
    """
    await tx.execute(SQL.take_search)
    fresh = await _terms(tx, order_ids)
    known = {row["order_id"]: row for row in await tx.fetch(SQL.places_of, list(fresh))}
    given, large = await _give_places(tx, sorted(fresh.keys() - known.keys()))
    added: dict[_Key, int] = defaultdict(int)
    removed: dict[_Key, int] = defaultdict(int)
    changed = []
    for order_id, terms in fresh.items():
        row = known.get(order_id)
        segment, place = (row["segment"], row["place"]) if row else given[order_id]
        had = frozenset(row["terms"]) if row else frozenset[str]()
        if had == terms:
            continue
        changed.append((order_id, segment, place, "\n".join(sorted(terms))))
        for term in terms - had:
            added[segment, term] |= 1 << place
        for term in had - terms:
            removed[segment, term] |= 1 << place
    if changed:
        await tx.execute(SQL.put_order_terms, *_columns(changed))
        await _write(tx, added, removed)
    for start in large:
        await _divide(tx, start)


async def _terms(tx: Tx, order_ids: Iterable[UUID]) -> dict[UUID, frozenset[str]]:
    rows = await tx.fetch(SQL.order_facts, list(order_ids))
    return {row["order_id"]: terms_of(Facts.of(row)) for row in rows}


async def _give_places(tx: Tx, order_ids: Sequence[UUID]) -> tuple[dict[UUID, tuple[int, int]], list[UUID]]:
    """A segment and a place for each new order, by its id; and where the segments begin that have become too large.

    What is newer than everything begins a segment when the newest is full.
    """
    given: dict[UUID, tuple[int, int]] = {}
    if not order_ids:
        return given, []
    rows = await tx.fetch(SQL.segments_from, order_ids[0])
    starts, segments = [row["first_id"] for row in rows], [row["segment"] for row in rows]
    count = {row["segment"]: row["orders"] for row in rows}
    newest = await tx.fetchval(SQL.newest_found) or _ZERO
    for order_id in order_ids:
        if order_id > newest and count[segments[-1]] >= SEARCH_SEGMENT:
            starts.append(order_id)
            segments.append(await tx.fetchval(SQL.open_segment, order_id))
            count[segments[-1]] = 0
        segment = segments[bisect_right(starts, order_id) - 1]
        given[order_id] = segment, count[segment]
        count[segment] += 1
    await tx.execute(SQL.count_places, list(count), list(count.values()))
    return given, [
        start for start, segment in zip(starts, segments, strict=True) if count[segment] > 2 * SEARCH_SEGMENT
    ]


async def _write(tx: Tx, added: Mapping[_Key, int], removed: Mapping[_Key, int]) -> None:
    keys = sorted(added.keys() | removed.keys())
    rows = await tx.fetch(SQL.read_terms, *_columns(keys))
    had = {(row["segment"], row["term"]): unpack(row["places"]) for row in rows}
    sets = {key: (had.get(key, 0) | added.get(key, 0)) & ~removed.get(key, 0) for key in keys}
    kept = [(*key, pack(bits)) for key, bits in sets.items() if bits]
    gone = [key for key, bits in sets.items() if not bits]
    if kept:
        await tx.execute(SQL.put_terms, *_columns(kept))
    if gone:
        await tx.execute(SQL.drop_terms, *_columns(gone))


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


async def _divide(tx: Tx, start: UUID) -> None:
    """Make several of the segment that begins here. Orders come late into the midst of others when those of the express
    lane have gone first.
    """
    next_start, cut = await _renew(tx, start)
    while cut:
        next_start, cut = await _renew(tx, next_start)


async def rebuild(brand: Brand, report: Callable[[int], None] = lambda orders: None) -> int:
    """Make the index anew from the orders, oldest first, a segment a transaction; the number of orders.

    It may be stopped and begun again. Search and the reaction go on meanwhile; only what stands in the segment in hand,
    or behind a cut, is not found for a moment. `report` is told the number so far.
    """
    total, start = 0, _ZERO
    while start != _END:
        async with brand.transaction() as tx:
            await tx.execute(SQL.take_search)
            start, _ = await _renew(tx, start)
            total = await tx.fetchval(SQL.orders_found_before, start)
        report(total)
    return total


async def _renew(tx: Tx, start: UUID) -> tuple[UUID, bool]:
    """Make the segment that begins at `start` anew, of at most so many orders as a segment should have.

    Returns where the next one begins, and whether that is a new one, for what was left over.
    """
    row = await tx.fetchrow(SQL.segment_at, start)
    assert row is not None
    segment, until = row["segment"], row["until"] or _END
    found = await tx.fetch(SQL.orders_from, start, until, SEARCH_SEGMENT + 1)
    ids = [each["order_id"] for each in found[:SEARCH_SEGMENT]]
    cut = len(found) > len(ids)
    if cut:
        until = found[-1]["order_id"]
        await tx.execute(SQL.open_segment, until)
    await tx.execute(SQL.empty_terms, segment)
    await tx.execute(SQL.empty_places, segment)
    await tx.execute(SQL.count_places, [segment], [len(ids)])
    if ids:
        terms = await _terms(tx, ids)
        sets: dict[str, int] = defaultdict(int)
        for place, order_id in enumerate(ids):
            for term in terms[order_id]:
                sets[term] |= 1 << place
        rows = [(order_id, segment, place, "\n".join(sorted(terms[order_id]))) for place, order_id in enumerate(ids)]
        await tx.execute(SQL.put_order_terms, *_columns(rows))
        await tx.execute(SQL.put_terms, *_columns([(segment, term, pack(sets[term])) for term in sorted(sets)]))
    return until, cut
