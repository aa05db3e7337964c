"""Goodwill: some of the money goes back though the goods stay, because something went wrong."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import journal, payments
from doorstep.db import Tx
from doorstep.kit.errors import Conflict, Fault, Invalid
from doorstep.kit.ids import new_id
from doorstep.orders.model import GoodwillGiven, GoodwillReason
from doorstep.orders.store import SQL, lock_one, money_told


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """How much may be given now, in minor units, and what was given before. `paid_minor`: what was taken in all."""

    most_minor: int
    given_minor: int
    paid_minor: int


async def goodwill_room(tx: Tx, order_id: UUID, *, within_percent: int) -> Room:
    """What may still be given back of what was taken: at most the percentage of it, all goodwill together."""
    told = (await money_told(tx, [order_id]))[order_id]
    balance = (await payments.balance(tx, [order_id])).get(order_id)
    paid = balance.captured_minor if balance else 0
    # What events say counts although its refund may not be written yet.
    left = min(await payments.refundable(tx, order_id), told.shipped - told.refunded - told.goodwill)
    most = min(left, paid * within_percent // 100 - told.goodwill)
    return Room(most_minor=max(0, most), given_minor=told.goodwill, paid_minor=paid)


async def give_goodwill(
    tx: Tx,
    *,
    order_id: UUID,
    amount_minor: int,
    reason: GoodwillReason,
    within_percent: int = 100,
    actor: str,
    now: datetime,
) -> GoodwillGiven:
    """Give money back without taking anything back. Raises NotFound, Invalid, or Conflict when it is more than is left
    of what was taken, or than `within_percent` of it.
    """
    await lock_one(tx, order_id)
    if amount_minor <= 0:
        raise Invalid([Fault("/amount", "An amount is more than nothing.")])
    room = await goodwill_room(tx, order_id, within_percent=within_percent)
    if amount_minor > room.most_minor:
        raise Conflict("This is more than may be given.", extra={"most_minor": room.most_minor})
    goodwill_id = new_id()
    event = GoodwillGiven(
        goodwill_id=goodwill_id, amount_minor=amount_minor, reason=reason, cause=f"goodwill:{goodwill_id.hex}"
    )
    detail = {"amount_minor": amount_minor}
    await tx.execute(SQL.insert_change, goodwill_id, order_id, "goodwill", detail, reason, actor, now)
    await journal.append(tx, [(order_id, event)], actor=actor, now=now)
    return event
