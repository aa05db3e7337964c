"""Dated supply: goods on their way, with a date that may slip, until they are here or called off.

They arrive in one part or several, less or more than was expected. Order lines may wait for them: claims leave a
delivery before it brings less (`incoming_not_overpromised`), and their orders follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from doorstep import journal
from doorstep.db import Tx
from doorstep.inventory.model import SupplyChanged
from doorstep.inventory.move import tell_received
from doorstep.inventory.supply.books import SQL, lock_supply
from doorstep.inventory.supply.correct import after_correction, before_correction, supply_came, supply_gone
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

    The same reference again corrects quantity and date while it is open; what has ended stays as it was. Who waits for
    it, or for any, moves with it.
    """
    keys = sorted(units)
    corrected = await before_correction(tx, reference, location_id, units, expected_at, now=now)
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
    await after_correction(tx, reference, location_id, keys, corrected, now=now)
    await tell_supply(tx, [(row["sku_id"], location_id) for row in rows], actor=actor, now=now)
    return len(rows)


async def arrive(
    tx: Tx, *, reference: str, location_id: int, units: Mapping[int, int], last: bool, actor: str, now: datetime
) -> None:
    """Units by sku_id came in and are in stock, whose rows are locked: so many fewer are expected under the reference,
    and none if they were the `last`. Who waits is served, first those to whom these units were promised.
    """
    await lock_supply(tx, units)
    rows = await tx.fetch(SQL.arriving, reference, location_id, sorted(units))
    still = {
        row["incoming_id"]: 0
        if last or row["received_at"] is not None
        else max(0, row["quantity"] - row["arrived"] - units[row["sku_id"]])
        for row in rows
    }
    keys = [(sku_id, location_id) for sku_id in units]
    await tell_received(tx, keys, arrived=True, deliveries=still, actor=actor, now=now)
    if rows:
        came = [units[row["sku_id"]] for row in rows]
        await tx.execute(SQL.arrive, list(still), came, last, now)
        await supply_came(tx, [incoming_id for incoming_id, left in still.items() if not left], now=now)


async def change_supply(
    tx: Tx, *, incoming_id: UUID, quantity: int, expected_at: datetime, actor: str, now: datetime
) -> None:
    """Another date or quantity; with no more than has arrived, it is all here. Who waits for it moves with it. Raises
    NotFound, or Conflict when it has ended.
    """
    row = await _open(tx, incoming_id)
    if row["reference"].startswith(TRANSFER) and row["quantity"] != quantity:
        raise Conflict("It comes by a transfer: only its date can be changed here.")
    if (row["quantity"], row["expected_at"]) == (quantity, expected_at):
        return
    reference, sku_id, location_id = row["reference"], row["sku_id"], row["location_id"]
    corrected = await before_correction(tx, reference, location_id, {sku_id: quantity}, expected_at, now=now)
    await tx.execute(SQL.change_incoming, incoming_id, quantity, expected_at, now)
    await after_correction(tx, reference, location_id, [sku_id], corrected, now=now)
    await tell_supply(tx, [(sku_id, location_id)], actor=actor, now=now)


async def cancel_supply(tx: Tx, *, incoming_id: UUID, actor: str, now: datetime) -> None:
    """The rest does not come: who waits for it moves on to the next supply, or waits undated. Canceled before, nothing
    happens. Raises NotFound, or Conflict when all is here.
    """
    row = await _locked(tx, incoming_id)
    if row["canceled_at"] is not None:
        return
    if row["received_at"] is not None:
        raise Conflict("It is here already.")
    if row["reference"].startswith(TRANSFER):
        raise Conflict("It comes by a transfer: only its date can be changed here.")
    await supply_gone(tx, [row["sku_id"]], [incoming_id], now=now)
    await tx.execute(SQL.cancel_incoming, incoming_id, now)
    await tell_supply(tx, [(row["sku_id"], row["location_id"])], actor=actor, now=now)


async def end_supply(tx: Tx, *, reference: str, sku_ids: Iterable[int], actor: str, now: datetime) -> None:
    """Nothing more comes under this reference, of these products. Who waits for it moves on, as when it is canceled."""
    skus = sorted(sku_ids)
    await lock_supply(tx, skus, make=skus)
    rows = await tx.fetch(SQL.still_expected, reference)
    if rows:
        ids = [row["incoming_id"] for row in rows]
        await supply_gone(tx, [row["sku_id"] for row in rows], ids, now=now)
        await tx.execute(SQL.end_incoming, ids, now)
    await tell_supply(tx, [(row["sku_id"], row["location_id"]) for row in rows], actor=actor, now=now)


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


async def _open(tx: Tx, incoming_id: UUID) -> Any:
    """It, locked. Raises NotFound, or Conflict when it has ended."""
    row = await _locked(tx, incoming_id)
    if row["received_at"] is not None:
        raise Conflict("It is here already.")
    if row["canceled_at"] is not None:
        raise Conflict("It was called off.")
    return row


async def _locked(tx: Tx, incoming_id: UUID) -> Any:
    """It, with the supply of its product locked. Raises NotFound."""
    row = await tx.fetchrow(SQL.read_incoming, incoming_id)
    if row is None:
        raise NotFound(f"There is no supply {show(PREFIX, incoming_id)}.")
    await lock_supply(tx, [row["sku_id"]], make=[row["sku_id"]])
    return await tx.fetchrow(SQL.read_incoming, incoming_id)
