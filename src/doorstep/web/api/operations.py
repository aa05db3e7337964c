"""HTTP for those who run it: is it alive, what waits, what happened, what needs a person, what time it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from doorstep.db import Brand, Tx, statements
from doorstep.db.pool import clock_now
from doorstep.jobs.model import SQL as JOBS
from doorstep.journal import Command, Reaction
from doorstep.journal.append import SQL as JOURNAL
from doorstep.journal.commands import Answer
from doorstep.kit.errors import Conflict, NotFound
from doorstep.kit.ids import parse, show
from doorstep.kit.limits import PAGE_DEFAULT, PAGE_MAX, TEXT_LONG
from doorstep.kit.paging import cut, decode
from doorstep.web.api.context import app_state
from doorstep.web.repair import retry_job, retry_reaction

SQL = statements(__package__)

_Limit = Annotated[int, Parameter(ge=1, le=PAGE_MAX)]
_Kind = Annotated[str | None, Parameter(max_length=100)]
_START = (-1, datetime.min.replace(tzinfo=UTC), UUID(int=0))


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. `position` counts every event of the brand without gaps; `data` is the event's own."""

    position: int
    event_id: str
    kind: str
    order_id: str | None
    actor: str
    occurred_at: datetime
    data: dict[str, Any]


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events in order of position. Ask again with `after` = `last_position`; it stays the same when nothing is new."""

    items: list[EventView]
    last_position: int


class ExceptionView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that went wrong and waits for a person. Priority 0 hurts a customer now … 3 can wait for the week."""

    exception_id: str
    kind: str
    subject: UUID
    order_id: str | None
    priority: int
    owner: str
    next_action: str
    due_at: datetime
    opened_at: datetime
    detail: dict[str, Any]
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str | None


class ExceptionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Open exceptions, the most urgent first."""

    items: list[ExceptionView]
    next_cursor: str | None


class Resolution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was done about it, in a sentence."""

    resolution: Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_LONG)]


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the failed step was set going again, or went through at once."""

    exception_id: str
    outcome: str


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """What waits. Durations are seconds of the wall clock, times are of the brand's clock."""

    events_unplaced: int
    oldest_unplaced_s: float
    reactions_due: int
    parked_events: int
    jobs_due: int
    jobs_backing_off: int
    jobs_waiting: int
    next_job_at: datetime | None
    exceptions_open: int


class ClockView(msgspec.Struct, frozen=True, kw_only=True):
    """The brand's time: `now` runs `rate` times as fast as the wall."""

    now: datetime
    rate: float


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Alive, or ready to work."""

    status: str


@get("/healthz", opt={"public": True}, tags=["operations"])
async def healthz() -> Health:
    """This process answers. Says nothing of the database: restarting a server does not heal one."""
    return Health(status="ok")


@get("/readyz", opt={"public": True}, tags=["operations"])
async def readyz() -> Health:
    """This process reaches its database, migrated: send it requests. 503 when not."""
    await app_state().database.brands()
    return Health(status="ready")


@get("/v1/clock", tags=["operations"])
async def read_clock(brand: Brand) -> ClockView:
    """What time it is for this brand."""
    async with brand.reading() as tx:
        row = await tx.fetchrow(SQL.clock)
    assert row is not None
    return ClockView(now=row["now"], rate=row["rate"])


@get("/v1/events", tags=["operations"])
async def list_events(
    brand: Brand,
    after: Annotated[int, Parameter(ge=0, le=2**62)] = 0,
    limit: _Limit = PAGE_DEFAULT,
    kind: _Kind = None,
) -> EventPage:
    """What happened after a position, in order. No committed event is ever missed, also one that commits late."""
    async with brand.reading() as tx:
        rows = await tx.fetch(SQL.events_after, after, kind, limit)
    last = rows[-1]["position"] if rows else after
    return EventPage(items=[_event(row) for row in rows], last_position=last)


@get("/v1/backlog", tags=["operations"])
async def read_backlog(brand: Brand) -> Backlog:
    """What waits: events not yet in line, reactions behind, jobs due, exceptions open. All zero means caught up."""
    return await backlog(brand, app_state().reactions)


async def backlog(brand: Brand, reactions: Sequence[Reaction]) -> Backlog:
    """What waits in a brand, at one moment: work moves between events and jobs, and must not be missed on its way."""
    async with brand.snapshot() as tx:
        return await backlog_at(tx, reactions, now=await clock_now(tx))


async def backlog_at(tx: Tx, reactions: Sequence[Reaction], *, now: datetime) -> Backlog:
    """What waits, as a snapshot's transaction sees it."""
    pairs = [(reaction.name, kind) for reaction in reactions for kind in reaction.kinds]
    journal = await tx.fetchrow(JOURNAL.backlog, [name for name, _ in pairs], [kind for _, kind in pairs])
    work = await tx.fetchrow(JOBS.backlog, now)
    oldest = await tx.fetchval(SQL.oldest_unplaced)
    exceptions = await tx.fetchval(SQL.open_exceptions_count)
    assert journal is not None
    assert work is not None
    return Backlog(
        events_unplaced=journal["unplaced"],
        oldest_unplaced_s=oldest or 0.0,
        reactions_due=journal["cursors_due"],
        parked_events=journal["parked"],
        jobs_due=work["due"],
        jobs_backing_off=work["backing_off"],
        jobs_waiting=work["waiting"],
        next_job_at=work["next_due_at"],
        exceptions_open=exceptions,
    )


