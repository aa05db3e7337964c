"""Settings, calendar: the days on which locations send, and the days off of locations and countries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post

from doorstep import delivery, inventory
from doorstep.db import Tx
from doorstep.delivery import WEEKDAYS, Calendar, Day, OpeningWeek
from doorstep.inventory import Location
from doorstep.kit.errors import Fault, Invalid
from doorstep.web.console import places
from doorstep.web.console.acting import Noted, act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import faults_by_field, show
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, see

_AT: Final = "/console/settings/calendar"
_DAYS_LOOKED_AT: Final = 14
_DAY: Final = timedelta(days=1)


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A day of a location: whether a parcel may leave then, and if not, why; no reason: it is not in its week."""

    day: date
    leaves: bool
    reason: str


@get(_AT, **needs("settings"))
async def show_calendar(request: Asked, staff: Staff) -> Response[bytes]:
    """The next two weeks of every location, their weeks, and all days off to come."""
    return await _page(staff, said=request.query_params.get("said", ""))


@post(f"{_AT}/weeks", status_code=200, **needs("settings"))
async def change_weeks(request: Asked, staff: Staff) -> Response[bytes]:
    """Set the weeks of all locations in the form."""
    fields = await form(request)
    async with staff.brand.reading() as tx:
        codes = [one.code for one in (await inventory.locations(tx)).values()]
    weeks = []
    for code in codes:
        if fields.get(f"shown-{code}"):
            days = [day for day in WEEKDAYS if fields.get(f"{code}-{day}")]
            if not set(days) - {"sat"}:
                return await _page(staff, faults={"week": code}, fields=fields, status=422)
            weeks.append(OpeningWeek(location=code, weekdays=days))

    async def deed(tx: Tx, now: datetime) -> Noted:
        ids = {one.code: one.location_id for one in (await inventory.locations(tx)).values()}
        before = (await delivery.calendars(tx)).weeks
        await delivery.put_opening(tx, weeks)
        changed = [one for one in weeks if list(one.weekdays) != list(before.get(ids[one.location], WEEKDAYS))]
        return Noted(
            {
                "before": {one.location: before.get(ids[one.location], WEEKDAYS) for one in changed},
                "after": {one.location: one.weekdays for one in changed},
            }
        )

    await act(staff, fields, deed, action="calendar.weeks", subject="calendar", detail=msgspec.to_builtins(weeks))
    return see(f"{_AT}?said=saved")


@post(f"{_AT}/days", status_code=200, **needs("settings"))
async def change_days(request: Asked, staff: Staff) -> Response[bytes]:
    """Add a day off, or take one away."""
    fields = await form(request)
    try:
        location, country = _whose(fields.get("whose", ""))
        day = _day(fields.get("day", ""))
        if fields.get("do") == "remove":
            await _forget(staff, fields, location, country, day)
            return see(f"{_AT}?said=removed")
        reason = fields.get("reason", "").strip()
        if not 1 <= len(reason) <= 100:
            raise Invalid([Fault("/reason", "1 to 100 characters are needed.")])
        await _add(staff, fields, location, country, [Day(day=day, reason=reason)])
    except Invalid as refused:
        return await _page(staff, faults=faults_by_field(refused), fields=fields, status=422)
    return see(f"{_AT}?said=added")


@get(f"{_AT}/holidays", **needs("settings"))
async def show_holidays(request: Asked, staff: Staff) -> Response[bytes]:
    """A country's public holidays to come, before they are added."""
    country = request.query_params.get("country", "")
    if country not in places.COUNTRIES:
        return see(_AT)
    days = await _holidays(staff, country)
    async with staff.brand.reading() as tx:
        known = {one.day for one in (await delivery.calendars(tx)).off if one.country == country}
    return await show(
        staff,
        "console/settings/calendar_holidays.html",
        at="settings",
        country=country,
        country_name=dict(places.country_names(staff.language))[country],
        days=days,
        new=[one for one in days if one.day not in known],
    )


