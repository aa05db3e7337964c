"""Orders that wait for goods follow them: to a claim when they are there, to another date when their supply moves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from doorstep import catalog, inventory, journal
from doorstep.db import Tx
from doorstep.inventory import Aside, Await, SupplyMoved
from doorstep.journal import Event, Recorded
from doorstep.kit.ids import new_id
from doorstep.orders.model import (
    Allocated,
    AllocatedLine,
    Bucket,
    LineQuantity,
    LineRow,
    Move,
    Redated,
    WaitingLine,
)
from doorstep.orders.reroute import Wish, World, demand_of, serve
from doorstep.orders.shortage import close_shortages, open_shortage
from doorstep.orders.store import SQL, addresses, lines, lock, move_units
from doorstep.routing import Decision, Network, Part, Request, stored

_AT_ONCE = 500  # orders followed per batch; the rest by the event that says there is more


async def allocate_waiting(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """Units are there: what was set aside for orders becomes their claim; then lines that wait without a claim on
    supply are served from what is free, express first, then by channel priority, then oldest first.
    """
    skus: set[int] = set()
    for event in events:
        skus.update(event.data.sku_ids)
        if event.data.arrived:
            await tx.execute(SQL.forgive, event.data.location_id, list(event.data.sku_ids))
    rows = await tx.fetch(SQL.waiting_orders, sorted(skus), _AT_ONCE)
    order = [row["order_id"] for row in rows]
    aside = await inventory.orders_with_asides(tx, sorted(skus), _AT_ONCE, now=now)
    await lock(tx, [*order, *aside])
    asides = await inventory.asides_of_orders(tx, order)
    wishes = [
        Wish(order_id=order_id, line_no=line.line_no, quantity=units, source=bucket, held_at=None)
        for order_id, order_lines in (await lines(tx, order)).items()
        for line in order_lines
        if line.sku_id in skus
        for bucket, units in _without_asides(line, asides)
        if units
    ]
    place = {order_id: at for at, order_id in enumerate(order)}
    wishes.sort(key=lambda wish: (place[wish.order_id], wish.line_no))
    more = await serve(tx, wishes, {}, now) and len(rows) == _AT_ONCE
    await _bring(tx, aside, now)
    if more or len(aside) == _AT_ONCE:
        await journal.append(
            tx,
            [(None, msgspec.structs.replace(event.data, sku_ids=sorted(skus))) for event in events[:1]],
            actor="doorstep",
            now=now,
        )


async def follow_supply(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """Claims on supply moved, or its date did: each order concerned says so, once, with the date that follows from it.

    Units whose delivery is known are backordered, the others are in shortfall and before a person.
    """
    skus = sorted({sku_id for event in events for sku_id in event.data.sku_ids})
    ids = await inventory.orders_with_news(tx, skus, _AT_ONCE)
    await lock(tx, ids)
    awaited = await inventory.what_waits(tx, ids)
    world = await _world(tx, ids)
    told: list[tuple[UUID, Event]] = []
    moves: list[Move] = []
    for order_id in ids:
        mine = [one for one in awaited if one.order_id == order_id]
        moves += _moves(order_id, world.lines[order_id], mine)
        told += [(order_id, event) for event in _redated(world, order_id, mine, now)]
        undated = [
            WaitingLine(line_no=one.line_no, quantity=one.units, bucket="shortfall")
            for one in mine
            if one.news and one.ready_at is None and not one.here
        ]
        if undated:
            cause = next(one.news for one in mine if one.news) or ""
            await open_shortage(tx, order_id=order_id, cause=cause, waiting=undated, now=now)
    await move_units(tx, moves)
    await journal.append(tx, told, actor="doorstep", now=now)
    await inventory.followed(tx, ids)
    if len(ids) == _AT_ONCE:
        await journal.append(tx, [(None, SupplyMoved(sku_ids=skus))], actor="doorstep", now=now)


async def _world(tx: Tx, ids: Sequence[UUID]) -> World:
    """What dates need to know of these orders, which are locked. Nothing is chosen here, so no stock is read."""
    by_no = {order_id: {line.line_no: line for line in rows} for order_id, rows in (await lines(tx, ids)).items()}
    skus = {line.sku_id for rows in by_no.values() for line in rows.values()}
    return World(
        network=await Network.read(tx),
        orders=await lock(tx, ids),
        lines=by_no,
        addresses=await addresses(tx, ids),
        products=await catalog.by_id(tx, skus),
        excluded=defaultdict(set),
        refused=defaultdict(set),
        held={},
        available={},
        beyond=None,
    )


def _moves(order_id: UUID, rows: Mapping[int, LineRow], awaited: Sequence[Await]) -> list[Move]:
    """Bring the buckets in line: what has a delivery, or is there, is backordered."""
    moves = []
    for line_no, line in rows.items():
        mine = [one for one in awaited if one.line_no == line_no]
        undated = sum(one.units for one in mine if one.incoming_id is None and not one.here)
        dated = sum(one.units for one in mine) - undated
        source: Bucket = "shortfall"
        target: Bucket = "backordered"
        units = min(dated - line.backordered, line.shortfall)
        if units < 0:
            source, target, units = target, source, min(line.backordered - dated, undated - line.shortfall)
        if mine and units > 0:
            moves.append(Move(order_id=order_id, line_no=line_no, quantity=units, source=source, target=target))
    return moves


def _redated(world: World, order_id: UUID, awaited: Sequence[Await], now: datetime) -> list[Redated]:
    """The new dates of the lines that have news: that of what comes last; unknown when that of anything is."""
    groups: dict[tuple[str, datetime | None], list[LineQuantity]] = {}
    for line_no in sorted({one.line_no for one in awaited if one.news}):
        mine = [one for one in awaited if one.line_no == line_no]
        cause = next(one.news for one in mine if one.news) or ""
        dates = [_expected_by(world, order_id, one, now) for one in mine]
        known = [date for date in dates if date is not None]
        expected_by = max(known) if len(known) == len(dates) else None
        units = sum(one.units for one in mine)
        groups.setdefault((cause, expected_by), []).append(LineQuantity(line_no=line_no, quantity=units))
    return [Redated(cause=cause, lines=group, expected_by=date) for (cause, date), group in groups.items()]


def _expected_by(world: World, order_id: UUID, one: Await, now: datetime) -> datetime | None:
    """When units that wait arrive at the customer's."""
    if one.location_id is None or (one.ready_at is None and not one.here):
        return None
    part = _part(world, order_id, one.location_id, [(one.line_no, one.units)], max(one.ready_at or now, now), now)
    return part.promised_by if part else None


