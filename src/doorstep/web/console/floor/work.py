"""One piece of work, step by step: accept, pick, personalize, wrap, pack."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post

from doorstep import fulfillment
from doorstep.db import Tx
from doorstep.fulfillment import Outcome, Packing, Pick
from doorstep.fulfillment.model import ParcelMeasures
from doorstep.kit.errors import Conflict, Fault, Invalid, NotFound
from doorstep.kit.ids import parse
from doorstep.kit.ids import show as show_id
from doorstep.kit.limits import UNITS_PER_LINE
from doorstep.orders import LineQuantity
from doorstep.web.console.acting import act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.floor import parcels, reads
from doorstep.web.console.floor.board import board_path, step_named
from doorstep.web.console.floor.reads import Job
from doorstep.web.console.floor.stages import scan, steps_of
from doorstep.web.console.frame import show
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, see, whole

Verb = Callable[[Tx, datetime], Awaitable[Outcome]]
_SIZES = {"weight_g": 2_000_000, "length_mm": 20_000, "width_mm": 20_000, "height_mm": 20_000}


@get("/console/floor/{work_id:str}", **needs("floor.read"))
async def show_work(request: Asked, staff: Staff, work_id: str) -> Response[bytes]:
    """The step that is next. What was scanned so far is in the address, so that looking changes nothing."""
    key, asked = parse("ful", work_id), request.query_params
    async with staff.brand.reading() as tx:
        job = await reads.job(tx, staff, key)
        before = await reads.just_done(tx, staff, asked.get("was", ""))
    return await _page(staff, job, asked, said=asked.get("said", ""), before=before)


async def _page(
    staff: Staff, job: Job, asked: Mapping[str, str], *, status: int = 200, problem: str = "", **facts: Any
) -> Response[bytes]:
    counted = _counted(asked, job)
    scanned = None
    if job.stage == "pick" and (text := asked.get("scan", "").strip()[:100]):
        scanned, counted = scan(text, job.work.lines, reads.skus(job), counted)
    async with staff.brand.reading() as tx:
        found = await reads.parcels_of(tx, job.work.fulfillment_order_id)
    facts = {"said": "", "before": None, **facts}
    return await show(
        staff,
        "console/floor/work.html",
        at="floor",
        status=status,
        job=job,
        rail=steps_of(job.work),
        counted=counted,
        scanned=scanned,
        station=step_named(asked.get("station", "")) or "",
        parcels=found,
        problem=problem,
        **facts,
    )


def _counted(asked: Mapping[str, str], job: Job) -> dict[int, int]:
    """Units counted by line, as far as they may be; what makes no sense counts as nothing."""
    found = {}
    for line in job.work.lines:
        text = asked.get(f"n{line.line_no}", "")
        if text.isascii() and text.isdigit() and len(text) <= 7:
            found[line.line_no] = min(int(text), line.to_pick)
    return {line_no: units for line_no, units in found.items() if units}


@post("/console/floor/{work_id:str}/accept", status_code=200, **needs("floor.act"))
async def accept(request: Asked, staff: Staff, work_id: str) -> Response[bytes]:
    """The location does it."""
    key = parse("ful", work_id)

    async def verb(tx: Tx, now: datetime) -> Outcome:
        (outcome,) = await fulfillment.accept(tx, fulfillment_order_ids=[key], actor=staff.actor, now=now)
        return outcome

    return await _do(request, staff, key, verb, "fulfillment.accept", said="accepted")


@post("/console/floor/{work_id:str}/pick", status_code=200, **needs("floor.act"))
async def pick(request: Asked, staff: Staff, work_id: str) -> Response[bytes]:
    """Everything that was still to pick was taken from the shelf; or what was counted, and the rest later."""
    key, fields = parse("ful", work_id), await form(request)
    async with staff.brand.reading() as tx:
        job = await reads.job(tx, staff, key)
    lines = None
    if "all" not in fields:
        wanted = {name: text for name, text in fields.items() if name.startswith("n")}
        lines = [LineQuantity(line_no=no, quantity=units) for no, units in sorted(_units(wanted).items())]
        if not lines:
            return await _page(staff, job, fields, status=422, problem="nothing_counted")

    async def verb(tx: Tx, now: datetime) -> Outcome:
        (outcome,) = await fulfillment.pick(
            tx, picks=[Pick(fulfillment_order_id=key, lines=lines)], actor=staff.actor, now=now
        )
        return outcome

    detail = {"lines": [[line.line_no, line.quantity] for line in lines] if lines else "all"}
    return await _do(request, staff, key, verb, "fulfillment.pick", said="picked", detail=detail)


def _units(wanted: Mapping[str, str]) -> dict[int, int]:
    """Units by line from fields such as n1=2. Raises Invalid."""
    units = {}
    for name, text in wanted.items():
        line_no = whole(name[1:], 99_999)
        if line_no is None:
            raise Invalid([Fault(f"/{name[:20]}", "There is no such line.")])
        count = whole(text, UNITS_PER_LINE)
        if count is None:
            raise Invalid([Fault(f"/{name}", "Units are a whole number.")])
        if count:
            units[line_no] = count
    return units


@post("/console/floor/{work_id:str}/steps/{step_id:str}/done", status_code=200, **needs("floor.act"))
async def finish_step(request: Asked, staff: Staff, work_id: str, step_id: str) -> Response[bytes]:
    """Instructions are read, a text is printed, a gift is wrapped."""
    key, step = parse("ful", work_id), parse("wst", step_id)

    async def verb(tx: Tx, now: datetime) -> Outcome:
        return await fulfillment.complete_step(
            tx, fulfillment_order_id=key, work_step_id=step, actor=staff.actor, now=now
        )

    detail = {"step": step_id}
    return await _do(request, staff, key, verb, "fulfillment.step_done", said="step_done", detail=detail)


@post("/console/floor/{work_id:str}/steps/{step_id:str}/undo", status_code=200, **needs("floor.act"))
async def reopen_step(request: Asked, staff: Staff, work_id: str, step_id: str) -> Response[bytes]:
    """It was not done after all, or must be done again."""
    key, step = parse("ful", work_id), parse("wst", step_id)

    async def verb(tx: Tx, now: datetime) -> Outcome:
        return await fulfillment.reopen_step(
            tx, fulfillment_order_id=key, work_step_id=step, actor=staff.actor, now=now
        )

    detail = {"step": step_id}
    return await _do(request, staff, key, verb, "fulfillment.step_undone", said="step_undone", detail=detail)


@post("/console/floor/{work_id:str}/pack", status_code=200, **needs("floor.act"))
async def pack(request: Asked, staff: Staff, work_id: str) -> Response[bytes]:
    """Everything is in one box of the given weight and size; with nothing given, in as many as the goods suggest."""
    key, fields = parse("ful", work_id), await form(request)
    sizes = _sizes(fields)
    boxes = [msgspec.convert(sizes, ParcelMeasures)] if sizes else []

    async def verb(tx: Tx, now: datetime) -> Outcome:
        packing = Packing(fulfillment_order_id=key, parcels=boxes)
        (outcome,) = await fulfillment.pack(tx, packings=[packing], actor=staff.actor, now=now)
        return outcome

    return await _do(request, staff, key, verb, "fulfillment.pack", said="packed", detail=sizes)


def _sizes(fields: Mapping[str, str]) -> dict[str, int]:
    """Grams and millimeters of the box, those that were given. Raises Invalid."""
    sizes, faults = {}, []
    for name, most in _SIZES.items():
        text = fields.get(name, "")
        size = whole(text, most, least=1)
        if size is not None:
            sizes[name] = size
        elif text:
            faults.append(Fault(f"/{name}", f"{name}: a whole number from 1 to {most}."))
    if faults:
        raise Invalid(faults)
    return sizes


@post("/console/floor/{work_id:str}/hand-over", status_code=200, **needs("floor.act"))
async def hand_over(request: Asked, staff: Staff, work_id: str) -> Response[bytes]:
    """The carrier takes all parcels of it."""
    key, fields = parse("ful", work_id), await form(request)
    async with staff.brand.reading() as tx:
        job = await reads.job(tx, staff, key)
        keys = [one["shipment_id"] for one in await reads.parcels_of(tx, key)]
    try:

        async def deed(tx: Tx, now: datetime) -> None:
            if not keys:
                raise Conflict("It has no parcels yet.")
            await parcels.hand_over_all(tx, keys, staff, now)

        await act(
            staff,
            fields,
            deed,
            action="shipping.hand_over",
            subject=job.order.number,
            detail={"work": job.id},
            order_id=job.work.order_id,
        )
    except Conflict as refused:
        return await _page(staff, job, fields, status=409, problem=refused.detail)
    return see(f"/console/floor/{job.id}?said=handed_over")


def must(outcome: Outcome) -> None:
    """Raises NotFound or Conflict when it was not done."""
    if outcome.missing:
        raise NotFound(outcome.problem)
    if not outcome.done:
        raise Conflict(outcome.problem)


async def _do(
    request: Asked, staff: Staff, key: UUID, verb: Verb, action: str, *, said: str, detail: Any = None
) -> Response[bytes]:
    """Do it, once for each form, then lead on: at a station to its next work, else to the next step of the same."""
    fields = await form(request)
    async with staff.brand.reading() as tx:
        job = await reads.job(tx, staff, key)

    async def deed(tx: Tx, now: datetime) -> None:
        must(await verb(tx, now))

    try:
        await act(
            staff,
            fields,
            deed,
            action=action,
            subject=job.order.number,
            detail={"work": job.id, **(detail or {})},
            order_id=job.work.order_id,
        )
    except Conflict as refused:
        async with staff.brand.reading() as tx:
            job = await reads.job(tx, staff, key)
        return await _page(staff, job, fields, status=409, problem=refused.detail)
    return see(await _onwards(staff, key, fields, said))


async def _onwards(staff: Staff, key: UUID, fields: Mapping[str, str], said: str) -> str:
    station = step_named(fields.get("station", ""))
    async with staff.brand.reading() as tx:
        job = await reads.job(tx, staff, key)
        if station is None or station == job.stage:
            return f"/console/floor/{job.id}?said={said}" + (f"&station={station}" if station else "")
        found = await reads.next_work(tx, job.place.location_id, station, but=key)
    if found is None:
        return board_path(job.place.code, station, "station_done")
    return f"/console/floor/{show_id('ful', found)}?station={station}&said={said}&was={job.id}"


HANDLERS = (show_work, accept, pick, finish_step, reopen_step, pack, hand_over)
