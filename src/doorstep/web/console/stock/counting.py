"""Count jobs: on the floor, shelf by shelf, without a look at the book; in the office, what differs much is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import Response, get, post

from doorstep import catalog, inventory, orders
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.inventory import ChosenBy, CountJob, CountLine, Location
from doorstep.kit.errors import BodyDiffers, Conflict, Fault, Invalid, NotFound
from doorstep.kit.ids import new_id, parse
from doorstep.kit.ids import show as show_id
from doorstep.kit.limits import COUNT_LINES
from doorstep.kit.paging import cut, decode
from doorstep.web.console.acting import act, rehearse
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import faults_by_field, show
from doorstep.web.console.scope import in_order, place_named, places_of
from doorstep.web.console.staff import Staff
from doorstep.web.console.stock import reads
from doorstep.web.console.stock.reads import Counters, Loss
from doorstep.web.pages import form, see, whole

PREFIX: Final = "cnt"
PAGE: Final = 25
RULES: Final[tuple[ChosenBy, ...]] = ("not_counted", "losing", "zero", "list")
_LAST: Final = UUID(int=2**128 - 1)
_COUNTED_MOST: Final = 1_000_000
_TEXT_MOST: Final = 100


@get("/console/stock/counts", **needs("stock.read"))
async def show_jobs(request: Asked, staff: Staff) -> Response[bytes]:
    """Jobs that are not over, newest first; or all."""
    asked = request.query_params
    (after,) = decode(asked["cursor"], (UUID,)) if asked.get("cursor") else (_LAST,)
    ended = asked.get("ended") == "1"
    async with staff.brand.reading() as tx:
        rows = await inventory.page_of_count_jobs(tx, after=after, at=staff.locations, ended=ended, limit=PAGE + 1)
        places = await inventory.locations(tx)
    page, more = cut(rows, PAGE, lambda one: (one.count_job_id,))
    return await show(
        staff,
        "console/stock/counts.html",
        at="stock",
        rows=[(show_id(PREFIX, one.count_job_id), one, _progress(one)) for one in page],
        where=places,
        ended=ended,
        next_page=f"/console/stock/counts?{'ended=1&' if ended else ''}cursor={more}" if more else "",
    )


@get("/console/stock/counts/new", **needs("stock.act"))
async def show_new(staff: Staff) -> Response[bytes]:
    """What to count, where, and how far a count may be off."""
    return await _new(staff, {})


@post("/console/stock/counts/new", status_code=200, **needs("stock.act"))
async def open_new(request: Asked, staff: Staff) -> Response[bytes]:
    """Open the job."""
    fields = await form(request)
    reference = fields.get("reference", "").strip()
    try:
        async with staff.brand.reading() as tx:
            place = await place_named(tx, staff, fields.get("location", ""))
            wish = await _wish(tx, fields)

        async def deed(tx: Tx, now: datetime) -> None:
            await inventory.open_count_job(
                tx, reference=reference, location_id=place.location_id, actor=staff.actor, now=now, **wish
            )

        detail = {"location": place.code, "by": wish["chosen_by"]}
        await act(staff, fields, deed, action="stock.open_count", subject=reference, detail=detail)
    except BodyDiffers:
        return await _new(staff, fields, status=409, faults={"reference": "taken"})
    except Invalid as error:
        return await _new(staff, fields, status=422, faults=faults_by_field(error))
    async with staff.brand.reading() as tx:
        key = await tx.fetchval(reads.SQL.count_job_named, reference)
    return see(f"/console/stock/counts/{show_id(PREFIX, key)}?said=opened")


@get("/console/stock/counts/{count_job_id:str}", **needs("stock.read"))
async def show_job(request: Asked, staff: Staff, count_job_id: str) -> Response[bytes]:
    """The job: the next shelf to count, what waits for a decision, and what is done."""
    job, place = await _seen(staff, count_job_id)
    asked = request.query_params
    return await _page(
        staff, job, place, sku=asked.get("sku", ""), said=asked.get("said", ""), end=asked.get("end", "")
    )


@post("/console/stock/counts/{count_job_id:str}/enter", status_code=200, **needs("stock.act"))
async def enter(request: Asked, staff: Staff, count_job_id: str) -> Response[bytes]:
    """Somebody has counted a shelf just now."""
    fields = await form(request)
    job, place = await _seen(staff, count_job_id)
    line = _line(job, fields.get("line", ""))
    counted = whole(fields.get("counted", "").strip(), _COUNTED_MOST)
    if counted is None:
        return await _page(staff, job, place, sku=line.sku, status=422, fault="counted")

    async def deed(tx: Tx, now: datetime) -> None:
        await inventory.enter_count(
            tx,
            count_job_id=job.count_job_id,
            sku_id=line.sku_id,
            counted=counted,
            claimants=orders.Claimants(),
            actor=staff.actor,
            now=now,
        )

    detail = {"job": job.reference, "location": place.code, "units": counted}
    try:
        await act(staff, fields, deed, action="stock.enter_count", subject=line.sku, detail=detail)
    except Conflict as error:
        return await _page(staff, job, place, sku=line.sku, status=409, problem=error.detail)
    async with staff.brand.reading() as tx:
        after = (await inventory.count_job(tx, job.count_job_id)).line(line.sku_id)
    return see(f"/console/stock/counts/{count_job_id}?said={after.state}")


@get("/console/stock/counts/{count_job_id:str}/approve", **needs("stock.decide"))
async def show_approval(request: Asked, staff: Staff, count_job_id: str) -> Response[bytes]:
    """What booking a count that differs much would mean, and who would have to give way."""
    job, place = await _seen(staff, count_job_id)
    return await _approval(staff, job, place, request.query_params.get("line", ""))


@post("/console/stock/counts/{count_job_id:str}/approve", status_code=200, **needs("stock.decide"))
async def approve(request: Asked, staff: Staff, count_job_id: str) -> Response[bytes]:
    """Book it as of when it was counted."""
    fields = await form(request)
    job, place = await _seen(staff, count_job_id)
    line = _line(job, fields.get("line", ""))

    async def deed(tx: Tx, now: datetime) -> None:
        await _approve(tx, job, line, staff, now)

    detail = {"job": job.reference, "location": place.code, "units": line.counted}
    try:
        await act(staff, fields, deed, action="stock.approve_count", subject=line.sku, detail=detail)
    except Conflict:
        return await _approval(staff, job, place, fields.get("line", ""))
    return see(f"/console/stock/counts/{count_job_id}?said=booked")


@post("/console/stock/counts/{count_job_id:str}/recount", status_code=200, **needs("stock.decide"))
async def recount(request: Asked, staff: Staff, count_job_id: str) -> Response[bytes]:
    """Have a shelf counted once more."""
    fields = await form(request)
    job, place = await _seen(staff, count_job_id)
    line = _line(job, fields.get("line", ""))

    async def deed(tx: Tx, now: datetime) -> None:
        await inventory.recount(tx, count_job_id=job.count_job_id, sku_id=line.sku_id)

    detail = {"job": job.reference, "location": place.code}
    try:
        await act(staff, fields, deed, action="stock.recount", subject=line.sku, detail=detail)
    except Conflict as error:
        return await _page(staff, job, place, status=409, problem=error.detail)
    return see(f"/console/stock/counts/{count_job_id}?said=to_recount")


@post("/console/stock/counts/{count_job_id:str}/end", status_code=200, **needs("stock.act"))
async def end(request: Asked, staff: Staff, count_job_id: str) -> Response[bytes]:
    """Close it with what is left uncounted, or give it up."""
    fields = await form(request)
    job, place = await _seen(staff, count_job_id)
    state: Literal["closed", "canceled"] = "canceled" if fields.get("state") == "canceled" else "closed"

    async def deed(tx: Tx, now: datetime) -> None:
        await inventory.end_count_job(tx, count_job_id=job.count_job_id, state=state, now=now)

    detail = {"location": place.code, "state": state}
    try:
        await act(staff, fields, deed, action="stock.end_count", subject=job.reference, detail=detail)
    except Conflict as error:
        return await _page(staff, job, place, status=409, problem=error.detail)
    return see(f"/console/stock/counts/{count_job_id}?said={state}")


async def _seen(staff: Staff, count_job_id: str) -> tuple[CountJob, Location]:
    async with staff.brand.reading() as tx:
        job = await inventory.count_job(tx, parse(PREFIX, count_job_id))
        staff.require_at(job.location_id)
        return job, (await inventory.locations(tx))[job.location_id]


def _line(job: CountJob, text: str) -> CountLine:
    """Raises NotFound."""
    sku_id = whole(text, 2**31 - 1)
    if sku_id is None:
        raise NotFound("This SKU is not on the list of the job.")
    return job.line(sku_id)


def _progress(job: CountJob) -> int:
    return sum(line.state != "to_count" for line in job.lines)


async def _wish(tx: Tx, fields: Mapping[str, str]) -> dict[str, Any]:
    """What the form wishes. Raises Invalid naming everything wrong."""
    faults = []
    rule = next((one for one in RULES if one == fields.get("by")), None)
    if rule is None:
        faults.append(Fault("/by", "Choose what is to be counted."))
    reference = fields.get("reference", "").strip()
    if not 1 <= len(reference) <= _TEXT_MOST or not reference.isprintable():
        faults.append(Fault("/reference", f"1 to {_TEXT_MOST} printable characters."))
    numbers = {}
    for name, least, most in (
        ("days", 1, 3_650), ("most", 1, COUNT_LINES), ("tolerance_units", 0, 1_000_000), ("tolerance_percent", 0, 100)
    ):  # fmt: skip
        number = whole(fields.get(name, "").strip(), most, least=least)
        if number is None:
            faults.append(Fault(f"/{name}", f"A whole number from {least} to {most}."))
        else:
            numbers[name] = number
    skus: list[int] = []
    if rule == "list":
        names = fields.get("skus", "").split()[: COUNT_LINES + 1]
        products = await catalog.load(tx, names)
        strange = [name for name in names if name not in products]
        if strange or not names or len(names) > COUNT_LINES:
            faults.append(Fault("/skus", strange[0][:60] if strange else ""))
        skus = [products[name].sku_id for name in names if name in products]
    if faults:
        raise Invalid(faults)
    return {"chosen_by": rule, "sku_ids": skus, **numbers}


async def _approve(tx: Tx, job: CountJob, line: CountLine, staff: Staff, now: datetime) -> Sequence[Loss]:
    claimants = orders.Claimants()
    await inventory.approve_count(
        tx, count_job_id=job.count_job_id, sku_id=line.sku_id, claimants=claimants, actor=staff.actor, now=now
    )
    return await reads.losses(tx, claimants.moved)


async def _approval(staff: Staff, job: CountJob, place: Location, text: str) -> Response[bytes]:
    line = _line(job, text)
    key = line.sku_id

    async def deed(tx: Tx, now: datetime) -> tuple[Counters, Sequence[Loss]]:
        losses = await _approve(tx, job, line, staff, now)
        return (await reads.counters(tx, key, [place.location_id])).get(place.location_id, Counters()), losses

    async with staff.brand.reading() as tx:
        before = (await reads.counters(tx, key, [place.location_id])).get(place.location_id, Counters())
    try:
        after, losses = (await rehearse(staff, deed)).result
    except Conflict as error:
        return await _page(staff, job, place, status=409, problem=error.detail)
    return await show(
        staff,
        "console/stock/count_approval.html",
        at="stock",
        shown=show_id(PREFIX, job.count_job_id),
        job=job,
        line=line,
        place=place,
        zone=ZoneInfo(place.timezone),
        before=before,
        after=after,
        losses=losses,
    )


async def _page(
    staff: Staff,
    job: CountJob,
    place: Location,
    *,
    sku: str = "",
    said: str = "",
    end: str = "",
    fault: str = "",
    problem: str = "",
    status: int = 200,
) -> Response[bytes]:
    wanted = sku.strip()
    open_lines = [line for line in job.lines if line.state in ("to_count", "to_recount")]
    named = next((line for line in job.lines if line.sku.lower() == wanted.lower()), None) if wanted else None
    # Who counted a shelf does not count it again, while there are others to count.
    others = [line for line in open_lines if line.counted_by != staff.actor] or open_lines
    chosen = named if named in open_lines else (others[0] if others and not wanted else None)
    return await show(
        staff,
        "console/stock/count.html",
        at="stock",
        status=status,
        shown=show_id(PREFIX, job.count_job_id),
        job=job,
        place=place,
        line=chosen if job.state == "open" else None,
        wanted=wanted,
        named=named,
        progress=_progress(job),
        decide=[line for line in job.lines if line.state in ("to_recount", "to_approve")],
        zone=ZoneInfo(place.timezone),
        said=said,
        end=end if job.state == "open" else "",
        fault=fault,
        problem=problem,
    )


async def _new(
    staff: Staff, fields: Mapping[str, str], *, status: int = 200, faults: Mapping[str, str] | None = None
) -> Response[bytes]:
    async with staff.brand.reading() as tx:
        here = in_order(await places_of(tx, staff))
        now = await clock_now(tx)
    presets = {"days": "30", "most": "20", "tolerance_units": "1", "tolerance_percent": "2", "by": "not_counted"}
    return await show(
        staff,
        "console/stock/count_new.html",
        at="stock",
        status=status,
        here=here,
        rules=RULES,
        fields={**presets, "reference": f"C-{now:%y%m%d}-{new_id().hex[-4:].upper()}", **fields},
        faults=faults or {},
    )


HANDLERS = (show_jobs, show_new, open_new, show_job, enter, show_approval, approve, recount, end)
