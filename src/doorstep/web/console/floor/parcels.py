"""Parcels that wait for their carrier: labels, the list for the van, the hand-over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Response, get, post

from doorstep import shipping
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.inventory import Location
from doorstep.kit.errors import Conflict, Fault, Invalid, NotFound
from doorstep.kit.ids import parse
from doorstep.kit.ids import show as show_id
from doorstep.kit.paging import cut, decode
from doorstep.web.console.acting import act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.floor import reads
from doorstep.web.console.floor.reads import SQL
from doorstep.web.console.scope import place_named
from doorstep.web.console.staff import Staff
from doorstep.web.pages import HEADERS, form, see

_PAGE = 200
_TICK = "parcel-"


async def waiting(tx: Tx, place: Location, cursor: str) -> dict[str, Any]:
    """The parcels of a location that have not left, by carrier."""
    after = decode(cursor, (int, datetime, UUID)) if cursor else reads.FIRST
    rows = await tx.fetch(SQL.parcels, place.location_id, *after, _PAGE + 1)
    page, more = cut(rows, _PAGE, lambda row: (row["lane"], row["pick_by"], row["shipment_id"]))
    now = await clock_now(tx)
    carriers: dict[str, list[dict[str, Any]]] = {}
    for row in page:
        carriers.setdefault(row["carrier"], []).append(
            {
                **dict(row),
                "id": show_id("shp", row["shipment_id"]),
                "work": show_id("ful", row["fulfillment_order_id"]),
                "due": reads.due(row["pick_by"], place, now),
                "ready": row["tracking_number"] is not None and not row["on_hold"],
            }
        )
    return {"carriers": carriers, "more": more}


@get("/console/floor/parcels/{shipment_id:str}/label.pdf", **needs("floor.read"))
async def show_label(shipment_id: str, staff: Staff) -> Response[bytes]:
    """The label, 4 x 6 inch, to be printed."""
    key = parse("shp", shipment_id)
    async with staff.brand.reading() as tx:
        location_id = await tx.fetchval(SQL.location_of_parcel, key)
        if location_id is None:
            raise NotFound("There is no such parcel.")
        staff.require_at(location_id)
        pdf = await shipping.label_pdf(tx, key)
    if pdf is None:
        raise NotFound("There is no label yet.")
    headers = {**HEADERS, "content-disposition": f'inline; filename="{show_id("shp", key)}.pdf"'}
    return Response(pdf, media_type="application/pdf", headers=headers)


@post("/console/floor/hand-over", status_code=200, **needs("floor.act"))
async def hand_over(request: Asked, staff: Staff) -> Response[bytes]:
    """The carrier takes the ticked parcels: all of them, or none."""
    fields = await form(request)
    keys = _ticked(fields)
    async with staff.brand.reading() as tx:
        place = await place_named(tx, staff, fields.get("location", ""))
        there = {row["shipment_id"]: row["location_id"] for row in await tx.fetch(SQL.locations_of_parcels, keys)}
    if any(there.get(key) != place.location_id for key in keys):
        raise NotFound("One of these parcels is not at this location.")

    async def deed(tx: Tx, now: datetime) -> None:
        await hand_over_all(tx, keys, staff, now)

    detail = {"parcels": [show_id("shp", key) for key in keys]}
    await act(staff, fields, deed, action="shipping.hand_over", subject=place.code, detail=detail)
    return see(f"/console/floor?location={place.code}&step=ship&said=handed_over")


async def hand_over_all(tx: Tx, keys: list[UUID], staff: Staff, now: datetime) -> None:
    """Hand all of them over. Raises Conflict, naming what is in the way, when one cannot leave."""
    outcomes = await shipping.hand_over(tx, shipment_ids=keys, actor=staff.actor, now=now)
    problems = sorted({outcome.problem for outcome in outcomes if not outcome.done})
    if problems:
        raise Conflict(" ".join(problems))


def _ticked(fields: Mapping[str, str]) -> list[UUID]:
    keys = sorted({parse("shp", name.removeprefix(_TICK)) for name in fields if name.startswith(_TICK)})
    if not 1 <= len(keys) <= _PAGE:
        raise Invalid([Fault("/parcels", f"Tick 1 to {_PAGE} parcels.")])
    return keys


HANDLERS = (show_label, hand_over)
