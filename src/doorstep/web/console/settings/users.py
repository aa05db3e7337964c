"""Settings, users: who works here, in which role, at which locations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast

from litestar import Response, get, post

from doorstep import inventory
from doorstep.db import Tx
from doorstep.inventory import Location
from doorstep.kit.errors import Conflict, Invalid, NotFound
from doorstep.kit.ids import parse, show
from doorstep.web.console import people
from doorstep.web.console.acting import Noted, act, drawn
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import faults_by_field
from doorstep.web.console.frame import show as frame
from doorstep.web.console.people import Person
from doorstep.web.console.staff import ROLES, Role, Staff
from doorstep.web.pages import form, see

_PAGE: Final = 50
_AT: Final = "/console/settings/users"


@get(_AT, **needs("users"))
async def list_users(request: Asked, staff: Staff) -> Response[bytes]:
    """Everybody who works for the brand."""
    async with staff.brand.reading() as tx:
        found = await people.everyone(
            tx, staff.brand.name, after=request.query_params.get("after", "")[:254], limit=_PAGE + 1
        )
        places = await inventory.locations(tx)
    return await frame(
        staff,
        "console/settings/users.html",
        at="settings",
        people=found[:_PAGE],
        after=found[_PAGE - 1].login if len(found) > _PAGE else "",
        locations=places,
        show_id=show,
        said=request.query_params.get("said", ""),
    )


@get(f"{_AT}/new", **needs("users"))
async def show_new_user(staff: Staff) -> Response[bytes]:
    """Where somebody is added."""
    return await _form_page(staff, None, {"role": "agent", "where": "all"})


@post(f"{_AT}/new", status_code=200, **needs("users"))
async def add_user(request: Asked, staff: Staff) -> Response[bytes]:
    """Add somebody; their first password is shown in the answer, and never again."""
    fields = await form(request)
    password = people.random_password(drawn(staff, fields))
    hashed = await people.hash_password(password)
    login, role, location_ids = fields.get("login", "").lower(), _role(fields), _location_ids(fields)

    async def deed(tx: Tx, now: datetime) -> None:
        await people.add(
            tx,
            login=login,
            name=fields.get("name", ""),
            password_hash=hashed,
            brand=staff.brand.name,
            role=role,
            location_ids=location_ids,
            language=staff.language,
        )

    detail = {"after": {"role": role, "location_ids": location_ids}}
    try:
        await act(staff, fields, deed, action="users.add", subject=login, detail=detail)
    except Invalid as refused:
        return await _form_page(staff, None, fields, faults=faults_by_field(refused), status=422)
    except Conflict as refused:
        return await _form_page(staff, None, fields, faults={"login": refused.detail}, status=409)
    return await _told(staff, login, password)


@get(_AT + "/{user_id:str}", **needs("users"))
async def show_user(request: Asked, staff: Staff, user_id: str) -> Response[bytes]:
    """One of the staff."""
    person = await _person(staff, user_id)
    fields = {"name": person.name, "role": person.role, "where": "all" if person.location_ids is None else "some"}
    fields |= {f"at-{place}": "on" for place in person.location_ids or ()}
    return await _form_page(staff, person, fields, said=request.query_params.get("said", ""))


@post(_AT + "/{user_id:str}/change", status_code=200, **needs("users"))
async def change_user(request: Asked, staff: Staff, user_id: str) -> Response[bytes]:
    """Another name, role or places of work; of oneself, the name only."""
    fields = await form(request)
    role, location_ids = _role(fields), _location_ids(fields)

    async def deed(tx: Tx, now: datetime) -> Noted:
        person = await people.somebody(tx, staff.brand.name, parse("usr", user_id))
        wanted = (person.role, person.location_ids) if person.user_id == staff.user_id else (role, location_ids)
        await people.change(
            tx,
            person,
            brand=staff.brand.name,
            name=fields.get("name", ""),
            role=wanted[0],
            location_ids=wanted[1],
        )
        before = {"role": person.role, "location_ids": person.location_ids}
        return Noted({"before": before, "after": {"role": wanted[0], "location_ids": wanted[1]}})

    person = await _person(staff, user_id)
    try:
        detail = {"name": fields.get("name", ""), "role": role, "location_ids": location_ids}
        await act(staff, fields, deed, action="users.change", subject=person.login, detail=detail)
    except Invalid as refused:
        return await _form_page(staff, person, fields, faults=faults_by_field(refused), status=422)
    except Conflict as refused:
        return await _form_page(staff, person, fields, faults={"form": refused.detail}, status=409)
    return see(f"{_AT}/{user_id}?said=saved")


_DEEDS: Final = ("reset-password", "disable", "enable", "leave")


async def _do(tx: Tx, deed: str, person: Person, brand: str, hashed: str) -> None:
    match deed:
        case "reset-password":
            await people.reset_password(tx, person, hashed)
        case "disable":
            await people.disable(tx, person)
        case "enable":
            await people.enable(tx, person)
        case "leave":
            await people.leave(tx, person, brand=brand)


@get(_AT + "/{user_id:str}/{deed:str}", **needs("users"))
async def ask_user(staff: Staff, user_id: str, deed: str) -> Response[bytes]:
    """What a deed would mean for the person, before it is done."""
    person = await _person(staff, user_id)
    if deed not in _DEEDS:
        raise NotFound("There is no such page.")
    return await frame(
        staff, "console/settings/user_ask.html", at="settings", person=person, deed=deed, path_of=f"{_AT}/{user_id}"
    )


@post(_AT + "/{user_id:str}/{deed:str}", status_code=200, **needs("users"))
async def act_on_user(request: Asked, staff: Staff, user_id: str, deed: str) -> Response[bytes]:
    """A new first password, out, in again, or away from this brand; never oneself."""
    fields = await form(request)
    if deed not in _DEEDS:
        raise NotFound("There is no such page.")
    try:
        person = await _person(staff, user_id)
    except NotFound:
        if deed == "leave":  # the same form again: they are gone
            return see(f"{_AT}?said=leave")
        raise
    if person.user_id == staff.user_id:
        raise Conflict(
            "This is your own account. Another admin can do this, or you change your password under Account."
        )
    password = people.random_password(drawn(staff, fields))
    hashed = await people.hash_password(password) if deed == "reset-password" else ""

    async def changed(tx: Tx, now: datetime) -> None:
        locked = await people.somebody(tx, staff.brand.name, person.user_id)
        await _do(tx, deed, locked, staff.brand.name, hashed)

    await act(staff, fields, changed, action=f"users.{deed.replace('-', '_')}", subject=person.login, detail={})
    if deed == "reset-password":
        return await _told(staff, person.login, password)
    return see(f"{_AT}?said={deed}" if deed == "leave" else f"{_AT}/{user_id}?said={deed}")


async def _person(staff: Staff, user_id: str) -> Person:
    async with staff.brand.reading() as tx:
        return await people.read(tx, staff.brand.name, parse("usr", user_id))


async def _told(staff: Staff, login: str, password: str) -> Response[bytes]:
    return await frame(staff, "console/settings/user_password.html", at="settings", login=login, password=password)


async def _form_page(
    staff: Staff,
    person: Person | None,
    fields: Mapping[str, str],
    *,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    said: str = "",
) -> Response[bytes]:
    async with staff.brand.reading() as tx:
        places: Mapping[int, Location] = await inventory.locations(tx)
    facts: dict[str, Any] = {
        "person": person,
        "path_of": f"{_AT}/{show('usr', person.user_id)}" if person else "",
        "mine": person is not None and person.user_id == staff.user_id,
        "fields": fields,
        "faults": faults or {},
        "roles": ROLES,
        "locations": sorted(places.values(), key=lambda place: place.code),
        "said": said,
    }
    return await frame(staff, "console/settings/user.html", at="settings", status=status, **facts)


def _role(fields: Mapping[str, str]) -> Role:
    return cast(Role, fields.get("role", "")[:20])  # whether it is one, `people` checks


def _location_ids(fields: Mapping[str, str]) -> list[int] | None:
    """The locations ticked, None for everywhere."""
    if fields.get("where") != "some":
        return None
    ticked = (name.removeprefix("at-") for name in fields if name.startswith("at-"))
    return sorted(int(one) for one in ticked if one.isascii() and one.isdigit() and len(one) < 10)


HANDLERS = (list_users, show_new_user, add_user, show_user, change_user, ask_user, act_on_user)
