"""What the stock's pages show."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from doorstep import catalog, orders
from doorstep.catalog import Product
from doorstep.db import Tx, statements
from doorstep.db.pool import clock_now
from doorstep.inventory import Displaced, Location
from doorstep.kit.errors import NotFound
from doorstep.kit.ids import show
from doorstep.kit.paging import cut, decode

SQL = statements(__package__)
PAGE: Final = 25
MOVEMENTS, CLAIMS = 50, 100
_NEWEST = 2**62
_LEAST = -(2**40)
_WORD = re.compile(r"[^\W_]+")
_WORDS_MOST = 8
_BEHIND = re.compile(r"(?:shipment|came_back|change|return):([0-9a-f]{32})")


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU at a location; `available` may still be sold."""

    on_hand: int = 0
    reserved: int = 0
    safety_stock: int = 0
    damaged: int = 0
    quality_control: int = 0
    oversell_limit: int = 0
    available: int = 0


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU at a location: its counters, and what is on its way there."""

    place: Location
    counters: Counters
    coming: Sequence[tuple[int, datetime]] = ()


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A product in the list, with where it is."""

    sku_id: int
    sku: str
    title: str
    active: bool
    shelves: Sequence[Shelf]

    @property
    def available(self) -> int:
        """What may be sold at these locations together."""
        return sum(shelf.counters.available for shelf in self.shelves)


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the counters. `order` is the order behind it: its id and number. `undoable` by another movement."""

    movement_id: int
    place: Location
    kind: str
    on_hand: int
    reserved: int
    damaged: int
    quality_control: int
    reason: str
    reference: str
    actor: str
    at: datetime
    order: tuple[str, str] | None
    undoable: bool


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds units: a piece of work of an order."""

    work: str
    order: str
    number: str
    place: Location
    units: int
    status: str
    express: bool
    leave_by: datetime


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """Units of an order that would have to leave: how many come from elsewhere, and how many wait for goods."""

    order: str
    number: str
    units: int
    waiting: int


async def losses(tx: Tx, moved: Sequence[Displaced]) -> list[Loss]:
    """What becomes of orders that give way, as their rows say in this very transaction."""
    units: Counter[UUID] = Counter()
    for one in moved:
        units[one.order_id] += one.quantity
    rows = await orders.read(tx, units)
    lines = await orders.lines(tx, units)
    waiting = {key: sum(line.backordered + line.shortfall for line in lines[key]) for key in units}
    return [
        Loss(order=show("ord", key), number=rows[key].number, units=lost, waiting=min(lost, waiting[key]))
        for key, lost in units.items()
    ]


async def product(tx: Tx, sku_id: int) -> Product:
    """Raises NotFound."""
    found = (await catalog.by_id(tx, [sku_id])).get(sku_id) if 0 <= sku_id < 2**31 else None
    if found is None:
        raise NotFound("There is no such product.")
    return found


async def listed(
    tx: Tx, here: Mapping[int, Location], *, everywhere: bool, words: str, low: bool, cursor: str
) -> tuple[list[Row], str | None]:
    """A page of products at these locations, by SKU or, with `low`, those first of which least may be sold."""
    at = None if everywhere else sorted(here)
    query, exact = _query(words), [words, words.upper()]
    if words and not query:
        query = "'\x01'"  # signs only: nothing begins so, but the SKU itself may be it
    if low:
        after: tuple[Any, ...] = decode(cursor, (int, int)) if cursor else (_LEAST, 0)
        if not (-(2**62) < after[0] < 2**62 and 0 <= after[1] < 2**31):
            raise NotFound("There is no such page.")
        found = await tx.fetch(SQL.skus_low, *after, at, PAGE + 1, query, exact)
        page, more = cut(found, PAGE, lambda row: (int(row["available"]), row["sku_id"]))
    else:
        (start,) = decode(cursor, (str,)) if cursor else ("",)
        found = await (
            tx.fetch(SQL.skus_found, start, at, PAGE + 1, query, exact)
            if words
            else tx.fetch(SQL.skus, start, at, PAGE + 1)
        )
        page, more = cut(found, PAGE, lambda row: (row["sku"],))
    standing = await shelves(tx, here, [row["sku_id"] for row in page])
    return [
        Row(
            sku_id=row["sku_id"],
            sku=row["sku"],
            title=row["title"],
            active=row["active"],
            shelves=standing.get(row["sku_id"], []),
        )
        for row in page
    ], more


def _query(words: str) -> str:
    """All of the words must begin so; what is no letter or digit divides them."""
    return " & ".join(f"'{word}':*" for word in _WORD.findall(words)[:_WORDS_MOST])


