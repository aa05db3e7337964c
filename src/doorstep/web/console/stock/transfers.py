"""Transfers between locations: planned, sent, received in parts, and closed with what is missing accounted for.

Seen at either end; sent by who works where it begins, received and closed by who works where it goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post

from doorstep import catalog, inventory
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.inventory import Arrived, Location, Transfer
from doorstep.kit.errors import BodyDiffers, Conflict, Fault, Forbidden, Invalid, NotFound
from doorstep.kit.ids import new_id, parse
from doorstep.kit.ids import show as show_id
from doorstep.kit.paging import cut, decode
from doorstep.web.console.acting import act, rehearse
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import faults_by_field, show
from doorstep.web.console.scope import in_order, place_named, places_of
from doorstep.web.console.staff import Staff
from doorstep.web.console.stock.supply import evening
from doorstep.web.pages import form, see, whole

PREFIX: Final = "trf"
PAGE: Final = 25
_UNITS_MOST: Final = 1_000_000
_LINES_MOST: Final = 200
_TEXT_MOST: Final = 100
_LAST: Final = UUID(int=2**128 - 1)
Deed = Literal["ship", "receive", "close", "cancel"]
DEEDS: Final[tuple[Deed, ...]] = get_args(Deed)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a form wishes of a transfer, by sku_id: units that leave, arrive good, arrive damaged, or are found."""

    deed: Deed
    units: Mapping[int, int]
    damaged: Mapping[int, int]
    reference: str
    note: str


@get("/console/stock/transfers", **needs("stock.read"))
async def show_transfers(request: Asked, staff: Staff) -> Response[bytes]:
    """Transfers that are not over, newest first; or all."""
    asked = request.query_params
    (after,) = decode(asked["cursor"], (UUID,)) if asked.get("cursor") else (_LAST,)
    ended = asked.get("ended") == "1"
    async with staff.brand.reading() as tx:
        rows = await inventory.transfers(tx, after=after, at=staff.locations, ended=ended, limit=PAGE + 1)
        page, more = cut(rows, PAGE, lambda one: (one.transfer_id,))
        places = await inventory.locations(tx)
    return await show(
        staff,
        "console/stock/transfers.html",
        at="stock",
        rows=[(show_id(PREFIX, one.transfer_id), one) for one in page],
        where=places,
        ended=ended,
        next_page=f"/console/stock/transfers?{'ended=1&' if ended else ''}cursor={more}" if more else "",
        zones={key: ZoneInfo(place.timezone) for key, place in places.items()},
    )


@get("/console/stock/transfers/new", **needs("stock.act"))
async def show_new(staff: Staff) -> Response[bytes]:
    """What to send, from where to where, and when it should be there."""
    return await _new(staff, {})


@post("/console/stock/transfers/new", status_code=200, **needs("stock.act"))
async def open_new(request: Asked, staff: Staff) -> Response[bytes]:
    """Plan it: nothing moves yet."""
    fields = await form(request)
    try:
        async with staff.brand.reading() as tx:
            source = await place_named(tx, staff, fields.get("from", ""))
            target = await _target(tx, fields.get("to", ""))
            units, expected_at = await _plan(tx, fields, target)
    except Invalid as error:
        return await _new(staff, fields, status=422, faults=faults_by_field(error))
    reference = fields.get("reference", "")

    async def deed(tx: Tx, now: datetime) -> None:
        await inventory.open_transfer(
            tx,
            reference=reference,
            source=source.location_id,
            target=target.location_id,
            units=units,
            expected_at=expected_at,
            actor=staff.actor,
            now=now,
        )

    detail = {"from": source.code, "to": target.code, "units": sum(units.values())}
    try:
        await act(staff, fields, deed, action="stock.plan_transfer", subject=reference, detail=detail)
    except BodyDiffers:
        faults = {"reference": "taken"}
        return await _new(staff, fields, status=409, faults=faults)
    except Invalid as error:
        return await _new(staff, fields, status=422, faults=faults_by_field(error))
    async with staff.brand.reading() as tx:
        made = await inventory.transfer_named(tx, reference)
    return see(f"/console/stock/transfers/{show_id(PREFIX, made.transfer_id)}?said=planned")


@get("/console/stock/transfers/{transfer_id:str}", **needs("stock.read"))
async def show_transfer(request: Asked, staff: Staff, transfer_id: str) -> Response[bytes]:
    """A transfer: what left, what arrived, what is missing; and what may be done with it here."""
    found = await _seen(staff, transfer_id)
    return await _page(staff, found, {}, said=request.query_params.get("said", ""))


