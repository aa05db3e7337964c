"""Watch over work and parcels until they have arrived: tell of a promise before it breaks, and raise alarms."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from doorstep import delivery, fulfillment, jobs, journal, orders
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.fulfillment import Activated, FulfillmentOrder
from doorstep.jobs import Work
from doorstep.journal import Recorded
from doorstep.kit.ids import show
from doorstep.kit.limits import LATE_WARNING, TRACKING_SILENCE
from doorstep.orders import LineQuantity
from doorstep.shipping import store
from doorstep.shipping.canon import working_days_later
from doorstep.shipping.model import ARRIVED, WATCH, Late, Shipment
from doorstep.shipping.receive_tracking import promise_of

# With the driver it may still come; this long before the date passes we say that it may not.
_LAST_CALL = timedelta(hours=1)
_AGAIN = timedelta(hours=24)
_LONGEST_PUSH_DAYS = 5


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a look says: alarms by kind and subject, whether it will be late, and when to look again (None: never)."""

    alarms: tuple[tuple[str, UUID], ...]
    late: Late | None
    again_at: datetime | None


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A fulfillment order and its parcels. `promised_by`: what the customer knows, `version` counts its changes."""

    work: FulfillmentOrder
    shipments: Sequence[Shipment]
    promised_by: datetime | None
    version: int


async def keep_watch(tx: Tx, events: Sequence[Recorded[Activated]], *, now: datetime) -> None:
    """After activation: look first when it must have left, or when its promise comes close. Again changes nothing."""
    found = await fulfillment.read(tx, {event.data.fulfillment_order_id for event in events})
    due: dict[datetime, list[FulfillmentOrder]] = defaultdict(list)
    for work in found.values():
        soonest = work.pick_by if work.promised_by is None else min(work.pick_by, work.promised_by - LATE_WARNING)
        due[max(now, soonest)].append(work)
    for due_at, works in sorted(due.items()):
        await jobs.enqueue(
            tx, WATCH, [work.fulfillment_order_id for work in works], due_at=due_at, lanes=[work.lane for work in works]
        )


async def watch(works: Sequence[Work]) -> None:
    """The job, for all that is due: look, act, come back until everything has arrived or nothing more is to come."""
    async with works[0].brand.transaction() as tx:
        now = await clock_now(tx)
        views = await _views(tx, [work.job.subject for work in works])
        verdicts = {work: look(views[work.job.subject], now) for work in works if work.job.subject in views}
        await _act(tx, [(views[work.job.subject], verdict) for work, verdict in verdicts.items()], now)
        again = {work: verdict.again_at for work, verdict in verdicts.items() if verdict.again_at is not None}
        await jobs.postpone_all(tx, again)
        await jobs.finish_all(tx, [work for work in works if work not in again])


def look(view: View, now: datetime) -> Verdict:
    """What there is to say and to do at a moment. Pure."""
    inside = view.work.live
    missing = [one for one in view.shipments if one.handed_over_at is not None and one.status not in ARRIVED]
    missing = [one for one in missing if not one.paid_back]
    if not inside and all(one.ended for one in view.shipments if one.handed_over_at is not None):
        return Verdict(alarms=(), late=None, again_at=None)
    alarms: list[tuple[str, UUID]] = []
    looks: list[datetime] = []
    silences: list[datetime] = []
    if inside:
        if now >= view.work.pick_by:
            alarms.append(("not_handed_over", view.work.fulfillment_order_id))
        else:
            looks.append(view.work.pick_by)
    for one in missing:
        silent_at = max(filter(None, (one.handed_over_at, one.last_heard_at))) + TRACKING_SILENCE
        if now >= silent_at:
            alarms.append(("carrier_silent", one.shipment_id))
        else:
            silences.append(silent_at)
    late = None
    if view.promised_by is not None and (inside or missing):
        near = not inside and all(one.status == "out_for_delivery" for one in missing)
        tell_at = view.promised_by - (_LAST_CALL if near else LATE_WARNING)
        if now < tell_at:
            looks.append(tell_at)
        else:
            late = _late(view, missing, now)
            assert late.expected_by is not None
            looks.append(late.expected_by - LATE_WARNING)
    soonest = min((at for at in looks if at > now), default=now + _AGAIN)
    # Silence can wait for a look that comes within a day anyway.
    soonest = min((at for at in silences if at + _AGAIN < soonest), default=soonest)
    return Verdict(alarms=tuple(alarms), late=late, again_at=soonest)


def _late(view: View, missing: Sequence[Shipment], now: datetime) -> Late:
    """The date moves by a working day, by two the second time, and so on: one honest jump, not many small ones."""
    assert view.promised_by is not None
    days = min(view.version, _LONGEST_PUSH_DAYS) + (1 if view.work.live else 0)
    units: Counter[int] = Counter()
    for one in missing:
        units.update({line.line_no: line.quantity for line in one.lines})
    if view.work.live:
        units.update({line.line_no: line.quantity - line.withdrawn - line.shipped for line in view.work.lines})
    cause: Literal["not_on_time", "not_handed_over"] = "not_handed_over" if view.work.live else "not_on_time"
    return Late(
        shipment_id=missing[0].shipment_id if len(missing) == 1 and not view.work.live else None,
        fulfillment_order_id=view.work.fulfillment_order_id,
        promised_by=view.promised_by,
        expected_by=working_days_later(max(now, view.promised_by), days),
        cause=cause,
        lines=[LineQuantity(line_no=line_no, quantity=count) for line_no, count in sorted(units.items()) if count],
    )


async def _views(tx: Tx, ids: Collection[UUID]) -> dict[UUID, View]:
    """Fulfillment orders with all a look needs, their orders locked. Those that are gone are missing."""
    await orders.lock(tx, await fulfillment.orders_of(tx, ids))
    works = await fulfillment.read(tx, ids)
    shipments = await store.by_fulfillment_order(tx, ids)
    ledger = await delivery.current(tx, sorted({work.order_id for work in works.values()}))
    return {key: _view(work, shipments.get(key, ()), ledger.get(work.order_id, ())) for key, work in works.items()}


def _view(work: FulfillmentOrder, shipments: Sequence[Shipment], ledger: Sequence[delivery.Promise]) -> View:
    line_nos = {line.line_no for line in work.lines if line.quantity > line.withdrawn}
    entries = [entry for entry in ledger if entry.line_no in line_nos]
    dates = [promise_of(one, ledger) for one in shipments if not one.ended]
    if work.live:
        dates += [entry.promised_by for entry in entries] or [work.promised_by]
    promised_by = min((date for date in dates if date is not None), default=None)
    announced = [one.expected_by for one in shipments if one.expected_by is not None and not one.ended]
    if promised_by is not None and announced:  # a later date we announced, and the ledger may not know yet
        promised_by = max(promised_by, max(announced))
    return View(
        work=work,
        shipments=shipments,
        promised_by=promised_by,
        version=max((entry.version for entry in entries), default=1),
    )


async def _act(tx: Tx, looks: Sequence[tuple[View, Verdict]], now: datetime) -> None:
    for view, verdict in looks:
        await _alarm(tx, view, verdict.alarms, now)
    late = [(view, verdict.late) for view, verdict in looks if verdict.late is not None]
    parcels = [
        msgspec.structs.replace(one, late_at=one.late_at or now, expected_by=event.expected_by)
        for view, event in late
        for one in view.shipments
        if not one.ended
    ]
    await store.progress(tx, parcels)
    await journal.append(tx, [(view.work.order_id, event) for view, event in late], actor="shipping", now=now)


async def _alarm(tx: Tx, view: View, alarms: Sequence[tuple[str, UUID]], now: datetime) -> None:
    for kind, subject in alarms:
        silent = kind == "carrier_silent"
        await jobs.open_exception(
            tx,
            kind=kind,
            subject=subject,
            order_id=view.work.order_id,
            owner="shipping" if silent else "warehouse",
            next_action="Ask the carrier where the parcel is" if silent else "Pick, pack and hand it over now",
            detail={"fulfillment_order": show("ful", view.work.fulfillment_order_id), "pick_by": view.work.pick_by},
            now=now,
        )
