"""Settings, locations: where goods are and work is done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast, get_args

import msgspec
from litestar import Response, get, post

from doorstep import inventory
from doorstep.db import Tx
from doorstep.inventory import Location, PutLocation
from doorstep.inventory.locations import Capability
from doorstep.kit.errors import Conflict, Fault, Invalid, NotFound
from doorstep.web.console import places
from doorstep.web.console.acting import Noted, act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.forms import difference, typed
from doorstep.web.console.frame import faults_by_field, show
from doorstep.web.console.settings.index import SQL
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, see

KINDS: Final = ("warehouse", "store", "workshop", "vendor")
CAPABILITIES: Final = cast(tuple[str, ...], get_args(Capability))
_AT: Final = "/console/settings/locations"


@get(_AT, **needs("settings"))
async def list_locations(request: Asked, staff: Staff) -> Response[bytes]:
    """All locations, in the order in which routing prefers them."""
    async with staff.brand.reading() as tx:
        found = await inventory.locations(tx)
    order = sorted(found.values(), key=lambda one: (not one.enabled, one.priority, one.code))
    said = request.query_params.get("said", "")
    return await show(staff, "console/settings/locations.html", at="settings", locations=order, said=said)


@get(f"{_AT}/new", **needs("settings"))
async def show_new_location(request: Asked, staff: Staff) -> Response[bytes]:
    """Where a location is added."""
    country = places.usual(request.headers.get("accept-language", ""))
    fields = {"kind": "warehouse", "country": country, "timezone": places.COUNTRIES[country].timezone}
    return await _page(staff, "", fields | {"priority": "100", "can-gift_wrap": "on", "can-returns": "on"})


@post(f"{_AT}/new", status_code=200, **needs("settings"))
async def add_location(request: Asked, staff: Staff) -> Response[bytes]:
    """Add a location."""
    fields = await form(request)
    try:
        await add(staff, fields)
    except Invalid as refused:
        return await _page(staff, "", fields, faults=faults_by_field(refused), status=422)
    return see(f"{_AT}?said=added")


async def add(staff: Staff, fields: Mapping[str, str]) -> PutLocation:
    """Add the location that a form describes. Raises Invalid by field, also for a code that is taken."""
    wanted = await of_form(staff, fields, enabled=True)

    async def deed(tx: Tx, now: datetime) -> Noted:
        if any(one.code == wanted.code for one in (await inventory.locations(tx)).values()):
            raise Invalid([Fault("/code", "This code is taken.")])
        await _put(tx, wanted)
        return Noted(difference(None, wanted))

    await act(staff, fields, deed, action="locations.add", subject=wanted.code, detail=msgspec.to_builtins(wanted))
    return wanted


@get(_AT + "/{code:str}", **needs("settings"))
async def show_location(request: Asked, staff: Staff, code: str) -> Response[bytes]:
    """A location."""
    location = await _location(staff, code)
    return await _page(staff, code, to_form(location), location=location, said=request.query_params.get("said", ""))


@post(_AT + "/{code:str}", status_code=200, **needs("settings"))
async def change_location(request: Asked, staff: Staff, code: str) -> Response[bytes]:
    """Change a location; its code stays."""
    fields = {**await form(request), "code": code}
    location = await _location(staff, code)
    try:
        wanted = await of_form(staff, fields, enabled=location.enabled)
        await change(staff, fields, wanted, action="locations.change")
    except Invalid as refused:
        return await _page(staff, code, fields, location=location, faults=faults_by_field(refused), status=422)
    return see(f"{_AT}/{code}?said=saved")


@get(_AT + "/{code:str}/{deed:str}", **needs("settings"))
async def ask_location(staff: Staff, code: str, deed: str) -> Response[bytes]:
    """What it means to switch a location off, or on again."""
    location = await _location(staff, code)
    if deed not in ("disable", "enable"):
        raise NotFound("There is no such page.")
    async with staff.brand.reading() as tx:
        there = await tx.fetchrow(SQL.what_is_there, location.location_id)
    return await show(
        staff, "console/settings/location_ask.html", at="settings", location=location, deed=deed, there=there
    )


@post(_AT + "/{code:str}/{deed:str}", status_code=200, **needs("settings"))
async def switch_location(request: Asked, staff: Staff, code: str, deed: str) -> Response[bytes]:
    """Switch a location off, or on again."""
    fields = await form(request)
    location = await _location(staff, code)
    if deed not in ("disable", "enable"):
        raise NotFound("There is no such page.")
    wanted = msgspec.structs.replace(as_put(location), enabled=deed == "enable")
    await change(staff, fields, wanted, action=f"locations.{deed}")
    return see(f"{_AT}/{code}?said={deed}")


async def change(staff: Staff, fields: Mapping[str, str], wanted: PutLocation, *, action: str) -> None:
    """Make a location what is wanted; the audit log holds what was and what is. Raises Invalid and Conflict."""

    async def deed(tx: Tx, now: datetime) -> Noted:
        known = {one.code: one for one in (await inventory.locations(tx)).values()}
        if wanted.code not in known:
            raise NotFound("There is no such location.")
        await _put(tx, wanted)
        if known[wanted.code].enabled and not any(one.enabled for one in (await inventory.locations(tx)).values()):
            raise Conflict("This is the last location in use: without one no order can be served.")
        return Noted(difference(as_put(known[wanted.code]), wanted))

    await act(staff, fields, deed, action=action, subject=wanted.code, detail=msgspec.to_builtins(wanted))


async def _put(tx: Tx, wanted: PutLocation) -> None:
    try:
        await inventory.put_locations(tx, [wanted])
    except Invalid as error:
        faults = [Fault("/" + fault.pointer.rpartition("/")[2], fault.detail) for fault in error.faults]
        raise Invalid(faults) from None


async def of_form(staff: Staff, fields: Mapping[str, str], *, enabled: bool) -> PutLocation:
    """The location that a form describes. Coordinates left empty are looked up, or are those of the country's capital.

    Raises Invalid by field.
    """
    values: dict[str, object] = {name: value for name, value in fields.items() if value and name in _FIELDS}
    country, postcode = fields.get("country", ""), fields.get("postcode", "")
    if not fields.get("latitude") and not fields.get("longitude") and country in places.COUNTRIES:
        usual = places.COUNTRIES[country]
        async with staff.brand.reading() as tx:
            middle = await places.middle(tx, country, postcode) or (usual.latitude, usual.longitude)
        values |= {"latitude": middle[0], "longitude": middle[1]}
    values["capabilities"] = [one for one in CAPABILITIES if fields.get(f"can-{one}")]
    return typed(PutLocation, values | {"enabled": enabled})


_FIELDS: Final = {field.name for field in msgspec.structs.fields(PutLocation)} - {"capabilities", "enabled"}


def to_form(location: Location) -> dict[str, str]:
    """The form's fields of a location."""
    known = {name: getattr(location, name) for name in _FIELDS}
    fields = {name: "" if value is None else str(value) for name, value in known.items()}
    return fields | {f"can-{one}": "on" for one in location.capabilities}


def as_put(location: Location) -> PutLocation:
    """The location as it would be given."""
    values: dict[str, Any] = {name: getattr(location, name) for name in _FIELDS}
    return PutLocation(
        **values,
        enabled=location.enabled,
        capabilities=[one for one in get_args(Capability) if one in location.capabilities],
    )


async def _location(staff: Staff, code: str) -> Location:
    async with staff.brand.reading() as tx:
        found = {one.code: one for one in (await inventory.locations(tx)).values()}
    if code not in found:
        raise NotFound("There is no such location.")
    return found[code]


async def _page(
    staff: Staff,
    code: str,
    fields: Mapping[str, str],
    *,
    location: Location | None = None,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    said: str = "",
) -> Response[bytes]:
    facts: dict[str, Any] = {
        "location": location,
        "fields": fields,
        "faults": faults or {},
        "kinds": KINDS,
        "capabilities": CAPABILITIES,
        "countries": places.country_names(staff.language),
        "said": said,
    }
    return await show(staff, "console/settings/location.html", at="settings", status=status, **facts)


HANDLERS = (
    list_locations,
    show_new_location,
    add_location,
    show_location,
    change_location,
    ask_location,
    switch_location,
)