@get("/console/stock/transfers/{transfer_id:str}/preview", **needs("stock.act"))
async def show_preview(request: Asked, staff: Staff, transfer_id: str) -> Response[bytes]:
    """What it would be afterwards."""
    return await _preview(staff, await _seen(staff, transfer_id), request.query_params)


@post("/console/stock/transfers/{transfer_id:str}/do", status_code=200, **needs("stock.act"))
async def change(request: Asked, staff: Staff, transfer_id: str) -> Response[bytes]:
    """Send, receive, close or cancel it; the same form again changes nothing."""
    fields = await form(request)
    found = await _seen(staff, transfer_id)
    try:
        wish = _wish(staff, found, fields)
        moved = {line.sku: wish.units[line.sku_id] for line in found.lines if wish.units.get(line.sku_id)}
        detail = {"deed": wish.deed, "units": moved, **({"note": wish.note} if wish.note else {})}

        async def deed(tx: Tx, now: datetime) -> None:
            await _do(tx, found, wish, staff, now)

        await act(staff, fields, deed, action=f"stock.{wish.deed}_transfer", subject=found.reference, detail=detail)
    except (Invalid, Conflict):
        return await _preview(staff, found, fields)
    return see(f"/console/stock/transfers/{transfer_id}?said={wish.deed}")


async def _seen(staff: Staff, transfer_id: str) -> Transfer:
    async with staff.brand.reading() as tx:
        found = await inventory.read_transfer(tx, parse(PREFIX, transfer_id))
    if not (staff.may_at(found.from_location_id) or staff.may_at(found.to_location_id)):
        raise Forbidden("This transfer is between locations that are not yours.")
    return found


async def _target(tx: Tx, code: str) -> Location:
    """Where it goes: anywhere, for nothing is changed there before somebody there receives it. Raises Invalid."""
    found = next((one for one in (await inventory.locations(tx)).values() if one.code == code), None)
    if found is None:
        raise Invalid([Fault("/to", "Choose where it goes.")])
    return found


async def _plan(tx: Tx, fields: Mapping[str, str], target: Location) -> tuple[dict[int, int], datetime]:
    """Units by sku_id, and when they should be there. Raises Invalid naming everything wrong."""
    faults: list[Fault] = []
    rows = [line.rsplit(None, 1) for line in fields.get("lines", "").splitlines() if line.strip()]
    if not rows or len(rows) > _LINES_MOST:
        faults.append(Fault("/lines", f"1 to {_LINES_MOST} lines."))
    products = await catalog.load(tx, [row[0] for row in rows[:_LINES_MOST]])
    units: dict[int, int] = {}
    for row in rows[:_LINES_MOST]:
        count = whole(row[1], _UNITS_MOST) if len(row) == 2 else None
        if not count or row[0] not in products or products[row[0]].sku_id in units:
            faults.append(Fault("/lines", " ".join(row)[:60]))
            break
        units[products[row[0]].sku_id] = count
    if not _fits(fields.get("reference", "")) or not fields.get("reference"):
        faults.append(Fault("/reference", f"1 to {_TEXT_MOST} printable characters."))
    if fields.get("from") == target.code:
        faults.append(Fault("/to", "Choose another location."))
    day = evening(fields.get("expected_on", ""), target)
    if day is None:
        faults.append(Fault("/expected_on", "A day."))
    if faults or day is None:
        raise Invalid(faults)
    return units, day


def _fits(text: str) -> bool:
    return len(text) <= _TEXT_MOST and (not text or text.isprintable())


def _wish(staff: Staff, found: Transfer, fields: Mapping[str, str]) -> Wish:
    """Raises NotFound, Forbidden for an end that is not theirs, or Invalid."""
    deed = next((one for one in DEEDS if one == fields.get("deed")), None)
    if deed is None:
        raise NotFound("There is no such deed.")
    staff.require_at(found.from_location_id if deed in ("ship", "cancel") else found.to_location_id)
    faults: list[Fault] = []
    units: dict[str, dict[int, int]] = {"units": {}, "damaged": {}}
    for name, counts in units.items():
        for line in found.lines:
            text = fields.get(f"{name}-{line.sku_id}", "").strip()
            count = whole(text or "0", _UNITS_MOST)
            if count is None:
                faults.append(Fault(f"/{name}-{line.sku_id}", f"A whole number up to {_UNITS_MOST}."))
            counts[line.sku_id] = count or 0
    if deed == "close" and any(units["units"].values()):
        staff.require_at(found.from_location_id)  # what is found is put back there
    reference, note = fields.get("reference", "").strip(), fields.get("note", "").strip()
    if deed == "receive" and (not reference or not _fits(reference)):
        faults.append(Fault("/reference", f"1 to {_TEXT_MOST} printable characters."))
    if not _fits(note):
        faults.append(Fault("/note", f"Up to {_TEXT_MOST} printable characters."))
    if faults:
        raise Invalid(faults)
    return Wish(deed=deed, units=units["units"], damaged=units["damaged"], reference=reference, note=note)


