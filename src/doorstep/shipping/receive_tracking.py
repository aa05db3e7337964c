"""Receive tracking: what the carrier tells becomes what we know, once and forward only."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import delivery, jobs, journal, orders
from doorstep.db import Tx
from doorstep.journal import Event
from doorstep.kit.ids import show
from doorstep.shipping import store
from doorstep.shipping.canon import Progress, follow, forward
from doorstep.shipping.lose import lose
from doorstep.shipping.model import Delivered, LabelRow, Late, Lost, ReturnTracked, Shipment, Tracked
from doorstep.shipping.ports import TrackingUpdate
from doorstep.shipping.watching import stop_watching

_ACTION = {
    "carrier_exception": "Ask the carrier what happened, then tell the customer",
    "delivered_after_lost": "The customer has what was paid back: let it be, or ask to pay again",
    "returned_to_sender": "When it is back: POST /v1/shipments/{id}/take-back refunds it and restocks the goods",
    "tracking_expired": "Ask the carrier where it is; if they do not know: POST /v1/shipments/{id}/declare-lost",
}


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """How many updates came: `new` ones, those `repeated`, and of the new those of parcels `unknown` to us."""

    new: int
    repeated: int
    unknown: int


async def receive_tracking(tx: Tx, *, carrier: str, updates: Sequence[TrackingUpdate], now: datetime) -> Received:
    """Record a carrier's updates and apply those that are new. Repeated, late and mixed-up ones do no harm."""
    numbers = {update.tracking_number for update in updates}
    await store.lock_numbers(tx, [(carrier, number) for number in numbers])
    labels = await store.labels_by_number(tx, carrier, numbers)
    await orders.lock(tx, {label.order_id for label in labels})
    labels = await store.labels_by_number(tx, carrier, numbers)  # again: the first look predates the lock
    new = await store.record(tx, carrier, updates)
    known = {label.tracking_number for label in labels}
    strangers = {update.tracking_number for update in new} - known
    for number in sorted(strangers):
        await jobs.open_exception(
            tx,
            kind="unknown_tracking_number",
            subject=_stand_in(carrier, number),
            order_id=None,
            owner="shipping",
            next_action="Find out whose parcel it is; what was told is kept, and applied once its label is ours",
            detail={"carrier": carrier, "tracking_number": number},
            now=now,
            priority=2,
        )
    await _apply(tx, carrier, labels, [update for update in new if update.tracking_number in known], now)
    unknown = sum(update.tracking_number in strangers for update in new)
    return Received(new=len(new), repeated=len(updates) - len(new), unknown=unknown)


async def catch_up(tx: Tx, *, carrier: str, tracking_numbers: Collection[str], now: datetime) -> None:
    """Apply what the carrier told of parcels before we knew their numbers. Call it with the orders locked."""
    updates = await store.recorded(tx, carrier, tracking_numbers)
    known = {update.tracking_number for update in updates}
    if not known:
        return
    await _apply(tx, carrier, await store.labels_by_number(tx, carrier, known), updates, now)
    for number in sorted(known):
        await jobs.resolve_exception(
            tx,
            kind="unknown_tracking_number",
            subject=_stand_in(carrier, number),
            by="shipping",
            resolution="The label with this number is known now.",
            now=now,
        )


async def _apply(
    tx: Tx, carrier: str, labels: Iterable[LabelRow], updates: Iterable[TrackingUpdate], now: datetime
) -> None:
    told: dict[str, list[TrackingUpdate]] = defaultdict(list)
    for update in updates:
        told[update.tracking_number].append(update)
    for label in labels:
        if label.direction == "back" and label.tracking_number in told:
            await _apply_back(tx, label, told[label.tracking_number], now)
    shipments = await store.by_number(tx, carrier, told)
    if not shipments:
        return
    promised = await _promises(tx, shipments)
    steps = [
        follow(shipment, told[shipment.tracking_number or ""], promised_by=promised[shipment.shipment_id])
        for shipment in shipments
    ]
    await store.progress(tx, [step.after for step in steps])
    await orders.move_units(
        tx,
        [
            orders.Move(
                order_id=step.after.order_id,
                line_no=line.line_no,
                quantity=line.quantity,
                source="shipped",
                target="delivered",
            )
            for step in steps
            if _arrives(step)
            for line in step.after.lines
        ],
    )
    losses = await lose(tx, [step.after for step in steps if step.lost], now=now)
    await journal.append(
        tx, [(step.after.order_id, event) for step in steps for event in _events(step, losses)], actor=carrier, now=now
    )
    await _alarms(tx, steps, now)
    await stop_watching(tx, {step.after.fulfillment_order_id for step in steps if step.after.ended})


