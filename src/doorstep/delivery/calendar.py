"""From "the goods are here now" to "the parcel is there by then". Pure and quick: steps are remembered by their inputs.

The rule, in the location's own time: a working day is Monday to Friday (and Saturday for a `saturday` service), but for
days off. What leaves keeps the location's week, its days off and those of its country; what is under way keeps those of
the country it goes to. The parcel leaves on the first working day whose cut-off is still ahead, after handling days and
work days more; it must be handed over within `WORKING_TIME` after that day's cut-off. It may arrive from the morning of
the next working day on, and arrives by the evening of the last day of transit; with 0 days of transit, the same day.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from doorstep.delivery.model import WEEKDAYS, DayOff, Origin, Service, Transit, Weekday

WORKING_TIME: Final = timedelta(hours=4)
DELIVERY_STARTS: Final = time(8)
DELIVERY_ENDS: Final = time(20)
LATEST_CUT_OFF: Final = time(15, 59, 59)
"""The latest cut-off of a service with same-day transit: what leaves in time must still arrive by `DELIVERY_ENDS`."""

_DAY = timedelta(days=1)
_REMEMBER = 20_000


class WorkingDays(NamedTuple):
    """Which days count: those of the week (0: Monday) but for the days off. A value, so that steps are remembered."""

    week: frozenset[int]
    off: frozenset[date] = frozenset()

    def next(self, day: date) -> date:
        """The day itself, or the first after it that counts."""
        while day.weekday() not in self.week or day in self.off:
            day += _DAY
        return day


class Calendar:
    """Weeks of locations and days off, ready to be asked by location, country and service."""

    def __init__(self, weeks: Mapping[int, Sequence[Weekday]], off: Iterable[DayOff]) -> None:
        self.weeks = weeks
        self.off: Sequence[DayOff] = tuple(off)
        self._at = _days_by(self.off, lambda one: one.location_id)
        self._in = _days_by(self.off, lambda one: one.country)
        self._known: dict[tuple[int | None, str, bool], WorkingDays] = {}

    def leaving(self, origin: Origin, *, saturday: bool) -> WorkingDays:
        """The days on which parcels leave from a location."""
        return self._days(origin.location_id, origin.country, saturday)

    def arriving(self, country: str, *, saturday: bool) -> WorkingDays:
        """The days on which parcels travel and arrive in a country."""
        return self._days(None, country, saturday)

    def _days(self, location_id: int | None, country: str, saturday: bool) -> WorkingDays:
        key = location_id, country, saturday
        if key not in self._known:
            week = frozenset(range(6 if saturday else 5))
            off = self._in.get(country, frozenset())
            if location_id is not None:
                week &= {WEEKDAYS.index(one) for one in self.weeks.get(location_id, WEEKDAYS)}
                off |= self._at.get(location_id, frozenset())
            self._known[key] = WorkingDays(week, off)
        return self._known[key]


def _days_by(off: Sequence[DayOff], whose: Callable[[DayOff], Hashable]) -> dict[Hashable, frozenset[date]]:
    found: dict[Hashable, set[date]] = {}
    for one in off:
        found.setdefault(whose(one), set()).add(one.day)
    return {key: frozenset(days) for key, days in found.items() if key is not None}


ANY_DAY: Final = Calendar({}, ())
"""Without a week of any location, and without days off."""


class Dated(msgspec.Struct, frozen=True, kw_only=True):
    """A dated promise, all in UTC: hand the parcel over by, and it arrives from, and by."""

    hand_over_by: datetime
    promised_from: datetime
    promised_by: datetime


def promise(
    service: Service,
    *,
    origin: Origin,
    ready_from: datetime,
    destination: tuple[str, str],
    work_days: int,
    transit: Transit,
    calendar: Calendar = ANY_DAY,
) -> Dated | None:
    """When units that are at a location from `ready_from` (aware) on arrive at `destination` (country, postcode).

    `work_days` is the longest work on any of the lines. None when the service does not go there. Never earlier than
    possible; a later `ready_from` never gives an earlier date.
    """
    days = transit.days(service.service, *destination)
    if days is None:
        return None
    leaving = calendar.leaving(origin, saturday=service.saturday)
    arriving = calendar.arriving(destination[0], saturday=service.saturday)
    leaves = _first_chance(ready_from, origin.timezone, service.cut_off, leaving)
    wait = service.handling_days + work_days
    return _dated(leaves, wait, days, origin.timezone, service.cut_off, leaving, arriving)


def next_cut_off(service: Service, *, origin: Origin, ready_from: datetime, calendar: Calendar = ANY_DAY) -> datetime:
    """The instant until which what is ready still leaves with the first chance after `ready_from` (UTC)."""
    leaving = calendar.leaving(origin, saturday=service.saturday)
    day = _first_chance(ready_from, origin.timezone, service.cut_off, leaving)
    return _instant(day, service.cut_off, origin.timezone)


def _first_chance(ready_from: datetime, zone: str, cut_off: time, leaving: WorkingDays) -> date:
    """The first working day whose cut-off is after `ready_from`."""
    today = ready_from.astimezone(_zone(zone)).date()
    if ready_from >= _instant(today, cut_off, zone):
        today += _DAY
    return leaving.next(today)


@lru_cache(maxsize=_REMEMBER)
def _dated(
    leaves: date, wait: int, transit_days: int, zone: str, cut_off: time, leaving: WorkingDays, arriving: WorkingDays
) -> Dated:
    leaves = _days_after(leaves, wait, leaving)
    closes = _instant(leaves, cut_off, zone)
    arrives = _days_after(leaves, transit_days, arriving)
    promised_by = _instant(arrives, DELIVERY_ENDS, zone)
    hand_over_by = min(closes + WORKING_TIME, _instant(leaves + _DAY, time(0), zone) - timedelta(seconds=1))
    if transit_days:
        promised_from = _instant(_days_after(leaves, 1, arriving), DELIVERY_STARTS, zone)
    elif arrives == leaves:
        promised_from = closes
        promised_by = max(promised_by, hand_over_by)
    else:
        promised_from = _instant(arrives, DELIVERY_STARTS, zone)
    return Dated(hand_over_by=hand_over_by, promised_from=promised_from, promised_by=promised_by)


def _days_after(day: date, days: int, which: WorkingDays) -> date:
    """So many days that count after a day; 0: the day itself, or the first after it that counts."""
    if days == 0:
        return which.next(day)
    for _ in range(days):
        day = which.next(day + _DAY)
    return day


@lru_cache(maxsize=_REMEMBER)
def _instant(day: date, at: time, zone: str) -> datetime:
    """A local wall time as an instant. Where clocks go back, the first of two; where they jump, just after the gap."""
    return datetime.combine(day, at, tzinfo=_zone(zone)).astimezone(UTC)


@lru_cache(maxsize=1_000)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
