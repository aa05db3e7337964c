"""From "the goods are here now" to "the parcel is there by then". Pure and quick: steps are remembered by their inputs.

The rule, in the location's own time: a working day is Monday to Friday (and Saturday for a `saturday` service). The
parcel leaves on the first working day whose cut-off is still ahead, after handling days and work days more; it must be
handed over within `WORKING_TIME` after that day's cut-off. It may arrive from the morning of the next working day on,
and arrives by the evening of the last day of transit; with 0 days of transit, the same day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from doorstep.delivery.model import Service, Transit

WORKING_TIME: Final = timedelta(hours=4)
DELIVERY_STARTS: Final = time(8)
DELIVERY_ENDS: Final = time(20)
LATEST_CUT_OFF: Final = time(15, 59, 59)
"""The latest cut-off of a service with same-day transit: what leaves in time must still arrive by `DELIVERY_ENDS`."""

_DAY = timedelta(days=1)
_REMEMBER = 20_000


class Dated(msgspec.Struct, frozen=True, kw_only=True):
    """A dated promise, all in UTC: hand the parcel over by, and it arrives from, and by."""

    hand_over_by: datetime
    promised_from: datetime
    promised_by: datetime


def promise(
    service: Service,
    *,
    location_timezone: str,
    ready_from: datetime,
    destination: tuple[str, str],
    work_days: int,
    transit: Transit,
) -> Dated | None:
    """When units that are at a location from `ready_from` (aware) on arrive at `destination` (country, postcode).

    `work_days` is the longest work on any of the lines. None when the service does not go there. Never earlier than
    possible; a later `ready_from` never gives an earlier date.
    """
    days = transit.days(service.service, *destination)
    if days is None:
        return None
    leaves = _first_chance(ready_from, location_timezone, service.cut_off, service.saturday)
    wait = service.handling_days + work_days
    return _dated(leaves, wait, days, location_timezone, service.cut_off, service.saturday)


def next_cut_off(service: Service, *, location_timezone: str, ready_from: datetime) -> datetime:
    """The instant until which what is ready still leaves with the first chance after `ready_from` (UTC)."""
    day = _first_chance(ready_from, location_timezone, service.cut_off, service.saturday)
    return _instant(day, service.cut_off, location_timezone)


def _first_chance(ready_from: datetime, zone: str, cut_off: time, saturday: bool) -> date:
    """The first working day whose cut-off is after `ready_from`."""
    today = ready_from.astimezone(_zone(zone)).date()
    if ready_from >= _instant(today, cut_off, zone):
        today += _DAY
    return _working_day(today, 0, saturday)


@lru_cache(maxsize=_REMEMBER)
def _dated(leaves: date, wait: int, transit_days: int, zone: str, cut_off: time, saturday: bool) -> Dated:
    leaves = _working_day(leaves, wait, saturday)
    closes = _instant(leaves, cut_off, zone)
    arrives = _working_day(leaves, transit_days, saturday)
    promised_by = _instant(arrives, DELIVERY_ENDS, zone)
    hand_over_by = min(closes + WORKING_TIME, _instant(leaves + _DAY, time(0), zone) - timedelta(seconds=1))
    if transit_days:
        promised_from = _instant(_working_day(leaves, 1, saturday), DELIVERY_STARTS, zone)
    else:
        promised_from = closes
        promised_by = max(promised_by, hand_over_by)
    return Dated(hand_over_by=hand_over_by, promised_from=promised_from, promised_by=promised_by)


@lru_cache(maxsize=_REMEMBER)
def _working_day(day: date, days: int, saturday: bool) -> date:
    """The day itself or the first working day after it, and then so many working days on."""
    last = 5 if saturday else 4
    while day.weekday() > last:
        day += _DAY
    for _ in range(days):
        day += _DAY
        while day.weekday() > last:
            day += _DAY
    return day


@lru_cache(maxsize=_REMEMBER)
def _instant(day: date, at: time, zone: str) -> datetime:
    """A local wall time as an instant. Where clocks go back, the first of two; where they jump, just after the gap."""
    return datetime.combine(day, at, tzinfo=_zone(zone)).astimezone(UTC)


@lru_cache(maxsize=1_000)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
