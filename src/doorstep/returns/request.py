"""Request a return: choose units, say why, choose how to hand them over."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from doorstep import catalog, inventory, jobs, journal, orders, shipping
from doorstep.db import Tx
from doorstep.inventory import Location
from doorstep.kit.errors import BodyDiffers, Conflict, Fault, Invalid
from doorstep.kit.ids import new_id, show
from doorstep.kit.limits import REFUND_WITHIN, RETURN_REQUEST_LIFE
from doorstep.orders import LineRow
from doorstep.returns import store
from doorstep.returns.eligible import eligible
from doorstep.returns.exchange import exchange_faults, open_exchange
from doorstep.returns.model import (
    BY_CARRIER,
    EXPIRE,
    Eligibility,
    Handover,
    Outcome,
    Requested,
    Return,
    ReturnLine,
    Way,
    WishLine,
)

_DAYS_OFFERED = 5


async def request(
    tx: Tx,
    *,
    order_id: UUID,
    wanted: Sequence[WishLine],
    handover: Handover,
    outcome: Outcome = "refund",
    number: str | None = None,
    location: str | None = None,
    collect_on: date | None = None,
    actor: str,
    now: datetime,
) -> Return:
    """Open a return. The same number again answers the return that is there.

    Hand-over: `label` buys a label to the warehouse; `qr` and `store` hand the goods in at a location that takes
    returns (`store` names it by its code); `collection` lets the carrier come on the day `collect_on`, one of
    `collection_days`. An `exchange` claims what each wish names instead, in an order that is sent when the goods are
    here. Raises NotFound, Invalid with all that is wrong, BodyDiffers (the number stands for another return), or
    Conflict when units are not there to be returned any more, or those wanted instead are not in stock.
    """
    original = await orders.lock_one(tx, order_id)
    returns = await store.of_orders(tx, [order_id])
    same = next((found for found in returns if found.number == number), None)
    if same is not None:
        return await _replay(tx, same, wanted, handover, outcome, collect_on)
    may = {line.line_no: line for line in await eligible(tx, order_id=order_id, now=now)}
    places = await inventory.locations(tx)
    faults = _faults(wanted, may) + await exchange_faults(tx, order_id, wanted, outcome)
    place = await _place(tx, order_id, handover, location, places, faults)
    faults += _day_faults(handover, collect_on, places.get(place), now)
    if faults:
        raise Invalid(faults)
    _refuse_what_is_gone(wanted, may)
    rows = {line.line_no: line for line in (await orders.lines(tx, [order_id]))[order_id]}
    new = msgspec.structs.replace(
        new_return(order_id, wanted, rows, handover, outcome, number, place, now), collect_on=collect_on
    )
    await open_return(tx, new)
    if handover in BY_CARRIER:
        content = [(line.sku_id, line.quantity) for line in new.lines]
        await shipping.want_return_label(
            tx,
            return_id=new.return_id,
            order_id=order_id,
            location_id=place,
            content=content,
            collect_on=collect_on,
            now=now,
        )
    await jobs.enqueue(tx, EXPIRE, [new.return_id], due_at=new.expires_at)
    instead = None
    if outcome == "exchange":  # last: it locks stock
        instead = await open_exchange(tx, original=original, new=new, wanted=wanted, rows=rows, actor=actor, now=now)
    event = Requested(
        return_id=new.return_id, number=new.number, handover=handover, collect_on=collect_on, exchange_number=instead
    )
    await journal.append(tx, [(order_id, event)], actor=actor, now=now)
    return (await store.read(tx, [new.return_id]))[new.return_id] if instead else new


async def open_return(tx: Tx, new: Return) -> None:
    """Write a new return, and take its units from what the customer has."""
    await store.insert(tx, new)
    moves = [
        orders.Move(
            order_id=new.order_id,
            line_no=line.line_no,
            quantity=line.quantity,
            source="delivered",
            target="return_requested",
        )
        for line in new.lines
    ]
    await orders.move_units(tx, moves)


def new_return(
    order_id: UUID,
    wanted: Sequence[WishLine],
    rows: Mapping[int, LineRow],
    handover: Way,
    outcome: Outcome,
    number: str | None,
    location_id: int,
    now: datetime,
) -> Return:
    """A return as it is opened; not written yet."""
    return_id = new_id()
    expires_at = now + RETURN_REQUEST_LIFE
    return Return(
        return_id=return_id,
        order_id=order_id,
        number=number or f"R-{return_id.hex[-10:].upper()}",
        status="requested",
        outcome=outcome,
        handover=handover,
        location_id=location_id,
        # The reference and a proof that nobody can guess; compared with what is kept here when it is shown.
        qr_token=f"{show('ret', return_id)}.{secrets.token_urlsafe(16)}" if handover in ("qr", "store") else None,
        # The worst case, so that the date told is always kept; it comes nearer when the goods are here.
        refund_by=expires_at + REFUND_WITHIN,
        refund_minor=0,
        receipts=0,
        requested_at=now,
        received_at=None,
        closed_at=None,
        expires_at=expires_at,
        lines=tuple(
            ReturnLine(
                return_id=return_id,
                line_no=wish.line_no,
                sku_id=rows[wish.line_no].sku_id,
                quantity=wish.quantity,
                reason=wish.reason,
                reception="awaiting",
                acceptance="pending",
                disposition=None,
                received=0,
                accepted=0,
                rejected=0,
                missing=0,
                refund_minor=0,
            )
            for wish in sorted(wanted, key=lambda wish: wish.line_no)
        ),
    )


async def _replay(
    tx: Tx, same: Return, wanted: Sequence[WishLine], handover: Handover, outcome: Outcome, collect_on: date | None
) -> Return:
    fields = []
    if {(line.line_no, line.quantity, line.reason) for line in same.lines} != {
        (wish.line_no, wish.quantity, wish.reason) for wish in wanted
    }:
        fields.append("lines")
    if same.handover != handover:
        fields.append("handover")
    if same.collect_on != collect_on:
        fields.append("collect_on")
    if same.outcome != outcome:
        fields.append("outcome")
    elif outcome == "exchange":
        products = await catalog.by_id(tx, {one.sku_id for one in same.exchanges})
        instead = {one.line_no: products[one.sku_id].sku for one in same.exchanges}
        if instead != {wish.line_no: wish.exchange_sku for wish in wanted}:
            fields.append("exchange_sku")
    if fields:
        raise BodyDiffers(
            f"Return {same.number!r} of this order was requested before with another {', '.join(fields)}.",
            extra={"fields": fields, "return_id": show("ret", same.return_id)},
        )
    return same


async def collection_days(tx: Tx, *, order_id: UUID, now: datetime) -> list[date]:
    """The days on which the carrier can come for a return of this order; none when no place takes returns."""
    places = await inventory.locations(tx)
    if not _takers(places):
        return []
    place = await _place(tx, order_id, "collection", None, places, [])
    return offered_days(places[place].timezone, now)


def offered_days(timezone: str, now: datetime) -> list[date]:
    """The next five working days, Monday to Friday, after today where the goods are expected."""
    today = now.astimezone(ZoneInfo(timezone)).date()
    days = (today + timedelta(days=ahead) for ahead in range(1, 2 + 7))
    return [day for day in days if day.weekday() < 5][:_DAYS_OFFERED]


def _day_faults(handover: Handover, collect_on: date | None, place: Location | None, now: datetime) -> list[Fault]:
    if handover != "collection":
        return [Fault("/collect_on", "Only a collection has a day.")] if collect_on is not None else []
    if collect_on is None:
        return [Fault("/collect_on", "A collection needs the day on which the carrier comes.")]
    offered = offered_days(place.timezone, now) if place is not None else []
    if collect_on in offered:
        return []
    return [Fault("/collect_on", "The carrier comes on one of " + ", ".join(map(str, offered)) + ".")]


def _faults(wanted: Sequence[WishLine], may: Mapping[int, Eligibility]) -> list[Fault]:
    faults = []
    if not wanted:
        faults.append(Fault("/lines", "At least one line is needed."))
    seen = set()
    for place, wish in enumerate(wanted):
        line = may.get(wish.line_no)
        if line is None:
            faults.append(Fault(f"/lines/{place}/line_no", f"The order has no line {wish.line_no}."))
        elif wish.line_no in seen:
            faults.append(Fault(f"/lines/{place}/line_no", f"Line {wish.line_no} stands twice."))
        elif line.quantity and wish.reason not in line.reasons:
            faults.append(Fault(f"/lines/{place}/reason", line.why))
        seen.add(wish.line_no)
    return faults


def _refuse_what_is_gone(wanted: Sequence[WishLine], may: Mapping[int, Eligibility]) -> None:
    refused = [
        {
            "line_no": wish.line_no,
            "asked": wish.quantity,
            "returnable": may[wish.line_no].quantity,
            "code": may[wish.line_no].code or "too_many",
            "detail": may[wish.line_no].why or f"Only {may[wish.line_no].quantity} can be returned.",
        }
        for wish in wanted
        if wish.quantity > may[wish.line_no].quantity
    ]
    if refused:
        text = " ".join(f"Line {one['line_no']}: {one['detail']}" for one in refused[:3])
        raise Conflict(text, extra={"lines": refused})


async def _place(
    tx: Tx,
    order_id: UUID,
    handover: Handover,
    code: str | None,
    places: Mapping[int, Location],
    faults: list[Fault],
) -> int:
    """Where it is expected: as named, else where the goods came from, else the first place that takes returns."""
    takers = _takers(places)
    if code is not None:
        named = next((place for place in takers if place.code == code), None)
        if named is None:
            faults.append(Fault("/location", f"{code[:60]!r} is no location that takes returns."))
            return 0
        return named.location_id
    if handover == "store":
        faults.append(Fault("/location", "A hand-over in a store needs the store's location code."))
        return 0
    if not takers:
        raise Conflict("No location takes returns at present.")
    sent_from = {shipment.location_id for shipment in (await shipping.of_orders(tx, [order_id]))[order_id]}
    return next((place for place in takers if place.location_id in sent_from), takers[0]).location_id


def _takers(places: Mapping[int, Location]) -> list[Location]:
    return sorted(
        (place for place in places.values() if place.enabled and "returns" in place.capabilities),
        key=lambda place: (place.priority, place.location_id),
    )
