"""Transfers: goods leave one location, are in transit, and arrive at another; more, less or broken, it is written down.

planned → in_transit → closed, or planned → canceled. What is in transit is on nobody's shelf: it cannot be sold, and is
expected, dated, where it goes. A transfer's row is locked before any stock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from doorstep.db import Tx, statements
from doorstep.inventory.adjust import require_free
from doorstep.inventory.claim import SQL as STOCK
from doorstep.inventory.claim import Key, lock_stock
from doorstep.inventory.move import add_stock, tell_received
from doorstep.inventory.room import Change, shelves
from doorstep.inventory.supply.incoming import TRANSFER, arrive, end_supply, expect
from doorstep.kit.errors import BodyDiffers, Conflict, Fault, Invalid, NotFound
from doorstep.kit.ids import new_id, show

SQL = statements(__package__)
PREFIX: Final = "trf"
TransferState = Literal["planned", "in_transit", "closed", "canceled"]
TransferDoor = Literal["ship", "close", "cancel"]
DOORS: Final[Mapping[TransferDoor, tuple[TransferState, TransferState]]] = {
    "ship": ("planned", "in_transit"),
    "close": ("in_transit", "closed"),
    "cancel": ("planned", "canceled"),
}


class TransferLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU: to be sent, sent, and what became of them. See `transfer_lines`."""

    sku_id: int
    sku: str
    title: str
    quantity: int
    shipped: int
    received: int
    damaged: int
    surplus: int
    found: int
    missing: int

    @property
    def in_transit(self) -> int:
        """Sent, and not accounted for."""
        return self.shipped + self.surplus - self.received - self.damaged - self.found - self.missing


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer with its lines, by SKU."""

    transfer_id: UUID
    reference: str
    from_location_id: int
    to_location_id: int
    state: TransferState
    expected_at: datetime
    opened_by: str
    opened_at: datetime
    shipped_at: datetime | None
    ended_at: datetime | None
    why: str
    lines: Sequence[TransferLine]

    @property
    def supply(self) -> str:
        """The reference under which its goods are expected, and with which those of its movements begin."""
        return f"{TRANSFER}{self.transfer_id.hex}"


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU that arrived, good and damaged."""

    sku_id: int
    good: int
    damaged: int = 0


async def read_transfers(tx: Tx, transfer_ids: Collection[UUID]) -> dict[UUID, Transfer]:
    """Transfers by id; unknown ones are left out."""
    lines: dict[UUID, list[TransferLine]] = {}
    for row in await tx.fetch(SQL.transfer_lines, list(transfer_ids)):
        line = TransferLine(**{name: row[name] for name in TransferLine.__struct_fields__})
        lines.setdefault(row["transfer_id"], []).append(line)
    rows = await tx.fetch(SQL.read_transfers, list(transfer_ids))
    return {row["transfer_id"]: Transfer(**dict(row), lines=lines.get(row["transfer_id"], [])) for row in rows}


async def read_transfer(tx: Tx, transfer_id: UUID) -> Transfer:
    """One transfer. Raises NotFound."""
    found = (await read_transfers(tx, [transfer_id])).get(transfer_id)
    if found is None:
        raise NotFound(f"There is no transfer {show(PREFIX, transfer_id)}.")
    return found


async def transfers(tx: Tx, *, after: UUID, at: Sequence[int] | None, ended: bool, limit: int) -> list[Transfer]:
    """Transfers before `after`, newest first, with an end at one of these location_ids (None: anywhere); with `ended`,
    those too that are over.
    """
    keys = [row["transfer_id"] for row in await tx.fetch(SQL.list_transfers, after, at, ended, limit)]
    found = await read_transfers(tx, keys)
    return [found[key] for key in keys]


async def transfer_named(tx: Tx, reference: str) -> Transfer:
    """The transfer with this reference. Raises NotFound."""
    key = await tx.fetchval(SQL.transfer_named, reference)
    if key is None:
        raise NotFound("There is no such transfer.")
    return await read_transfer(tx, key)


