"""What goes wrong on the floor: units are not where they should be, or the location cannot do the work.

Both are shown first: what the book will say, where else the goods are, and what the order's story gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, get_args

import msgspec
from litestar import Response, get, post

from doorstep import fulfillment, inventory
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.fulfillment import FulfillmentLine, ShortReason
from doorstep.kit.errors import Conflict, Fault, Invalid, NotFound
from doorstep.kit.ids import parse
from doorstep.orders import LineQuantity
from doorstep.web.console.acting import act, rehearse
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.floor import reads
from doorstep.web.console.floor.board import board_path
from doorstep.web.console.floor.reads import SQL, Job
from doorstep.web.console.floor.work import must
from doorstep.web.console.frame import faults_by_field, show
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, see

REASONS: Final[tuple[ShortReason, ...]] = get_args(ShortReason)
# What a location says most often when it does not do a piece of work; the journal keeps these words.
REFUSALS: Final = ("too much work today", "a machine is down", "closed early", "the goods are not here")
_REASON_MOST: Final = 200


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU that must come from somewhere else: who has units to sell, and when the next ones arrive. A vendor
    learns of places that are not theirs only that there are `others`.
    """

    sku: str
    title: str
    units: int
    places: list[tuple[str, int]]
    others: bool
    expected_at: datetime | None


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a line that are not there, and why."""

    line: FulfillmentLine
    units: int
    reason: ShortReason


@get("/console/floor/{work_id:str}/short", **needs("floor.act"))
async def show_short(request: Asked, staff: Staff, work_id: str) -> Response[bytes]:
    """How many units are not there, and why; once said, what that means."""
    key, asked = parse("ful", work_id), request.query_params
    async with staff.brand.reading() as tx:
        job = await reads.job(tx, staff, key)
    if "reason" not in asked:
        return await _short(staff, job, asked)
    try:
        missing = _missing(job, asked)
        rehearsal = await rehearse(staff, _short_deed(staff, job, missing), order_id=job.work.order_id)
    except Invalid as error:
        return await _short(staff, job, asked, status=422, faults=faults_by_field(error))
    except Conflict as error:
        return await _short(staff, job, asked, status=409, faults={"form": error.detail})
    async with staff.brand.reading() as tx:
        elsewhere = await _elsewhere(tx, staff, job, {missing.line.sku_id: missing.units})
        before = await tx.fetchval(SQL.on_hand, missing.line.sku_id, job.place.location_id)
    return await _short(staff, job, asked, missing=missing, before=before, after=rehearsal.result, elsewhere=elsewhere)


@post("/console/floor/{work_id:str}/short", status_code=200, **needs("floor.act"))
async def short_pick(request: Asked, staff: Staff, work_id: str) -> Response[bytes]:
    """The units leave the shelf count and are looked for elsewhere."""
    key, fields = parse("ful", work_id), await form(request)
    async with staff.brand.reading() as tx:
        job = await reads.job(tx, staff, key)
    # A form sent twice finds less to pick the second time: what it says is judged under the lock, by the verb.
    missing = _missing(job, fields, as_sent=True)
    detail = {
        "work": job.id,
        "line": missing.line.line_no,
        "units": missing.units,
        "reason": missing.reason,
    }
    try:
        await act(
            staff,
            fields,
            _short_deed(staff, job, missing),
            action="fulfillment.short_pick",
            subject=job.order.number,
            detail=detail,
            order_id=job.work.order_id,
        )
    except Conflict as refused:
        return await _short(staff, job, fields, status=409, faults={"form": refused.detail})
    station = "&station=pick" if fields.get("station") == "pick" else ""
    return see(f"/console/floor/{job.id}?said=short{station}")


def _missing(job: Job, asked: Mapping[str, str], *, as_sent: bool = False) -> Missing:
    line = next((one for one in job.work.lines if str(one.line_no) == asked.get("line", "")), None)
    if line is None:
        raise NotFound("There is no such line.")
    text, reason = asked.get("units", ""), next((one for one in REASONS if one == asked.get("reason")), None)
    faults = []
    most = line.quantity if as_sent else line.to_pick
    if not (text.isascii() and text.isdigit() and len(text) <= 7 and 1 <= int(text) <= most):
        faults.append(Fault("/units", f"A whole number from 1 to {most}."))
    if reason is None:
        faults.append(Fault("/reason", "Say why."))
    if faults or reason is None:
        raise Invalid(faults)
    return Missing(line=line, units=int(text), reason=reason)


def _short_deed(staff: Staff, job: Job, missing: Missing) -> Any:
    async def deed(tx: Tx, now: datetime) -> Any:
        outcome = await fulfillment.short_pick(
            tx,
            fulfillment_order_id=job.work.fulfillment_order_id,
            lines=[LineQuantity(line_no=missing.line.line_no, quantity=missing.units)],
            reason=missing.reason,
            actor=staff.actor,
            now=now,
        )
        must(outcome)
        return await tx.fetchval(SQL.on_hand, missing.line.sku_id, job.place.location_id)

    return deed


async def _short(
    staff: Staff, job: Job, asked: Mapping[str, str], *, status: int = 200, missing: Missing | None = None, **facts: Any
) -> Response[bytes]:
    line = next((one for one in job.work.lines if str(one.line_no) == asked.get("line", "")), None)
    if line is None:
        raise NotFound("There is no such line.")
    return await show(
        staff,
        "console/floor/short.html",
        at="floor",
        status=status,
        job=job,
        line=line,
        asked={name: asked.get(name, "") for name in ("units", "reason", "station")},
        reasons=REASONS,
        missing=missing,
        **{"faults": {}, "elsewhere": [], **facts},
    )


@get("/console/floor/{work_id:str}/reject", **needs("floor.act"))
async def show_reject(request: Asked, staff: Staff, work_id: str) -> Response[bytes]:
    """What it means not to do it, and why not."""
    key = parse("ful", work_id)
    async with staff.brand.reading() as tx:
        job = await reads.job(tx, staff, key)
    return await _reject(staff, job, {})


@post("/console/floor/{work_id:str}/reject", status_code=200, **needs("floor.act"))
async def reject(request: Asked, staff: Staff, work_id: str) -> Response[bytes]:
    """The location does not do it: another is looked for."""
    key, fields = parse("ful", work_id), await form(request)
    async with staff.brand.reading() as tx:
        job = await reads.job(tx, staff, key)
    reason = fields.get("other") or fields.get("reason", "")
    if not 1 <= len(reason) <= _REASON_MOST or not reason.isprintable():
        return await _reject(staff, job, {"reason": "unfit"}, status=422)

    async def deed(tx: Tx, now: datetime) -> None:
        must(await fulfillment.reject(tx, fulfillment_order_id=key, reason=reason, actor=staff.actor, now=now))

    try:
        await act(
            staff,
            fields,
            deed,
            action="fulfillment.reject",
            subject=job.order.number,
            detail={"work": job.id, "reason": reason},
            order_id=job.work.order_id,
        )
    except Conflict as refused:
        return await _reject(staff, job, {"form": refused.detail}, status=409)
    return see(board_path(job.place.code, said="rejected"))


async def _reject(staff: Staff, job: Job, faults: Mapping[str, str], *, status: int = 200) -> Response[bytes]:
    wanted: dict[int, int] = {}
    for line in job.work.lines:
        wanted[line.sku_id] = wanted.get(line.sku_id, 0) + line.to_pick
    async with staff.brand.reading() as tx:
        elsewhere = await _elsewhere(tx, staff, job, {sku_id: units for sku_id, units in wanted.items() if units})
    return await show(
        staff,
        "console/floor/reject.html",
        at="floor",
        status=status,
        job=job,
        elsewhere=elsewhere,
        refusals=REFUSALS,
        faults=faults,
    )


async def _elsewhere(tx: Tx, staff: Staff, job: Job, wanted: Mapping[int, int]) -> list[Elsewhere]:
    """Who else has the goods. Nothing is promised by it: the routing decides, with what is there then."""
    there = await inventory.read_stock(tx, wanted, now=await clock_now(tx))
    expected = await inventory.expected(tx, wanted)
    names = {key: place.name for key, place in (await inventory.locations(tx)).items() if place.enabled}
    found = {
        sku_id: [(at, free) for (one, at), free in there.items() if one == sku_id and free > 0 and at in names]
        for sku_id in wanted
    }
    return [
        Elsewhere(
            sku=job.products[sku_id].sku,
            title=job.products[sku_id].title,
            units=units,
            places=sorted(
                ((names[at], free) for at, free in found[sku_id] if at != job.place.location_id and _tells(staff, at)),
                key=lambda place: -place[1],
            ),
            others=any(not _tells(staff, at) for at, _ in found[sku_id]),
            expected_at=expected.get(sku_id),
        )
        for sku_id, units in wanted.items()
    ]


def _tells(staff: Staff, location_id: int) -> bool:
    """Whether they may know what lies there: a vendor is of another house, and so are the other vendors."""
    return staff.role != "vendor" or staff.may_at(location_id)


HANDLERS = (show_short, short_pick, show_reject, reject)
