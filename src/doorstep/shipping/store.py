"""Shipments, labels and tracking in the database: the only file of the noun that runs its SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

import msgspec

from doorstep.db import Tx, statements
from doorstep.fulfillment import Parcel
from doorstep.kit.ids import new_id
from doorstep.orders import LineQuantity
from doorstep.shipping.model import ENDED, LabelRow, Shipment
from doorstep.shipping.ports import Label, TrackingStatus, TrackingUpdate

SQL = statements(__package__)

_SHIPMENT = tuple(field for field in Shipment.__struct_fields__ if field != "lines")
_LABEL = LabelRow.__struct_fields__


class NewShipment(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment to be made of a packed parcel."""

    shipment_id: UUID
    fulfillment_order_id: UUID
    parcel_no: int
    order_id: UUID
    location_id: int
    carrier: str
    service: str
    promised_by: datetime | None
    lane: int
    parcel: Parcel


class NewLabel(msgspec.Struct, frozen=True, kw_only=True):
    """A label to be wanted."""

    label_id: UUID
    parcel_id: UUID
    direction: str
    order_id: UUID
    location_id: int
    carrier: str
    service: str
    weight_g: int
    length_mm: int
    width_mm: int
    height_mm: int
    collect_on: date | None = None


async def _with_lines(tx: Tx, rows: Sequence[Any]) -> list[Shipment]:
    lines: dict[UUID, list[LineQuantity]] = defaultdict(list)
    if rows:
        for row in await tx.fetch(SQL.read_lines, [row["shipment_id"] for row in rows]):
            lines[row["shipment_id"]].append(LineQuantity(line_no=row["line_no"], quantity=row["quantity"]))
    return [
        Shipment(**{field: row[field] for field in _SHIPMENT}, lines=tuple(lines[row["shipment_id"]])) for row in rows
    ]


def _label(row: Any) -> LabelRow:
    return LabelRow(**{field: row[field] for field in _LABEL})


async def orders_of(tx: Tx, shipment_ids: Collection[UUID]) -> list[UUID]:
    """The orders behind shipments, unlocked."""
    return [row["order_id"] for row in await tx.fetch(SQL.orders_of, list(shipment_ids))]


async def by_id(tx: Tx, shipment_ids: Collection[UUID]) -> dict[UUID, Shipment]:
    """Shipments with their lines."""
    found = await _with_lines(tx, await tx.fetch(SQL.by_id, list(shipment_ids)))
    return {shipment.shipment_id: shipment for shipment in found}


async def by_number(tx: Tx, carrier: str, numbers: Collection[str]) -> list[Shipment]:
    """Shipments with these tracking numbers of a carrier."""
    return await _with_lines(tx, await tx.fetch(SQL.by_number, carrier, list(numbers)))


async def by_order(tx: Tx, order_ids: Collection[UUID]) -> list[Shipment]:
    """All shipments of orders, oldest first."""
    return await _with_lines(tx, await tx.fetch(SQL.by_order, list(order_ids)))


async def by_fulfillment_order(tx: Tx, ids: Collection[UUID]) -> dict[UUID, list[Shipment]]:
    """The parcels of fulfillment orders; those that have none are missing."""
    found: dict[UUID, list[Shipment]] = defaultdict(list)
    for shipment in await _with_lines(tx, await tx.fetch(SQL.by_fulfillment_order, list(ids))):
        found[shipment.fulfillment_order_id].append(shipment)
    return found


async def over(tx: Tx, fulfillment_order_ids: Collection[UUID]) -> list[UUID]:
    """Of these fulfillment orders, those of whose parcels nothing more is expected."""
    rows = await tx.fetch(SQL.over, list(fulfillment_order_ids), list(ENDED))
    return [row["fulfillment_order_id"] for row in rows]


async def page(
    tx: Tx,
    *,
    order_id: UUID | None,
    status: str | None,
    location_id: int | None,
    handed_over: bool | None,
    labeled: bool | None,
    after: UUID,
    limit: int,
) -> list[Shipment]:
    """Shipments in the order in which they were made."""
    rows = await tx.fetch(SQL.page, order_id, status, location_id, handed_over, labeled, after, limit)
    return await _with_lines(tx, rows)


