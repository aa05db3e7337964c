"""What is on its way: its date and quantity changed when the supplier says so, or called off."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import Response, get, post

from doorstep import inventory
from doorstep.db import Tx
from doorstep.inventory import Location
from doorstep.kit.errors import Conflict, Fault, Invalid, NotFound
from doorstep.kit.ids import parse
from doorstep.kit.ids import show as show_id
from doorstep.kit.paging import cut, decode
from doorstep.web.console.acting import act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import faults_by_field, show
from doorstep.web.console.scope import places_of
from doorstep.web.console.staff import Staff
from doorstep.web.console.stock.reads import SQL
from doorstep.web.pages import form, see, whole

PREFIX: Final = "inc"
PAGE: Final = 25
_FIRST: Final = (datetime.fromisoformat("0001-01-02T00:00:00+00:00"), UUID(int=0))
_MOST: Final = 1_000_000


@get("/console/stock/incoming", **needs("stock.read"))
async def show_incoming(request: Asked, staff: Staff) -> Response[bytes]:
    """What is on its way to their locations, the nearest first."""
    asked = request.query_params
    after = decode(asked["cursor"], (datetime, UUID)) if asked.get("cursor") else _FIRST
    async with staff.brand.reading() as tx:
        places = await places_of(tx, staff)
        rows = await tx.fetch(SQL.supply, sorted(places), *after, PAGE + 1)
    page, more = cut(rows, PAGE, lambda row: (row["expected_at"], row["incoming_id"]))
    return await show(
        staff,
        "console/stock/incoming.html",
        at="stock",
        rows=[(show_id(PREFIX, row["incoming_id"]), row, _day(row, places)) for row in page],
        here=places,
        next_page=f"/console/stock/incoming?cursor={more}" if more else "",
    )


@get("/console/stock/incoming/{incoming_id:str}", **needs("stock.read"))
async def show_supply(request: Asked, staff: Staff, incoming_id: str) -> Response[bytes]:
    """One piece of supply, and what may be changed of it."""
    asked = request.query_params
    return await _page(staff, incoming_id, {}, said=asked.get("said", ""), sure=asked.get("cancel") == "1")


@post("/console/stock/incoming/{incoming_id:str}/change", status_code=200, **needs("stock.act"))
async def change_supply(request: Asked, staff: Staff, incoming_id: str) -> Response[bytes]:
    """Another date, or another quantity."""
    fields = await form(request)
    row, place = await _seen(staff, incoming_id)
    try:
        quantity, expected_at = _wish(fields, place)
    except Invalid as error:
        return await _page(staff, incoming_id, fields, status=422, faults=faults_by_field(error))

    async def deed(tx: Tx, now: datetime) -> None:
        await inventory.change_supply(
            tx,
            incoming_id=row["incoming_id"],
            quantity=quantity,
            expected_at=expected_at,
            actor=staff.actor,
            now=now,
        )

    detail = {"location": place.code, "sku": row["sku"], "quantity": quantity, "expected_at": expected_at.isoformat()}
    try:
        await act(staff, fields, deed, action="stock.change_supply", subject=row["reference"], detail=detail)
    except Conflict as error:
        return await _page(staff, incoming_id, fields, status=409, faults={"form": error.detail})
    return see(f"/console/stock/incoming/{incoming_id}?said=change")


@post("/console/stock/incoming/{incoming_id:str}/cancel", status_code=200, **needs("stock.act"))
async def cancel_supply(request: Asked, staff: Staff, incoming_id: str) -> Response[bytes]:
    """The rest of it does not come."""
    fields = await form(request)
    row, place = await _seen(staff, incoming_id)

    async def deed(tx: Tx, now: datetime) -> None:
        await inventory.cancel_supply(tx, incoming_id=row["incoming_id"], actor=staff.actor, now=now)

    detail = {"location": place.code, "sku": row["sku"], "units": row["quantity"] - row["arrived"]}
    try:
        await act(staff, fields, deed, action="stock.cancel_supply", subject=row["reference"], detail=detail)
    except Conflict as error:
        return await _page(staff, incoming_id, fields, status=409, faults={"form": error.detail})
    return see(f"/console/stock/incoming/{incoming_id}?said=cancel")


def _wish(fields: Mapping[str, str], place: Location) -> tuple[int, datetime]:
    faults = []
    quantity = whole(fields.get("quantity", "").strip(), _MOST, least=1)
    if quantity is None:
        faults.append(Fault("/quantity", f"A whole number up to {_MOST}."))
    day = evening(fields.get("expected_on", ""), place)
    if day is None:
        faults.append(Fault("/expected_on", "A day."))
    if quantity is None or day is None:
        raise Invalid(faults)
    return quantity, day


def evening(text: str, place: Location) -> datetime | None:
    """The evening of a day there, as a browser writes the day; None when it is none."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime.combine(day, time(18), tzinfo=ZoneInfo(place.timezone))


async def _seen(staff: Staff, incoming_id: str) -> tuple[Any, Location]:
    async with staff.brand.reading() as tx:
        row = await tx.fetchrow(SQL.one_supply, parse(PREFIX, incoming_id))
        if row is None:
            raise NotFound("There is no such supply.")
        staff.require_at(row["location_id"])
        return row, (await inventory.locations(tx))[row["location_id"]]


def _day(row: Any, places: Mapping[int, Location]) -> str:
    zone = ZoneInfo(places[row["location_id"]].timezone)
    return str(row["expected_at"].astimezone(zone).date().isoformat())


async def _page(
    staff: Staff,
    incoming_id: str,
    fields: Mapping[str, str],
    *,
    status: int = 200,
    faults: Mapping[str, str] | None = None,
    said: str = "",
    sure: bool = False,
) -> Response[bytes]:
    row, place = await _seen(staff, incoming_id)
    return await show(
        staff,
        "console/stock/supply.html",
        at="stock",
        status=status,
        shown=incoming_id,
        row=row,
        place=place,
        day=_day(row, {place.location_id: place}),
        open=row["received_at"] is None and row["canceled_at"] is None,
        by_transfer=row["reference"].startswith("transfer:"),
        fields=fields,
        faults=faults or {},
        said=said,
        sure=sure,
    )


HANDLERS = (show_incoming, show_supply, change_supply, cancel_supply)
