"""Claim units for order lines: the one door through which `reserved` grows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from doorstep.db import Tx, statements
from doorstep.inventory.model import Claim

SQL = statements(__package__)
Key = tuple[int, int]  # (sku_id, location_id)


class ClaimRefused(Exception):
    """The guard refused: less is available than was found under the lock. Must not happen; roll back and start
    again.
    """


async def read_stock(tx: Tx, sku_ids: Iterable[int], *, now: datetime, cart: UUID | None = None) -> dict[Key, int]:
    """Units available to claim, by (sku_id, location_id); unlocked, so only a guess by the time it is used.

    What has expired in carts by now counts, and what the hold of `cart` has taken itself.
    """
    available: dict[Key, int] = {}
    for row in await tx.fetch(SQL.read_stock, list(set(sku_ids)), now, cart):
        key = row["sku_id"], row["location_id"]
        available[key] = available.get(key, 0) + row["available"]
    return available


async def lock_stock(
    tx: Tx, *, keys: Iterable[Key] | None = None, sku_ids: Iterable[int] | None = None
) -> dict[Key, int]:
    """Lock stock rows in (sku, location) order, so that no two callers can deadlock, and return what is available
    there.

    Either the given keys, or all rows of the given SKUs. Lock once per transaction: a second call could lock a lower
    key. What has expired in carts does not count before `reclaim` has taken it back.
    """
    if sku_ids is not None:
        rows = await tx.fetch(SQL.lock_stock_of_skus, list(set(sku_ids)))
    else:
        wanted = sorted(set(keys or ()))
        rows = await tx.fetch(SQL.lock_stock, [key[0] for key in wanted], [key[1] for key in wanted])
    return {(row["sku_id"], row["location_id"]): row["available"] for row in rows}


async def claim(tx: Tx, *, claims: Sequence[Claim], first: bool = False) -> None:
    """Hold units for order lines; the stock rows must be locked by this transaction. Raises ClaimRefused (roll back).

    Demands for the same (sku, location) are added up before the guard looks, so two lines of one SKU cannot pass twice.
    `first`: these orders have no claims yet, for this very transaction has made them, and each names a line's location
    once (else their primary key refuses).
    """
    if not claims:
        return
    merged = claims if first else merge(claims)
    done = await tx.execute(SQL.claim_first if first else SQL.claim, *columns(merged))
    keys = {(claim.sku_id, claim.location_id) for claim in merged}
    if done != f"UPDATE {len(keys)}":
        raise ClaimRefused(f"{done} of {len(keys)} stock rows")


def merge(claims: Sequence[Claim]) -> list[Claim]:
    """One claim for each (order, line, location), in that order."""
    merged: dict[tuple[object, ...], Claim] = {}
    for claim in claims:
        key = (claim.order_id, claim.line_no, claim.location_id)
        before = merged[key].quantity if key in merged else 0
        merged[key] = Claim(
            order_id=claim.order_id,
            line_no=claim.line_no,
            sku_id=claim.sku_id,
            location_id=claim.location_id,
            quantity=claim.quantity + before,
        )
    return [merged[key] for key in sorted(merged, key=str)]


def columns(claims: Sequence[Claim]) -> list[list[object]]:
    """The claims as the five arrays the statements take."""
    return [
        [claim.order_id for claim in claims],
        [claim.line_no for claim in claims],
        [claim.sku_id for claim in claims],
        [claim.location_id for claim in claims],
        [claim.quantity for claim in claims],
    ]
