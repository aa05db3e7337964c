"""A person chooses another location for what waits to be picked at one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import inventory, journal
from doorstep.db import Tx
from doorstep.inventory import Claim
from doorstep.kit.errors import Conflict
from doorstep.kit.ids import new_id
from doorstep.orders.cancel import UnitsAt, units_at
from doorstep.orders.model import Move, Rerouted, ReroutedLine
from doorstep.orders.reroute import Wish, World, demand_of, read_world
from doorstep.orders.store import SQL, lock_one, move_units
from doorstep.routing import Candidate, Decision, Request, stored
from doorstep.routing.decide import decide

CAUSE = "by hand"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What it would be to send the units from here: our cost and the date, or why it cannot be (`out`)."""

    location_id: int
    cost_minor: int | None
    promised_by: datetime | None
    out: str = ""


class Movable(msgspec.Struct, frozen=True, kw_only=True):
    """Units of an order that wait to be picked at `source`, as (line_no, quantity), and where they may come from; the
    first choice is where they are now.
    """

    source: int
    units: tuple[tuple[int, int], ...]
    choices: tuple[Choice, ...]


async def movable(tx: Tx, order_id: UUID, *, now: datetime) -> list[Movable]:
    """What of an order may come from elsewhere, by the location it is at. Locks the order and its stock."""
    order = await lock_one(tx, order_id)
    if order.status not in ("open", "on_hold"):
        return []
    units = [one for one in await units_at(tx, order_id) if one.reserved + one.activated]
    if not units:
        return []
    wishes = [_wish(order_id, one) for one in units]
    world = await read_world(tx, [order_id], wishes, now)
    found = []
    for source in sorted({one.location_id for one in units}):
        mine = [(one.line_no, one.reserved + one.activated) for one in units if one.location_id == source]
        places = [source, *(place for place in world.network.locations if place != source)]
        choices = tuple(_choice(world, order_id, place, mine, held=place == source, now=now) for place in places)
        found.append(Movable(source=source, units=tuple(mine), choices=choices))
    return found


async def send_from(tx: Tx, *, order_id: UUID, source: int, target: int, actor: str, now: datetime) -> Movable:
    """Move the claims on all that waits to be picked at `source` to `target`; the work follows.

    A picker who takes it at this very moment is refused. Returns what was moved, with the choices as they were. Raises
    NotFound, or Conflict when nothing waits there or the other location cannot send all of it.
    """
    found = next((one for one in await movable(tx, order_id, now=now) if one.source == source), None)
    if found is None:
        raise Conflict("Nothing waits to be picked there any more.")
    choice = next((one for one in found.choices if one.location_id == target and target != source), None)
    if choice is None or choice.promised_by is None:
        raise Conflict("That location cannot send it: " + (choice.out if choice else "there is no such location") + ".")
    units = [one for one in await units_at(tx, order_id) if one.location_id == source and one.reserved + one.activated]
    activated = [
        Move(order_id=order_id, line_no=one.line_no, quantity=one.activated, source="activated", target="reserved")
        for one in units
        if one.activated
    ]
    await move_units(tx, activated)
    await _write(tx, order_id, found, choice, actor, now)
    return found


async def _write(tx: Tx, order_id: UUID, found: Movable, choice: Choice, actor: str, now: datetime) -> None:
    """The decision and the change, the event, then the claims: stock rows last, and locked already."""
    world = await read_world(tx, [order_id], [_plain_wish(order_id, no, units) for no, units in found.units], now)
    decision = _decide(world, order_id, choice.location_id, found.units, now)
    candidates = [
        Candidate(location_id=one.location_id, cost_minor=one.cost_minor, out=one.out) for one in found.choices
    ]
    decision = msgspec.structs.replace(decision, why="chosen by a person", candidates=candidates)
    change_id = new_id()
    await tx.execute(SQL.insert_decision, new_id(), order_id, CAUSE, stored(decision), now)
    detail = {"from": found.source, "to": choice.location_id}
    await tx.execute(SQL.insert_change, change_id, order_id, "reroute", detail, CAUSE, actor, now)
    lines = [
        ReroutedLine(line_no=no, quantity=units, from_location_id=found.source, to_location_id=choice.location_id)
        for no, units in found.units
    ]
    assert choice.promised_by is not None
    event = Rerouted(cause=CAUSE, lines=lines, expected_by=choice.promised_by)
    await journal.append(tx, [(order_id, event)], actor=actor, now=now)
    skus = {no: line.sku_id for no, line in world.lines[order_id].items()}
    gives, takes = [
        [
            Claim(order_id=order_id, line_no=no, sku_id=skus[no], location_id=place, quantity=units)
            for no, units in found.units
        ]
        for place in (found.source, choice.location_id)
    ]
    reference = f"change:{change_id.hex}"
    await inventory.release(
        tx, claims=gives, reason="re-routed", reference=reference, actor=actor, now=now, kind="moved"
    )
    await inventory.claim(tx, claims=takes)


def _choice(
    world: World, order_id: UUID, place: int, units: Sequence[tuple[int, int]], *, held: bool, now: datetime
) -> Choice:
    """One location, for all of the units. Where they are now they are claimed, so stock does not matter there."""
    decision = _decide(world, order_id, place, units, now, held=held)
    if decision.short or not decision.parts:
        out = next((one.out for one in decision.candidates if one.out), "") or "not enough stock"
        return Choice(location_id=place, cost_minor=None, promised_by=None, out=out)
    (part,) = decision.parts
    return Choice(location_id=place, cost_minor=part.cost_minor, promised_by=part.promised_by)


def _decide(
    world: World, order_id: UUID, place: int, units: Sequence[tuple[int, int]], now: datetime, *, held: bool = False
) -> Decision:
    order, address = world.orders[order_id], world.addresses[order_id]
    demands = [
        # A person may well choose a location that failed it before.
        msgspec.structs.replace(demand_of(world, order_id, no, count, now), excluded=frozenset())
        for no, count in units
    ]
    request = Request(
        service=order.service, country=address.country, postcode=address.postcode, ready_from=now, demands=demands
    )
    available = dict(world.available)
    if held:
        for demand in demands:
            key = (demand.sku_id, place)
            available[key] = available.get(key, 0) + sum(one.quantity for one in demands if one.sku_id == demand.sku_id)
    return decide(request, locations=[world.network.locations[place]], available=available, plan=world.network.plan)


def _wish(order_id: UUID, one: UnitsAt) -> Wish:
    return _plain_wish(order_id, one.line_no, one.reserved + one.activated)


def _plain_wish(order_id: UUID, line_no: int, quantity: int) -> Wish:
    return Wish(order_id=order_id, line_no=line_no, quantity=quantity, source="reserved", held_at=None)
