"""HTTP: count jobs, from what is to be counted to what was booked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter
from msgspec import Meta

from doorstep import catalog
from doorstep.db import Brand, Tx
from doorstep.inventory.api import Reference, Shape, aware
from doorstep.inventory.counting.job import (
    PREFIX,
    ChosenBy,
    CountJob,
    CountLine,
    JobState,
    LineState,
    approve_count,
    count_job,
    end_count_job,
    enter_count,
    open_count_job,
    page_of_count_jobs,
    recount,
)
from doorstep.inventory.locations import locations
from doorstep.inventory.room import Claimants
from doorstep.journal import Command
from doorstep.journal.commands import Answer
from doorstep.kit.errors import Fault, Invalid, NotFound
from doorstep.kit.ids import parse, show
from doorstep.kit.limits import COUNT_LINES, PAGE_DEFAULT, PAGE_MAX
from doorstep.kit.paging import cut, decode

_LAST = UUID(int=2**128 - 1)


class OpenCountJob(Shape, frozen=True, kw_only=True):
    """What to count at a location: a `list` of `skus`; or those `not_counted` for so many `days`, those `losing` units
    by corrections in them, or those that came to `zero` in them, `most` at a time.

    A count that differs by more than `tolerance_units`, and by more than `tolerance_percent` of the book, is counted
    again. The same `reference` is the same job.
    """

    reference: Reference
    location: Reference
    by: ChosenBy = "list"
    skus: Annotated[Sequence[Reference], Meta(max_length=COUNT_LINES)] = ()
    days: Annotated[int, Meta(ge=1, le=3_650)] = 30
    most: Annotated[int, Meta(ge=1, le=COUNT_LINES)] = 100
    tolerance_units: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    tolerance_percent: Annotated[int, Meta(ge=0, le=100)] = 0


class EnterCount(Shape, frozen=True, kw_only=True):
    """What somebody counted, at `counted_at` on the brand's clock, or now."""

    sku: Reference
    counted: Annotated[int, Meta(ge=0, le=1_000_000_000)]
    counted_at: datetime | None = None


class WhichShelf(Shape, frozen=True, kw_only=True):
    """A shelf of the job."""

    sku: Reference


class CountLineView(msgspec.Struct, frozen=True, kw_only=True):
    """A shelf of the job. `difference`: the last count less what the book said as of then. `problem`: why it could not
    be booked.
    """

    sku: str
    state: LineState
    counted: int | None
    counted_at: datetime | None
    counted_by: str | None
    difference: int | None
    approved_by: str | None
    problem: str


class CountJobView(msgspec.Struct, frozen=True, kw_only=True):
    """A job with its lines, by SKU."""

    count_job_id: str
    reference: str
    location: str
    by: ChosenBy
    tolerance_units: int
    tolerance_percent: int
    state: JobState
    opened_by: str
    opened_at: datetime
    ended_at: datetime | None
    lines: Sequence[CountLineView]


class CountJobPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some jobs, newest first, and the cursor of the next."""

    items: Sequence[CountJobView]
    next_cursor: str | None


_JOB, _LINE = {200: ResponseSpec(CountJobView)}, {200: ResponseSpec(CountLineView)}


@post("/v1/stock/count-jobs", status_code=201, tags=["inventory"], responses={201: ResponseSpec(CountJobView)})
async def open_stock_count_job(command: Command, data: OpenCountJob) -> Answer:
    """Open a job to count shelves of a location."""

    async def act(tx: Tx, now: datetime) -> CountJobView:
        place = next((one for one in (await locations(tx)).values() if one.code == data.location), None)
        faults = [] if place else [Fault("/location", f"There is no location {data.location[:60]!r}.")]
        products = await catalog.load(tx, data.skus)
        faults += [
            Fault(f"/skus/{at}", f"There is no product {sku[:60]!r}.")
            for at, sku in enumerate(data.skus)
            if sku not in products
        ]
        if faults or place is None:
            raise Invalid(faults[:100])
        made = await open_count_job(
            tx,
            reference=data.reference,
            location_id=place.location_id,
            chosen_by=data.by,
            sku_ids=[products[sku].sku_id for sku in data.skus],
            days=data.days,
            most=data.most,
            tolerance_units=data.tolerance_units,
            tolerance_percent=data.tolerance_percent,
            actor=command.actor,
            now=now,
        )
        return await _job(tx, made)

    return await command.run(data, act, status=201)


@get("/v1/stock/count-jobs", tags=["inventory"])
async def list_stock_count_jobs(
    brand: Brand,
    ended: bool = False,
    limit: int = Parameter(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX),
    cursor: str | None = None,
) -> CountJobPage:
    """Jobs that are not over, newest first; with `ended`, all."""
    (after,) = decode(cursor, (UUID,)) if cursor else (_LAST,)
    async with brand.reading() as tx:
        rows = await page_of_count_jobs(tx, after=after, at=None, ended=ended, limit=limit + 1)
        page, more = cut(rows, limit, lambda one: (one.count_job_id,))
        return CountJobPage(items=[await _job(tx, one) for one in page], next_cursor=more)


@get("/v1/stock/count-jobs/{count_job_id:str}", tags=["inventory"])
async def read_stock_count_job(brand: Brand, count_job_id: str) -> CountJobView:
    """A job with its lines."""
    async with brand.reading() as tx:
        return await _job(tx, await count_job(tx, parse(PREFIX, count_job_id)))


@post("/v1/stock/count-jobs/{count_job_id:str}/enter", status_code=200, tags=["inventory"], responses=_LINE)
async def enter_stock_count(command: Command, claimants: Claimants, count_job_id: str, data: EnterCount) -> Answer:
    """Enter a count: booked as of when it was counted, or to be counted again, or to be approved, as `state` says."""
    aware("/counted_at", data.counted_at)

    async def act(tx: Tx, now: datetime) -> CountLineView:
        line = await enter_count(
            tx,
            count_job_id=parse(PREFIX, count_job_id),
            sku_id=await _sku_id(tx, data.sku),
            counted=data.counted,
            counted_at=data.counted_at,
            claimants=claimants,
            actor=command.actor,
            now=now,
        )
        return _line(line)

    return await command.run(data, act)


@post("/v1/stock/count-jobs/{count_job_id:str}/approve", status_code=200, tags=["inventory"], responses=_LINE)
async def approve_stock_count(command: Command, claimants: Claimants, count_job_id: str, data: WhichShelf) -> Answer:
    """Book a count that differs much, as of when it was counted. 409 when work that has begun is in the way."""

    async def act(tx: Tx, now: datetime) -> CountLineView:
        line = await approve_count(
            tx,
            count_job_id=parse(PREFIX, count_job_id),
            sku_id=await _sku_id(tx, data.sku),
            claimants=claimants,
            actor=command.actor,
            now=now,
        )
        return _line(line)

    return await command.run(data, act)


@post("/v1/stock/count-jobs/{count_job_id:str}/recount", status_code=200, tags=["inventory"], responses=_LINE)
async def recount_stock(command: Command, count_job_id: str, data: WhichShelf) -> Answer:
    """Have a shelf that waits for approval counted once more."""

    async def act(tx: Tx, now: datetime) -> CountLineView:
        key = parse(PREFIX, count_job_id)
        return _line(await recount(tx, count_job_id=key, sku_id=await _sku_id(tx, data.sku)))

    return await command.run(data, act)


@post("/v1/stock/count-jobs/{count_job_id:str}/close", status_code=200, tags=["inventory"], responses=_JOB)
async def close_stock_count_job(command: Command, count_job_id: str) -> Answer:
    """End it: what nobody has counted is skipped. 409 while counts wait for a decision."""

    async def act(tx: Tx, now: datetime) -> CountJobView:
        return await _job(
            tx, await end_count_job(tx, count_job_id=parse(PREFIX, count_job_id), state="closed", now=now)
        )

    return await command.run(None, act)


@post("/v1/stock/count-jobs/{count_job_id:str}/cancel", status_code=200, tags=["inventory"], responses=_JOB)
async def cancel_stock_count_job(command: Command, count_job_id: str) -> Answer:
    """Give it up: what is booked stays booked, nothing else is."""

    async def act(tx: Tx, now: datetime) -> CountJobView:
        key = parse(PREFIX, count_job_id)
        return await _job(tx, await end_count_job(tx, count_job_id=key, state="canceled", now=now))

    return await command.run(None, act)


async def _sku_id(tx: Tx, sku: str) -> int:
    product = (await catalog.load(tx, [sku])).get(sku)
    if product is None:
        raise NotFound(f"There is no product {sku[:60]!r}.")
    return product.sku_id


def _line(line: CountLine) -> CountLineView:
    return CountLineView(**{name: getattr(line, name) for name in CountLineView.__struct_fields__})


async def _job(tx: Tx, found: CountJob) -> CountJobView:
    same = ("reference", "tolerance_units", "tolerance_percent", "state", "opened_by", "opened_at", "ended_at")
    return CountJobView(
        count_job_id=show(PREFIX, found.count_job_id),
        location=(await locations(tx))[found.location_id].code,
        by=found.chosen_by,
        lines=[_line(line) for line in found.lines],
        **{name: getattr(found, name) for name in same},
    )


HANDLERS = (
    open_stock_count_job,
    list_stock_count_jobs,
    read_stock_count_job,
    enter_stock_count,
    approve_stock_count,
    recount_stock,
    close_stock_count_job,
    cancel_stock_count_job,
)
