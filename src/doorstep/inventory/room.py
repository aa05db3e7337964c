"""Room for a change: when less is left at a location than is claimed there, claims give way before the change is made.

Those that give way first: what has expired in carts, then what carts hold, the newest first, then the claims of orders
nobody works on yet. What is being worked on stays, and the change is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable

import msgspec

from doorstep.db import StartAgain, Tx
from doorstep.inventory.claim import SQL, Key, lock_stock
from doorstep.inventory.model import CartClaim, Displaced
from doorstep.inventory.soft import give_back_from_cart, reclaim
from doorstep.kit.errors import Conflict

CAUSE = "stock corrected"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is added to the counters of a SKU at a location, in units; less than nothing takes away."""

    sku_id: int
    location_id: int
    on_hand: int = 0
    damaged: int = 0
    quality_control: int = 0
    oversell_limit: int = 0

    @property
    def key(self) -> Key:
        """Whose counters they are."""
        return self.sku_id, self.location_id

    @property
    def sellable(self) -> int:
        """How many more, or fewer, may be sold by it."""
        return self.on_hand - self.damaged - self.quality_control + self.oversell_limit


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """The counters of a SKU at a location."""

    sku_id: int
    location_id: int
    on_hand: int = 0
    reserved: int = 0
    safety_stock: int = 0
    damaged: int = 0
    quality_control: int = 0
    oversell_limit: int = 0

    @property
    def uncovered(self) -> int:
        """What may still be claimed, safety stock included; below nothing: claims with nothing behind them."""
        return self.free + self.oversell_limit

    @property
    def free(self) -> int:
        """Good units that nobody has claimed."""
        return self.on_hand - self.damaged - self.quality_control - self.reserved


@runtime_checkable
class Claimants(Protocol):
    """Those who claim units, as stock sees them: orders are above it, and are locked before it.

    `moved` is who gave way; one for each transaction.
    """

    moved: list[Displaced]

    async def lock(self, tx: Tx, short: Mapping[Key, int]) -> None:
        """Lock the orders that would give so many units at these keys, and some more: others may come first."""

    async def give_way(self, tx: Tx, short: Mapping[Key, int], *, now: datetime) -> None:
        """Move so many claimed units away from these keys, whose SKUs' stock is locked everywhere; or nothing, when
        orders cannot give so many. Raises StartAgain when the orders that are needed are locked by others.
        """

    async def at_work(self, tx: Tx, keys: Collection[Key]) -> list[str]:
        """Numbers of the orders that are being worked on with units at these keys; of many, some."""


Plan = Callable[[Mapping[Key, Shelf]], Awaitable[dict[Key, Change]]]
"""What is to be changed, given the counters as they are. It is asked before the lock, for a guess, and under it."""


async def plan_under_lock(
    tx: Tx, *, keys: Collection[Key], plan: Plan, claimants: Claimants, actor: str, now: datetime
) -> dict[Key, Change]:
    """Lock stock rows, decide what to change, and make room for it; the changes are still to be written.

    Raises Conflict when a counter would fall below zero, or when work that has begun is in the way; StartAgain when
    others were faster.
    """
    guess = {key: Shelf(sku_id=key[0], location_id=key[1]) for key in keys} | await shelves(tx, keys)
    short = _short(guess, await plan(guess))
    if short:
        await claimants.lock(tx, short)
    # After the orders: making a row waits for whoever changes it.
    await tx.execute(SQL.make_stock_rows, *_columns(keys))
    if short:  # everywhere: what gives way may come from elsewhere
        await lock_stock(tx, sku_ids={sku_id for sku_id, _ in keys})
    else:
        await lock_stock(tx, keys=keys)
    found = await shelves(tx, keys)
    changes = await plan(found)
    for key, change in changes.items():
        _check(found[key], change)
    left = await _make_room(tx, _short(found, changes), claimants, everywhere=bool(short), actor=actor, now=now)
    if left:
        left = _short(await shelves(tx, keys), changes)
    if left:
        raise await _refused(tx, left, claimants)
    return changes


