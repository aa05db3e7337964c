"""Orders that give way when less is on the shelf than is claimed: their units come from elsewhere, or wait for goods.

In the transaction of whoever found it out. Nobody works on these units yet; those with the least priority go first:
standard before express, then by the channel's priority, the newest first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from doorstep import inventory
from doorstep.db import StartAgain, Tx
from doorstep.inventory import Aside, Displaced
from doorstep.orders.model import Bucket
from doorstep.orders.reroute import Wish, serve
from doorstep.orders.store import SQL, lines, lock

Key = tuple[int, int]  # (sku_id, location_id)
# Beyond what is short, the claims of so many units are locked beforehand: others may be worked on by then.
_SPARE: Final = 20
_NAMED: Final = 20
_WAITING: Final[tuple[Bucket, ...]] = ("backordered", "shortfall")


class Claimants:
    """The orders, as stock sees them. One for each transaction that may need them; `moved` says who gave way."""

    def __init__(self) -> None:
        self.moved: list[Displaced] = []
        self._locked: list[UUID] = []

    async def lock(self, tx: Tx, short: Mapping[Key, int]) -> None:
        """Lock the orders that would give so many units at these keys, and some more: others may come first."""
        self.moved = []  # the transaction may have begun anew
        rows = await self._claims(tx, {key: units + _SPARE for key, units in short.items()}, None)
        self._locked = list(await lock(tx, [row["order_id"] for row in rows]))

    async def give_way(self, tx: Tx, short: Mapping[Key, int], *, now: datetime) -> None:
        """Move so many claimed units away from these keys, whose SKUs' stock is locked everywhere; or nothing, when
        orders cannot give so many. Raises StartAgain when the orders that are needed are locked by others.
        """
        chosen, left = _choose(await self._claims(tx, short, self._locked), short)
        if left:  # others were faster: these claims were made, or their orders could give way, since we looked
            rows = await self._claims(tx, left, None)
            more, _ = _choose((row for row in rows if row["order_id"] not in self._locked), left)
            wanted = {one.order_id for one in more}
            free = {row["order_id"] for row in await tx.fetch(SQL.lock_free_orders, list(wanted))}
            if wanted != free:
                raise StartAgain("The orders that must give way are being changed.")
            self._locked += wanted
            chosen, left = _choose(await self._claims(tx, short, self._locked), short)
        if left:
            return
        gone = list(reversed(chosen))  # who comes first is served first
        wishes = [_wish(one) for one in gone if not one.aside] + await _waiting_again(tx, gone)
        place = {one.order_id: at for at, one in enumerate(gone)}
        wishes.sort(key=lambda wish: place[wish.order_id])
        await serve(tx, wishes, {wish.order_id: inventory.CAUSE for wish in wishes}, now, empty=set(short))
        self.moved += [
            Displaced(order_id=one.order_id, line_no=one.line_no, quantity=one.units, location_id=one.location_id)
            for one in gone
        ]

    async def at_work(self, tx: Tx, keys: Collection[Key]) -> list[str]:
        """Numbers of the orders that are being worked on with units at these keys; of many, some."""
        rows = await tx.fetch(SQL.at_work, [key[0] for key in keys], [key[1] for key in keys], _NAMED)
        return [row["number"] for row in rows]

    async def _claims(self, tx: Tx, short: Mapping[Key, int], of: Sequence[UUID] | None) -> list[Any]:
        """Claims that could give way, those that go first before the others; of these orders only, when given."""
        columns = [key[0] for key in short], [key[1] for key in short], list(short.values())
        return list(await tx.fetch(SQL.who_gives_way, *columns, of))


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """Units that give way: of a claim, or set `aside` for a line that waits."""

    order_id: UUID
    line_no: int
    sku_id: int
    location_id: int
    units: int
    aside: bool


def _choose(rows: Iterable[Any], short: Mapping[Key, int]) -> tuple[list[_Given], dict[Key, int]]:
    """The units to move, from the front of the rows; and what they do not suffice for."""
    left = dict(short)
    chosen = []
    for row in rows:
        key = row["sku_id"], row["location_id"]
        units = min(row["units"], left[key])
        left[key] -= units
        if units:
            chosen.append(_Given(**{**dict(row), "units": units}))
    return chosen, {key: units for key, units in left.items() if units}


def _wish(one: _Given) -> Wish:
    return Wish(
        order_id=one.order_id, line_no=one.line_no, quantity=one.units, source="reserved", held_at=one.location_id
    )


async def _waiting_again(tx: Tx, gone: Sequence[_Given]) -> list[Wish]:
    """What was set aside is not there any more: put back, and wished for anew, from the buckets in which it waited."""
    asides = [
        Aside(
            order_id=one.order_id, line_no=one.line_no, sku_id=one.sku_id, location_id=one.location_id, units=one.units
        )
        for one in gone
        if one.aside
    ]
    if not asides:
        return []
    await inventory.lock_supply(tx, {one.sku_id for one in asides})
    await inventory.put_back(tx, asides)
    found = await lines(tx, {one.order_id for one in asides})
    left: dict[tuple[UUID, int, Bucket], int] = {}
    for row in (row for rows in found.values() for row in rows):
        left[row.order_id, row.line_no, "backordered"] = row.backordered
        left[row.order_id, row.line_no, "shortfall"] = row.shortfall
    wishes = []
    for one in asides:
        units = one.units
        for bucket in _WAITING:
            taken = min(units, left[one.order_id, one.line_no, bucket])
            left[one.order_id, one.line_no, bucket] -= taken
            units -= taken
            if taken:
                wishes.append(
                    Wish(order_id=one.order_id, line_no=one.line_no, quantity=taken, source=bucket, held_at=None)
                )
    return wishes
