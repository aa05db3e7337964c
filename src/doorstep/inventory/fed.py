"""What a location's own books say of its shelves, as of a moment: the book follows, by movements of the difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from doorstep.db import Tx
from doorstep.inventory.claim import SQL, Key, lock_stock
from doorstep.inventory.move import add_stock, tell_received
from doorstep.inventory.soft import reclaim

# What became of a figure: the book follows it, or had it already; somebody counted since; the book follows as far as
# claims let it; less would be there than nothing, or more than a row can hold.
Fate = Literal["applied", "equal", "counted_since", "below_claims", "below_zero", "too_large"]
_MOST: Final = 1_000_000_000


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Units on the shelf of a SKU at a location, claimed ones included, as somebody else's book says."""

    sku_id: int
    location_id: int
    on_hand: int


async def correct(
    tx: Tx, *, told: Sequence[Told], as_of: datetime, reference: str, reason: str, actor: str, now: datetime
) -> Mapping[Key, tuple[Fate, int]]:
    """Let the book follow what was true at `as_of`; what became of each key, and by how many units it changed.

    What came and went since is added to it. One movement a key, dated `as_of`, once for each reference. What has
    expired in carts gives way; what is claimed does not: then the book says as much as is claimed, so that nothing more
    is sold from there. Locks the stock of all keys: call it last, once in a transaction.
    """
    by_key = {(one.sku_id, one.location_id): one.on_hand for one in told}
    keys = sorted(by_key)
    columns = [key[0] for key in keys], [key[1] for key in keys]
    await tx.execute(SQL.make_stock_rows, *columns)
    await lock_stock(tx, keys=keys)
    rows = await tx.fetch(SQL.stock_as_of, *columns, as_of)
    low = [key for key, _, after, floor in _figures(by_key, rows) if 0 <= after < floor]
    if low and await reclaim(tx, keys=low, expired_by=now, now=now):
        rows = await tx.fetch(SQL.stock_as_of, *columns, as_of)
    counted = {(row["sku_id"], row["location_id"]) for row in rows if row["counted"]}
    fates: dict[Key, tuple[Fate, int]] = {}
    for key, delta, after, floor in _figures(by_key, rows):
        fate = "counted_since" if key in counted else _fate(delta, after, floor)
        most = {"applied": delta, "below_claims": min(0, delta + floor - after)}
        fates[key] = fate, most.get(fate, 0)
    sums = {key: [delta, 0, 0] for key, (_, delta) in fates.items() if delta}
    await add_stock(tx, sums, kind="counted", reason=reason, reference=reference, actor=actor, now=as_of)
    more = [key for key, (delta, *_) in sums.items() if delta > 0]
    await tell_received(tx, more, arrived=True, actor=actor, now=now)
    return fates


def _figures(by_key: Mapping[Key, int], rows: Iterable[Any]) -> Iterable[tuple[Key, int, int, int]]:
    """Key, difference, what would be on hand after it, and what must be there for all that is promised."""
    for row in rows:
        key = row["sku_id"], row["location_id"]
        after = by_key[key] + row["since"]
        yield key, after - row["on_hand"], after, row["floor"]


def _fate(delta: int, after: int, floor: int) -> Fate:
    if delta == 0:
        return "equal"
    if after < 0:
        return "below_zero"
    if after > _MOST:
        return "too_large"
    return "below_claims" if delta < 0 and after < floor else "applied"


async def fed(tx: Tx, *, location_ids: Sequence[int], as_of: datetime) -> None:
    """Note that feeds of these locations were taken whole, and of which moment they spoke."""
    await tx.execute(SQL.fed, list(location_ids), as_of)


async def fed_after(tx: Tx, *, location_ids: Sequence[int], as_of: datetime) -> str | None:
    """The code of one of these locations of which a newer feed was taken; None when there is none."""
    code: str | None = await tx.fetchval(SQL.fed_after, list(location_ids), as_of)
    return code
