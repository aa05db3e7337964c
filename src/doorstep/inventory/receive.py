"""Goods arrive, are expected, or are counted. Each note has a reference; the same note twice counts once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from doorstep.db import Tx
from doorstep.inventory.claim import SQL
from doorstep.inventory.move import add_stock, tell_received
from doorstep.kit.errors import Conflict
from doorstep.kit.ids import new_id


async def receive(
    tx: Tx, *, reference: str, location_id: int, units: Mapping[int, int], actor: str, now: datetime
) -> int:
    """Book arrived goods, `units` by sku_id; closes what was expected under the same reference. Returns how many SKUs
    were new.

    One event tells of the whole note; orders that wait are served by reaction.
    """
    sums = {(sku_id, location_id): [quantity, 0, 0] for sku_id, quantity in units.items()}
    added = await add_stock(
        tx, sums, kind="received", reason="goods receipt", reference=reference, actor=actor, now=now
    )
    if added:
        sku_ids = [sku_id for sku_id, _ in added]
        await tx.execute(SQL.arrive, reference, location_id, sku_ids, now)
        await tell_received(tx, added, arrived=True, actor=actor, now=now)
    return len(added)


async def count(
    tx: Tx, *, reference: str, location_id: int, units: Mapping[int, int], actor: str, now: datetime
) -> int:
    """Set on_hand to what was counted, `units` by sku_id, by a movement of the difference. Returns how many SKUs
    changed.

    Raises Conflict when a count is below what is claimed, damaged or in quality control: then nothing is changed.
    """
    keys = sorted(units)
    told = {row["sku_id"] for row in await tx.fetch(SQL.counted_before, reference, location_id, keys)}
    await tx.execute(SQL.make_stock_rows, keys, [location_id] * len(keys))
    sums: dict[tuple[int, int], list[int]] = {}
    for row in await tx.fetch(SQL.stock_for_count, location_id, keys):
        counted = units[row["sku_id"]]
        floor = row["reserved"] + row["damaged"] + row["quality_control"] - row["oversell_limit"]
        if row["sku_id"] not in told and counted < floor:
            raise Conflict(
                f"Counted {counted}, but {floor} are claimed, damaged or in quality control. Cancel or re-route first.",
                extra={"sku_id": row["sku_id"], "counted": counted, "claimed": floor},
            )
        if row["sku_id"] not in told:
            sums[row["sku_id"], location_id] = [counted - row["on_hand"], 0, 0]
    more = {key for key, (delta, *_) in sums.items() if delta > 0}
    await add_stock(tx, sums, kind="counted", reason="count", reference=reference, actor=actor, now=now)
    await tell_received(tx, more, arrived=True, actor=actor, now=now)
    return len(sums)


async def expect(tx: Tx, *, reference: str, location_id: int, units: Mapping[int, int], expected_at: datetime) -> None:
    """Dated supply on its way, `units` by sku_id. The same reference again corrects quantity and date until it
    arrives.
    """
    keys = sorted(units)
    await tx.execute(
        SQL.add_incoming,
        [new_id() for _ in keys],
        [reference] * len(keys),
        keys,
        [location_id] * len(keys),
        [units[key] for key in keys],
        [expected_at] * len(keys),
    )


async def expected(tx: Tx, sku_ids: Iterable[int]) -> dict[int, datetime]:
    """When the next supply of each SKU is expected; those without any are left out."""
    rows = await tx.fetch(SQL.expected, list(set(sku_ids)))
    return {row["sku_id"]: row["expected_at"] for row in rows}