def _part(
    world: World,
    order_id: UUID,
    location_id: int,
    units: Sequence[tuple[int, int]],
    ready_from: datetime,
    now: datetime,
) -> Part | None:
    """What a location sends of an order when it is ready; None when the order's service goes there no more."""
    order, address = world.orders[order_id], world.addresses[order_id]
    if not world.network.reaches(order.service, address.country, address.postcode):
        return None
    request = Request(
        service=order.service,
        country=address.country,
        postcode=address.postcode,
        ready_from=ready_from,
        demands=[demand_of(world, order_id, line_no, count, now) for line_no, count in units],
    )
    return world.network.plan(world.network.locations[location_id], request, request.demands, units)


async def _bring(tx: Tx, ids: Sequence[UUID], now: datetime) -> None:
    """Goods that were set aside for these orders, which are locked, become their claims, of products that are released.
    Call it last: whoever sets aside waits for us with stock rows in hand.
    """
    if not ids:
        return
    world = await _world(tx, ids)
    brought: defaultdict[UUID, list[Aside]] = defaultdict(list)
    for one in await inventory.bring(tx, ids, now=now):
        brought[one.order_id].append(one)
    told: list[tuple[UUID, Event]] = []
    moves: list[Move] = []
    for order_id, mine in brought.items():
        moves += _to_reserved(world.lines[order_id], mine)
        decision = _sent_from(world, order_id, mine, now)
        event = Allocated(
            cause="goods arrived",
            lines=[AllocatedLine(line_no=one.line_no, quantity=one.units, location_id=one.location_id) for one in mine],
            # Its service may not go there any more: then nothing is said of a date.
            expected_by=decision.promised_by or max(now, world.orders[order_id].promised_by or now),
        )
        told.append((order_id, event))
        await tx.execute(SQL.insert_decision, new_id(), order_id, event.cause, stored(decision), now)
    await move_units(tx, moves)
    await close_shortages(tx, brought, now=now)
    await journal.append(tx, told, actor="doorstep", now=now)


def _sent_from(world: World, order_id: UUID, mine: Sequence[Aside], now: datetime) -> Decision:
    """The decision that the goods made: each location sends what is there for the order."""
    parts = []
    for location_id in sorted({one.location_id for one in mine}):
        units = sorted((one.line_no, one.units) for one in mine if one.location_id == location_id)
        part = _part(world, order_id, location_id, units, now, now)
        parts += [part] if part else []
    return Decision(why="the goods it waited for are there", parts=parts, short=(), candidates=())


def _to_reserved(rows: Mapping[int, LineRow], mine: Sequence[Aside]) -> list[Move]:
    left = {(no, bucket): units for no, line in rows.items() for bucket, units in _waiting(line)}
    moves = []
    for one in mine:
        units = one.units
        for bucket, _ in _waiting(rows[one.line_no]):
            taken = min(units, left[one.line_no, bucket])
            left[one.line_no, bucket] -= taken
            units -= taken
            if taken:
                moves.append(
                    Move(order_id=one.order_id, line_no=one.line_no, quantity=taken, source=bucket, target="reserved")
                )
        if units:
            raise LookupError(f"line {one.line_no} of {one.order_id} waits for fewer units than are set aside for it")
    return moves


def _waiting(line: LineRow) -> Sequence[tuple[Bucket, int]]:
    """The units of a line that wait for goods, by bucket."""
    return ("backordered", line.backordered), ("shortfall", line.shortfall)


def _without_asides(line: LineRow, asides: Sequence[Aside]) -> list[tuple[Bucket, int]]:
    """The same without what is there for it already."""
    there = sum(one.units for one in asides if (one.order_id, one.line_no) == (line.order_id, line.line_no))
    found = []
    for bucket, units in _waiting(line):
        less = min(units, there)
        there -= less
        found.append((bucket, units - less))
    return found
