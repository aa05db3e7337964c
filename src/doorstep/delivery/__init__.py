"""Services, calendars, cut-offs, transit, dates; and the ledger of what was promised.

Invariants: a date is never before it is possible, and asking later never gives an earlier one; a promise is never
changed, only followed by its next version, with the cause. Placing writes version 1 (on the order; the ledger's first
entry is copied from there), `repromise` the later ones; `told_at` says when the customer knew.

For hot paths keep one `PlannerCache` a brand and process: `planner = await cache.get(tx)`, then `planner.promise(...)`.
"""

from doorstep.delivery.audit import audit
from doorstep.delivery.calendar import Dated, next_cut_off, promise
from doorstep.delivery.delays import Delay, LastAnswer, delays, last_answers, record_answer
from doorstep.delivery.ledger import mark_told, open_ledger, repromise
from doorstep.delivery.model import (
    ANYWHERE,
    DelayAnswer,
    DelayAnswered,
    Repromised,
    Service,
    Transit,
    TransitDays,
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
from doorstep.delivery.reads import Promise, current, history, services, transit_table, work_times

__all__ = [
    "ANYWHERE",
    "Dated",
    "Delay",
    "DelayAnswer",
    "DelayAnswered",
    "LastAnswer",
    "Planner",
    "PlannerCache",
    "Promise",
    "Repromised",
    "Service",
    "Transit",
    "TransitDays",
    "Work",
    "WorkTime",
    "audit",
    "current",
    "default_services",
    "default_transit",
    "delays",
    "history",
    "last_answers",
    "mark_told",
    "next_cut_off",
    "open_ledger",
    "plain_postcode",
    "planner",
    "promise",
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
