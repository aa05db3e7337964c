"""When to look at what is under way: later once it has left in time, never again once it has arrived."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from doorstep import jobs
from doorstep.db import Tx
from doorstep.kit.limits import LATE_WARNING, TRACKING_SILENCE
from doorstep.shipping import store
from doorstep.shipping.model import WATCH, Shipment


async def look_later(tx: Tx, left: Iterable[Shipment], *, closed: Collection[UUID], now: datetime) -> None:
    """Parcels have left, and the fulfillment orders `closed` with them: the next look is before their promise breaks,
    or when the carrier has been silent for too long.
    """
    due: dict[UUID, datetime] = {}
    for parcel in left:
        key = parcel.fulfillment_order_id
        if key in closed:
            at = now + TRACKING_SILENCE
            if parcel.promised_by is not None:
                at = min(at, max(now, parcel.promised_by - LATE_WARNING))
            due[key] = min(at, due.get(key, at))
    await jobs.move(tx, WATCH, due)


async def stop_watching(tx: Tx, fulfillment_order_ids: Collection[UUID]) -> None:
    """Of these, the ones whose parcels have all left and arrived, or are lost, need no look any more."""
    if fulfillment_order_ids:
        await jobs.drop(tx, WATCH, await store.over(tx, fulfillment_order_ids))