async def shelves(tx: Tx, here: Mapping[int, Location], sku_ids: Sequence[int]) -> dict[int, list[Shelf]]:
    """Where SKUs are among these locations, by sku_id, and what is on its way; one that never had any is left out."""
    at = sorted(here)
    coming: dict[tuple[int, int], list[tuple[int, datetime]]] = {}
    for row in await tx.fetch(SQL.incoming, list(sku_ids), at, 500):
        day = row["expected_at"].astimezone(ZoneInfo(here[row["location_id"]].timezone))
        coming.setdefault((row["sku_id"], row["location_id"]), []).append((row["quantity"], day))
    counted = {
        (row["sku_id"], row["location_id"]): Counters(**{field: row[field] for field in Counters.__struct_fields__})
        for row in await tx.fetch(SQL.counters, list(sku_ids), at)
    }
    found: dict[int, list[Shelf]] = {}
    order = sorted(counted.keys() | coming.keys(), key=lambda key: (key[0], here[key[1]].priority, key[1]))
    for key in order:
        shelf = Shelf(place=here[key[1]], counters=counted.get(key, Counters()), coming=coming.get(key, ()))
        found.setdefault(key[0], []).append(shelf)
    return found


async def counters(tx: Tx, sku_id: int, at: Sequence[int]) -> dict[int, Counters]:
    """The counters of a SKU by location_id; where it never was, nothing."""
    return {
        row["location_id"]: Counters(**{field: row[field] for field in Counters.__struct_fields__})
        for row in await tx.fetch(SQL.counters, [sku_id], list(at))
    }


async def movements(
    tx: Tx, here: Mapping[int, Location], sku_id: int, cursor: str
) -> tuple[list[Movement], str | None]:
    """How the counters came to be what they are at these locations, newest first."""
    (before,) = decode(cursor, (int,)) if cursor else (_NEWEST,)
    before = min(max(before, 0), _NEWEST)
    rows = await tx.fetch(SQL.movements, sku_id, sorted(here), before, MOVEMENTS + 1)
    page, more = cut(rows, MOVEMENTS, lambda row: (row["movement_id"],))
    behind = {row["movement_id"]: UUID(hex=hit[1]) for row in page if (hit := _BEHIND.match(row["reference"]))}
    sources = {row["id"]: row for row in await tx.fetch(SQL.orders_behind, list(behind.values()))} if behind else {}
    names = [undo_reference(row["movement_id"]) for row in page]
    undone = {row["reference"] for row in await tx.fetch(SQL.undone, sku_id, sorted(here), names)}
    return [
        Movement(
            movement_id=row["movement_id"],
            place=here[row["location_id"]],
            kind=row["kind"],
            on_hand=row["on_hand_delta"],
            reserved=row["reserved_delta"],
            damaged=row["damaged_delta"],
            quality_control=row["quality_control_delta"],
            reason=row["reason"],
            reference=row["reference"],
            actor=row["actor"],
            at=row["occurred_at"].astimezone(ZoneInfo(here[row["location_id"]].timezone)),
            order=_order(sources.get(behind.get(row["movement_id"]))),
            undoable=undoable(row) and undo_reference(row["movement_id"]) not in undone,
        )
        for row in page
    ], more


def undo_reference(movement_id: int) -> str:
    """Under which the movement that takes another back is told; so it can be but once."""
    return f"undo:{movement_id}"


def undoable(row: Any) -> bool:
    """Only what a person adjusted by hand; what took a claim with it (a short pick) is found again by counting."""
    return row["kind"] == "adjusted" and row["reserved_delta"] == 0 and not row["reference"].startswith("undo:")


def _order(row: Any) -> tuple[str, str] | None:
    return None if row is None else (show("ord", row["order_id"]), row["number"])


async def standing(tx: Tx, here: Mapping[int, Location], sku_id: int) -> list[Standing]:
    """Who holds units of it at these locations, the most urgent first, up to a hundred."""
    return [
        Standing(
            work=show("ful", row["fulfillment_order_id"]),
            order=show("ord", row["order_id"]),
            number=row["number"],
            place=here[row["location_id"]],
            units=row["units"],
            status=row["status"],
            express=row["lane"] == 0,
            leave_by=row["pick_by"].astimezone(ZoneInfo(here[row["location_id"]].timezone)),
        )
        for row in await tx.fetch(SQL.claims, sku_id, sorted(here), CLAIMS)
    ]


async def in_carts(tx: Tx, here: Mapping[int, Location], sku_id: int) -> list[tuple[Location, int]]:
    """Units that carts hold now, by location."""
    rows = await tx.fetch(SQL.in_carts, sku_id, sorted(here), await clock_now(tx))
    return [(here[row["location_id"]], row["units"]) for row in rows]
