"""Read and lock the supply of products, and write what changed of it: the only file that writes claims on supply."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from doorstep.db import Tx, statements
from doorstep.inventory.channel_stock import ChannelStock, channel_stock
from doorstep.inventory.locations import locations
from doorstep.inventory.model import Location
from doorstep.inventory.supply.model import Aside, Await, ChannelTerms, Delivery, Terms, Wait, Waiting, promised

SQL = statements(__package__)
Place = tuple[UUID, int, int]  # (order_id, line_no, location_id)


class Supply(msgspec.Struct, kw_only=True):
    """The terms and the deliveries on their way of some products, by sku_id; deliveries by date."""

    terms: dict[int, Terms]
    deliveries: dict[int, list[Delivery]]


async def read_supply(tx: Tx, sku_ids: Iterable[int]) -> Supply:
    """What is on its way and may be sold of it; unlocked, so only a guess by the time it is used."""
    skus = sorted(set(sku_ids))
    return await _supply(tx, skus, await tx.fetch(SQL.deliveries, skus))


async def lock_supply(tx: Tx, sku_ids: Iterable[int], *, make: Collection[int] = ()) -> Supply:
    """The same, locked: products by sku_id, then their deliveries by id. Lock the stock rows before.

    `make`: products that get claims on supply now, whether anybody has set terms for them or not.
    """
    skus = sorted(set(sku_ids))
    if make:
        await tx.execute(SQL.make_heads, sorted(make))
    await tx.execute(SQL.lock_heads, skus)
    return await _supply(tx, skus, await tx.fetch(SQL.lock_deliveries, skus))


async def _supply(tx: Tx, skus: list[int], rows: Sequence[Any]) -> Supply:
    channels: defaultdict[int, dict[str, ChannelTerms]] = defaultdict(dict)
    for row in await tx.fetch(SQL.channel_terms, skus):
        own = ChannelTerms(**{field: row[field] for field in ChannelTerms.__struct_fields__})
        channels[row["sku_id"]][own.channel] = own
    terms = {
        row["sku_id"]: Terms(**dict(row), channels=channels[row["sku_id"]]) for row in await tx.fetch(SQL.terms, skus)
    }
    deliveries: defaultdict[int, list[Delivery]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["expected_at"], row["incoming_id"])):
        deliveries[row["sku_id"]].append(Delivery(**dict(row)))
    return Supply(terms=terms, deliveries=dict(deliveries))


async def waits_of_skus(tx: Tx, sku_ids: Iterable[int]) -> list[Waiting]:
    """Who waits for these products."""
    return [_waiting(row) for row in await tx.fetch(SQL.waits_of_skus, sorted(set(sku_ids)))]


async def waits_of_orders(tx: Tx, order_ids: Iterable[UUID]) -> list[Waiting]:
    """What these orders wait for."""
    return [_waiting(row) for row in await tx.fetch(SQL.waits_of_orders, sorted(set(order_ids)))]


async def asides_of_orders(tx: Tx, order_ids: Iterable[UUID]) -> list[Aside]:
    """What is set aside for these orders."""
    return [Aside(**dict(row)) for row in await tx.fetch(SQL.asides_of_orders, sorted(set(order_ids)))]


async def what_waits(tx: Tx, order_ids: Iterable[UUID]) -> list[Await]:
    """What these orders wait for, with the dates; by order, line and date."""
    return [Await(**dict(row)) for row in await tx.fetch(SQL.what_waits, sorted(set(order_ids)))]


async def orders_with_news(tx: Tx, sku_ids: Sequence[int], limit: int) -> list[UUID]:
    """Orders whose claims on the supply of these products moved, or whose dates did, and that have not followed yet."""
    return [row["order_id"] for row in await tx.fetch(SQL.orders_with_news, list(sku_ids), limit)]


async def followed(tx: Tx, order_ids: Iterable[UUID]) -> None:
    """These orders, which are locked, have followed."""
    await tx.execute(SQL.followed, sorted(set(order_ids)))


def _waiting(row: Any) -> Waiting:
    return Waiting(**{**dict(row), "needs": frozenset(row["needs"])})


async def wait(tx: Tx, waits: Sequence[Wait]) -> None:
    """Claim supply for lines of orders that are written already; the supply must be locked by this transaction.

    A delivery or a cap that has not that many left refuses by its CHECK: then the transaction must be given up.
    """
    if not waits:
        return
    rows = await tx.fetch(SQL.ranks, sorted({one.order_id for one in waits}))
    ranks = {row["order_id"]: (row["channel"], row["lane"], row["priority"]) for row in rows}
    before = await waits_of_orders(tx, ranks)
    sums = {_key(one): one for one in before}
    for one in waits:
        channel, lane, priority = ranks[one.order_id]
        had = sums.get(_key(one))
        sums[_key(one)] = Waiting(
            **{field: getattr(one, field) for field in Wait.__struct_fields__ if field != "units"},
            units=one.units + (had.units if had else 0),
            channel=channel,
            lane=lane,
            priority=priority,
            news=had.news if had else None,
        )
    await rewrite(tx, before, list(sums.values()))


async def rewrite(tx: Tx, before: Sequence[Waiting], after: Sequence[Waiting]) -> bool:
    """Put `after` in the place of `before`, and the counters with them; whether any of it has news now.

    `before` is all that stands for these lines or products. The supply must be locked by this transaction.
    """
    was, becomes = {_key(one): one for one in before}, {_key(one): one for one in after}
    gone = sorted(was.keys() - becomes.keys(), key=str)
    changed = [becomes[key] for key in becomes if was.get(key) != becomes[key]]
    await _count(tx, before, after)
    if gone:
        await tx.execute(SQL.forget_waits, *_columns(gone))
    if changed:
        names = ("order_id", "line_no", "sku_id", "incoming_id", "sold", "channel", "lane", "priority")
        rows = [
            (*(getattr(one, name) for name in names), ",".join(sorted(one.needs)), one.units, one.news)
            for one in changed
        ]
        await tx.execute(SQL.put_waits, *_columns(rows))
    return any(one.news for one in changed)


async def _count(tx: Tx, before: Sequence[Waiting], after: Sequence[Waiting]) -> None:
    """Bring the counters of deliveries and caps in line with the claims."""
    deliveries = Counter(promised(after))
    deliveries.subtract(promised(before))
    skus: Counter[int] = Counter()
    channels: Counter[tuple[int, str]] = Counter()
    for sign, waits in ((1, after), (-1, before)):
        for one in waits:
            if one.sold:
                skus[one.sku_id] += sign * one.units
                channels[one.sku_id, one.channel] += sign * one.units
    more = sorted((key, units) for key, units in deliveries.items() if units)
    if more:
        await tx.execute(SQL.promise_of_deliveries, *_columns(more))
    sold = sorted((key, units) for key, units in skus.items() if units)
    if sold:
        await tx.execute(SQL.sell_beyond, *_columns(sold))
    shares = sorted((*key, units) for key, units in channels.items() if units)
    if shares:
        await tx.execute(SQL.sell_beyond_on_channel, *_columns(shares))


def _key(one: Wait) -> tuple[UUID, int, UUID | None, bool]:
    return one.order_id, one.line_no, one.incoming_id, one.sold


def _columns(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


class Fitness:
    """Which location can do what a wait needs: its channel sells from there, it can do the work, and it has not failed
    the line before.
    """

    def __init__(
        self,
        places: Mapping[int, Location],
        channels: Mapping[str, ChannelStock],
        refused: Collection[Place],
        lacking: Collection[Place],
    ) -> None:
        self._places = places
        self._channels = channels
        self._refused = refused
        self._lacking = lacking

    @classmethod
    async def read(cls, tx: Tx, waits: Iterable[Waiting]) -> Fitness:
        """For these waits."""
        rows = await tx.fetch(SQL.refused_by, sorted({one.order_id for one in waits}))
        failed: dict[bool, set[Place]] = {True: set(), False: set()}
        for row in rows:
            failed[row["lacking"]].add((row["order_id"], row["line_no"], row["location_id"]))
        return cls(await locations(tx), await channel_stock(tx), failed[False], failed[True])

    def may_come(self, wait: Waiting, location_id: int) -> bool:
        """Goods that come in there may serve it: a location that came up short is asked again."""
        place = self._places.get(location_id)
        if place is None or not place.enabled or not wait.needs <= place.capabilities:
            return False
        rules = self._channels.get(wait.channel)
        if rules is not None and not rules.sees(location_id):
            return False
        return (wait.order_id, wait.line_no, location_id) not in self._refused

    def may_lie(self, wait: Waiting, location_id: int) -> bool:
        """What lies there may serve it."""
        at = (wait.order_id, wait.line_no, location_id)
        return at not in self._lacking and self.may_come(wait, location_id)
