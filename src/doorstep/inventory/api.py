"""HTTP: locations, stock, goods that arrive, are counted or adjusted, and the limits of a shelf."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter
from msgspec import Meta, field

from doorstep import catalog
from doorstep.db import Brand, Tx
from doorstep.db.pool import clock_now
from doorstep.inventory.adjust import Adjustment, book_adjustments
from doorstep.inventory.claim import SQL
from doorstep.inventory.limits import Limits, set_limits
from doorstep.inventory.locations import PutLocation, locations, put_locations
from doorstep.inventory.model import Reason, State
from doorstep.inventory.receive import count, receive
from doorstep.inventory.room import Claimants
from doorstep.inventory.supply.incoming import TRANSFER
from doorstep.journal import Command
from doorstep.journal.commands import Answer
from doorstep.kit.errors import Fault, Invalid
from doorstep.kit.ids import show
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
    """A delivery note. The same `reference` for the same location and SKU counts once.

    `expected` is the reference under which the goods were announced, such as the purchase order, of which this may be a
    part; left out, the note's own. `last`: no more of it will come.
    """

    reference: Reference
    location: Reference
    lines: Annotated[Sequence[ReceiptLine], Meta(min_length=1, max_length=5_000)]
    expected: Reference | None = None
    last: bool = False


class CountLine(Shape, frozen=True, kw_only=True):
    """What a person counted on the shelf, claimed units included."""

    sku: Reference
    on_hand: Annotated[int, Meta(ge=0, le=1_000_000_000)]


class Count(Shape, frozen=True, kw_only=True):
    """A stock count. The same `reference` for the same location and SKU counts once.

    `counted_at` is when it was counted, on the brand's clock; left out, now. What came and went since is added.
    """

    reference: Reference
    location: Reference
    counted_at: datetime | None = None
    lines: Annotated[Sequence[CountLine], Meta(min_length=1, max_length=5_000)]


class AdjustmentLine(Shape, frozen=True, kw_only=True):
    """Units that are in another state than the book says. `nowhere`: not in the house, or not any more.

    Found units come from nowhere, lost ones go there; `quality_control` to `sellable` releases from control.
    """

    sku: Reference
    quantity: Units
    source: State = field(name="from")
    target: State = field(name="to")
    reason: Reason
    note: Annotated[str, Meta(max_length=200)] = ""


class Adjustments(Shape, frozen=True, kw_only=True):
    """A note of adjustments. The same `reference` for the same location and SKU counts once."""

    reference: Reference
    location: Reference
    lines: Annotated[Sequence[AdjustmentLine], Meta(min_length=1, max_length=5_000)]


class LimitLine(Shape, frozen=True, kw_only=True):
    """Limits of a SKU at a location. Null, or left out, leaves one as it is."""

    sku: Reference
    location: Reference
    safety_stock: Annotated[int, Meta(ge=0, le=1_000_000_000)] | None = None
    oversell_limit: Annotated[int, Meta(ge=0, le=1_000_000_000)] | None = None


class MovedUnits(msgspec.Struct, frozen=True, kw_only=True):
    """Units of an order line that had to leave the location: they come from elsewhere now, or wait for goods."""

    order_id: str
    line_no: int
    quantity: int


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """How many SKUs the note changed; those of a note sent before are not among them."""

    changed: int


class Corrected(Booked, frozen=True, kw_only=True):
    """The same, with the units of orders that had to give way, for fewer are there than were claimed."""

    moved: Sequence[MovedUnits]

    @classmethod
    def by(cls, changed: int, claimants: Claimants) -> Corrected:
        """With those who gave way."""
        return cls(
            changed=changed,
            moved=[
                MovedUnits(order_id=show("ord", one.order_id), line_no=one.line_no, quantity=one.quantity)
                for one in claimants.moved
            ],
        )


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
    ours("/expected", data.expected or data.reference)

    async def act(tx: Tx) -> Booked:
        location_id, units = await resolve(tx, data.location, [(line.sku, line.quantity) for line in data.lines])
        changed = await receive(
            tx,
            reference=data.reference,
            location_id=location_id,
            units=units,
            expected=data.expected,
            last=data.last,
            actor=actor,
            now=await clock_now(tx),
        )
        return Booked(changed=changed)

    return await brand.run(act)


@post("/v1/stock/counts", status_code=200, tags=["inventory"])
async def book_count(brand: Brand, actor: str, claimants: Claimants, data: Count) -> Corrected:
    """Goods were counted: on_hand becomes what was counted, and what came and went since.

    When that is less than what is claimed, claims give way: first what has expired in carts, then what carts hold, then
    orders nobody works on yet (`moved`), which are served from elsewhere or wait. 409 when the rest is being worked on
    (`orders` names it), when a later count is booked already, or when more left since than was counted.
    """
    aware("/counted_at", data.counted_at)

    async def act(tx: Tx) -> Corrected:
        location_id, units = await resolve(tx, data.location, [(line.sku, line.on_hand) for line in data.lines])
        changed = await count(
            tx,
            reference=data.reference,
            counted={(sku_id, location_id): on_hand for sku_id, on_hand in units.items()},
            counted_at=data.counted_at,
            claimants=claimants,
            actor=actor,
            now=await clock_now(tx),
        )
        return Corrected.by(changed, claimants)

    return await brand.run(act)


@post("/v1/stock/adjustments", status_code=200, tags=["inventory"], responses={200: ResponseSpec(Corrected)})
async def book_stock_adjustments(command: Command, claimants: Claimants, data: Adjustments) -> Answer:
    """Units are in another state than the book says: lost, found, damaged, in or out of quality control, each with its
    reason. Claims give way as they do to a count.
    """

    async def act(tx: Tx, now: datetime) -> Corrected:
        location_id, units = await resolve(tx, data.location, [(line.sku, line.quantity) for line in data.lines])
        faults = [
            Fault(f"/lines/{at}/to", "From one state into another.")
            for at, line in enumerate(data.lines)
            if line.source == line.target
        ]
        faults += [
            Fault(f"/lines/{at}/note", "Say what it is.")
            for at, line in enumerate(data.lines)
            if line.reason == "other" and not line.note.strip()
        ]
        if faults:
            raise Invalid(faults[:100])
        lines = [
            Adjustment(
                sku_id=sku_id,
                location_id=location_id,
                quantity=line.quantity,
                source=line.source,
                target=line.target,
                reason=line.reason,
                note=line.note.strip(),
            )
            for sku_id, line in zip(units, data.lines, strict=True)
        ]
        changed = await book_adjustments(
            tx, reference=data.reference, lines=lines, claimants=claimants, actor=command.actor, now=now
        )
        return Corrected.by(changed, claimants)

    return await command.run(data, act)


@put("/v1/stock/limits", tags=["inventory"])
async def put_stock_limits(
    brand: Brand,
    actor: str,
    claimants: Claimants,
    data: Annotated[list[LimitLine], Meta(min_length=1, max_length=5_000)],
) -> Corrected:
    """Set safety stock and oversell limits. Safety stock guards new claims only; claims above a lowered oversell limit
    give way as they do to a count.
    """

    async def act(tx: Tx) -> Corrected:
        wanted = await _limits(tx, data)
        changed = await set_limits(tx, limits=wanted, claimants=claimants, actor=actor, now=await clock_now(tx))
        return Corrected.by(len(changed), claimants)

    return await brand.run(act)


async def _limits(tx: Tx, lines: Sequence[LimitLine]) -> dict[tuple[int, int], Limits]:
    """By (sku_id, location_id). Raises Invalid naming everything wrong."""
    places = {one.code: one.location_id for one in (await locations(tx)).values()}
    products = await catalog.load(tx, [line.sku for line in lines])
    faults, wanted = [], {}
    for at, line in enumerate(lines):
        if line.sku not in products:
            faults.append(Fault(f"/{at}/sku", f"There is no product {line.sku[:60]!r}."))
        elif line.location not in places:
            faults.append(Fault(f"/{at}/location", f"There is no location {line.location[:60]!r}."))
        elif (key := (products[line.sku].sku_id, places[line.location])) in wanted:
            faults.append(Fault(f"/{at}", "This SKU and location stand here twice."))
        else:
            wanted[key] = Limits(safety_stock=line.safety_stock, oversell_limit=line.oversell_limit)
    if faults:
        raise Invalid(faults[:100])
    return wanted


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


def aware(pointer: str, time: datetime | None) -> None:
    """Raises Invalid when a time does not say which offset it is in."""
    if time is not None and time.tzinfo is None:
        raise Invalid([Fault(pointer, "A time needs its offset, such as 2026-01-05T08:00:00Z.")])


def ours(pointer: str, reference: str) -> None:
    """Raises Invalid for a reference under which only a transfer expects goods."""
    if reference.startswith(TRANSFER):
        raise Invalid([Fault(pointer, f"References that begin with {TRANSFER} are those of transfers.")])


async def resolve(tx: Tx, location: str, lines: Sequence[tuple[str, int]]) -> tuple[int, dict[int, int]]:
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
    book_stock_adjustments,
    put_stock_limits,
    list_stock,
    list_movements,
)
