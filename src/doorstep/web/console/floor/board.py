"""Which work waits where: the locations, and a location's work, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Response, get, post

from doorstep import fulfillment
from doorstep.db import Tx
from doorstep.inventory import Location
from doorstep.kit.errors import NotFound
from doorstep.kit.ids import show as show_id
from doorstep.web.console.acting import act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.floor import parcels, reads
from doorstep.web.console.floor.reads import SQL, Tile
from doorstep.web.console.floor.stages import STEPS, Step
from doorstep.web.console.frame import show
from doorstep.web.console.scope import place_named
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, see

_WAVE = 200


def board_path(code: str, step: str = "", said: str = "") -> str:
    """The address of a location's work."""
    return f"/console/floor?location={code}" + (f"&step={step}" if step else "") + (f"&said={said}" if said else "")


def step_named(text: str) -> Step | None:
    """A step by its name; None for anything else."""
    return next((step for step in STEPS if step == text), None)


@get("/console/floor", **needs("floor.read"))
async def show_board(request: Asked, staff: Staff) -> Response[bytes]:
    """A location's work at one step; without a location, which ones there are. Who has one goes straight there."""
    asked = request.query_params
    async with staff.brand.reading() as tx:
        tiles = await reads.tiles(tx, staff)
        place: Location | None
        if asked.get("location"):
            place = await place_named(tx, staff, asked["location"])
        else:
            place = tiles[0].place if len(tiles) == 1 else None
        facts = await _board(tx, place, tiles, asked) if place else {}
    if place is None:
        return await show(staff, "console/floor/places.html", at="floor", tiles=tiles)
    template = "console/floor/parcels.html" if facts["step"] == "ship" else "console/floor/board.html"
    return await show(staff, template, at="floor", steps=STEPS, **facts)


async def _board(tx: Tx, place: Location, tiles: Sequence[Tile], asked: Mapping[str, str]) -> dict[str, Any]:
    """What a location's board shows: at the step asked for, or the first at which work waits."""
    counts = next((tile.counts for tile in tiles if tile.place.location_id == place.location_id), {})
    step = step_named(asked.get("step", "")) or [*(one for one in STEPS if counts.get(one)), STEPS[0]][0]
    facts: dict[str, Any] = {
        "place": place,
        "tiles": tiles,
        "counts": counts,
        "step": step,
        "said": asked.get("said", ""),
    }
    if step == "ship":
        return facts | await parcels.waiting(tx, place, asked.get("cursor", ""))
    facts["items"], facts["more"] = await reads.items(tx, place, step, asked.get("cursor", ""))
    return facts


@get("/console/floor/next", **needs("floor.read"))
async def show_next(request: Asked, staff: Staff) -> Response[bytes]:
    """Lead to what is to be done next at a location, at a step or at any; with nothing left, to the board."""
    asked = request.query_params
    step = step_named(asked.get("step", ""))
    async with staff.brand.reading() as tx:
        place = await place_named(tx, staff, asked.get("location", ""))
        found = await reads.next_work(tx, place.location_id, step)
    if found is None:
        return see(board_path(place.code, step or "", "nothing_left"))
    return see(f"/console/floor/{show_id('ful', found)}" + (f"?station={step}" if step else ""))


@post("/console/floor/accept", status_code=200, **needs("floor.act"))
async def accept_all(request: Asked, staff: Staff) -> Response[bytes]:
    """Accept what waits at a location, up to 200 at once; what is on hold stays."""
    fields = await form(request)
    async with staff.brand.reading() as tx:
        place = await place_named(tx, staff, fields.get("location", ""))

    async def deed(tx: Tx, now: datetime) -> None:
        rows = await tx.fetch(SQL.work, place.location_id, ["accept"], *reads.FIRST, _WAVE, True)
        ids: list[UUID] = [row["fulfillment_order_id"] for row in rows]
        if not ids:
            raise NotFound("Nothing waits to be accepted here any more.")
        await fulfillment.accept(tx, fulfillment_order_ids=ids, actor=staff.actor, now=now)

    await act(staff, fields, deed, action="fulfillment.accept_all", subject=place.code, detail={})
    return see(board_path(place.code, "pick", "accepted"))


HANDLERS = (show_board, show_next, accept_all)