async def open_transfer(
    tx: Tx,
    *,
    reference: str,
    source: int,
    target: int,
    units: Mapping[int, int],
    expected_at: datetime,
    actor: str,
    now: datetime,
) -> Transfer:
    """Plan to send `units`, by sku_id, from one location_id to another; nothing moves yet, and nothing is kept for it.

    The same reference again is the same transfer. Raises BodyDiffers when it was another before, Invalid when it leads
    to where it begins.
    """
    if source == target:
        raise Invalid([Fault("/to", "A transfer goes to another location.")])
    transfer_id = await tx.fetchval(SQL.open_transfer, new_id(), reference, source, target, expected_at, actor, now)
    if transfer_id is not None:
        await tx.execute(SQL.add_transfer_lines, transfer_id, list(units), list(units.values()))
        return await read_transfer(tx, transfer_id)
    found = await transfer_named(tx, reference)
    planned = {line.sku_id: line.quantity for line in found.lines}
    said = (found.from_location_id, found.to_location_id, planned, found.expected_at)
    if said != (source, target, dict(units), expected_at):
        raise BodyDiffers(f"The transfer {reference!r} was another before. Another needs a reference of its own.")
    return found


async def ship_transfer(
    tx: Tx, *, transfer_id: UUID, units: Mapping[int, int] | None, actor: str, now: datetime
) -> Transfer:
    """It leaves: all of it, or these units by sku_id. Off the shelf here, and expected there. Again changes nothing.

    Raises NotFound; Invalid for units that are not on it; Conflict when it was canceled, left with other units, or when
    nothing that is claimed by nobody is there.
    """
    found = await _locked(tx, transfer_id)
    sent = {line.sku_id: line.quantity for line in found.lines} if units is None else dict(units)
    if found.state in ("in_transit", "closed"):
        if units is not None and any(line.shipped != sent.get(line.sku_id, 0) for line in found.lines):
            raise Conflict("It left before, with other units.")
        return found
    _on_it(found, sent)
    over = [line.sku for line in found.lines if sent.get(line.sku_id, 0) > line.quantity]
    if over:
        raise Conflict(f"More of {', '.join(over[:5])} than it was planned with. Open another transfer for the rest.")
    sent = {sku_id: count for sku_id, count in sorted(sent.items()) if count}
    if not sent:
        raise Conflict("Nothing would leave: cancel it instead.")
    keys = [(sku_id, found.from_location_id) for sku_id in sent]
    await _through(tx, found, "ship", now)
    await tx.execute(SQL.ship_transfer_lines, transfer_id, list(sent), list(sent.values()))
    await tx.execute(STOCK.make_stock_rows, *_columns(keys))
    await lock_stock(tx, keys=keys)
    changes = {key: Change(sku_id=key[0], location_id=key[1], on_hand=-sent[key[0]]) for key in keys}
    require_free(await shelves(tx, keys), changes)
    await _book(tx, found, found.supply, "sent to another location", changes, actor, now)
    await expect(
        tx,
        reference=found.supply,
        location_id=found.to_location_id,
        units=sent,
        expected_at=found.expected_at,
        actor=actor,
        now=now,
    )
    return await read_transfer(tx, transfer_id)


async def receive_transfer(
    tx: Tx, *, transfer_id: UUID, reference: str, arrived: Sequence[Arrived], note: str, actor: str, now: datetime
) -> Transfer:
    """A part of it is here, one entry a SKU, once for each `reference`. With the last of it the transfer is closed.

    More than was sent is booked as surplus. Raises NotFound; Invalid for a SKU that is not on it; BodyDiffers when the
    reference said something else before; Conflict when it has not left or is closed.
    """
    found = await _locked(tx, transfer_id)
    _on_it(found, {one.sku_id: one.good + one.damaged for one in arrived})
    name, target = f"{found.supply}:{reference}", found.to_location_id
    wanted = {
        (one.sku_id, target): Change(
            sku_id=one.sku_id, location_id=target, on_hand=one.good + one.damaged, damaged=one.damaged
        )
        for one in arrived
        if one.good + one.damaged
    }
    told = await _told_before(tx, name, wanted)
    new = [one for one in arrived if (one.sku_id, target) in wanted.keys() - told]
    if not new:
        return found
    if found.state != "in_transit":
        raise Conflict(f"It is {found.state.replace('_', ' ')}: nothing of it can arrive.")
    why = f"came from another location: {note}" if note else "came from another location"
    changes = {key: change for key, change in wanted.items() if key not in told}
    await _book(tx, found, name, why, changes, actor, now)
    columns = [one.sku_id for one in new], [one.good for one in new], [one.damaged for one in new]
    await tx.execute(SQL.receive_transfer_lines, transfer_id, *columns)
    units = {one.sku_id: one.good + one.damaged for one in new}
    await arrive(tx, reference=found.supply, location_id=target, units=units, last=False, actor=actor, now=now)
    after = await read_transfer(tx, transfer_id)
    if not any(line.in_transit for line in after.lines):
        await _through(tx, after, "close", now)
    return await read_transfer(tx, transfer_id)


