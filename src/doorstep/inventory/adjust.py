"""Adjust: a person says that the book is wrong, that units are damaged, or that they went to another location."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from doorstep.db import Tx
from doorstep.inventory.claim import SQL, lock_stock
from doorstep.inventory.move import add_stock, tell_received
from doorstep.kit.errors import Conflict


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is added to the counters of a SKU at a location, in units; less than nothing takes away."""

    sku_id: int
    location_id: int
    on_hand: int = 0
    damaged: int = 0
    quality_control: int = 0

    @property
    def sellable(self) -> int:
        """How many more, or fewer, may be sold by it."""
        return self.on_hand - self.damaged - self.quality_control


async def adjust(
    tx: Tx,
    *,
    changes: Sequence[Change],
    kind: Literal["adjusted", "transferred"] = "adjusted",
    reason: str,
    reference: str,
    actor: str,
    now: datetime,
) -> None:
    """Change counters, one movement each, all of them or none; orders that wait are told of what may be sold now.

    One change a (SKU, location). `reference` must be new for each call. Raises Conflict when units are claimed that
    would have to go, or when more would be damaged or in quality control than there is.
    """
    keys = sorted((change.sku_id, change.location_id) for change in changes)
    await tx.execute(SQL.make_stock_rows, [key[0] for key in keys], [key[1] for key in keys])
    await lock_stock(tx, keys=keys)
    for change in changes:
        await _check(tx, change)
    sums = {
        (change.sku_id, change.location_id): [change.on_hand, change.damaged, change.quality_control]
        for change in changes
    }
    await add_stock(tx, sums, kind=kind, reason=reason, reference=reference, actor=actor, now=now)
    more = {(change.sku_id, change.location_id) for change in changes if change.sellable > 0}
    await tell_received(tx, more, arrived=True, actor=actor, now=now)


async def _check(tx: Tx, change: Change) -> None:
    """Say in words what the constraints of the row would refuse. Call it with the row locked."""
    row = await tx.fetchrow(SQL.stock_row, change.sku_id, change.location_id)
    assert row is not None
    on_hand = row["on_hand"] + change.on_hand
    damaged, quality_control = row["damaged"] + change.damaged, row["quality_control"] + change.quality_control
    if on_hand < 0:
        raise Conflict(f"Only {row['on_hand']} are on hand.")
    if damaged < 0 or quality_control < 0:
        raise Conflict(f"Only {row['damaged']} are damaged and {row['quality_control']} in quality control.")
    free = on_hand - damaged - quality_control + row["oversell_limit"] - row["reserved"]
    if free < 0:
        raise Conflict(
            f"{row['reserved']} are claimed by orders and carts: {-free} more than would be left to sell.",
            extra={"claimed": row["reserved"], "missing": -free},
        )
