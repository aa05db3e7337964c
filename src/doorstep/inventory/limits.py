"""Limits of a shelf: what is kept back from new claims, and how far it may be oversold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from doorstep.db import Tx
from doorstep.inventory.claim import SQL, Key
from doorstep.inventory.move import tell_received
from doorstep.inventory.room import Change, Claimants, Shelf, plan_under_lock


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU at a location. None leaves it as it is."""

    safety_stock: int | None = None
    oversell_limit: int | None = None


async def set_limits(
    tx: Tx, *, limits: Mapping[Key, Limits], claimants: Claimants, actor: str, now: datetime
) -> list[Key]:
    """Set limits by (sku_id, location_id); where any was another before.

    Safety stock guards new claims only. Claims above a lowered oversell limit give way; Conflict when work that has
    begun is in the way. Where more may be sold now, orders that wait are told.
    """
    keys = sorted(limits)
    more: set[Key] = set()

    async def plan(found: Mapping[Key, Shelf]) -> dict[Key, Change]:
        changes = {}
        more.clear()
        for key in keys:
            shelf, wish = found[key], limits[key]
            oversell = shelf.oversell_limit if wish.oversell_limit is None else wish.oversell_limit
            safety = shelf.safety_stock if wish.safety_stock is None else wish.safety_stock
            changes[key] = Change(sku_id=key[0], location_id=key[1], oversell_limit=oversell - shelf.oversell_limit)
            if changes[key].sellable - (safety - shelf.safety_stock) > 0:
                more.add(key)
        return changes

    await plan_under_lock(tx, keys=keys, plan=plan, claimants=claimants, actor=actor, now=now)
    rows = await tx.fetch(
        SQL.set_limits,
        [key[0] for key in keys],
        [key[1] for key in keys],
        [limits[key].safety_stock for key in keys],
        [limits[key].oversell_limit for key in keys],
    )
    await tell_received(tx, more, arrived=False, actor=actor, now=now)
    return [(row["sku_id"], row["location_id"]) for row in rows]
