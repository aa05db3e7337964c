"""The audit log: who did what by hand, newest first; to look through and to take along as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get
from litestar.response import Stream

from doorstep.kit.ids import parse, show
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import show as frame
from doorstep.web.console.frame import zone
from doorstep.web.console.settings import set_back
from doorstep.web.console.settings.index import SQL
from doorstep.web.console.staff import Staff
from doorstep.web.pages import HEADERS

_PAGE: Final = 50
_EXPORT_PAGE: Final = 500
_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)
_COLUMNS: Final = ("time", "person", "action", "subject", "order", "detail")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to show: of whom, which action, of which order's number, of which day on the shop's clock (ISO)."""

    actor: str = ""
    action: str = ""
    order: str = ""
    day: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry; `changes` are (field, before, after) where the detail holds them, `facts` the rest of it."""

    entry_id: UUID
    actor: str
    action: str
    subject: str
    order_id: UUID | None
    order_number: str
    at: datetime
    changes: Sequence[tuple[str, object, object]]
    facts: Mapping[str, object]


@get("/console/audit-log", **needs("audit_log"))
async def show_audit_log(request: Asked, staff: Staff) -> Response[bytes]:
    """The log, by person, action, order and day."""
    wanted, before = _wanted(request), _before(request)
    async with staff.brand.reading() as tx:
        actors = [row["actor"] for row in await tx.fetch(SQL.audit_actors)]
        actions = [row["action"] for row in await tx.fetch(SQL.audit_actions)]
    found = await _entries(staff, wanted, before, _PAGE + 1)
    return await frame(
        staff,
        "console/audit_log.html",
        at="audit_log",
        entries=found[:_PAGE],
        before=show("aud", found[_PAGE - 1].entry_id) if len(found) > _PAGE else "",
        wanted=wanted,
        filtered=wanted != Wanted(),
        later=before != _LAST,
        actors=actors,
        actions=actions,
        show_id=show,
        can_set_back=set_back.CAN,
    )


@get("/console/audit-log.csv", **needs("audit_log"))
async def export_audit_log(request: Asked, staff: Staff) -> Stream:
    """What the filters leave, all of it, page by page, so that a long log needs no more memory than a short one."""
    headers = {**HEADERS, "content-disposition": 'attachment; filename="audit-log.csv"'}
    return Stream(_lines(staff, _wanted(request)), media_type="text/csv; charset=utf-8", headers=headers)


async def _lines(staff: Staff, wanted: Wanted) -> AsyncIterator[bytes]:
    yield _line(_COLUMNS)
    before = _LAST
    while True:
        rows = await _entries(staff, wanted, before, _EXPORT_PAGE)
        for entry in rows:
            detail = {**entry.facts, **({"changes": entry.changes} if entry.changes else {})}
            text = msgspec.json.encode(detail).decode() if detail else ""
            yield _line((entry.at.isoformat(), entry.actor, entry.action, entry.subject, entry.order_number, text))
        if len(rows) < _EXPORT_PAGE:
            return
        before = rows[-1].entry_id


def _line(cells: Sequence[str]) -> bytes:
    """A line of CSV. A cell that a spreadsheet would compute gets an apostrophe, which it shows as text."""
    into = io.StringIO()
    csv.writer(into).writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return into.getvalue().encode()


async def _entries(staff: Staff, wanted: Wanted, before: UUID, limit: int) -> list[Entry]:
    local = await zone(staff)
    since, until = _day(wanted.day, local)
    async with staff.brand.reading() as tx:
        rows = await tx.fetch(
            SQL.audit_log,
            min(before, until),
            since,
            wanted.actor or None,
            wanted.action or None,
            wanted.order or None,
            limit,
        )
        orders = {row["order_id"] for row in rows if row["order_id"]}
        numbers = {row["order_id"]: row["number"] for row in await tx.fetch(SQL.numbers_of_orders, list(orders))}
    return [_entry(row, local, numbers.get(row["order_id"], "")) for row in rows]


def _entry(row: Any, local: ZoneInfo, number: str) -> Entry:
    detail = row["detail"] if isinstance(row["detail"], dict) else {"detail": row["detail"]}
    before, after = detail.get("before"), detail.get("after")
    old, new = (one if isinstance(one, dict) else {} for one in (before, after))
    changes = [(name, old.get(name), new.get(name)) for name in {**old, **new} if old.get(name) != new.get(name)]
    taken = {"before", "after"} if old or new else set()
    return Entry(
        entry_id=row["entry_id"],
        actor=row["actor"],
        action=row["action"],
        subject=row["subject"],
        order_id=row["order_id"],
        order_number=number,
        at=row["recorded_at"].astimezone(local),
        changes=changes,
        facts={name: value for name, value in detail.items() if name not in taken},
    )


def _wanted(request: Asked) -> Wanted:
    query = request.query_params
    day = query.get("day", "").strip()
    try:
        if not 1970 <= date.fromisoformat(day).year <= 9000:
            day = ""
    except ValueError:
        day = ""
    return Wanted(
        actor=query.get("person", "")[:300],
        action=query.get("action", "")[:100],
        order=query.get("order", "").strip()[:64],
        day=day,
    )


def _before(request: Asked) -> UUID:
    given = request.query_params.get("before", "")
    return parse("aud", given) if given else _LAST


def _day(day: str, local: ZoneInfo) -> tuple[UUID, UUID]:
    """The first id of a day and the first after it: ids begin with 48 bits of milliseconds."""
    if not day:
        return _FIRST, _LAST
    begins = datetime.combine(date.fromisoformat(day), time(0), tzinfo=local)
    ends = datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(0), tzinfo=local)
    return _first_id(begins), _first_id(ends)


def _first_id(moment: datetime) -> UUID:
    milliseconds = int(moment.astimezone(UTC).timestamp() * 1000)
    return UUID(int=min(max(milliseconds, 0), 2**48 - 1) << 80)


HANDLERS = (show_audit_log, export_audit_log)
