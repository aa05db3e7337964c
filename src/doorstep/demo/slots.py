"""When things happen in the demo: the clock stands still at a few times a day, and everything due by then is done.

Times of day are UTC. They are chosen so that what comes in before a cut-off (11:00, 14:00, 16:00 local time, in summer
as in winter) is picked at the next stop and leaves at the one after, in time for its hand-over; and that what the
carrier delivered during the day is known before anyone asks where it is.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

STOPS = (time(8, 30), time(10, 30), time(12, 30), time(14, 30), time(16, 30), time(17, 45), time(22, 30))
"""On working days, as long as orders come in."""

QUIET_STOPS = (time(10, 30), time(14, 30), time(17, 45))
"""Afterwards, and on weekends: enough to tell bad news on the day it is known."""

DESK_OPENS = time(8, 30)
VANS = frozenset({time(10, 30), time(12, 30), time(14, 30), time(16, 30), time(17, 45)})

_DAY = timedelta(days=1)


def stop_from(at: datetime, *, quiet: bool = False) -> datetime:
    """The first stop of the clock at or after a time; `quiet` when no more orders come in."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    for stop in STOPS if is_workday(at) and not quiet else QUIET_STOPS:
        found = day + timedelta(hours=stop.hour, minutes=stop.minute)
        if found >= at:
            return found
    return stop_from(day + _DAY, quiet=quiet)


def morning_after(at: datetime) -> datetime:
    """When the desk opens on the next day."""
    day = (at + _DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(hours=DESK_OPENS.hour, minutes=DESK_OPENS.minute)


def is_workday(at: datetime) -> bool:
    """Monday to Friday."""
    return at.weekday() < 5
