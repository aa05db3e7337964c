"""Login, logout, one's own account, and the sandbox's clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from litestar import Response, get, post

from doorstep.db import Tx
from doorstep.journal.audit_log import record
from doorstep.kit.errors import Fault, Forbidden, Invalid, TooMany
from doorstep.kit.templates import LANGUAGES, language_of
from doorstep.web.api.context import app_state
from doorstep.web.console import door, people
from doorstep.web.console.acting import act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import faults_by_field, show, trouble
from doorstep.web.console.people import SQL
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, page, see

_OPEN: dict[str, Any] = {
    "opt": {"public": True},
    "include_in_schema": False,
    "exception_handlers": {Exception: trouble},
}
_STEPS = {"hour": timedelta(hours=1), "half_day": timedelta(hours=12), "day": timedelta(days=1)}


@get("/console/login", **_OPEN)
async def show_login(request: Asked) -> Response[bytes]:
    """Where the staff logs in."""
    return _login_page(request, wanted=request.query_params.get("next", ""))


@post("/console/login", status_code=200, **_OPEN)
async def log_in(request: Asked) -> Response[bytes]:
    """Begin a session. A wrong name and a wrong password look alike."""
    fields = await form(request)
    wanted = door.safe_next(fields.get("next", ""))
    try:
        cookie = await door.log_in(request, fields.get("login", ""), fields.get("password", ""))
    except TooMany:
        return _login_page(request, wanted=wanted, fault="too_many", status=429)
    if cookie is None:
        return _login_page(request, wanted=wanted, fault="wrong", status=422)
    return see(wanted, cookies=(cookie,))


def _login_page(request: Asked, *, wanted: str, fault: str = "", status: int = 200) -> Response[bytes]:
    language = language_of(request.headers.get("accept-language", "en"))
    return page("console/login.html", language=language, status=status, shop="Doorstep", wanted=wanted, fault=fault)


@post("/console/logout", status_code=200, **needs("self"))
async def log_out(staff: Staff) -> Response[bytes]:
    """End the session, here and in the database."""
    async with app_state().database.shared() as tx:
        await tx.execute(SQL.end_session, staff.token_hash)
    return see("/console/login", cookies=(door.cookie("", max_age=0),))


@get("/console/account", **needs("self"))
async def show_account(request: Asked, staff: Staff) -> Response[bytes]:
    """One's own account: password, language, brand."""
    return await _account(staff, said=request.query_params.get("said", ""))


@post("/console/account/password", status_code=200, **needs("self"))
async def change_password(request: Asked, staff: Staff) -> Response[bytes]:
    """A new password, after the old one; every other session of theirs ends."""
    fields = await form(request)
    async with app_state().database.shared() as tx:
        kept = await tx.fetchrow(SQL.user_by_id, staff.user_id)
    try:
        if not await people.is_right(fields.get("old", ""), kept and kept["password_hash"]):
            raise Invalid([Fault("/old", "This is not your present password.")])
        if fields.get("password", "") != fields.get("again", ""):
            raise Invalid([Fault("/again", "The two are not the same.")])
        people.check_password(fields.get("password", ""), login=staff.login)
    except Invalid as refused:
        return await _account(staff, faults=faults_by_field(refused), status=422)
    hashed = await people.hash_password(fields["password"])
    async with app_state().database.shared() as tx:
        await tx.execute(SQL.set_password, staff.user_id, hashed, False)
        await tx.execute(SQL.end_other_sessions, staff.user_id, staff.token_hash)
    async with staff.brand.transaction() as tx:
        await record(tx, actor=staff.actor, action="account.password", subject=staff.login, detail={})
    return see("/console/account?said=password")


@post("/console/account/language", status_code=200, **needs("self"))
async def change_language(request: Asked, staff: Staff) -> Response[bytes]:
    """The language of the console."""
    language = (await form(request)).get("language", "")
    if language not in LANGUAGES:
        return await _account(staff, faults={"language": "unfit"}, status=422)
    async with app_state().database.shared() as tx:
        await tx.execute(SQL.set_language, staff.user_id, language)
    return see("/console/account?said=language")


@post("/console/account/brand", status_code=200, **needs("self"))
async def change_brand(request: Asked, staff: Staff) -> Response[bytes]:
    """Another brand they are of; of one they are not, nothing changes."""
    async with app_state().database.shared() as tx:
        await tx.execute(SQL.switch_brand, staff.token_hash, (await form(request)).get("brand", "")[:40])
    return see("/console")


@post("/console/clock", status_code=200, **needs("settings"))
async def let_time_pass(request: Asked, staff: Staff) -> Response[bytes]:
    """In a rehearsal: the brand's clock goes on by an hour, half a day or a day."""
    if not app_state().settings.clock_by_hand:
        raise Forbidden("Time passes by itself here.")
    fields = await form(request)
    step = _STEPS.get(fields.get("step", ""))
    if step is None:
        raise Invalid([Fault("/step", f"A step is one of {', '.join(_STEPS)}.")])

    async def passed(tx: Tx, now: datetime) -> None:
        await tx.execute(SQL.let_time_pass, step)
        await tx.execute(SQL.wake)

    await act(staff, fields, passed, action="clock.advance", subject="clock", detail={"step": fields["step"]})
    return see(door.safe_next(fields.get("next", "")))


async def _account(staff: Staff, *, said: str = "", faults: Any = None, status: int = 200) -> Response[bytes]:
    async with app_state().database.shared() as tx:
        brands = await tx.fetch(SQL.memberships, staff.user_id)
    return await show(
        staff,
        "console/account.html",
        at="account",
        status=status,
        said=said,
        faults=faults or {},
        brands=brands,
        languages=LANGUAGES,
    )


HANDLERS = (
    show_login,
    log_in,
    log_out,
    show_account,
    change_password,
    change_language,
    change_brand,
    let_time_pass,
)
