"""Holds: while one is open nothing is activated. Placed and released by a person or a rule."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from doorstep import journal
from doorstep.db import Tx
from doorstep.kit.errors import Conflict, NotFound
from doorstep.kit.ids import new_id, show
from doorstep.orders.model import HoldPlaced, HoldReason, HoldReleased
from doorstep.orders.store import SQL, lock_one, refresh


async def place_hold(tx: Tx, *, order_id: UUID, reason: HoldReason, note: str, actor: str, now: datetime) -> UUID:
    """Hold an order; the open hold's id. A hold of the same reason that is open already stays the only one.

    Raises NotFound, or Conflict when the order is over.
    """
    order = await lock_one(tx, order_id)
    if order.status in ("completed", "canceled"):
        raise Conflict(f"The order is {order.status}: there is nothing to hold.")
    if reason == "awaiting_return":
        raise Conflict("An exchange waits for its return by itself; this hold cannot be placed by hand.")
    if reason == "awaiting_payment":
        raise Conflict("An order waits for its payment by itself; this hold cannot be placed by hand.")
    hold_id: UUID = new_id()
    written = await tx.execute(SQL.insert_holds, [hold_id], [order_id], [reason], [note], [actor], [now])
    if written == "INSERT 0 0":
        known: UUID = await tx.fetchval(SQL.open_hold, order_id, reason)
        return known
    await tx.execute(SQL.count_hold, order_id, 1)
    await refresh(tx, [order_id])
    await journal.append(tx, [(order_id, HoldPlaced(hold_id=hold_id, reason=reason))], actor=actor, now=now)
    return hold_id


async def release_hold(tx: Tx, *, order_id: UUID, hold_id: UUID, actor: str, now: datetime) -> bool:
    """Release a hold; False when it was released before. Raises NotFound when the order has no such hold.

    When it was the last one, what waited is activated.
    """
    await lock_one(tx, order_id)
    row = await tx.fetchrow(SQL.release_hold, hold_id, order_id, actor, now)
    if row is None:
        if await tx.fetchval(SQL.hold_exists, hold_id, order_id) is None:
            raise NotFound(f"The order has no hold {show('hld', hold_id)}.")
        return False
    await tx.execute(SQL.count_hold, order_id, -1)
    await refresh(tx, [order_id])
    order = await lock_one(tx, order_id)
    released = HoldReleased(reason=row["reason"], all_clear=order.clear)
    await journal.append(tx, [(order_id, released)], actor=actor, now=now)
    return True