async def _promises(tx: Tx, shipments: Sequence[Shipment]) -> dict[UUID, datetime | None]:
    """What the customers know now: the earliest of the current promises of the lines in each parcel."""
    ledger = await delivery.current(tx, sorted({shipment.order_id for shipment in shipments}))
    return {shipment.shipment_id: promise_of(shipment, ledger.get(shipment.order_id, ())) for shipment in shipments}


def promise_of(shipment: Shipment, ledger: Iterable[delivery.Promise]) -> datetime | None:
    """The current promise of a parcel; what was promised at packing where the ledger knows nothing of its lines."""
    line_nos = {line.line_no for line in shipment.lines}
    entries = [entry for entry in ledger if entry.line_no in line_nos]
    if not entries:
        return shipment.promised_by
    return min((entry.promised_by for entry in entries if entry.promised_by is not None), default=None)


def _arrives(step: Progress) -> bool:
    return step.delivered and not step.after.paid_back and step.after.handed_over_at is not None


def _events(step: Progress, losses: Mapping[UUID, Lost]) -> list[Event]:
    after = step.after
    told: list[Event] = [
        Tracked(shipment_id=after.shipment_id, status=status, substatus=substatus)
        for status, substatus in step.moved
        if status != "delivered" and substatus != "lost"
    ]
    if step.late is not None:
        told.append(
            Late(
                shipment_id=after.shipment_id,
                fulfillment_order_id=after.fulfillment_order_id,
                promised_by=step.late.stands,
                expected_by=step.late.expected_by,
                cause=step.late.cause,
                lines=after.lines,
            )
        )
    if after.shipment_id in losses:
        told.append(losses[after.shipment_id])
    if _arrives(step):
        told.append(Delivered(shipment_id=after.shipment_id, lines=after.lines))
    return told


async def _alarms(tx: Tx, steps: Sequence[Progress], now: datetime) -> None:
    """End the alarms of silence, and raise those that a person must look at."""
    for kind, subject in await store.open_alarms(tx, ["carrier_silent"], [step.after.shipment_id for step in steps]):
        await jobs.resolve_exception(
            tx, kind=kind, subject=subject, by="carrier", resolution="The carrier was heard again.", now=now
        )
    for step in steps:
        troubles = [(trouble.kind, trouble.description) for trouble in step.troubles]
        if step.after.status == "delivered" and step.after.handed_over_at is None:
            troubles.append(("carrier_exception", "Delivered, and we never handed it over"))
        for kind, description in troubles:
            await jobs.open_exception(
                tx,
                kind=kind,
                subject=step.after.shipment_id,
                order_id=step.after.order_id,
                owner="customer_care",
                next_action=_ACTION[kind],
                detail={
                    "shipment": show("shp", step.after.shipment_id),
                    "tracking_number": step.after.tracking_number,
                    "description": description,
                },
                now=now,
            )


async def _apply_back(tx: Tx, label: LabelRow, updates: Iterable[TrackingUpdate], now: datetime) -> None:
    """A parcel on its way back moves forward only, too."""
    stands = (label.tracked_status, label.tracked_substatus, label.tracked_at)
    events: list[tuple[UUID | None, Event]] = []
    for update in sorted(updates, key=lambda update: (update.occurred_at, update.event_id)):
        here = (update.status, update.substatus or "", update.occurred_at)
        if forward(stands, here):
            if here[:2] != stands[:2]:
                event = ReturnTracked(return_id=label.parcel_id, status=update.status, substatus=here[1])
                events.append((label.order_id, event))
            stands = here
    if stands[2] is not None:
        await store.progress_back(tx, label.label_id, stands[0], stands[1], stands[2])
    await journal.append(tx, events, actor=label.carrier, now=now)


def _stand_in(carrier: str, number: str) -> UUID:
    """An id for a number that belongs to nothing of ours: the same each time."""
    return UUID(bytes=hashlib.sha256(f"{carrier} {number}".encode()).digest()[:16])
