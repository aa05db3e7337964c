"""Services, calendars, cut-offs, transit, dates; and the ledger of what was promised.

Invariants: a date is never before it is possible, and asking later never gives an earlier one; a promise is never
changed, only followed by its next version, with the cause. Placing writes version 1 (on the order; the ledger's first
entry is copied from there), `repromise` the later ones; `told_at` says when the customer knew.

For hot paths keep one `PlannerCache` a brand and process: `planner = await cache.get(tx)`, then `planner.promise(...)`.
"""

from doorstep.delivery.audit import audit
from doorstep.delivery.calendar import Calendar, Dated, promise
from doorstep.delivery.days import (
    Day,
    DaysOff,
    OpeningWeek,
    add_days_off,
    forget_day_off,
    public_holidays,
    put_days_off,
    put_opening,
)
from doorstep.delivery.delays import Delay, LastAnswer, delays, last_answers, record_answer
from doorstep.delivery.ledger import mark_told, open_ledger, repromise
from doorstep.delivery.model import (
    ANYWHERE,
    WEEKDAYS,
    DayOff,
    DelayAnswer,
    DelayAnswered,
    Origin,
    Repromised,
    Sender,
    Service,
    Transit,
    TransitDays,
    Weekday,
    Work,
    WorkTime,
    plain_postcode,
)
from doorstep.delivery.planner import Planner, PlannerCache, planner
from doorstep.delivery.put import (
    default_services,
    default_transit,
    put_services,
    put_transit,
    put_work_times,
    seed_defaults,
    seed_work_times,
)
from doorstep.delivery.reads import Promise, calendars, current, history, services, transit_table, work_times

__all__ = [
    "ANYWHERE",
    "WEEKDAYS",
    "Calendar",
    "Dated",
    "Day",
    "DayOff",
    "DaysOff",
    "Delay",
    "DelayAnswer",
    "DelayAnswered",
    "LastAnswer",
    "OpeningWeek",
    "Origin",
    "Planner",
    "PlannerCache",
    "Promise",
    "Repromised",
    "Sender",
    "Service",
    "Transit",
    "TransitDays",
    "Weekday",
    "Work",
    "WorkTime",
    "add_days_off",
    "audit",
    "calendars",
    "current",
    "default_services",
    "default_transit",
    "delays",
    "forget_day_off",
    "history",
    "last_answers",
    "mark_told",
    "open_ledger",
    "plain_postcode",
    "planner",
    "promise",
    "public_holidays",
    "put_days_off",
    "put_opening",
    "put_services",
    "put_transit",
    "put_work_times",
    "record_answer",
    "repromise",
    "seed_defaults",
    "seed_work_times",
    "services",
    "transit_table",
    "work_times",
]
