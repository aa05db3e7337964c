"""Goods arrive, are expected, or are counted. Each note has a reference; the same note twice counts once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from doorstep.db import Tx
from doorstep.inventory.claim import SQL
from doorstep.inventory.move import add_stock, tell_received
from doorstep.inventory.soft import reclaim
from doorstep.inventory.supply.books import lock_supply
from doorstep.inventory.supply.correct import after_correction, before_correction, supply_came
from doorstep.kit.errors import BodyDiffers, Conflict
from doorstep.kit.ids import new_id


async def receive(
    tx: Tx, *, reference: str, location_id: int, units: Mapping[int, int], actor: str, now: datetime
) -> int:
    """Book arrived goods, `units` by sku_id; closes what was expected under the same reference. Returns how many SKUs
    were new.

    One event tells of the whole note; orders that wait are served by reaction. Raises BodyDiffers when the note said
    another quantity before: then nothing is changed.
    """
    sums = {(sku_id, location_id): [quantity, 0, 0] for sku_id, quantity in units.items()}
    added = await add_stock(
        tx, sums, kind="received", reason="goods receipt", reference=reference, actor=actor, now=now
    )
    sku_ids = [sku_id for sku_id, _ in added]
    if len(added) < len(units):
        await _told_before(tx, "received", reference, location_id, units, units.keys() - sku_ids)
    if added:
        await lock_supply(tx, sku_ids)
        rows = await tx.fetch(SQL.arrive, reference, location_id, sku_ids, now)
        deliveries = [row["incoming_id"] for row in rows]
        await supply_came(tx, deliveries, now=now)
        await tell_received(tx, added, arrived=True, deliveries=deliveries, actor=actor, now=now)
    return len(added)


async def count(
    tx: Tx, *, reference: str, location_id: int, units: Mapping[int, int], actor: str, now: datetime
) -> int:
    """Set on_hand to what was counted, `units` by sku_id, by a movement of the difference. Returns how many SKUs
    changed.

    What has expired in carts gives way. Raises Conflict when a count is below what is claimed, damaged or in quality
    control, BodyDiffers when the note said another count before: then nothing is changed.
    """
    keys = sorted(units)
    await tx.execute(SQL.make_stock_rows, keys, [location_id] * len(keys))
    rows = await tx.fetch(SQL.stock_for_count, location_id, keys)
    told = await _told_before(tx, "counted", reference, location_id, units, keys)
    below = [row["sku_id"] for row in rows if units[row["sku_id"]] < _floor(row)]
    if below and await reclaim(tx, keys=[(sku_id, location_id) for sku_id in below], expired_by=now, now=now):
        rows = await tx.fetch(SQL.stock_for_count, location_id, keys)
    sums: dict[tuple[int, int], list[int]] = {}
    for row in rows:
        counted, floor = units[row["sku_id"]], _floor(row)
        if row["sku_id"] not in told and counted < floor:
            raise Conflict(
                f"Counted {counted}, but {floor} are claimed by orders and carts, damaged or in quality control. "
                "Cancel, re-route or release first.",
                extra={"sku_id": row["sku_id"], "counted": counted, "claimed": floor},
            )
        if row["sku_id"] not in told:
            sums[row["sku_id"], location_id] = [counted - row["on_hand"], 0, 0]
    more = {key for key, (delta, *_) in sums.items() if delta > 0}
    await add_stock(tx, sums, kind="counted", reason="count", reference=reference, actor=actor, now=now)
    await tell_received(tx, more, arrived=True, actor=actor, now=now)
    return len(sums)


def _floor(row: Any) -> int:
    """What must be there for all that is promised of a stock row."""
    floor: int = row["reserved"] + row["damaged"] + row["quality_control"] - row["oversell_limit"]
    return floor


async def _told_before(
    tx: Tx, kind: str, reference: str, location_id: int, units: Mapping[int, int], sku_ids: Iterable[int]
) -> set[int]:
    """Which of these SKUs the note named before. Raises BodyDiffers when it said something else of one. Call it with
    their stock locked.
    """
    rows = await tx.fetch(SQL.told_before, kind, reference, location_id, list(sku_ids))
    for row in rows:
        if row["quantity"] != units[row["sku_id"]]:
            raise BodyDiffers(
                f"The note {reference!r} said {row['quantity']} of {row['sku']} before, and now says "
                f"{units[row['sku_id']]}. Another delivery or count needs a reference of its own.",
                extra={"field": "quantity", "sku": row["sku"], "was": row["quantity"], "now": units[row["sku_id"]]},
            )
    return {row["sku_id"] for row in rows}


async def expect(
    tx: Tx, *, reference: str, location_id: int, units: Mapping[int, int], expected_at: datetime, now: datetime
) -> None:
    """Dated supply on its way, `units` by sku_id. The same reference again corrects quantity and date until it
    arrives; who waits for it, or for any, moves with it.
    """
    keys = sorted(units)
    corrected = await before_correction(tx, reference, location_id, units, expected_at, now=now)
    await tx.execute(
        SQL.add_incoming,
        [new_id() for _ in keys],
        [reference] * len(keys),
        keys,
        [location_id] * len(keys),
        [units[key] for key in keys],
        [expected_at] * len(keys),
    )
    await after_correction(tx, reference, location_id, keys, corrected, now=now)


async def expected(tx: Tx, sku_ids: Iterable[int]) -> dict[int, datetime]:
    """When the next supply of each SKU is expected; those without any are left out."""
    rows = await tx.fetch(SQL.expected, list(set(sku_ids)))
    return {row["sku_id"]: row["expected_at"] for row in rows}
