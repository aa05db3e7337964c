"""Dated supply: goods on their way, with a date that may slip, until they are here or called off.

`receive` books what arrives of it, in one part or several, less or more than was expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from doorstep import journal
from doorstep.db import Tx
from doorstep.inventory.claim import SQL
from doorstep.inventory.model import SupplyChanged
from doorstep.kit.errors import Conflict, NotFound
from doorstep.kit.ids import new_id, show

PREFIX = "inc"
TRANSFER = "transfer:"  # how the references of supply begin that comes by a transfer


async def expect(
    tx: Tx,
    *,
    reference: str,
    location_id: int,
    units: Mapping[int, int],
    expected_at: datetime,
    actor: str,
    now: datetime,
) -> int:
    """Dated supply on its way, `units` by sku_id; how many SKUs are new or changed.

    The same reference again corrects quantity and date while it is open; what has ended stays as it was.
    """
    keys = sorted(units)
    rows = await tx.fetch(
        SQL.add_incoming,
        [new_id() for _ in keys],
        [reference] * len(keys),
        keys,
        [location_id] * len(keys),
        [units[key] for key in keys],
        [expected_at] * len(keys),
        now,
    )
    await tell_supply(tx, [(row["sku_id"], location_id) for row in rows], actor=actor, now=now)
    return len(rows)


async def change_supply(
    tx: Tx, *, incoming_id: UUID, quantity: int, expected_at: datetime, actor: str, now: datetime
) -> None:
    """Another date or quantity; with no more than has arrived, it is all here. Raises NotFound, or Conflict when it has
    ended.
    """
    row = await tx.fetchrow(SQL.change_incoming, incoming_id, quantity, expected_at, now)
    if row is None:
        raise await _ended(tx, incoming_id)
    await tell_supply(tx, [(row["sku_id"], row["location_id"])], actor=actor, now=now)


async def cancel_supply(tx: Tx, *, incoming_id: UUID, actor: str, now: datetime) -> None:
    """The rest does not come. Canceled before, nothing happens. Raises NotFound, or Conflict when all is here."""
    row = await tx.fetchrow(SQL.cancel_incoming, incoming_id, now)
    if row is not None:
        await tell_supply(tx, [(row["sku_id"], row["location_id"])], actor=actor, now=now)
        return
    found = await tx.fetchrow(SQL.read_incoming, incoming_id)
    if found is None or found["canceled_at"] is None:
        raise await _ended(tx, incoming_id)


async def expected(tx: Tx, sku_ids: Iterable[int]) -> dict[int, datetime]:
    """When the next supply of each SKU is expected; those without any are left out."""
    rows = await tx.fetch(SQL.expected, list(set(sku_ids)))
    return {row["sku_id"]: row["expected_at"] for row in rows}


async def tell_supply(tx: Tx, keys: Iterable[tuple[int, int]], *, actor: str, now: datetime) -> None:
    """Tell that what is expected at these (sku_id, location_id) is another now, one event a location."""
    by_location: dict[int, list[int]] = {}
    for sku_id, location_id in sorted(set(keys)):
        by_location.setdefault(location_id, []).append(sku_id)
    events = [(None, SupplyChanged(location_id=place, sku_ids=skus)) for place, skus in by_location.items()]
    await journal.append(tx, events, actor=actor, now=now)


async def _ended(tx: Tx, incoming_id: UUID) -> NotFound | Conflict:
    row = await tx.fetchrow(SQL.read_incoming, incoming_id)
    if row is None:
        return NotFound(f"There is no supply {show(PREFIX, incoming_id)}.")
    if row["received_at"] or row["canceled_at"]:
        return Conflict("It is here already." if row["received_at"] else "It was called off.")
    return Conflict("It comes by a transfer: only its date can be changed here.")
