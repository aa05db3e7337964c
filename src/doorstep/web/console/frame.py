"""The frame around every page of the console: navigation, the brand's time, and errors told in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Response
from litestar.datastructures import Cookie

from doorstep.kit.errors import Invalid
from doorstep.kit.ids import new_id
from doorstep.kit.templates import language_of
from doorstep.web.api.context import app_state
from doorstep.web.api.problems import noted
from doorstep.web.console import door
from doorstep.web.console.people import SQL
from doorstep.web.console.staff import Permission, Staff
from doorstep.web.pages import page, see

# Address, permission, and the key by which `g` and it lead there. The names are in the template.
PLACES: tuple[tuple[str, str, Permission, str], ...] = (
    ("home", "/console", "orders.read", "h"),
    ("orders", "/console/orders", "orders.read", "o"),
    ("exceptions", "/console/exceptions", "exceptions.read", "e"),
    ("floor", "/console/floor", "floor.read", "f"),
    ("returns", "/console/returns", "floor.read", "r"),
    ("stock", "/console/stock", "stock.read", "s"),
    ("settings", "/console/settings", "settings", "t"),
    ("audit_log", "/console/audit-log", "audit_log", "l"),
)


async def show(
    staff: Staff, template: str, *, at: str, status: int = 200, cookies: tuple[Cookie, ...] = (), **facts: Any
) -> Response[bytes]:
    """A page of the console. `at` names the place in PLACES that it belongs to; `key` makes a form act only once."""
    async with staff.brand.reading() as tx:
        frame = await tx.fetchrow(SQL.frame)
    assert frame is not None
    facts |= {
        "now": frame["now"].astimezone(ZoneInfo(frame["timezone"])),
        # Counted for the whole shop; who sees a part of it gets no number that is not theirs.
        "exceptions_open": frame["exceptions"] if staff.location_ids is None else 0,
        "clock_by_hand": app_state().settings.clock_by_hand,
        "path": door.path_here(),
    }
    made = _page(staff, template, at=at, status=status, **facts)
    made.cookies.extend(cookies)
    return made


async def zone(staff: Staff) -> ZoneInfo:
    """The shop's time zone: the one of its first location."""
    async with staff.brand.reading() as tx:
        return ZoneInfo(await tx.fetchval(SQL.timezone))


def _page(staff: Staff, template: str, *, at: str, status: int, **facts: Any) -> Response[bytes]:
    return page(
        template,
        language=staff.language,
        status=status,
        shop=staff.brand_title,
        staff=staff,
        at=at,
        places=[place for place in PLACES if staff.may(place[2])],
        key=new_id().hex,
        **facts,
    )


def trouble(request: door.Asked, error: Exception) -> Response[bytes]:
    """What a person sees instead of a page of the console; made without the database, which may be the trouble."""
    if isinstance(error, door.LoginNeeded):
        return door.to_login(error)
    if isinstance(error, door.ChangeFirst):
        return see("/console/account?said=change_first")
    problem = noted(request.scope, error)
    try:
        staff = door.known(request.scope)
    except KeyError:
        language = language_of(request.headers.get("accept-language", "en"))
        return page("sorry.html", language=language, status=problem.status, shop="Doorstep", code=problem.status)
    return _page(
        staff,
        "console/trouble.html",
        at="",
        status=problem.status,
        code=problem.status,
        detail=problem.detail if problem.status < 500 else "",
        faults=[fault.detail for fault in problem.faults] if isinstance(problem, Invalid) else [],
        exceptions_open=0,
        clock_by_hand=False,
    )


def faults_by_field(error: Invalid) -> Mapping[str, str]:
    """What is wrong with a form, by the name of its field."""
    return {fault.pointer.strip("/") or "form": fault.detail for fault in error.faults}
