"""Cancel what is not picked yet, and send it elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from doorstep import delivery, orders
from doorstep.db import Tx
from doorstep.kit.errors import Conflict, Fault, Invalid
from doorstep.orders.by_hand import Movable, movable, send_from
from doorstep.orders.changes import change_address, former_address
from doorstep.orders.requests import ShipTo, address_doubt
from doorstep.web.console.acting import rehearse
from doorstep.web.console.orders import reading
from doorstep.web.console.orders.deed import Deed, Fields, Outcome, routes_of
from doorstep.web.console.orders.reading import Known
from doorstep.web.console.staff import Staff
from doorstep.web.shopper.wishes import lines_of, number_of

# Why something is canceled, as the order's story says it.
WHY: Final = ("changed mind", "ordered twice", "arrives too late", "not available", "suspected fraud", "other reasons")
_FIELDS: Final = ("name", "street", "city", "region", "postcode")


class CancelWish(msgspec.Struct, frozen=True, kw_only=True):
    """Units to cancel; None: all that can still be."""

    lines: list[orders.LineQuantity] | None
    reason: str


def _cancel_wish(fields: Fields) -> CancelWish:
    faults = []
    everything = fields.get("everything") == "yes"
    lines = lines_of(fields)
    if fields.get("reason") not in WHY:
        faults.append(Fault("/reason", "Choose a reason."))
    if not everything and not lines:
        faults.append(Fault("/lines", "Say how many units of which line."))
    if faults:
        raise Invalid(faults)
    return CancelWish(lines=None if everything else lines, reason=fields["reason"])


async def _cancel(tx: Tx, staff: Staff, key: UUID, wish: CancelWish, now: datetime) -> Outcome:
    event = await orders.cancel(tx, order_id=key, wanted=wish.lines, reason=wish.reason, actor=staff.actor, now=now)
    if event is None:
        raise Conflict("There is nothing left that could be canceled.")
    units: dict[int, int] = {}
    for line in event.lines:
        units[line.line_no] = units.get(line.line_no, 0) + line.quantity
    return {
        "units": [[line_no, count] for line_no, count in sorted(units.items())],
        "amount_minor": event.amount_minor,
        "refund_minor": event.refund_minor,
        "everything": event.everything,
        "working": sum(line.quantity for line in event.lines if line.was == "activated"),
    }


async def _cancel_more(tx: Tx, staff: Staff, known: Known, fields: Fields) -> Mapping[str, Any]:
    can = [
        (no, known.goods[no][1], line.shortfall + line.backordered + line.reserved + line.activated, line.ordered)
        for no, line in sorted(known.lines.items())
    ]
    return {"reasons": WHY, "cancelable": [one for one in can if one[2]], "fixed": [one for one in can if not one[2]]}


def _address_wish(fields: Fields) -> Mapping[str, str]:
    return {name: fields.get(name, "").strip() for name in _FIELDS}


async def _address(tx: Tx, staff: Staff, key: UUID, wish: Mapping[str, str], now: datetime) -> Outcome:
    before = (await orders.addresses(tx, [key]))[key]
    try:
        wanted = msgspec.convert({**wish, "country": before.country}, ShipTo)
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].strip("`") or "street"
        raise Invalid([Fault(f"/{name}", "This is too short or too long.")]) from None
    held = await tx.fetchval(reading.SQL.open_hold, key, "incorrect_address")
    if not await change_address(tx, key, wanted, actor=staff.actor):
        raise Conflict("It goes there already: nothing is to be changed.")
    still = await tx.fetchval(reading.SQL.open_hold, key, "incorrect_address")
    return {
        "before": [getattr(before, name) for name in _FIELDS],
        "after": [getattr(wanted, name) for name in _FIELDS],
        "doubt": address_doubt(wanted),
        "released": held is not None and still is None,
    }


async def _address_more(tx: Tx, staff: Staff, known: Known, fields: Fields) -> Mapping[str, Any]:
    """The form is filled with what was typed, with the former address when it is to be set back, else as it is."""
    if "street" in fields:
        shown: Mapping[str, str] = fields
    elif "undo" in fields and (former := await former_address(tx, known.order_id)):
        shown = msgspec.to_builtins(former)
    else:
        shown = msgspec.to_builtins(known.view.ship_to)
    return {"address": {name: shown.get(name, "") for name in _FIELDS}, "undoing": "undo" in fields}


def _reroute_wish(fields: Fields) -> tuple[int, int]:
    source, _, target = fields.get("way", "").partition("-")
    if not (number_of(source) and number_of(target)):
        raise Invalid([Fault("/way", "Choose a location.")])
    return number_of(source), number_of(target)


async def _reroute(tx: Tx, staff: Staff, key: UUID, wish: tuple[int, int], now: datetime) -> Outcome:
    source, target = wish
    staff.require_at(source)
    found = await send_from(tx, order_id=key, source=source, target=target, actor=staff.actor, now=now)
    choices = {one.location_id: one for one in found.choices}
    ledger = {one.line_no: one.promised_by for one in (await delivery.current(tx, [key])).get(key, [])}
    promised = [ledger.get(line_no) for line_no, _ in found.units]
    by = choices[target].promised_by
    return {
        "from": source,
        "to": target,
        "units": [list(one) for one in found.units],
        "was_cost": choices[source].cost_minor,
        "cost": choices[target].cost_minor,
        "by": by.isoformat() if by else "",
        "promised": max((one.isoformat() for one in promised if one), default=""),
        "later": by is not None and any(one is not None and by > one for one in promised),
    }


async def _reroute_found(staff: Staff, key: UUID) -> Mapping[str, Any]:
    """Found by locking and letting go again: the page shows what holds at this moment."""

    async def look(tx: Tx, now: datetime) -> list[Movable]:
        return await movable(tx, key, now=now)

    found: list[Movable] = (await rehearse(staff, look)).result
    return {"movable": [one for one in found if staff.may_at(one.source)]}


REROUTE: Final = Deed(
    name="reroute",
    action="orders.reroute",
    wish=_reroute_wish,
    do=_reroute,
    told=lambda wish: {"from": wish[0], "to": wish[1]},
    found=_reroute_found,
)
CANCEL: Final = Deed(
    name="cancel",
    action="orders.cancel",
    wish=_cancel_wish,
    do=_cancel,
    told=lambda wish: {
        "lines": "all" if wish.lines is None else [[line.line_no, line.quantity] for line in wish.lines],
        "reason": wish.reason,
    },
    extra=_cancel_more,
)
ADDRESS: Final = Deed(
    name="address",
    action="orders.address",
    wish=_address_wish,
    do=_address,
    # Nothing of where somebody lives, no digest either: whoever guesses the address could tell that it is the one.
    told=lambda wish: {},
    extra=_address_more,
)

HANDLERS = (*routes_of(CANCEL), *routes_of(ADDRESS), *routes_of(REROUTE))
