"""Soft claims: units a cart holds for a while. The stock row's lock guards them, as it guards the counter.

They count in `reserved` until they are given back, made an order's, or reclaimed by whoever needs them once expired.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from doorstep.db import Tx
from doorstep.inventory.claim import SQL, ClaimRefused, Key, lock_stock
from doorstep.inventory.model import CartClaim
from doorstep.inventory.move import tell_received
from doorstep.kit.errors import Conflict
from doorstep.kit.limits import CART_KEYS_LAPSED


async def cart_claims(tx: Tx, hold_ids: Iterable[UUID]) -> list[CartClaim]:
    """What these holds have now; sure only once the stock rows are locked, for an expired claim may be reclaimed."""
    rows = await tx.fetch(SQL.cart_claims, list(set(hold_ids)))
    return [CartClaim(**dict(row)) for row in rows]


async def ever_held(tx: Tx, hold_id: UUID) -> bool:
    """Whether there is, or was, a hold of this id."""
    found: bool = await tx.fetchval(SQL.ever_held, hold_id)
    return found


async def take_into_cart(tx: Tx, *, claims: Sequence[CartClaim]) -> None:
    """Hold units for carts, one claim a key; the stock rows must be locked by this transaction. Raises ClaimRefused
    (roll back).
    """
    if not claims:
        return
    done = await tx.execute(SQL.take_into_cart, *_columns(claims), [claim.expires_at for claim in claims])
    keys = {(claim.sku_id, claim.location_id) for claim in claims}
    if done != f"UPDATE {len(keys)}":
        raise ClaimRefused(f"{done} of {len(keys)} stock rows")


async def keep_cart_until(tx: Tx, *, hold_id: UUID, expires_at: datetime) -> None:
    """What the hold has expires then; its stock rows must be locked by this transaction."""
    await tx.execute(SQL.keep_cart_until, hold_id, expires_at)


async def give_back_from_cart(
    tx: Tx, *, claims: Sequence[CartClaim], reason: str, actor: str, now: datetime, kind: str = "released"
) -> None:
    """Give held units back; the stock rows must be locked by this transaction. Raises Conflict when a hold has not so
    many.

    `kind` is the movement's: released, or moved when an order takes the units over in this transaction.
    """
    if not claims:
        return
    lowered = await tx.fetchval(SQL.give_back_from_cart, *_columns(claims), kind, reason, actor, now)
    if lowered != len(claims):
        raise Conflict("The cart does not hold that many units any more.")
    if kind == "released":
        keys = {(claim.sku_id, claim.location_id) for claim in claims}
        await tell_received(tx, keys, arrived=False, actor=actor, now=now, serve=False)


async def expired_in_carts(
    tx: Tx, sku_ids: Iterable[int], *, expired_by: datetime, spare: Iterable[UUID] = ()
) -> dict[Key, int]:
    """What `reclaim` would take back, by key; sure when all stock rows of the SKUs are locked by this transaction."""
    rows = await tx.fetch(SQL.expired_in_carts, list(set(sku_ids)), expired_by, list(spare))
    return {(row["sku_id"], row["location_id"]): row["quantity"] for row in rows}


async def reclaim(
    tx: Tx, *, keys: Iterable[Key], expired_by: datetime, now: datetime, spare: Iterable[UUID] = ()
) -> dict[Key, int]:
    """Take back what has expired in carts at these keys, but for the holds to spare; units by key.

    Call it after `lock_stock` of the keys, never with it in one statement (see docs/operate/locking.md). Orders that
    wait are told, for more may come free than is needed now.
    """
    wanted = sorted(set(keys))
    rows = await tx.fetch(
        SQL.reclaim,
        *([key[0] for key in wanted], [key[1] for key in wanted]),
        *(expired_by, list(spare), "doorstep", now),
    )
    freed = {(row["sku_id"], row["location_id"]): row["quantity"] for row in rows}
    await tell_received(tx, freed, arrived=False, actor="doorstep", now=now, serve=False)
    return freed


async def lapse(tx: Tx, *, expired_by: datetime, now: datetime) -> int:
    """Give back what expired by then, as nobody has asked for it: orders may be waiting. Returns the keys freed."""
    rows = await tx.fetch(SQL.lapsed_keys, expired_by, CART_KEYS_LAPSED)
    keys = [(row["sku_id"], row["location_id"]) for row in rows]
    if not keys:
        return 0
    await lock_stock(tx, keys=keys)
    return len(await reclaim(tx, keys=keys, expired_by=expired_by, now=now))


def _columns(claims: Sequence[CartClaim]) -> list[list[object]]:
    return [
        [claim.hold_id for claim in claims],
        [claim.sku_id for claim in claims],
        [claim.location_id for claim in claims],
        [claim.quantity for claim in claims],
    ]
