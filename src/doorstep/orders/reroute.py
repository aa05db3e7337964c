"""Claims that move: a location rejected the work or came up short, or units are there for those who wait.

In one transaction the old claim is given back and the new one taken, so that units are never claimed twice nor lost.
A location that failed a line is not asked again for it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from doorstep import catalog, inventory, journal
from doorstep.catalog import Product
from doorstep.db import Tx
from doorstep.inventory import Claim, Owed, Wait
from doorstep.journal import Event, Recorded
from doorstep.kit.ids import new_id
from doorstep.orders.classify import classify
from doorstep.orders.draft import demand
from doorstep.orders.model import (
    Address,
    Allocated,
    AllocatedLine,
    Backordered,
    Bucket,
    LineRow,
    Move,
    OrderRow,
    Rerouted,
    ReroutedLine,
    WaitingLine,
)
from doorstep.orders.shortage import close_shortages, open_shortage
from doorstep.orders.store import SQL, addresses, lines, lock, move_units
from doorstep.routing import Beyond, Decision, Demand, Network, Piece, Request, stored


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Units of an order that need a location: `source` is the bucket they are in, `held_at` where they are still
    claimed.
    """

    order_id: UUID
    line_no: int
    quantity: int
    source: Bucket
    held_at: int | None


async def reroute(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """After fulfillment.rejected (units reserved, still claimed there) or short_picked (units in shortfall): look
    elsewhere.

    What no other location can serve is backordered or left in shortfall, with an exception for a person.
    """
    rejected = {event.event_id: event.data.KIND.endswith("rejected") for event in events}
    excluded = [
        (event.order, line.line_no, event.data.location_id, "rejected" if rejected[event.event_id] else "short_pick")
        for event in events
        for line in event.data.lines
    ]
    await tx.execute(SQL.exclude, *map(list, zip(*excluded, strict=True)))
    await lock(tx, {event.order for event in events})
    wishes = [
        Wish(
            order_id=event.order,
            line_no=line.line_no,
            quantity=line.quantity,
            source="reserved" if rejected[event.event_id] else "shortfall",
            held_at=event.data.location_id if rejected[event.event_id] else None,
        )
        for event in events
        for line in event.data.lines
    ]
    causes = {event.order: "rejected" if rejected[event.event_id] else "short pick" for event in events}
    await serve(tx, wishes, causes, now)


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What a choice needs to know, read once for all orders of a batch."""

    network: Network
    orders: Mapping[UUID, OrderRow]
    lines: Mapping[UUID, Mapping[int, LineRow]]
    addresses: Mapping[UUID, Address]
    products: Mapping[int, Product]
    excluded: Mapping[tuple[UUID, int], set[int]]
    refused: Mapping[tuple[UUID, int], set[int]]  # those of the excluded that goods do not make up for
    held: dict[tuple[UUID, int, int], int]  # open claims by (order, line, location)
    available: dict[tuple[int, int], int]
    beyond: Beyond | None


async def serve(
    tx: Tx,
    wishes: Sequence[Wish],
    causes: Mapping[UUID, str],
    now: datetime,
    *,
    empty: Collection[tuple[int, int]] = (),
) -> bool:
    """Find locations for units, order by order, and move claims and buckets accordingly; whether any were found.

    The orders must be locked. Nothing is looked for at the (sku_id, location_id) in `empty`: they are about to be.
    """
    ids = list(dict.fromkeys(wish.order_id for wish in wishes))
    if not ids:
        return False
    world = await read_world(tx, ids, wishes, now, empty=empty)
    result = _Result(kind_of_cause=causes)
    for order_id in ids:
        mine = _possible([wish for wish in wishes if wish.order_id == order_id], world.lines[order_id], world.held)
        if mine:
            _decide(world, order_id, mine, result, now)
    return await result.write(tx, now)


async def read_world(
    tx: Tx,
    ids: Sequence[UUID],
    wishes: Sequence[Wish],
    now: datetime,
    *,
    empty: Collection[tuple[int, int]] = (),
) -> World:
    """Read what choices for these wishes need; locks the orders, and last their stock."""
    order_lines = await lines(tx, ids)
    by_no = {order_id: {line.line_no: line for line in rows} for order_id, rows in order_lines.items()}
    skus = {by_no[wish.order_id][wish.line_no].sku_id for wish in wishes}
    excluded: dict[tuple[UUID, int], set[int]] = defaultdict(set)
    refused: dict[tuple[UUID, int], set[int]] = defaultdict(set)
    for row in await tx.fetch(SQL.excluded, list(ids)):
        for places in (excluded, refused) if row["cause"] != "short_pick" else (excluded,):
            places[row["order_id"], row["line_no"]].add(row["location_id"])
    network = await Network.read(tx)
    return World(
        network=network,
        orders=await lock(tx, ids),
        lines=by_no,
        addresses=await addresses(tx, ids),
        products=await catalog.by_id(tx, skus),
        excluded=excluded,
        refused=refused,
        held={(c.order_id, c.line_no, c.location_id): c.quantity for c in await inventory.claims_of(tx, ids)},
        available=await _lock_stock(tx, by_no, wishes, now, empty),  # last: stock rows come after order rows,
        beyond=Beyond(network, await inventory.lock_supply(tx, skus, make=skus), now=now),  # and supply after them
    )


async def _lock_stock(
    tx: Tx,
    rows: Mapping[UUID, Mapping[int, LineRow]],
    wishes: Sequence[Wish],
    now: datetime,
    empty: Collection[tuple[int, int]],
) -> dict[tuple[int, int], int]:
    """Lock all stock of the SKUs wished for; where it is too little, what has expired in carts comes back."""
    wanted: Counter[int] = Counter()
    for wish in wishes:
        wanted[rows[wish.order_id][wish.line_no].sku_id] += wish.quantity
    available = await inventory.lock_stock(tx, sku_ids=wanted)
    available |= dict.fromkeys(empty, 0)
    there: Counter[int] = Counter()
    for (sku_id, _), units in available.items():
        there[sku_id] += max(0, units)
    keys = [key for key in available if there[key[0]] < wanted[key[0]] and key not in empty]
    if keys:
        for key, units in (await inventory.reclaim(tx, keys=keys, expired_by=now, now=now)).items():
            available[key] += units
    return available


def _possible(
    wishes: Sequence[Wish], rows: Mapping[int, LineRow], held: dict[tuple[UUID, int, int], int]
) -> list[Wish]:
    """The wishes cut down to what is still in the buckets and, where they give a claim back, in that claim.

    A cancel may have come first, and it chose among the claims of a line as it liked.
    """
    left = {
        (no, bucket): getattr(line, bucket)
        for no, line in rows.items()
        for bucket in ("reserved", "shortfall", "backordered")
    }
    possible = []
    for wish in wishes:
        units = min(wish.quantity, left[wish.line_no, wish.source])
        if wish.held_at is not None:
            place = (wish.order_id, wish.line_no, wish.held_at)
            units = min(units, held.get(place, 0))
            held[place] = held.get(place, 0) - units
        left[wish.line_no, wish.source] -= units
        if units:
            possible.append(msgspec.structs.replace(wish, quantity=units))
    return possible


def _decide(world: World, order_id: UUID, wishes: Sequence[Wish], result: _Result, now: datetime) -> None:
    order, address = world.orders[order_id], world.addresses[order_id]
    units: dict[int, int] = defaultdict(int)
    for wish in wishes:
        units[wish.line_no] += wish.quantity
    demands = [demand_of(world, order_id, line_no, quantity, now) for line_no, quantity in sorted(units.items())]
    request = Request(
        service=order.service,
        country=address.country,
        postcode=address.postcode,
        ready_from=now,
        demands=demands,
        channel_id=order.channel_id,
        kept_back=False,
    )
    if world.network.reaches(order.service, address.country, address.postcode):
        decision = world.network.decide(request, world.available)
    else:  # the tables were changed after placing: this order waits for a person, the others must not wait for it
        decision = Decision(why="its service does not deliver there any more", parts=(), short=(), candidates=())
    skus = {line_no: world.lines[order_id][line_no].sku_id for line_no in units}
    for part in decision.parts:
        for line_no, quantity in part.lines:
            world.available[skus[line_no], part.location_id] -= quantity
    if order_id in result.causes:
        decision = _beyond(world, order_id, request, decision, result)
    result.add(order_id, wishes, decision, skus)


def _beyond(world: World, order_id: UUID, request: Request, decision: Decision, result: _Result) -> Decision:
    """What no location has waits: for a delivery that has units left, or for whichever comes."""
    if world.beyond is None or not decision.short:
        return decision
    demands = [
        msgspec.structs.replace(one, excluded=frozenset(world.refused[order_id, one.line_no]))
        for one in request.demands
    ]
    covered = world.beyond.cover(request, demands, decision, {}, channel=None, accept=True)
    world.beyond.take(covered.pieces, "")
    result.wait(order_id, covered.pieces)
    return covered.decision


def demand_of(world: World, order_id: UUID, line_no: int, quantity: int, now: datetime) -> Demand:
    """What units of a line need of a location."""
    line = world.lines[order_id][line_no]
    product = world.products[line.sku_id]
    by_kind = {service.kind: service.detail for service in line.services}
    kind = classify(
        product,
        world.network.planner,
        personalized=sorted(by_kind.get("personalization", {}).get("fields", {})),
        gift_wrap="gift_wrap" in by_kind,
        instructions=bool(line.instructions),
    )
    return demand(line_no, product, kind, quantity, frozenset(world.excluded[order_id, line_no]), now=now)


class _Result:
    """What a batch of choices changes, gathered so that each kind of row is written once."""

    def __init__(self, *, kind_of_cause: Mapping[UUID, str]) -> None:
        self.causes = kind_of_cause
        self._gives: list[Claim] = []
        self._freed: list[Claim] = []
        self._takes: list[Claim] = []
        self._moves: list[Move] = []
        self._events: list[tuple[UUID, Event]] = []
        self._decisions: list[tuple[UUID, str, Decision]] = []
        self._troubles: list[tuple[UUID, str, Sequence[WaitingLine]]] = []
        self._waits: list[Wait] = []
        self._owed: list[Owed] = []

    def wait(self, order_id: UUID, pieces: Sequence[Piece]) -> None:
        """Units of an order claim supply from now on."""
        self._waits += [
            Wait(
                order_id=order_id,
                line_no=piece.demand.line_no,
                sku_id=piece.demand.sku_id,
                incoming_id=piece.incoming_id,
                units=piece.units,
                sold=piece.sold,
                needs=piece.demand.needs,
            )
            for piece in pieces
        ]

    def add(self, order_id: UUID, wishes: Sequence[Wish], decision: Decision, skus: Mapping[int, int]) -> None:
        """Record what was decided for one order."""
        cause = self.causes.get(order_id, "goods arrived")
        queue = {line_no: [wish for wish in wishes if wish.line_no == line_no] for line_no in skus}
        served: list[ReroutedLine] = []
        for part in decision.parts:
            for line_no, quantity in part.lines:
                for wish in _draw(queue[line_no], quantity):
                    served.append(
                        ReroutedLine(
                            line_no=line_no,
                            quantity=wish.quantity,
                            from_location_id=wish.held_at,
                            to_location_id=part.location_id,
                        )
                    )
                    self._takes.append(_claim(wish, skus, part.location_id))
                    if order_id not in self.causes:  # it waits for these no more
                        self._owed.append(
                            Owed(order_id=order_id, line_no=line_no, sku_id=skus[line_no], units=wish.quantity)
                        )
                    self._leave(wish, skus, "reserved", self._gives)
        expected_by = decision.promised_by
        if served and expected_by is not None:
            self._events.append((order_id, _moved(served, cause, expected_by, found_again=order_id in self.causes)))
            self._decisions.append((order_id, cause, decision))
        if order_id in self.causes:
            later = decision.units_awaited
            ready_at = max((part.ready_at for part in decision.awaited), default=None)
            kinds: tuple[tuple[Bucket, Mapping[int, int], datetime | None], ...] = (
                ("backordered", later, ready_at),
                ("shortfall", dict(decision.short), None),
            )
            for bucket, units, date in kinds:
                drawn = [wish for no, count in units.items() for wish in _draw(queue[no], count)]
                self._wait(order_id, cause, drawn, skus, bucket, date)

    def _wait(
        self,
        order_id: UUID,
        cause: str,
        left: Sequence[Wish],
        skus: Mapping[int, int],
        bucket: Bucket,
        expected_at: datetime | None,
    ) -> None:
        """Units nobody has: they wait for dated supply, or for a person."""
        for wish in left:
            self._leave(wish, skus, bucket, self._freed)
        waiting = [WaitingLine(line_no=wish.line_no, quantity=wish.quantity, bucket=bucket) for wish in left]
        if waiting:
            self._events.append((order_id, Backordered(cause=cause, lines=waiting, expected_at=expected_at)))
            self._troubles.append((order_id, cause, waiting))

    def _leave(self, wish: Wish, skus: Mapping[int, int], target: Bucket, gives: list[Claim]) -> None:
        if wish.held_at is not None:
            gives.append(_claim(wish, skus, wish.held_at))
        if wish.source != target:
            self._moves.append(
                Move(
                    order_id=wish.order_id,
                    line_no=wish.line_no,
                    quantity=wish.quantity,
                    source=wish.source,
                    target=target,
                )
            )

    async def write(self, tx: Tx, now: datetime) -> bool:
        """Write it all: buckets and story of the orders first, then the stock rows, which are locked already."""
        await move_units(tx, self._moves)
        for order_id, cause, decision in self._decisions:
            await tx.execute(SQL.insert_decision, new_id(), order_id, cause, stored(decision), now)
        for order_id, cause, waiting in self._troubles:
            await open_shortage(tx, order_id=order_id, cause=cause, waiting=waiting, now=now)
        await close_shortages(tx, [order_id for order_id, _, _ in self._decisions], now=now)
        await journal.append(tx, self._events, actor="doorstep", now=now)
        await inventory.claim(tx, claims=self._takes)
        for claims, kind in ((self._gives, "moved"), (self._freed, "released")):
            await inventory.release(  # who waits is served afterwards: what was lost there may not be there at all
                tx,
                claims=claims,
                reason="re-routed",
                reference="reroute",
                actor="doorstep",
                now=now,
                kind=kind,
                serve=False,
            )
        await inventory.wait(tx, self._waits)
        await inventory.give_up(tx, self._owed, now=now)
        return bool(self._takes)


def _moved(served: Sequence[ReroutedLine], cause: str, expected_by: datetime, *, found_again: bool) -> Event:
    """What to tell of units that have a location now: claims that moved, or waiting units that got stock."""
    if found_again:
        return Rerouted(cause=cause, lines=served, expected_by=expected_by)
    lines = [
        AllocatedLine(line_no=line.line_no, quantity=line.quantity, location_id=line.to_location_id) for line in served
    ]
    return Allocated(cause=cause, lines=lines, expected_by=expected_by)


def _draw(queue: list[Wish], quantity: int) -> list[Wish]:
    """Take units from the front of a line's wishes."""
    drawn = []
    while quantity:
        wish = queue.pop(0)
        units = min(quantity, wish.quantity)
        quantity -= units
        drawn.append(msgspec.structs.replace(wish, quantity=units))
        if units < wish.quantity:
            queue.insert(0, msgspec.structs.replace(wish, quantity=wish.quantity - units))
    return drawn


def _claim(wish: Wish, skus: Mapping[int, int], location_id: int) -> Claim:
    return Claim(
        order_id=wish.order_id,
        line_no=wish.line_no,
        sku_id=skus[wish.line_no],
        location_id=location_id,
        quantity=wish.quantity,
    )
