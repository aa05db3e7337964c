"""HTTP: locations, stock, goods that arrive, are counted or expected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get, post, put
from litestar.params import Parameter
from msgspec import Meta

from doorstep import catalog
from doorstep.db import Brand, Tx
from doorstep.db.pool import clock_now
from doorstep.inventory.claim import SQL
from doorstep.inventory.locations import PutLocation, locations, put_locations
from doorstep.inventory.receive import count, expect, receive
from doorstep.kit.errors import Fault, Invalid
from doorstep.kit.limits import PAGE_DEFAULT, PAGE_MAX
from doorstep.kit.paging import cut, decode

Reference = Annotated[str, Meta(min_length=1, max_length=100)]
Units = Annotated[int, Meta(ge=1, le=1_000_000)]


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the requests: unknown fields are refused."""


class ReceiptLine(Shape, frozen=True, kw_only=True):
    """Sellable units of a SKU that arrived or are expected."""

    sku: Reference
    quantity: Units


class Receipt(Shape, frozen=True, kw_only=True):
    """A delivery note. The same `reference` for the same location and SKU counts once."""

    reference: Reference
    location: Reference
    lines: Annotated[Sequence[ReceiptLine], Meta(min_length=1, max_length=5_000)]


class Expected(Receipt, frozen=True, kw_only=True):
    """A delivery note of goods on their way. The same reference again corrects it until the goods arrive."""

    expected_at: datetime


class CountLine(Shape, frozen=True, kw_only=True):
    """What a person counted on the shelf, claimed units included."""

    sku: Reference
    on_hand: Annotated[int, Meta(ge=0, le=1_000_000_000)]


class Count(Shape, frozen=True, kw_only=True):
    """A stock count. The same `reference` for the same location and SKU counts once."""

    reference: Reference
    location: Reference
    lines: Annotated[Sequence[CountLine], Meta(min_length=1, max_length=5_000)]


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """How many SKUs the note changed; those of a note sent before are not among them."""

    changed: int


class LocationPage(msgspec.Struct, frozen=True, kw_only=True):
    """All locations."""

    items: list[PutLocation]
    next_cursor: str | None = None