async def add_shipments(tx: Tx, wanted: Sequence[NewShipment], *, now: datetime) -> list[NewShipment]:
    """Make shipments with their packages; returns those that were not there before."""
    fields = ("shipment_id", "fulfillment_order_id", "parcel_no", "order_id", "location_id", "carrier", "service")
    columns = [[getattr(shipment, field) for shipment in wanted] for field in (*fields, "promised_by")]
    made = {row["shipment_id"] for row in await tx.fetch(SQL.add_shipments, *columns, now)}
    fresh = [shipment for shipment in wanted if shipment.shipment_id in made]
    if fresh:
        measures = [
            [getattr(shipment.parcel, field) for shipment in fresh]
            for field in ("weight_g", "length_mm", "width_mm", "height_mm")
        ]
        await tx.execute(
            SQL.add_packages, [new_id() for _ in fresh], [shipment.shipment_id for shipment in fresh], *measures
        )
        lines = [(one.shipment_id, line.line_no, line.quantity) for one in fresh for line in one.parcel.lines]
        await tx.execute(SQL.add_package_lines, *map(list, zip(*lines, strict=True)))
    return fresh


async def add_labels(tx: Tx, wanted: Sequence[NewLabel], *, now: datetime) -> set[UUID]:
    """Write intents to buy labels; returns the ids of those whose parcel had none yet."""
    columns = [[getattr(label, field) for label in wanted] for field in NewLabel.__struct_fields__]
    return {row["label_id"] for row in await tx.fetch(SQL.add_labels, *columns, now)}


async def labels(tx: Tx, label_ids: Collection[UUID]) -> dict[UUID, tuple[LabelRow, bool]]:
    """Labels by id, and whether the job of each ended badly before."""
    if not label_ids:
        return {}
    rows = await tx.fetch(SQL.labels, list(label_ids))
    return {row["label_id"]: (_label(row), bool(row["tried"])) for row in rows}


async def label_of(tx: Tx, parcel_id: UUID) -> LabelRow | None:
    """The label of a shipment or a return."""
    row = await tx.fetchrow(SQL.label_of, parcel_id)
    return _label(row) if row else None


async def labels_of(tx: Tx, parcel_ids: Collection[UUID]) -> dict[UUID, LabelRow]:
    """The labels of shipments and returns, by their id."""
    return {row["parcel_id"]: _label(row) for row in await tx.fetch(SQL.labels_of, list(parcel_ids))}


async def label_pdf(tx: Tx, parcel_id: UUID) -> bytes | None:
    """The bought label's PDF."""
    return cast("bytes | None", await tx.fetchval(SQL.label_pdf, parcel_id))


async def labels_by_number(tx: Tx, carrier: str, numbers: Collection[str]) -> list[LabelRow]:
    """Labels, out and back, with these tracking numbers of a carrier."""
    return [_label(row) for row in await tx.fetch(SQL.parcels_by_number, carrier, list(numbers))]


async def buy_labels(tx: Tx, bought: Sequence[tuple[LabelRow, Label]], *, now: datetime) -> set[UUID]:
    """Note bought labels; the ids of those that were not noted before, and are still wanted."""
    if not bought:
        return set()
    sold = [label for _, label in bought]
    rows = await tx.fetch(
        SQL.buy_labels,
        [row.label_id for row, _ in bought],
        [label.tracking_number for label in sold],
        [label.carrier_reference for label in sold],
        [label.cost_minor for label in sold],
        [label.currency for label in sold],
        [label.label_pdf for label in sold],
        now,
    )
    return {row["label_id"] for row in rows}


async def drop_label(tx: Tx, parcel_id: UUID) -> UUID | None:
    """Cancel the label of a return that is not bought; its id, None when there is no such label."""
    found: UUID | None = await tx.fetchval(SQL.drop_label, parcel_id)
    return found


async def unused_label(tx: Tx, parcel_id: UUID) -> UUID | None:
    """The label of a return that is bought, and whose parcel the carrier has not seen."""
    found: UUID | None = await tx.fetchval(SQL.unused_label, parcel_id)
    return found


