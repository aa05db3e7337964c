"""Keep a hold longer, give it up, or let go what nobody came back for."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from doorstep import inventory
from doorstep.carts.model import CartHold, HoldEnded
from doorstep.carts.store import SQL, lock_one
from doorstep.db import Tx
from doorstep.inventory import CartClaim
from doorstep.kit.limits import CART_HOLD_GRACE


async def extend(tx: Tx, *, hold_id: UUID, minutes: int, now: datetime) -> CartHold:
    """Keep what is held for so many minutes from now at least, also when it has expired and nobody took it back.

    Raises NotFound, or HoldEnded when it was released, became an order, or is not whole any more.
    """
    found = await lock_one(tx, hold_id)
    if found.ended:
        raise HoldEnded.of(found)
    has = await _lock_units(tx, hold_id)
    if sum(claim.quantity for claim in has) < sum(units for _, units in found.lines):
        raise HoldEnded("The hold expired, and its units were needed elsewhere. Hold the cart again.")
    kept = msgspec.structs.replace(found, expires_at=max(found.expires_at, now + timedelta(minutes=minutes)))
    await tx.execute(SQL.change_hold, hold_id, kept.lines, kept.expires_at)
    await inventory.keep_cart_until(tx, hold_id=hold_id, expires_at=kept.expires_at)
    return kept


async def release(tx: Tx, *, hold_id: UUID, actor: str, now: datetime) -> CartHold:
    """Give the units back at once; released before, nothing happens. Raises NotFound, or HoldEnded when it became an
    order.
    """
    found = await lock_one(tx, hold_id)
    if found.order_id is not None:
        raise HoldEnded.of(found)
    if found.ended is None:
        has = await _lock_units(tx, hold_id)
        await tx.execute(SQL.release_hold, hold_id, now)
        await inventory.give_back_from_cart(tx, claims=has, reason="cart released", actor=actor, now=now)
    return msgspec.structs.replace(found, ended="released")


async def lapse(tx: Tx, *, now: datetime) -> int:
    """Give back the units of holds that expired a while ago and that nobody reclaimed; returns the stock rows freed."""
    return await inventory.lapse(tx, expired_by=now - CART_HOLD_GRACE, now=now)


async def _lock_units(tx: Tx, hold_id: UUID) -> list[CartClaim]:
    """What the hold has, seen under the locks of its stock rows: before, it may have been reclaimed at any moment."""
    seen = await inventory.cart_claims(tx, [hold_id])
    await inventory.lock_stock(tx, keys=((claim.sku_id, claim.location_id) for claim in seen))
    return await inventory.cart_claims(tx, [hold_id])