class StockRow(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU at a location; `available` may still be sold."""

    sku: str
    location: str
    on_hand: int
    reserved: int
    safety_stock: int
    damaged: int
    quality_control: int
    oversell_limit: int
    available: int


class StockPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some stock rows, and the cursor of the next."""

    items: Sequence[StockRow]
    next_cursor: str | None


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a stock row's counters."""

    movement_id: int
    sku: str
    location: str
    kind: str
    on_hand_delta: int
    reserved_delta: int
    damaged_delta: int
    quality_control_delta: int
    reason: str
    reference: str
    actor: str
    occurred_at: datetime


class MovementPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some movements, oldest first, and the cursor of the next."""

    items: Sequence[Movement]
    next_cursor: str | None


@put("/v1/locations", tags=["inventory"])
async def replace_locations(brand: Brand, data: Annotated[list[PutLocation], Meta(max_length=1_000)]) -> Booked:
    """Create or replace locations by their code, all or none."""
    return await brand.run(lambda tx: _put(tx, data))


async def _put(tx: Tx, data: list[PutLocation]) -> Booked:
    return Booked(changed=await put_locations(tx, data))


@get("/v1/locations", tags=["inventory"])
async def list_locations(brand: Brand) -> LocationPage:
    """All locations, disabled ones too."""
    async with brand.reading() as tx:
        found = await locations(tx)
    items = [
        PutLocation(
            **{field: getattr(one, field) for field in PutLocation.__struct_fields__ if field != "capabilities"},
            capabilities=sorted(one.capabilities),  # type: ignore[arg-type]  # the CHECK keeps them to the literals
        )
        for one in found.values()
    ]
    return LocationPage(items=items)


@post("/v1/stock/receipts", status_code=200, tags=["inventory"])
async def book_receipt(brand: Brand, actor: str, data: Receipt) -> Booked:
    """Goods arrived: on_hand goes up, orders that wait are served. Sent again, nothing more is counted."""

    async def act(tx: Tx) -> Booked:
        location_id, units = await _resolve(tx, data.location, [(line.sku, line.quantity) for line in data.lines])
        changed = await receive(
            tx,
            reference=data.reference,
            location_id=location_id,
            units=units,
            actor=actor,
            now=await clock_now(tx),
        )
        return Booked(changed=changed)

    return await brand.run(act)


@post("/v1/stock/counts", status_code=200, tags=["inventory"])
async def book_count(brand: Brand, actor: str, data: Count) -> Booked:
    """Goods were counted: on_hand becomes what was counted. 409 when that is less than what is claimed."""

    async def act(tx: Tx) -> Booked:
        location_id, units = await _resolve(tx, data.location, [(line.sku, line.on_hand) for line in data.lines])
        changed = await count(
            tx,
            reference=data.reference,
            location_id=location_id,
            units=units,
            actor=actor,
            now=await clock_now(tx),
        )
        return Booked(changed=changed)

    return await brand.run(act)


@post("/v1/stock/incoming", status_code=200, tags=["inventory"])
async def book_incoming(brand: Brand, data: Expected) -> Booked:
    """Goods are on their way: what is short is backordered to their date."""
    if data.expected_at.tzinfo is None:
        raise Invalid([Fault("/expected_at", "A time needs its offset, such as 2026-01-05T08:00:00Z.")])

    async def act(tx: Tx) -> Booked:
        location_id, units = await _resolve(tx, data.location, [(line.sku, line.quantity) for line in data.lines])
        await expect(
            tx,
            reference=data.reference,
            location_id=location_id,
            units=units,
            expected_at=data.expected_at,
            now=await clock_now(tx),
        )
        return Booked(changed=len(units))

    return await brand.run(act)


@get("/v1/stock", tags=["inventory"])
async def list_stock(
    brand: Brand,
    sku: list[str] | None = None,
    location: str | None = None,
    limit: int = Parameter(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX),
    cursor: str | None = None,
) -> StockPage:
    """Stock by SKU and location; `sku` may be given several times."""
    after: tuple[str, ...] = decode(cursor, (str, str)) if cursor else ("", "")
    async with brand.reading() as tx:
        rows = await tx.fetch(SQL.list_stock, sku or [], location, *after, limit + 1)
    page, more = cut([StockRow(**dict(row)) for row in rows], limit, lambda row: (row.sku, row.location))
    return StockPage(items=page, next_cursor=more)


@get("/v1/stock/movements", tags=["inventory"])
async def list_movements(
    brand: Brand,
    sku: str,
    location: str | None = None,
    limit: int = Parameter(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX),
    cursor: str | None = None,
) -> MovementPage:
    """How a SKU's counters came to be what they are."""
    (after,) = decode(cursor, (int,)) if cursor else (0,)
    after = min(max(after, 0), 2**62)
    async with brand.reading() as tx:
        rows = await tx.fetch(SQL.list_movements, sku, location, after, limit + 1)
    page, more = cut([Movement(**dict(row)) for row in rows], limit, lambda row: (row.movement_id,))
    return MovementPage(items=page, next_cursor=more)


async def _resolve(tx: Tx, location: str, lines: Sequence[tuple[str, int]]) -> tuple[int, dict[int, int]]:
    """The location's id, and quantities by sku_id. Raises Invalid naming every unknown code and every SKU given
    twice.
    """
    by_code = {one.code: one.location_id for one in (await locations(tx)).values()}
    products = await catalog.load(tx, [sku for sku, _ in lines])
    faults = [] if location in by_code else [Fault("/location", f"There is no location {location[:60]!r}.")]
    units: dict[int, int] = {}
    for place, (sku, quantity) in enumerate(lines):
        product = products.get(sku)
        if product is None:
            faults.append(Fault(f"/lines/{place}/sku", f"There is no product {sku[:60]!r}."))
        elif product.components:
            faults.append(Fault(f"/lines/{place}/sku", f"{sku[:60]!r} is a kit: its components are on the shelf."))
        elif product.sku_id in units:
            faults.append(Fault(f"/lines/{place}/sku", f"{sku[:60]!r} stands twice in this note."))
        else:
            units[product.sku_id] = quantity
    if faults:
        raise Invalid(faults[:100])
    return by_code[location], units


HANDLERS = (
    replace_locations,
    list_locations,
    book_receipt,
    book_count,
    book_incoming,
    list_stock,
    list_movements,
)
