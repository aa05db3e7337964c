"""Holds become orders: their units go over in the transaction that places the order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import inventory
from doorstep.carts.store import SQL
from doorstep.db import Tx
from doorstep.inventory import CartClaim, Claim
from doorstep.kit.errors import Conflict


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """A hold and the order it becomes, with what that order claims."""

    hold_id: UUID
    order_id: UUID
    claims: Sequence[Claim]


async def convert(tx: Tx, conversions: Sequence[Conversion], *, actor: str, now: datetime) -> None:
    """End the holds and give their units back, for the orders to claim next, where they will. What an order does not
    claim where it was held is free for others.

    The holds and the stock rows of all their SKUs must be locked by this transaction.
    """
    if not conversions:
        return
    orders = {one.hold_id: one for one in conversions}
    done = await tx.execute(SQL.convert_holds, list(orders), [one.order_id for one in conversions], now)
    if done != f"UPDATE {len(conversions)}":
        raise Conflict("A cart's hold has ended meanwhile.")
    moved, left = [], []
    wanted = {one.hold_id: _units(one.claims) for one in conversions}
    for held in await inventory.cart_claims(tx, orders):
        taken = min(held.quantity, wanted[held.hold_id][held.sku_id, held.location_id])
        moved += _part(held, taken)
        left += _part(held, held.quantity - taken)
    for claims, kind in ((moved, "moved"), (left, "released")):
        await inventory.give_back_from_cart(
            tx, claims=claims, reason="cart became an order", actor=actor, now=now, kind=kind
        )


def _part(held: CartClaim, units: int) -> list[CartClaim]:
    return [msgspec.structs.replace(held, quantity=units)] if units else []


def _units(claims: Sequence[Claim]) -> Counter[tuple[int, int]]:
    units: Counter[tuple[int, int]] = Counter()
    for claim in claims:
        units[claim.sku_id, claim.location_id] += claim.quantity
    return units
