"""The queue of exceptions: what a machine could not settle. Take on, try again, close; one or many, looked at first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post

from doorstep import insights, jobs
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.jobs.model import SQL as JOBS
from doorstep.kit.errors import Conflict, Fault, Invalid, NotFound
from doorstep.kit.ids import parse, show
from doorstep.kit.limits import PAGE_DEFAULT, TEXT_LONG
from doorstep.kit.paging import cut, decode
from doorstep.web.api.context import app_state
from doorstep.web.console.acting import act, rehearse
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import show as frame
from doorstep.web.console.people import SQL
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, see
from doorstep.web.repair import retry_job, retry_reaction

_FIRST = (-1, datetime.min.replace(tzinfo=UTC), UUID(int=0))
_WHOSE = ("all", "mine", "nobody")
_DEEDS = ("take", "assign", "retry", "resolve")
_MOST = 50  # in one go: a page of the list


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An exception in the list. `facts` are what it knows, as label and value."""

    exception_id: str
    kind: str
    priority: int
    owner: str
    assigned_to: str | None
    next_action: str
    due_at: datetime
    opened_at: datetime
    overdue: bool
    order_id: str | None
    number: str | None
    facts: Sequence[tuple[str, str]]


@get("/console/exceptions", **needs("exceptions.read"))
async def list_exceptions(request: Asked, staff: Staff) -> Response[bytes]:
    """Open exceptions, the most urgent first."""
    asked = request.query_params
    kind, whose = asked.get("kind", "")[:100], asked.get("whose", "all")
    after = decode(asked["cursor"], (int, datetime, UUID)) if asked.get("cursor") else _FIRST
    whose = whose if whose in _WHOSE else "all"
    async with staff.brand.snapshot() as tx:
        rows = await tx.fetch(
            SQL.list_exceptions, *after, kind or None, whose, staff.login, staff.locations, PAGE_DEFAULT + 1
        )
        kinds = await insights.exceptions_by_kind(tx) if staff.location_ids is None else []
        colleagues = await tx.fetch(SQL.colleagues)
        now, zone = await clock_now(tx), ZoneInfo(await tx.fetchval(SQL.timezone))
    page, more = cut(rows, PAGE_DEFAULT, lambda row: (row["priority"], row["due_at"], row["exception_id"]))
    return await frame(
        staff,
        "console/exceptions.html",
        at="exceptions",
        items=[_item(row, now, zone) for row in page],
        more=more,
        kinds=kinds,
        kind=kind,
        whose=whose,
        colleagues=colleagues,
        said=asked.get("said", ""),
        count=asked.get("count", ""),
    )


@post("/console/exceptions", status_code=200, **needs("exceptions.act"))
async def act_on_exceptions(request: Asked, staff: Staff) -> Response[bytes]:
    """Do something with the chosen ones: shown first, done when confirmed."""
    fields = await form(request)
    deed = fields.get("deed", "")
    if deed not in _DEEDS:
        raise Invalid([Fault("/deed", f"One of {', '.join(_DEEDS)}.")])
    chosen = await _chosen(staff, fields)
    if deed == "resolve" and not 1 <= len(fields.get("resolution", "")) <= TEXT_LONG and "confirmed" in fields:
        raise Invalid([Fault("/resolution", "Say in a sentence what was done.")])
    if deed == "assign" and fields.get("to") not in await _logins(staff):
        raise Invalid([Fault("/to", "Choose one of the staff.")])
    if deed in ("retry", "resolve") and "confirmed" not in fields:
        return await _preview(staff, deed, chosen, fields)
    done = await _do(staff, deed, chosen, fields)
    return see(f"/console/exceptions?said={deed}&count={done}")


async def _chosen(staff: Staff, fields: Mapping[str, str]) -> list[Any]:
    """The exceptions that were ticked. Raises NotFound for one that is not there, or not theirs to see."""
    ids = [parse("exc", name.removeprefix("e-")) for name in fields if name.startswith("e-")]
    if not 1 <= len(ids) <= _MOST:
        raise Invalid([Fault("/e", f"Tick 1 to {_MOST} of them.")])
    async with staff.brand.reading() as tx:
        rows = await tx.fetch(SQL.chosen_exceptions, ids, staff.locations)
    if len(rows) != len(set(ids)):
        raise NotFound("One of these exceptions is not there.")
    return list(rows)


