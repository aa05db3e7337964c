"""The tracking canon: what may follow what, and what an update means for a parcel. Pure.

A status is replaced by one of higher rank, or of the same rank and a later moment; so the final status does not depend
on the order in which the carrier tells things, nor on how often.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Literal

import msgspec

from doorstep.shipping.model import Shipment
from doorstep.shipping.ports import TrackingStatus, TrackingUpdate

RANK: dict[TrackingStatus, int] = {
    "pending": 0,
    "info_received": 1,
    "in_transit": 2,
    "exception": 3,
    "out_for_delivery": 3,
    "attempt_failed": 3,
    "available_for_pickup": 3,
    "returning": 4,
    "delivered": 5,
    "returned": 5,
    "expired": 5,
}
_LOST_RANK = 4

_EVENING = time(18, tzinfo=UTC)


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person must look at."""

    kind: str
    description: str


class Lateness(msgspec.Struct, frozen=True, kw_only=True):
    """The parcel will come later than the date that stands."""

    stands: datetime
    expected_by: datetime
    cause: Literal["carrier_delay", "attempt_failed"]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What some updates mean for a parcel: how it stands now, the statuses it went through, and what follows."""

    after: Shipment
    moved: tuple[tuple[TrackingStatus, str], ...]
    delivered: bool
    lost: bool
    late: Lateness | None
    troubles: tuple[Trouble, ...]


def rank(status: TrackingStatus, substatus: str) -> int:
    """How far along a status is; lost outranks whatever was seen on the road, a delay or mishap does not."""
    if status == "exception" and substatus == "lost":
        return _LOST_RANK
    if status == "exception" and substatus == "delay":
        return RANK["in_transit"]
    return RANK[status]


def forward(now: tuple[TrackingStatus, str, datetime | None], then: tuple[TrackingStatus, str, datetime]) -> bool:
    """Whether (status, substatus, moment) `then` replaces `now`. Never backward in rank."""
    before, after = rank(now[0], now[1]), rank(then[0], then[1])
    if then[0] == "pending":
        return False
    return after > before or (after == before and (now[2] is None or then[2] > now[2]))


def follow(shipment: Shipment, updates: Iterable[TrackingUpdate], *, promised_by: datetime | None) -> Progress:
    """Fold updates, in the order in which they happened, into a parcel. `promised_by`: what the customer knows."""
    after = shipment
    moved: list[tuple[TrackingStatus, str]] = []
    troubles: list[Trouble] = []
    heard_before = shipment.last_heard_at
    late = None
    for update in sorted(updates, key=lambda update: (update.occurred_at, update.event_id)):
        substatus = update.substatus or ""
        here = (update.status, substatus, update.occurred_at)
        if forward((after.status, after.substatus, after.status_at), here):
            if (update.status, substatus) != (after.status, after.substatus):
                moved.append((update.status, substatus))
            after = msgspec.structs.replace(
                after, status=update.status, substatus=substatus, status_at=update.occurred_at
            )
        if after.last_heard_at is None or update.occurred_at > after.last_heard_at:
            after = msgspec.structs.replace(after, last_heard_at=update.occurred_at)
        if heard_before is None or update.occurred_at >= heard_before:
            late = _lateness(after, update, promised_by) or late
        troubles += _troubles(shipment, update)
    # How it ended counts once we know that it left; a forgotten hand-over is noted later, and then looked at again.
    left = shipment.handed_over_at is not None and not shipment.paid_back
    delivered = left and shipment.delivered_at is None and after.status == "delivered"
    lost = left and (after.status, after.substatus) == ("exception", "lost")
    if delivered:
        after = msgspec.structs.replace(after, delivered_at=after.status_at)
    if lost:
        after = msgspec.structs.replace(after, lost_at=after.status_at)
    if after.ended or after.status == "available_for_pickup":
        late = None
    if late is not None:
        first = after.late_at or after.last_heard_at
        after = msgspec.structs.replace(after, late_at=first, expected_by=late.expected_by)
    return Progress(
        after=after, moved=tuple(moved), delivered=delivered, lost=lost, late=late, troubles=tuple(troubles)
    )


def working_days_later(at: datetime, days: int) -> datetime:
    """The evening (18:00 UTC) some working days, Monday to Friday, after a moment."""
    day = at.astimezone(UTC).date()
    while days > 0 or day.weekday() >= 5:
        day += timedelta(days=1)
        if day.weekday() < 5:
            days -= 1
    return datetime.combine(day, _EVENING)


def _lateness(shipment: Shipment, update: TrackingUpdate, promised_by: datetime | None) -> Lateness | None:
    """Whether an update means that the date that stands will not hold."""
    if promised_by is None:
        return None
    stands = promised_by if shipment.expected_by is None else max(promised_by, shipment.expected_by)
    delayed = update.status == "exception" and update.substatus == "delay"
    if update.expected_at is not None:
        expected_by = update.expected_at
    elif delayed:
        expected_by = working_days_later(max(stands, update.occurred_at), 1)
    elif update.status == "attempt_failed":
        expected_by = working_days_later(update.occurred_at, 1)
    else:
        return None
    if expected_by <= stands:
        return None
    failed = update.status == "attempt_failed"
    return Lateness(stands=stands, expected_by=expected_by, cause="attempt_failed" if failed else "carrier_delay")


def _troubles(before: Shipment, update: TrackingUpdate) -> list[Trouble]:
    if update.status == "exception" and update.substatus not in ("delay", "lost"):
        return [Trouble(kind="carrier_exception", description=update.description)]
    if update.status == "delivered" and before.paid_back:
        return [Trouble(kind="delivered_after_lost", description=update.description)]
    if update.status in ("returning", "returned"):
        return [Trouble(kind="returned_to_sender", description=update.description)]
    if update.status == "expired":
        return [Trouble(kind="tracking_expired", description=update.description)]
    return []