@post(f"{_AT}/holidays", status_code=200, **needs("settings"))
async def add_holidays(request: Asked, staff: Staff) -> Response[bytes]:
    """Add a country's public holidays of this year and the next."""
    fields = await form(request)
    country = fields.get("country", "")
    days = await _holidays(staff, country) if country in places.COUNTRIES else []
    if not days:
        return await _page(staff, faults={"holidays": country}, status=422)
    await _add(staff, fields, None, country, days)
    return see(f"{_AT}?said=holidays")


async def _holidays(staff: Staff, country: str) -> list[Day]:
    today = (await staff.brand.now()).date()
    days = delivery.public_holidays(country, [today.year, today.year + 1], language=staff.language)
    return [one for one in days if one.day >= today]


async def _add(
    staff: Staff, fields: Mapping[str, str], location: str | None, country: str | None, days: list[Day]
) -> None:
    async def deed(tx: Tx, now: datetime) -> None:
        await delivery.add_days_off(tx, location=location, country=country, days=days)

    detail = msgspec.to_builtins(days)
    await act(staff, fields, deed, action="calendar.add", subject=location or country or "", detail=detail)


async def _forget(
    staff: Staff, fields: Mapping[str, str], location: str | None, country: str | None, day: date
) -> None:
    async def deed(tx: Tx, now: datetime) -> Noted:
        reason = await delivery.forget_day_off(tx, location=location, country=country, day=day)
        return Noted({"day": str(day), "reason": reason})

    subject = location or country or ""
    await act(staff, fields, deed, action="calendar.remove", subject=subject, detail={"day": str(day)})


def _whose(text: str) -> tuple[str | None, str | None]:
    """Location and country of a field such as `location:north` or `country:DE`. Raises Invalid."""
    kind, _, name = text.partition(":")
    if kind == "location" and name:
        return name, None
    if kind == "country" and name in places.COUNTRIES:
        return None, name
    raise Invalid([Fault("/whose", "Choose a location or a country.")])


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid([Fault("/day", "A day, such as 2027-01-01.")]) from None


def next_days(calendar: Calendar, location: Location, now: datetime) -> list[Shown]:
    """The next days of a location, Sundays left out: may a parcel leave by a service that has Saturdays?"""
    leaving = calendar.leaving(location, saturday=True)
    of_here = [
        one for one in calendar.off if location.location_id == one.location_id or location.country == one.country
    ]
    reasons = {one.day: one.reason for one in of_here}
    today = now.astimezone(ZoneInfo(location.timezone)).date()
    days = [day for n in range(_DAYS_LOOKED_AT) if (day := today + n * _DAY).weekday() < len(WEEKDAYS)]
    return [Shown(day=day, leaves=leaving.next(day) == day, reason=reasons.get(day, "")) for day in days]


async def _page(
    staff: Staff,
    *,
    faults: Mapping[str, str] | None = None,
    fields: Mapping[str, str] | None = None,
    status: int = 200,
    said: str = "",
) -> Response[bytes]:
    now = await staff.brand.now()
    async with staff.brand.reading() as tx:
        calendar = await delivery.calendars(tx)
        found = await inventory.locations(tx)
        served = {row.country for row in (await delivery.transit_table(tx)).rows}
    locations = sorted(found.values(), key=lambda one: (not one.enabled, one.priority, one.code))
    served |= {one.country for one in locations}
    # Those that the shop has to do with first.
    countries = sorted(places.country_names(staff.language), key=lambda one: one[0] not in served)
    ticked = {f"{one.code}-{day}": "on" for one in locations for day in calendar.weeks.get(one.location_id, WEEKDAYS)}
    facts: dict[str, Any] = {
        "locations": locations,
        "weekdays": WEEKDAYS,
        "rows": [(one, next_days(calendar, one, now)) for one in locations if one.enabled],
        "ticked": fields if faults and "week" in faults else ticked,
        "off": [(one, found.get(one.location_id or 0)) for one in calendar.off if one.day >= now.date()],
        "country_names": dict(countries),
        "countries": countries,
        "whose": [*((f"location:{one.code}", one.name) for one in locations)]
        + [(f"country:{code}", name) for code, name in countries],
        "fields": fields or {},
        "faults": faults or {},
        "said": said,
    }
    return await show(staff, "console/settings/calendar.html", at="settings", status=status, **facts)


HANDLERS = (show_calendar, change_weeks, change_days, show_holidays, add_holidays)
