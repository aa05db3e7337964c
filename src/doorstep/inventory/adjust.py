"""Adjust: the book is wrong, or units are in another state: damaged, in quality control, good again, gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, get_args

import msgspec

from doorstep.db import Tx
from doorstep.inventory.claim import SQL, Key
from doorstep.inventory.model import Reason, State
from doorstep.inventory.move import add_stock, tell_received
from doorstep.inventory.room import Change, Claimants, Shelf, plan_under_lock
from doorstep.kit.errors import BodyDiffers, Conflict


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU at a location that are in another state than the book says, and why."""

    sku_id: int
    location_id: int
    quantity: int
    source: State
    target: State
    reason: Reason
    note: str = ""

    @property
    def change(self) -> Change:
        """What it adds to the counters."""
        units = {state: self.quantity * ((self.target == state) - (self.source == state)) for state in get_args(State)}
        return Change(
            sku_id=self.sku_id,
            location_id=self.location_id,
            on_hand=-units["nowhere"],
            damaged=units["damaged"],
            quality_control=units["quality_control"],
        )

    @property
    def why(self) -> str:
        """As the movement keeps it."""
        return f"{self.reason}: {self.note}" if self.note else self.reason


async def book_adjustments(
    tx: Tx, *, reference: str, lines: Sequence[Adjustment], claimants: Claimants, actor: str, now: datetime
) -> int:
    """Book a note of adjustments, one a (SKU, location), once; how many were new.

    Claims that have nothing behind them any more give way. Raises BodyDiffers when the note said something else before,
    Conflict like `adjust`: then nothing is changed.
    """
    wanted = {line.change.key: line for line in lines}
    new: dict[Key, Adjustment] = {}

    async def plan(found: Mapping[Key, Shelf]) -> dict[Key, Change]:
        told = await _told_before(tx, reference, wanted)
        new.clear()
        new.update({key: line for key, line in wanted.items() if key not in told})
        return {key: line.change for key, line in new.items()}

    await plan_under_lock(tx, keys=sorted(wanted), plan=plan, claimants=claimants, actor=actor, now=now)
    for why in sorted({line.why for line in new.values()}):
        sums = {
            key: [line.change.on_hand, line.change.damaged, line.change.quality_control]
            for key, line in new.items()
            if line.why == why
        }
        await add_stock(tx, sums, kind="adjusted", reason=why, reference=reference, actor=actor, now=now)
    more = {key for key, line in new.items() if line.change.sellable > 0}
    await tell_received(tx, more, arrived=True, actor=actor, now=now)
    return len(new)


async def _told_before(tx: Tx, reference: str, wanted: Mapping[Key, Adjustment]) -> set[Key]:
    """Which of these keys the note named before. Raises BodyDiffers when it said something else of one."""
    keys = sorted(wanted)
    rows = await tx.fetch(
        SQL.adjusted_before, reference, [key[0] for key in keys], [key[1] for key in keys], "adjusted"
    )
    for row in rows:
        line = wanted[row["sku_id"], row["location_id"]]
        said = (row["on_hand_delta"], row["damaged_delta"], row["quality_control_delta"], row["reason"])
        if said != (line.change.on_hand, line.change.damaged, line.change.quality_control, line.why):
            raise BodyDiffers(
                f"The note {reference!r} said something else of {row['sku']} before. Another adjustment needs a "
                "reference of its own.",
                extra={"sku": row["sku"]},
            )
    return {(row["sku_id"], row["location_id"]) for row in rows}


async def adjust(
    tx: Tx,
    *,
    changes: Sequence[Change],
    kind: Literal["adjusted", "transferred"] = "adjusted",
    reason: str,
    reference: str,
    claimants: Claimants,
    actor: str,
    now: datetime,
) -> None:
    """Change counters, one movement each, all of them or none; orders that wait are told of what may be sold now.

    One change a (SKU, location). `reference` must be new for each call. Claims that have nothing behind them any more
    give way, but not to a transfer. Raises Conflict when work that has begun is in the way, or when more would be
    damaged or in quality control than there is.
    """
    wanted = {change.key: change for change in changes}

    async def plan(found: Mapping[Key, Shelf]) -> dict[Key, Change]:
        if kind == "transferred":
            require_free(found, wanted)
        return wanted

    await plan_under_lock(tx, keys=sorted(wanted), plan=plan, claimants=claimants, actor=actor, now=now)
    sums = {change.key: [change.on_hand, change.damaged, change.quality_control] for change in changes}
    await add_stock(tx, sums, kind=kind, reason=reason, reference=reference, actor=actor, now=now)
    more = {change.key for change in changes if change.sellable > 0}
    await tell_received(tx, more, arrived=True, actor=actor, now=now)


def require_free(found: Mapping[Key, Shelf], changes: Mapping[Key, Change]) -> None:
    """Raises Conflict when a change would send away what is claimed, damaged or in quality control."""
    for key, change in changes.items():
        if change.on_hand < 0 and found[key].free + change.on_hand < 0:
            raise Conflict(
                f"Only {max(0, found[key].free)} are good and free: nothing that is claimed is sent away.",
                extra={"sku_id": key[0], "location_id": key[1]},
            )
