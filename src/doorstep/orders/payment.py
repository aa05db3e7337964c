"""What money does to an order: it goes on when authorized, ends when finally declined, and its status follows every
change.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from doorstep import inventory, journal
from doorstep.db import Tx
from doorstep.journal import Recorded
from doorstep.kit.ids import new_id
from doorstep.orders.cancel import cancel
from doorstep.orders.holds import place_hold
from doorstep.orders.model import HoldReleased
from doorstep.orders.store import SQL, lock, refresh


async def release_payment_hold(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """The money is authorized: the first hold goes. A risk score above the channel's limit puts another in its
    place.
    """
    ids = [event.order for event in events]
    await lock(tx, ids)
    limits = {row["order_id"]: row["risk_limit"] for row in await tx.fetch(SQL.risk_limits, ids)}
    for event in events:
        score = event.data.risk_score
        if score is not None and score > limits[event.order]:
            note = f"risk score {score}, limit {limits[event.order]}"
            await place_hold(tx, order_id=event.order, reason="high_risk_of_fraud", note=note, actor="rule", now=now)
    rows = await tx.fetch(SQL.release_payment, ids, [new_id() for _ in ids], now)
    await refresh(tx, ids)
    orders = await lock(tx, ids)
    released = [row["order_id"] for row in rows]
    await journal.append(
        tx,
        [
            (order_id, HoldReleased(reason="awaiting_payment", all_clear=orders[order_id].clear))
            for order_id in released
        ],
        actor="doorstep",
        now=now,
    )


async def await_payment_retry(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """Declined: while the retry window is open nothing happens here; after the last try the order is canceled, stock
    back.
    """
    final = [event for event in events if event.data.final]
    ids = {event.order for event in final}
    await lock(tx, ids)
    # All stock rows at once: cancel after cancel would lock them out of order.
    claims = await inventory.claims_of(tx, ids)
    await inventory.lock_stock(tx, keys={(claim.sku_id, claim.location_id) for claim in claims})
    for event in final:
        await cancel(tx, order_id=event.order, wanted=None, reason="payment declined", actor="doorstep", now=now)


async def refresh_payment(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """Bring the orders' payment_status in line after their money moved."""
    ids = {event.order for event in events}
    await lock(tx, ids)
    await refresh(tx, ids)