@get("/v1/exceptions", tags=["operations"])
async def list_exceptions(
    brand: Brand, limit: _Limit = PAGE_DEFAULT, cursor: str | None = None, kind: _Kind = None
) -> ExceptionPage:
    """Open exceptions, the most urgent first."""
    after = decode(cursor, (int, datetime, UUID)) if cursor else _START
    async with brand.reading() as tx:
        rows = await tx.fetch(JOBS.open_exceptions, *after, kind, limit + 1)
    page, more = cut(rows, limit, lambda row: (row["priority"], row["due_at"], row["exception_id"]))
    return ExceptionPage(items=[_exception(row) for row in page], next_cursor=more)


@get("/v1/exceptions/{exception_id:str}", tags=["operations"])
async def read_exception(brand: Brand, exception_id: str) -> ExceptionView:
    """One exception, open or resolved."""
    async with brand.reading() as tx:
        return _exception(await _found(tx, exception_id))


@post(
    "/v1/exceptions/{exception_id:str}/resolve",
    status_code=200,
    responses={200: ResponseSpec(ExceptionView, description="The exception, resolved")},
    tags=["operations"],
)
async def resolve(command: Command, exception_id: str, data: Resolution) -> Answer:
    """Close an exception by hand, saying what was done. 409 when it is closed already."""

    async def act(tx: Tx, now: datetime) -> ExceptionView:
        row = await _found(tx, exception_id)
        done = await tx.fetchrow(JOBS.resolve_exception_by_id, row["exception_id"], command.actor, data.resolution, now)
        if done is None:
            raise Conflict("This exception is resolved already.")
        return _exception(done)

    return await command.run(data, act)


@post(
    "/v1/exceptions/{exception_id:str}/retry",
    status_code=200,
    responses={200: ResponseSpec(Retried, description="What came of it")},
    tags=["operations"],
)
async def retry(command: Command, exception_id: str) -> Answer:
    """Try the failed step again. 409 when it failed once more, or when only a person can go on."""
    async with command.brand.reading() as tx:
        row = await _found(tx, exception_id)
    await retry_reaction(command.brand, row, app_state().reactions)

    async def act(tx: Tx, now: datetime) -> Retried:
        outcome = await retry_job(tx, await _found(tx, exception_id), actor=command.actor, now=now)
        return Retried(exception_id=show("exc", row["exception_id"]), outcome=outcome)

    return await command.run({}, act)


async def _found(tx: Tx, exception_id: str) -> Any:
    row = await tx.fetchrow(JOBS.exception, parse("exc", exception_id))
    if row is None:
        raise NotFound(f"There is no exception {exception_id}.")
    return row


def _event(row: Any) -> EventView:
    return EventView(
        position=row["position"],
        event_id=show("evt", row["event_id"]),
        kind=row["kind"],
        order_id=row["order_id"] and show("ord", row["order_id"]),
        actor=row["actor"],
        occurred_at=row["occurred_at"],
        data=row["data"],
    )


def _exception(row: Any) -> ExceptionView:
    fields = {field: row[field] for field in ExceptionView.__struct_fields__}
    fields["exception_id"] = show("exc", row["exception_id"])
    fields["order_id"] = row["order_id"] and show("ord", row["order_id"])
    return ExceptionView(**fields)


@get("/openapi.json", opt={"public": True}, include_in_schema=False)
async def openapi_json() -> Response[bytes]:
    """The API's own description, OpenAPI 3.1."""
    return Response(content=app_state().document(), media_type="application/json")


HANDLERS = (
    healthz,
    readyz,
    read_clock,
    list_events,
    read_backlog,
    list_exceptions,
    read_exception,
    resolve,
    retry,
    openapi_json,
)