async def _logins(staff: Staff) -> set[str]:
    async with staff.brand.reading() as tx:
        return {row["login"] for row in await tx.fetch(SQL.colleagues)}


async def _preview(staff: Staff, deed: str, chosen: Sequence[Any], fields: Mapping[str, str]) -> Response[bytes]:
    """What would come of it, one by one."""
    async with staff.brand.reading() as tx:
        now, zone = await clock_now(tx), ZoneInfo(await tx.fetchval(SQL.timezone))
    outcomes = [(_item(row, now, zone), await _outlook(staff, deed, row)) for row in chosen]
    return await frame(
        staff, "console/exceptions_preview.html", at="exceptions", deed=deed, outcomes=outcomes, to=fields.get("to", "")
    )


async def _outlook(staff: Staff, deed: str, row: Any) -> str:
    """Why it cannot be done; empty when it can."""
    if row["resolved_at"] is not None:
        return "This exception is resolved already."
    if deed != "retry" or row["kind"] == "reaction_failed":
        return ""  # whether a reaction digests its events is seen by doing it
    try:
        await rehearse(staff, lambda tx, now: retry_job(tx, row, actor=staff.actor, now=now))
    except Conflict as refused:
        return refused.detail
    return ""


async def _do(staff: Staff, deed: str, chosen: Sequence[Any], fields: Mapping[str, str]) -> int:
    """How many it was done to; what cannot be retried is left as it is."""
    if deed in ("take", "assign"):
        to = staff.login if deed == "take" else fields["to"]
        ids = [row["exception_id"] for row in chosen]
        await act(
            staff,
            fields,
            lambda tx, now: jobs.assign_exceptions(tx, ids, to),
            action="exceptions.assign",
            subject=show("exc", ids[0]) if len(ids) == 1 else f"{len(ids)} exceptions",
            detail={"to": to, "exceptions": [show("exc", one) for one in ids]},
        )
        return len(ids)
    done = 0
    for place, row in enumerate(chosen):
        shown = show("exc", row["exception_id"])
        detail = {"kind": row["kind"], "resolution": fields.get("resolution", "")} if deed == "resolve" else {}
        try:
            if deed == "retry":
                await retry_reaction(staff.brand, row, app_state().reactions)
            await act(
                staff,
                {**fields, "key": f"{fields.get('key', '')[:80]}x{place}"},
                _deed(staff, deed, row["exception_id"], fields),
                action=f"exceptions.{deed}",
                subject=shown,
                detail=detail,
                order_id=row["order_id"],
            )
        except Conflict:
            continue
        done += 1
    return done


def _deed(staff: Staff, deed: str, exception_id: UUID, fields: Mapping[str, str]) -> Any:
    async def do(tx: Tx, now: datetime) -> None:
        if deed == "retry":
            row = await tx.fetchrow(JOBS.exception, exception_id)
            assert row is not None
            await retry_job(tx, dict(row), actor=staff.actor, now=now)
        elif (
            await tx.fetchrow(JOBS.resolve_exception_by_id, exception_id, staff.actor, fields["resolution"], now)
            is None
        ):
            raise Conflict("This exception is resolved already.")

    return do


def _item(row: Any, now: datetime, zone: ZoneInfo) -> Item:
    facts = [(name.replace("_", " "), _plain(value)) for name, value in row["detail"].items()]
    return Item(
        exception_id=show("exc", row["exception_id"]),
        kind=row["kind"],
        priority=row["priority"],
        owner=row["owner"].replace("_", " "),
        assigned_to=row["assigned_to"],
        next_action=row["next_action"],
        due_at=row["due_at"].astimezone(zone),
        opened_at=row["opened_at"].astimezone(zone),
        overdue=row["due_at"] < now,
        order_id=row["order_id"] and show("ord", row["order_id"]),
        number=row["number"],
        facts=facts,
    )


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 500 else text[:499] + "…"


HANDLERS = (list_exceptions, act_on_exceptions)