async def cancel_label(tx: Tx, label_id: UUID) -> None:
    """Note that the carrier took a bought label back."""
    await tx.execute(SQL.cancel_label, label_id)


async def refuse_label(tx: Tx, label_id: UUID, reason: str) -> None:
    """Note that the carrier does not sell this label."""
    await tx.execute(SQL.refuse_label, label_id, reason)


async def shipped_before(tx: Tx, order_ids: Iterable[UUID]) -> set[UUID]:
    """Orders of which a parcel has left already."""
    return {row["order_id"] for row in await tx.fetch(SQL.shipped_before, list(order_ids))}


async def mark_handed_over(tx: Tx, amounts: Sequence[tuple[UUID, int]], *, now: datetime) -> None:
    """Note that parcels left, and what is charged for each: (shipment_id, amount_minor)."""
    await tx.execute(SQL.hand_over, *map(list, zip(*amounts, strict=True)), now)


async def record(tx: Tx, carrier: str, updates: Iterable[TrackingUpdate]) -> list[TrackingUpdate]:
    """Keep what a carrier told; returns what it had not told before."""
    told = {update.event_id: update for update in updates}
    given = list(told.values())
    rows = await tx.fetch(
        SQL.record,
        carrier,
        [update.event_id for update in given],
        [update.tracking_number for update in given],
        [update.status for update in given],
        [update.substatus or "" for update in given],
        [update.description for update in given],
        [update.location or "" for update in given],
        [update.expected_at for update in given],
        [update.occurred_at for update in given],
    )
    return [told[row["carrier_event_id"]] for row in rows]


async def recorded(tx: Tx, carrier: str, tracking_numbers: Collection[str]) -> list[TrackingUpdate]:
    """All a carrier ever told about parcels, in the order in which it happened."""
    return [
        TrackingUpdate(
            event_id=row["carrier_event_id"],
            tracking_number=row["tracking_number"],
            status=cast(TrackingStatus, row["status"]),
            substatus=row["substatus"] or None,
            occurred_at=row["occurred_at"],
            description=row["description"],
            location=row["place"] or None,
            expected_at=row["expected_at"],
            raw={},
        )
        for row in await tx.fetch(SQL.recorded, carrier, list(tracking_numbers))
    ]


async def lock_numbers(tx: Tx, numbers: Collection[tuple[str, str]]) -> None:
    """Wait for whoever writes about these tracking numbers, each with its carrier: the label that brings one, what the
    carrier tells of it.

    Neither would see the other before its commit. Call it before any order is locked.
    """
    if numbers:
        pairs = sorted(numbers)
        await tx.execute(SQL.lock_numbers, [carrier for carrier, _ in pairs], [number for _, number in pairs])


async def progress(tx: Tx, shipments: Sequence[Shipment]) -> None:
    """Write how parcels stand."""
    if shipments:
        fields = ("shipment_id", "status", "substatus", "status_at", "last_heard_at")
        dates = ("delivered_at", "late_at", "lost_at", "came_back_at", "expected_by")
        await tx.execute(
            SQL.progress, *([getattr(shipment, field) for shipment in shipments] for field in (*fields, *dates))
        )


async def progress_back(tx: Tx, label_id: UUID, status: str, substatus: str, at: datetime) -> None:
    """Write how a parcel on its way back stands."""
    await tx.execute(SQL.progress_back, label_id, status, substatus, at)


async def open_alarms(tx: Tx, kinds: Sequence[str], subjects: Collection[UUID]) -> list[tuple[str, UUID]]:
    """Which of these alarms are open: (kind, subject)."""
    rows = await tx.fetch(SQL.open_alarms, list(kinds), list(subjects))
    return [(row["kind"], row["subject"]) for row in rows]


async def audit_rows(tx: Tx, name: str) -> list[Any]:
    """The rows of an audit statement, `audit_<name>`."""
    rows: list[Any] = await tx.fetch(getattr(SQL, f"audit_{name}"))
    return rows