async def shelves(tx: Tx, keys: Collection[Key]) -> dict[Key, Shelf]:
    """The counters at these keys, where there are any; a guess unless they are locked."""
    rows = await tx.fetch(SQL.shelves, *_columns(keys))
    return {(row["sku_id"], row["location_id"]): Shelf(**dict(row)) for row in rows}


def _columns(keys: Collection[Key]) -> tuple[list[int], list[int]]:
    return [key[0] for key in keys], [key[1] for key in keys]


def _short(found: Mapping[Key, Shelf], changes: Mapping[Key, Change]) -> dict[Key, int]:
    """Claimed units that would have nothing behind them, by key. A change that takes nothing away moves no claim."""
    return {
        key: -left
        for key, change in changes.items()
        if change.sellable < 0 and (left := found[key].uncovered + change.sellable) < 0
    }


def _check(shelf: Shelf, change: Change) -> None:
    """Say in words what the constraints of the row would refuse, whoever gives way."""
    on_hand = shelf.on_hand + change.on_hand
    damaged, quality_control = shelf.damaged + change.damaged, shelf.quality_control + change.quality_control
    about = {"sku_id": shelf.sku_id, "location_id": shelf.location_id}
    if on_hand < 0:
        raise Conflict(f"Only {shelf.on_hand} are on hand.", extra=about)
    if damaged < 0 or quality_control < 0:
        raise Conflict(f"Only {shelf.damaged} are damaged and {shelf.quality_control} in quality control.", extra=about)
    if damaged + quality_control > on_hand:
        raise Conflict(
            f"{on_hand} would be on hand, but {damaged} damaged and {quality_control} in quality control. Sort these "
            "out first.",
            extra=about,
        )


async def _make_room(
    tx: Tx, short: Mapping[Key, int], claimants: Claimants, *, everywhere: bool, actor: str, now: datetime
) -> Mapping[Key, int]:
    """What orders were asked to give. `everywhere`: the stock of these SKUs is locked at all locations, and the orders
    before it.
    """
    left = _less(short, await reclaim(tx, keys=short, expired_by=now, now=now)) if short else {}
    if left:
        left = _less(left, await _empty_carts(tx, left, actor=actor, now=now))
    if left and not everywhere:
        raise StartAgain("Units were claimed at this very moment.")
    if left:
        await claimants.give_way(tx, left, now=now)
    return left


async def _refused(tx: Tx, left: Mapping[Key, int], claimants: Claimants) -> Conflict:
    (key, units), *_ = left.items()
    numbers = await claimants.at_work(tx, left)
    return Conflict(
        f"{units} {'unit' if units == 1 else 'units'} fewer would be left than orders need that are being worked on: "
        f"{', '.join(numbers)}. "
        "Take the work back, or say there that the units are missing.",
        extra={"sku_id": key[0], "location_id": key[1], "missing": units, "orders": numbers},
    )


def _less(wanted: Mapping[Key, int], freed: Mapping[Key, int]) -> dict[Key, int]:
    return {key: units - freed.get(key, 0) for key, units in wanted.items() if units > freed.get(key, 0)}


async def _empty_carts(tx: Tx, short: Mapping[Key, int], *, actor: str, now: datetime) -> dict[Key, int]:
    """Take units out of live carts, the newest first; how many, by key. Their shoppers see it when they look next."""
    freed: dict[Key, int] = dict.fromkeys(short, 0)
    taken: list[CartClaim] = []
    for row in await tx.fetch(SQL.in_carts_newest_first, *_columns(short)):
        key = row["sku_id"], row["location_id"]
        units = min(row["quantity"], short[key] - freed[key])
        if units:
            freed[key] += units
            taken.append(CartClaim(**{**dict(row), "quantity": units}))
    await give_back_from_cart(tx, claims=taken, reason=CAUSE, actor=actor, now=now)
    return freed
