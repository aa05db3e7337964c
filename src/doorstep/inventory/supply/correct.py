"""Deliveries that change: another date or quantity, gone, or there. The claims on them follow, and their orders."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import jobs, journal
from doorstep.db import Tx
from doorstep.inventory.supply.books import SQL, lock_supply
from doorstep.inventory.supply.model import LATE_AFTER, SupplyMoved
from doorstep.inventory.supply.turn import resettle

LATER = "supply_late"
EARLIER = "supply_early"
GONE = "supply_gone"
LESS = "supply_less"
OVERDUE = "supply_overdue"
WATCH = "inventory.watch_supply"
"""The job that looks whether a delivery has come."""


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries whose date is about to change: to later, and to earlier."""

    later: Sequence[UUID]
    earlier: Sequence[UUID]


async def before_correction(
    tx: Tx, reference: str, location_id: int, units: Mapping[int, int], expected_at: datetime, *, now: datetime
) -> Corrected:
    """Lock the supply of these products, and move on who has no place any more on a delivery that brings less. `units`
    are all that was ever expected of it, what has arrived too.
    """
    await lock_supply(tx, units, make=list(units))
    rows = await tx.fetch(SQL.by_reference, reference, location_id, sorted(units))
    open_ = [row for row in rows if not row["ended"]]
    left = {row["incoming_id"]: max(0, units[row["sku_id"]] - row["arrived"]) for row in open_}
    coming = {
        row["incoming_id"]: left[row["incoming_id"]] for row in open_ if left[row["incoming_id"]] < row["promised"]
    }
    if coming:
        await resettle(tx, units, lost=LESS, coming=coming, now=now)
    return Corrected(
        later=[row["incoming_id"] for row in open_ if row["expected_at"] < expected_at],
        earlier=[row["incoming_id"] for row in open_ if row["expected_at"] > expected_at],
    )


async def after_correction(
    tx: Tx, reference: str, location_id: int, sku_ids: Iterable[int], corrected: Corrected, *, now: datetime
) -> None:
    """Let the claims follow: those on the deliveries that moved have news, and whoever may moves up. Of what is all
    here now, nobody need look any more.
    """
    skus = sorted(sku_ids)
    told = 0
    for moved, cause in ((corrected.later, LATER), (corrected.earlier, EARLIER)):
        done = await tx.execute(SQL.redate, list(moved), cause) if moved else "UPDATE 0"
        told += done != "UPDATE 0"
    if told:
        await journal.append(tx, [(None, SupplyMoved(sku_ids=skus))], actor="doorstep", now=now)
    await resettle(tx, skus, lost=LESS, now=now)
    await _watch(tx, reference, location_id, skus, corrected, now)


async def supply_gone(tx: Tx, sku_ids: Iterable[int], incoming_ids: Collection[UUID], *, now: datetime) -> None:
    """What is left of these deliveries of these products will not come: who waits for it moves on to the next, or waits
    undated. Call it before they end, with their supply locked.
    """
    await resettle(tx, sku_ids, lost=GONE, coming=dict.fromkeys(incoming_ids, 0), now=now)
    await supply_came(tx, incoming_ids, now=now)


async def supply_came(tx: Tx, incoming_ids: Collection[UUID], *, now: datetime) -> None:
    """Nobody need look for these deliveries any more."""
    await jobs.drop(tx, WATCH, incoming_ids)
    for incoming_id in incoming_ids:
        await jobs.resolve_exception(
            tx, kind=OVERDUE, subject=incoming_id, by="rule", resolution="it is settled", now=now
        )


async def _watch(
    tx: Tx, reference: str, location_id: int, sku_ids: Sequence[int], corrected: Corrected, now: datetime
) -> None:
    """Have somebody look for each delivery of a note a while after its date."""
    rows = await tx.fetch(SQL.by_reference, reference, location_id, list(sku_ids))
    due = {row["incoming_id"]: row["expected_at"] + LATE_AFTER for row in rows if not row["ended"]}
    await supply_came(tx, [row["incoming_id"] for row in rows if row["ended"]], now=now)
    if not due:
        return
    due_at = next(iter(due.values()))
    await jobs.enqueue(tx, WATCH, list(due), due_at=due_at)
    await jobs.move(tx, WATCH, due)
    for incoming_id in (*corrected.later, *corrected.earlier):
        await jobs.reawaken(tx, WATCH, incoming_id, due_at=due_at)
        await jobs.resolve_exception(
            tx, kind=OVERDUE, subject=incoming_id, by="rule", resolution="it has another date", now=now
        )


async def watch_supply(work: jobs.Work) -> None:
    """A delivery that order lines wait for is overdue: a person is asked. When nobody waits, it is nobody's trouble."""
    incoming_id = work.job.subject

    async def act(tx: Tx) -> None:
        row = await tx.fetchrow(SQL.overdue, incoming_id, LATE_AFTER)
        if row is not None:
            await jobs.open_exception(
                tx,
                kind=OVERDUE,
                subject=incoming_id,
                order_id=None,
                owner="operations",
                next_action="Ask the supplier, then correct the date: every order that waits for it follows",
                detail={field: row[field] for field in ("reference", "sku", "location", "quantity", "promised")},
                now=row["now"],
            )
        await work.finish(tx)

    await work.brand.run(act)
