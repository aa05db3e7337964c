"""Who waits is served when units are there, and moves up when a place on supply becomes free; all in the transaction
that made it so, so that nobody else comes between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import journal
from doorstep.db import Tx
from doorstep.inventory.claim import ClaimRefused, lock_stock
from doorstep.inventory.model import Received
from doorstep.inventory.supply.books import (
    SQL,
    Fitness,
    Supply,
    asides_of_orders,
    lock_supply,
    rewrite,
    waits_of_orders,
    waits_of_skus,
)
from doorstep.inventory.supply.model import Aside, SupplyMoved, Waiting, serve, settle, take_back

Key = tuple[int, int]  # (sku_id, location_id)
UP = "moved_up"
SHORT = "fewer_arrived"


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """Waiting units that a line does not wait for any more."""

    order_id: UUID
    line_no: int
    sku_id: int
    units: int


async def serve_waiting(
    tx: Tx, keys: Iterable[Key], *, came: bool, now: datetime, arrived: Mapping[UUID, int] | None = None
) -> None:
    """Set free units at these (sku_id, location_id), whose stock rows are locked, aside for who waits for them.

    `came`: goods came in; `arrived`: the deliveries of which they are, and how many units each still brings. What was
    promised of those and will not come moves on to the next supply. Nobody waits for most products: then this is one
    look.
    """
    wanted = sorted(set(keys))
    skus = {sku_id for sku_id, _ in wanted}
    if not skus or not await tx.fetchval(SQL.anybody_waits, sorted(skus)):
        return
    supply = _bringing(await lock_supply(tx, skus), arrived or {})
    before = await waits_of_skus(tx, skus)
    await _turn(tx, supply, before, before, wanted, came=came, arrived=arrived or (), lost=SHORT, now=now)


async def resettle(
    tx: Tx, sku_ids: Iterable[int], *, lost: str, now: datetime, coming: Mapping[UUID, int] | None = None
) -> None:
    """Find who waits for these products a place on the supply there is now. `coming`: what deliveries will bring, where
    that is about to change; who has no place there any more carries `lost` as the reason.
    """
    skus = set(sku_ids)
    if not skus or not await tx.fetchval(SQL.anybody_waits, sorted(skus)):
        return
    supply = _bringing(await lock_supply(tx, skus), coming or {})
    before = await waits_of_skus(tx, skus)
    await _turn(tx, supply, before, before, (), came=False, arrived=(), lost=lost, now=now)


def _bringing(supply: Supply, coming: Mapping[UUID, int]) -> Supply:
    """The supply with what some deliveries will bring in the place of what they were to bring."""
    deliveries = {
        sku_id: [msgspec.structs.replace(one, quantity=coming.get(one.incoming_id, one.quantity)) for one in every]
        for sku_id, every in supply.deliveries.items()
    }
    return Supply(terms=supply.terms, deliveries=deliveries)


async def give_up(tx: Tx, owed: Sequence[Owed], *, now: datetime) -> None:
    """Lines wait for so many units less: their claims on supply go back, then what is set aside for them, and the next
    in line move up. Call it with the orders locked, and with all stock rows of these products.

    Units that were waited for without a claim change nothing.
    """
    skus = {one.sku_id for one in owed}
    orders = {one.order_id for one in owed}
    mine, aside = await waits_of_orders(tx, orders), await asides_of_orders(tx, orders)
    if not mine and not aside:
        return
    supply = await lock_supply(tx, skus)
    mine, aside = await waits_of_orders(tx, orders), await asides_of_orders(tx, orders)
    dates = {one.incoming_id: one.expected_at for every in supply.deliveries.values() for one in every}
    before = await waits_of_skus(tx, skus)
    after = {_key(one): one for one in before}
    back: list[Aside] = []
    for line in owed:
        at = (line.order_id, line.line_no)
        given = take_back([one for one in mine if (one.order_id, one.line_no) == at], dates, line.units)
        for one in given:
            left = after[_key(one)].units - one.units
            if left:
                after[_key(one)] = msgspec.structs.replace(after[_key(one)], units=left)
            else:
                del after[_key(one)]
        rest = line.units - sum(one.units for one in given)
        back += _from_shelf([one for one in aside if (one.order_id, one.line_no) == at], rest)
    await put_back(tx, back)
    keys = sorted({(one.sku_id, one.location_id) for one in back})
    await _turn(tx, supply, before, list(after.values()), keys, came=False, arrived=(), lost=SHORT, now=now)
    events = [
        (None, Received(location_id=place, sku_ids=sorted({sku for sku, at in keys if at == place}), arrived=False))
        for place in sorted({location_id for _, location_id in keys})
    ]
    await journal.append(tx, events, actor="doorstep", now=now)


def _from_shelf(aside: Sequence[Aside], units: int) -> list[Aside]:
    given = []
    for one in aside:
        taken = min(units, one.units)
        units -= taken
        if taken:
            given.append(msgspec.structs.replace(one, units=taken))
    return given


async def _turn(
    tx: Tx,
    supply: Supply,
    before: Sequence[Waiting],
    waits: Sequence[Waiting],
    keys: Sequence[Key],
    *,
    came: bool,
    arrived: Collection[UUID],
    lost: str,
    now: datetime,
) -> None:
    """Serve `waits` from what is free at `keys`, find the others their place, and write what differs from `before`."""
    fits = await Fitness.read(tx, waits)
    free: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for (sku_id, location_id), units in (await lock_stock(tx, keys=keys) if keys else {}).items():
        free[sku_id][location_id] = units
    by_sku: defaultdict[int, list[Waiting]] = defaultdict(list)
    for one in waits:
        by_sku[one.sku_id].append(one)
    after: list[Waiting] = []
    given: list[tuple[Waiting, int]] = []
    for sku_id, mine in by_sku.items():
        shelf = fits.may_come if came else fits.may_lie
        waiting, served = serve(mine, free[sku_id], shelf, arrived=arrived)
        given += served
        after += settle(waiting, supply.deliveries.get(sku_id, ()), fits.may_come, lost=lost, up=UP)
    news = await rewrite(tx, before, after)
    await set_aside(tx, [_aside(one, location_id) for one, location_id in given])
    if news:
        told = SupplyMoved(sku_ids=sorted(by_sku))
        await journal.append(tx, [(None, told)], actor="doorstep", now=now)


def _aside(one: Waiting, location_id: int) -> Aside:
    return Aside(
        order_id=one.order_id, line_no=one.line_no, sku_id=one.sku_id, location_id=location_id, units=one.units
    )


async def set_aside(tx: Tx, asides: Sequence[Aside]) -> None:
    """Keep units that are there for lines that wait; the stock rows must be locked. Raises ClaimRefused (roll back)."""
    if not asides:
        return
    merged: dict[tuple[UUID, int, int], Aside] = {}
    for one in asides:
        at = (one.order_id, one.line_no, one.location_id)
        units = one.units + (merged[at].units if at in merged else 0)
        merged[at] = msgspec.structs.replace(one, units=units)
    done = await tx.execute(SQL.set_aside, *_columns(list(merged.values())))
    keys = {(one.sku_id, one.location_id) for one in asides}
    if done != f"UPDATE {len(keys)}":
        raise ClaimRefused(f"{done} of {len(keys)} stock rows")


async def put_back(tx: Tx, asides: Sequence[Aside]) -> None:
    """Give back what is set aside, to the stock rows, which must be locked."""
    if asides:
        await tx.execute(SQL.put_back, *_columns(asides))


async def orders_with_asides(tx: Tx, sku_ids: Sequence[int], limit: int, *, now: datetime) -> list[UUID]:
    """Orders for which units of these products are set aside that may leave now; first come, first served."""
    return [row["order_id"] for row in await tx.fetch(SQL.orders_with_asides, list(sku_ids), now, limit)]


async def bring(tx: Tx, order_ids: Iterable[UUID], *, now: datetime) -> list[Aside]:
    """What is set aside for these orders, which are locked, becomes their claim, unless it may not leave yet."""
    return [Aside(**dict(row)) for row in await tx.fetch(SQL.bring, sorted(set(order_ids)), now)]


def _columns(asides: Sequence[Aside]) -> list[list[object]]:
    return [[getattr(one, field) for one in asides] for field in Aside.__struct_fields__]


def _key(one: Waiting) -> tuple[UUID, int, UUID | None, bool]:
    return one.order_id, one.line_no, one.incoming_id, one.sold
