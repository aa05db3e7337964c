"""HTTP: dated supply, announced, changed, called off; receipts book what arrives of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter
from msgspec import Meta

from doorstep.db import Brand, Tx
from doorstep.db.pool import clock_now
from doorstep.inventory.api import Booked, ReceiptLine, Reference, Shape, Units, aware, ours, resolve
from doorstep.inventory.supply.books import SQL
from doorstep.inventory.supply.incoming import PREFIX, cancel_supply, change_supply, expect
from doorstep.journal import Command
from doorstep.journal.commands import Answer
from doorstep.kit.errors import NotFound
from doorstep.kit.ids import parse, show
from doorstep.kit.limits import PAGE_DEFAULT, PAGE_MAX
from doorstep.kit.paging import cut, decode

_FIRST = (datetime.fromisoformat("0001-01-02T00:00:00+00:00"), UUID(int=0))


class Expected(Shape, frozen=True, kw_only=True):
    """A delivery note of goods on their way. The same reference again corrects it until the goods arrive."""

    reference: Reference
    location: Reference
    expected_at: datetime
    lines: Annotated[Sequence[ReceiptLine], Meta(min_length=1, max_length=5_000)]


class SupplyChange(Shape, frozen=True, kw_only=True):
    """How many are expected in all, those that have arrived too, and when."""

    quantity: Units
    expected_at: datetime


class Supply(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU on their way to a location; `arrived` are here, more than `quantity` when too many came;
    `promised` of the others are what orders wait for.
    """

    incoming_id: str
    reference: str
    sku: str
    location: str
    quantity: int
    arrived: int
    promised: int
    expected_at: datetime
    status: Literal["open", "received", "canceled"]


class SupplyPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some supply, the nearest first, and the cursor of the next."""

    items: Sequence[Supply]
    next_cursor: str | None


@post("/v1/stock/incoming", status_code=200, tags=["inventory"])
async def book_incoming(brand: Brand, actor: str, data: Expected) -> Booked:
    """Goods are on their way: what is short is backordered to their date. `changed`: SKUs that are new or corrected."""
    aware("/expected_at", data.expected_at)
    ours("/reference", data.reference)

    async def act(tx: Tx) -> Booked:
        location_id, units = await resolve(tx, data.location, [(line.sku, line.quantity) for line in data.lines])
        changed = await expect(
            tx,
            reference=data.reference,
            location_id=location_id,
            units=units,
            expected_at=data.expected_at,
            actor=actor,
            now=await clock_now(tx),
        )
        return Booked(changed=changed)

    return await brand.run(act)


@get("/v1/stock/incoming", tags=["inventory"])
async def list_incoming(
    brand: Brand,
    sku: list[str] | None = None,
    location: str | None = None,
    ended: bool = False,
    limit: int = Parameter(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX),
    cursor: str | None = None,
) -> SupplyPage:
    """What is on its way, the nearest first; with `ended`, also what has arrived or was called off."""
    after = decode(cursor, (datetime, UUID)) if cursor else _FIRST
    async with brand.reading() as tx:
        rows = await tx.fetch(SQL.list_incoming, sku or [], location, ended, *after, limit + 1)
    page, more = cut(rows, limit, lambda row: (row["expected_at"], row["incoming_id"]))
    return SupplyPage(items=[_view(row) for row in page], next_cursor=more)


@get("/v1/stock/incoming/{incoming_id:str}", tags=["inventory"])
async def read_incoming(brand: Brand, incoming_id: str) -> Supply:
    """One piece of supply."""
    async with brand.reading() as tx:
        return await _read(tx, parse(PREFIX, incoming_id))


@put("/v1/stock/incoming/{incoming_id:str}", tags=["inventory"])
async def change_incoming(brand: Brand, actor: str, incoming_id: str, data: SupplyChange) -> Supply:
    """Another date or quantity. 409 when it has arrived or was called off."""
    aware("/expected_at", data.expected_at)
    key = parse(PREFIX, incoming_id)

    async def act(tx: Tx) -> Supply:
        await change_supply(
            tx,
            incoming_id=key,
            quantity=data.quantity,
            expected_at=data.expected_at,
            actor=actor,
            now=await clock_now(tx),
        )
        return await _read(tx, key)

    return await brand.run(act)


@post(
    "/v1/stock/incoming/{incoming_id:str}/cancel",
    status_code=200,
    tags=["inventory"],
    responses={200: ResponseSpec(Supply)},
)
async def cancel_incoming(command: Command, incoming_id: str) -> Answer:
    """Call off what has not arrived. 409 when all of it is here."""
    key = parse(PREFIX, incoming_id)

    async def act(tx: Tx, now: datetime) -> Supply:
        await cancel_supply(tx, incoming_id=key, actor=command.actor, now=now)
        return await _read(tx, key)

    return await command.run(None, act)


async def _read(tx: Tx, incoming_id: UUID) -> Supply:
    row = await tx.fetchrow(SQL.read_incoming, incoming_id)
    if row is None:
        raise NotFound(f"There is no supply {show(PREFIX, incoming_id)}.")
    return _view(row)


def _view(row: Any) -> Supply:
    return Supply(
        incoming_id=show(PREFIX, row["incoming_id"]),
        status="received" if row["received_at"] else "canceled" if row["canceled_at"] else "open",
        **{
            name: row[name]
            for name in ("reference", "sku", "location", "quantity", "arrived", "promised", "expected_at")
        },
    )


HANDLERS = (book_incoming, list_incoming, read_incoming, change_incoming, cancel_incoming)
