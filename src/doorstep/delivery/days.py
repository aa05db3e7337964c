"""Weeks and days off: set, added, taken away; public holidays by country."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Annotated, Final

import holidays
import msgspec
from msgspec import Meta

from doorstep.db import Tx
from doorstep.delivery import store
from doorstep.delivery.model import WEEKDAYS, Weekday
from doorstep.delivery.put import twice
from doorstep.inventory import locations
from doorstep.kit.errors import Fault, Invalid

DAYS_PER_LIST: Final = 1_000
_LANGUAGES: Final = {"en": "en_US"}  # as the library calls ours; left to itself it takes that of the machine
Reason = Annotated[str, Meta(min_length=1, max_length=100)]


class OpeningWeek(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The days on which a location sends. A service leaves on those that it has: Saturday only with `saturday`."""

    location: Annotated[str, Meta(min_length=1, max_length=100)]
    weekdays: Annotated[Sequence[Weekday], Meta(min_length=1, max_length=6)]


class Day(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A day off, and why."""

    day: date
    reason: Reason


class DaysOff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All days off of a location (nothing leaves) or of a country (nothing leaves or arrives): name one of the two."""

    location: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | None = None
    days: Annotated[Sequence[Day], Meta(max_length=DAYS_PER_LIST)]


async def put_opening(tx: Tx, weeks: Sequence[OpeningWeek]) -> None:
    """Set the weeks of locations, all or none. Raises Invalid."""
    ids = await _location_ids(tx)
    faults = twice([one.location for one in weeks])
    for place, one in enumerate(weeks):
        faults += _unknown(ids, one.location, f"/{place}/location")
        if set(one.weekdays) <= {"sat"}:
            faults.append(
                Fault(f"/{place}/weekdays", "One day from Monday to Friday at least: not every service has Saturdays.")
            )
    if faults:
        raise Invalid(faults)
    for one in sorted(weeks, key=lambda one: ids[one.location]):
        await store.put_opening(tx, ids[one.location], [day for day in WEEKDAYS if day in one.weekdays])


async def put_days_off(tx: Tx, lists: Sequence[DaysOff]) -> None:
    """Replace all days off of each location and country that is named, all or none. Raises Invalid."""
    ids = await _location_ids(tx)
    faults = twice([one.location or one.country for one in lists])
    for place, one in enumerate(lists):
        faults += _whose(ids, one.location, one.country, f"/{place}")
        seen: set[date] = set()
        for at, day in enumerate(one.days):
            if day.day in seen:
                faults.append(Fault(f"/{place}/days/{at}/day", "This day stands in the list twice."))
            seen.add(day.day)
    if faults:
        raise Invalid(faults[:100])
    for one in lists:
        days = [(day.day, day.reason) for day in one.days]
        await store.replace_days_off(tx, ids[one.location] if one.location else None, one.country, days)


async def add_days_off(tx: Tx, *, location: str | None, country: str | None, days: Sequence[Day]) -> None:
    """Add days off of a location or a country; one that is there gets the new reason. Raises Invalid."""
    ids = await _location_ids(tx)
    if faults := _whose(ids, location, country, ""):
        raise Invalid(faults)
    await store.add_days_off(tx, ids[location] if location else None, country, [(one.day, one.reason) for one in days])


async def forget_day_off(tx: Tx, *, location: str | None, country: str | None, day: date) -> str | None:
    """Take a day off away; its reason, None when it was not there. Raises Invalid."""
    ids = await _location_ids(tx)
    if faults := _whose(ids, location, country, ""):
        raise Invalid(faults)
    return await store.forget_day_off(tx, ids[location] if location else None, country, day)


def public_holidays(country: str, years: Iterable[int], *, language: str = "en") -> list[Day]:
    """A country's own public holidays, by the library `holidays`; none for a country that it does not know. Their names
    are in the language where the library has them.
    """
    if country not in holidays.list_supported_countries(include_aliases=False):
        return []
    found = holidays.country_holidays(country, years=list(years), language=_LANGUAGES.get(language, language))
    return [Day(day=day, reason=name[:100]) for day, name in sorted(found.items())]


async def _location_ids(tx: Tx) -> dict[str, int]:
    return {one.code: one.location_id for one in (await locations(tx)).values()}


def _whose(ids: dict[str, int], location: str | None, country: str | None, at: str) -> list[Fault]:
    if (location is None) == (country is None):
        return [Fault(at or "/location", "A day off is of a location or of a country: name one of the two.")]
    return _unknown(ids, location, f"{at}/location") if location is not None else []


def _unknown(ids: dict[str, int], location: str, at: str) -> list[Fault]:
    return [] if location in ids else [Fault(at, f"There is no location {location[:60]!r}.")]
