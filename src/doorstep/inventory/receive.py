"""Goods arrive, or are counted. Each note has a reference; the same note twice counts once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from doorstep.db import Tx
from doorstep.inventory.claim import SQL, Key
from doorstep.inventory.move import add_stock, tell_received
from doorstep.inventory.room import Change, Claimants, Shelf, plan_under_lock
from doorstep.inventory.supply.incoming import arrive
from doorstep.kit.errors import BodyDiffers, Conflict, Fault, Invalid


async def receive(
    tx: Tx,
    *,
    reference: str,
    location_id: int,
    units: Mapping[int, int],
    expected: str | None = None,
    last: bool = False,
    actor: str,
    now: datetime,
) -> int:
    """Book arrived goods, `units` by sku_id, as part of what was `expected` under that reference, or else under the
    note's own. Returns how many SKUs were new.

    `last`: no more of it will come. One event tells of the whole note; orders that wait are served by reaction. Raises
    BodyDiffers when the note said another quantity before: then nothing is changed.
    """
    sums = {(sku_id, location_id): [quantity, 0, 0] for sku_id, quantity in units.items()}
    added = await add_stock(
        tx, sums, kind="received", reason="goods receipt", reference=reference, actor=actor, now=now
    )
    sku_ids = [sku_id for sku_id, _ in added]
    if len(added) < len(units):
        said = {(sku_id, location_id): quantity for sku_id, quantity in units.items()}
        await _told_before(tx, "received", reference, said, said.keys() - set(added))
    if added:
        await arrive(
            tx,
            reference=expected or reference,
            location_id=location_id,
            units={sku_id: units[sku_id] for sku_id in sku_ids},
            last=last,
            actor=actor,
            now=now,
        )
    return len(added)


async def count(
    tx: Tx,
    *,
    reference: str,
    counted: Mapping[Key, int],
    counted_at: datetime | None = None,
    claimants: Claimants,
    actor: str,
    now: datetime,
) -> int:
    """Set on_hand to what was counted, by (sku_id, location_id), by a movement of the difference. Returns how many
    were new.

    `counted_at` is when, on the brand's clock: what came and went since (movements that occurred later) is added to
    what was counted, and the movement occurs then. None is this moment. Claims that have nothing behind them give way.
    Raises Conflict when work that has begun is in the way, when a later count is booked already, or when more left
    since than was there; Invalid for a time to come; BodyDiffers when the note said another count before. Then nothing
    is changed.
    """
    if counted_at is not None and counted_at > now:
        raise Invalid([Fault("/counted_at", "Nobody has counted yet at a time to come.")])
    keys = sorted(counted)
    told: set[Key] = set()
    at = counted_at or now

    async def plan(found: Mapping[Key, Shelf]) -> dict[Key, Change]:
        nonlocal told, at
        told = await _told_before(tx, "counted", reference, counted, keys)
        new = [key for key in keys if key not in told]
        since, latest = await _since(tx, new, counted_at, now)
        at = counted_at or latest
        return {
            key: Change(
                sku_id=key[0], location_id=key[1], on_hand=counted[key] + since.get(key, 0) - found[key].on_hand
            )
            for key in new
        }

    changes = await plan_under_lock(tx, keys=keys, plan=plan, claimants=claimants, actor=actor, now=now)
    sums = {key: [change.on_hand, 0, 0] for key, change in changes.items()}
    await add_stock(tx, sums, kind="counted", reason="count", reference=reference, actor=actor, now=at)
    more = {key for key, change in changes.items() if change.on_hand > 0}
    await tell_received(tx, more, arrived=True, actor=actor, now=now)
    return len(changes)


async def _since(
    tx: Tx, keys: Sequence[Key], counted_at: datetime | None, now: datetime
) -> tuple[dict[Key, int], datetime]:
    """What came (or, below nothing, left) since the count, by key; and the time of the newest movement, or now.

    Nothing has come since a count of this moment: it is later than all that was booked. Raises Conflict when a key was
    counted later.
    """
    rows = await tx.fetch(SQL.since, [key[0] for key in keys], [key[1] for key in keys], counted_at or now)
    latest = max([now, *(row["latest"] for row in rows)])
    if counted_at is None:
        return {}, latest
    for row in rows:
        if row["counted_later"]:
            raise Conflict(
                f"It was counted again at {row['counted_later'].isoformat()}, after this count; the later one holds.",
                extra={"sku_id": row["sku_id"], "location_id": row["location_id"]},
            )
    return {(row["sku_id"], row["location_id"]): row["on_hand"] for row in rows}, latest


async def since_count(tx: Tx, keys: Sequence[Key], counted_at: datetime) -> dict[Key, int]:
    """What came (or, below nothing, left) since a time, by (sku_id, location_id); unlocked, a guess."""
    rows = await tx.fetch(SQL.since, [key[0] for key in keys], [key[1] for key in keys], counted_at)
    return {(row["sku_id"], row["location_id"]): row["on_hand"] for row in rows}


async def _told_before(tx: Tx, kind: str, reference: str, units: Mapping[Key, int], keys: Collection[Key]) -> set[Key]:
    """Which of these keys the note named before. Raises BodyDiffers when it said something else of one. Call it with
    their stock locked.
    """
    rows = await tx.fetch(SQL.told_before, kind, reference, [key[0] for key in keys], [key[1] for key in keys])
    for row in rows:
        said = units[row["sku_id"], row["location_id"]]
        if row["quantity"] != said:
            raise BodyDiffers(
                f"The note {reference!r} said {row['quantity']} of {row['sku']} before, and now says {said}. "
                "Another delivery or count needs a reference of its own.",
                extra={"field": "quantity", "sku": row["sku"], "was": row["quantity"], "now": said},
            )
    return {(row["sku_id"], row["location_id"]) for row in rows}