async def close_transfer(
    tx: Tx, *, transfer_id: UUID, found_units: Mapping[int, int], why: str, actor: str, now: datetime
) -> Transfer:
    """Nothing more arrives. Of what is missing, `found_units`, by sku_id, never left after all and are back in the book
    where it began; the rest is written off, for `why`. Closed before, nothing happens.

    Raises NotFound, Invalid (a SKU not on it, or no reason for what is written off) or Conflict.
    """
    found = await _locked(tx, transfer_id)
    if found.state == "closed":
        return found
    _on_it(found, found_units)
    over = [line.sku for line in found.lines if found_units.get(line.sku_id, 0) > line.in_transit]
    if over:
        raise Conflict(f"No more of {', '.join(over[:5])} can be found than is missing.")
    missing = sum(line.in_transit for line in found.lines) - sum(found_units.values())
    if missing and not why:
        raise Invalid([Fault("/why", "Say why units are written off.")])
    await _through(tx, found, "close", now, why)
    skus = [line.sku_id for line in found.lines]
    back = {sku_id: units for sku_id, units in sorted(found_units.items()) if units}
    changes = {
        (sku_id, found.from_location_id): Change(sku_id=sku_id, location_id=found.from_location_id, on_hand=units)
        for sku_id, units in back.items()
    }
    await _book(tx, found, f"{found.supply}:found", "never left", changes, actor, now)
    await tx.execute(SQL.close_transfer_lines, transfer_id, skus, [found_units.get(sku_id, 0) for sku_id in skus])
    await end_supply(tx, reference=found.supply, sku_ids=skus, actor=actor, now=now)
    await tell_received(tx, changes, arrived=True, actor=actor, now=now)
    return await read_transfer(tx, transfer_id)


async def cancel_transfer(tx: Tx, *, transfer_id: UUID, now: datetime) -> Transfer:
    """It will not be sent. Canceled before, nothing happens. Raises NotFound, or Conflict when it has left."""
    found = await _locked(tx, transfer_id)
    if found.state != "canceled":
        await _through(tx, found, "cancel", now)
    return await read_transfer(tx, transfer_id)


async def _locked(tx: Tx, transfer_id: UUID) -> Transfer:
    await tx.execute(SQL.lock_transfer, transfer_id)
    return await read_transfer(tx, transfer_id)


async def _through(tx: Tx, found: Transfer, door: TransferDoor, now: datetime, why: str = "") -> None:
    source, target = DOORS[door]
    if await tx.execute(SQL.move_transfer, found.transfer_id, source, target, now, why) != "UPDATE 1":
        raise Conflict(f"It is {found.state.replace('_', ' ')}, not {source.replace('_', ' ')}.")


def _on_it(found: Transfer, units: Mapping[int, int]) -> None:
    strange = units.keys() - {line.sku_id for line in found.lines}
    if strange:
        raise Invalid([Fault("/lines", f"{len(strange)} of these SKUs are not on this transfer.")])


async def _told_before(tx: Tx, name: str, wanted: Mapping[Key, Change]) -> set[Key]:
    keys = sorted(wanted)
    rows = await tx.fetch(STOCK.adjusted_before, name, *_columns(keys), "transferred")
    for row in rows:
        change = wanted[row["sku_id"], row["location_id"]]
        if (row["on_hand_delta"], row["damaged_delta"]) != (change.on_hand, change.damaged):
            raise BodyDiffers(f"This reference said something else of {row['sku']} before.", extra={"sku": row["sku"]})
    return {(row["sku_id"], row["location_id"]) for row in rows}


async def _book(
    tx: Tx, found: Transfer, name: str, why: str, changes: Mapping[Key, Change], actor: str, now: datetime
) -> None:
    sums = {key: [change.on_hand, change.damaged, change.quality_control] for key, change in changes.items()}
    await add_stock(tx, sums, kind="transferred", reason=why, reference=name, actor=actor, now=now)


def _columns(keys: Sequence[Key]) -> tuple[list[int], list[int]]:
    return [key[0] for key in keys], [key[1] for key in keys]
