"""Read the log from one end to the other: was anything oversold, and was each refusal true when it was said?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from doorstep.db import Brand
from tests.claims.watch import in_order, oversold, sellable

Key = tuple[int, int]  # (sku_id, location_id)
_SHOWN = 5


class Verdict(msgspec.Struct, kw_only=True):
    """What the replay found. `faults` are sentences, the first few of each kind; the counts are of all."""

    changes: int = 0
    refusals: int = 0
    oversold: int = 0
    false: int = 0  # refused though there was enough
    dishonest: int = 0  # said that something else was there than was
    unordered: int = 0  # changes that do not begin where the last one ended: the log would prove nothing
    different: int = 0  # rows of the database that are not what the log ends with
    faults: list[str] = []

    @property
    def ok(self) -> bool:
        """Whether everything is as it must be."""
        return not (self.oversold or self.false or self.dishonest or self.unordered or self.different)


class Shelves:
    """Stock and carts as they were at a moment of the log."""

    def __init__(self) -> None:
        self.rows: dict[Key, list[int]] = {}
        self.places: defaultdict[int, set[int]] = defaultdict(set)
        self.carts: defaultdict[Key, dict[UUID, tuple[int, datetime]]] = defaultdict(dict)  # open units, and until when
        self.keys: defaultdict[UUID, set[Key]] = defaultdict(set)  # where a cart has units

    def room(self, sku_id: int, now: datetime, spared: Iterable[str], taken: Mapping[Key, int]) -> int:
        """Units of a SKU that could be claimed at any location, what has expired in carts included; `taken` by those
        who came before in the same transaction.
        """
        spare = {UUID(one) for one in spared}
        total = 0
        for place in self.places[sku_id]:
            key = sku_id, place
            expired = sum(
                units for hold, (units, until) in self.carts[key].items() if until <= now and hold not in spare
            )
            total += max(0, sellable(self.rows[key]) + expired - taken.get(key, 0))
        return total


async def replay(brand: Brand) -> Verdict:
    """Judge the whole log, and compare its end with the tables."""
    verdict, shelves = Verdict(), Shelves()
    async for row in in_order(brand):
        if row["kind"] == "refusal":
            _judge(verdict, shelves, row["seq"], row["said"])
        else:
            verdict.changes += 1
            (_stock if row["kind"] == "stock" else _cart)(verdict, shelves, row)
    await _compare(verdict, shelves, brand)
    return verdict


def _stock(verdict: Verdict, shelves: Shelves, row: Any) -> None:
    key = row["sku_id"], row["location_id"]
    if row["before"] != shelves.rows.get(key):
        verdict.unordered += 1
        _say(verdict, verdict.unordered, f"{row['seq']}: {key} begins at {row['before']}, was {shelves.rows.get(key)}")
    shelves.rows[key] = row["after"]
    shelves.places[key[0]].add(key[1])
    if oversold(row["after"]):
        verdict.oversold += 1
        _say(verdict, verdict.oversold, f"{row['seq']}: {key} is oversold: {row['after']}")


def _cart(verdict: Verdict, shelves: Shelves, row: Any) -> None:
    key, hold = (row["sku_id"], row["location_id"]), row["hold_id"]
    carts = shelves.carts[key]
    was = carts.get(hold, (0, None))[0]
    if (row["before"] or [0])[0] != was:
        verdict.unordered += 1
        _say(verdict, verdict.unordered, f"{row['seq']}: cart {hold} begins at {row['before']}, was {was}")
    if row["after"][0]:
        carts[hold] = row["after"][0], row["expires_at"]
        shelves.keys[hold].add(key)
    else:
        carts.pop(hold, None)
        shelves.keys[hold].discard(key)


def _judge(verdict: Verdict, shelves: Shelves, seq: int, said: Mapping[str, Any]) -> None:
    """Follow what one transaction decided, in its order, and judge what it refused."""
    now = datetime.fromisoformat(said["now"])
    taken: Counter[Key] = Counter()
    eaten: set[str] = set()
    for one in said["decided"]:
        own = _own(shelves, one["cart"]) if one["cart"] else Counter[Key]()
        if "takes" in one:
            taken.update({(sku_id, place): units for sku_id, place, units in one["takes"]})
            taken.subtract(own)  # what the cart had is the order's to take
            eaten |= {one["cart"]} - {None}
            continue
        verdict.refusals += 1
        spared = said["carts"] if one["cart"] else eaten
        room = {sku_id: shelves.room(sku_id, now, spared, _less(taken, own, sku_id)) for sku_id, _ in one["wants"]}
        if all(units <= room[sku_id] for sku_id, units in one["wants"]):
            verdict.false += 1
            _say(verdict, verdict.false, f"{seq}: refused {one['wants']}, but there was {room}")
        if any(units != room[sku_id] for sku_id, units in one["saw"]):
            verdict.dishonest += 1
            _say(verdict, verdict.dishonest, f"{seq}: said {one['saw']}, but there was {room}")


def _own(shelves: Shelves, cart: str) -> Counter[Key]:
    """What a cart has, wherever it lies."""
    hold = UUID(cart)
    return Counter({key: shelves.carts[key][hold][0] for key in shelves.keys.get(hold, ())})


def _less(taken: Counter[Key], own: Counter[Key], sku_id: int) -> Counter[Key]:
    less = Counter(taken)
    less.subtract({key: units for key, units in own.items() if key[0] == sku_id})
    return less


async def _compare(verdict: Verdict, shelves: Shelves, brand: Brand) -> None:
    """The log's end is what stands in the tables: no change went past it."""
    async with brand.snapshot() as tx:
        rows = await tx.fetch(
            "SELECT sku_id, location_id, ARRAY[on_hand, reserved, safety_stock, damaged, quality_control,"
            " oversell_limit] AS counters FROM stock"
        )
        open_ = await tx.fetch("SELECT sku_id, location_id, hold_id, open FROM cart_claims WHERE open > 0")
    stock = {(row["sku_id"], row["location_id"]): row["counters"] for row in rows}
    carts = {(row["sku_id"], row["location_id"], row["hold_id"]): row["open"] for row in open_}
    logged = {(*key, hold): units for key, holds in shelves.carts.items() for hold, (units, _) in holds.items()}
    for key in _differing(stock, shelves.rows) + _differing(carts, logged):
        verdict.different += 1
        _say(verdict, verdict.different, f"{key} differs from the end of the log")


def _differing(there: Mapping[Any, object], replayed: Mapping[Any, object]) -> list[object]:
    return [key for key in there.keys() | replayed.keys() if there.get(key) != replayed.get(key)]


def _say(verdict: Verdict, count: int, fault: str) -> None:
    if count <= _SHOWN:
        verdict.faults.append(fault)