async def _do(tx: Tx, found: Transfer, wish: Wish, staff: Staff, now: datetime) -> Transfer:
    key, actor = found.transfer_id, staff.actor
    if wish.deed == "ship":
        return await inventory.ship_transfer(tx, transfer_id=key, units=wish.units, actor=actor, now=now)
    if wish.deed == "cancel":
        return await inventory.cancel_transfer(tx, transfer_id=key, now=now)
    if wish.deed == "close":
        return await inventory.close_transfer(
            tx, transfer_id=key, found_units=wish.units, why=wish.note, actor=actor, now=now
        )
    arrived = [
        Arrived(sku_id=sku_id, good=units, damaged=wish.damaged.get(sku_id, 0)) for sku_id, units in wish.units.items()
    ]
    if not any(one.good + one.damaged for one in arrived):
        raise Invalid([Fault("/form", "Nothing arrived.")])
    return await inventory.receive_transfer(
        tx, transfer_id=key, reference=wish.reference, arrived=arrived, note=wish.note, actor=actor, now=now
    )


async def _preview(staff: Staff, found: Transfer, fields: Mapping[str, str]) -> Response[bytes]:
    async def deed(tx: Tx, now: datetime) -> Transfer:
        return await _do(tx, found, wish, staff, now)

    try:
        wish = _wish(staff, found, fields)
        after: Transfer = (await rehearse(staff, deed)).result
    except Invalid as error:
        return await _page(staff, found, fields, status=422, faults=faults_by_field(error))
    except Conflict as error:
        return await _page(staff, found, fields, status=409, faults={"form": error.detail})
    kept = {name: text for name, text in fields.items() if name not in ("csrf", "key") and text}
    async with staff.brand.reading() as tx:
        places = await inventory.locations(tx)
    return await show(
        staff,
        "console/stock/transfer_preview.html",
        at="stock",
        shown=show_id(PREFIX, found.transfer_id),
        before=found,
        after=after,
        wish=wish,
        where=places,
        fields=kept,
    )


async def _page(
    staff: Staff,
    found: Transfer,
    fields: Mapping[str, str],
    *,
    status: int = 200,
    faults: Mapping[str, str] | None = None,
    said: str = "",
) -> Response[bytes]:
    async with staff.brand.reading() as tx:
        places = await inventory.locations(tx)
    source, target = places[found.from_location_id], places[found.to_location_id]
    return await show(
        staff,
        "console/stock/transfer.html",
        at="stock",
        status=status,
        shown=show_id(PREFIX, found.transfer_id),
        transfer=found,
        source=source,
        target=target,
        at_source=staff.may("stock.act") and staff.may_at(source.location_id),
        at_target=staff.may("stock.act") and staff.may_at(target.location_id),
        zone_there=ZoneInfo(target.timezone),
        zone_here=ZoneInfo(source.timezone),
        fields=fields,
        faults=faults or {},
        said=said,
    )


async def _new(
    staff: Staff, fields: Mapping[str, str], *, status: int = 200, faults: Mapping[str, str] | None = None
) -> Response[bytes]:
    async with staff.brand.reading() as tx:
        here: Sequence[Any] = in_order(await places_of(tx, staff))
        everywhere = in_order(await inventory.locations(tx))
        now = await clock_now(tx)
    return await show(
        staff,
        "console/stock/transfer_new.html",
        at="stock",
        status=status,
        here=here,
        everywhere=everywhere,
        fields={"expected_on": (now + timedelta(days=2)).date().isoformat(), **fields},
        suggested=f"T-{now:%y%m%d}-{new_id().hex[-4:].upper()}",
        faults=faults or {},
    )


HANDLERS = (show_transfers, show_new, open_new, show_transfer, show_preview, change)
