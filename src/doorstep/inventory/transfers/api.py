"""HTTP: transfers between locations, from plan to the last unit accounted for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter
from msgspec import Meta

from doorstep import catalog
from doorstep.db import Brand, Tx
from doorstep.inventory.api import ReceiptLine, Reference, Shape, aware
from doorstep.inventory.locations import locations
from doorstep.inventory.transfers.transfer import (
    PREFIX,
    Arrived,
    Transfer,
    TransferState,
    cancel_transfer,
    close_transfer,
    open_transfer,
    read_transfer,
    receive_transfer,
    ship_transfer,
    transfers,
)
from doorstep.journal import Command
from doorstep.journal.commands import Answer
from doorstep.kit.errors import Fault, Invalid
from doorstep.kit.ids import parse, show
from doorstep.kit.limits import PAGE_DEFAULT, PAGE_MAX
from doorstep.kit.paging import cut, decode

LAST = UUID(int=2**128 - 1)
Count = Annotated[int, Meta(ge=0, le=1_000_000)]


class OpenTransfer(Shape, frozen=True, kw_only=True):
    """Goods to send from one location to another. The same `reference` is the same transfer."""

    reference: Reference
    source: Reference = msgspec.field(name="from")
    target: Reference = msgspec.field(name="to")
    expected_at: datetime
    lines: Annotated[Sequence[ReceiptLine], Meta(min_length=1, max_length=1_000)]


class ShipTransfer(Shape, frozen=True, kw_only=True):
    """What leaves; `lines` left out: all of it. Of a SKU that is left out, nothing leaves."""

    lines: Annotated[Sequence[ReceiptLine], Meta(min_length=1, max_length=1_000)] | None = None


class ArrivedLine(Shape, frozen=True, kw_only=True):
    """Units of a SKU that arrived: `quantity` good ones, and `damaged` ones besides."""

    sku: Reference
    quantity: Count
    damaged: Count = 0


class ReceiveTransfer(Shape, frozen=True, kw_only=True):
    """A part of a transfer, or all of it. The same `reference` counts once. `note`: what is to say of it."""

    reference: Annotated[str, Meta(min_length=1, max_length=100)]
    lines: Annotated[Sequence[ArrivedLine], Meta(min_length=1, max_length=1_000)]
    note: Annotated[str, Meta(max_length=200)] = ""


class FoundLine(Shape, frozen=True, kw_only=True):
    """Units of a SKU that never left."""

    sku: Reference
    quantity: Count


class CloseTransfer(Shape, frozen=True, kw_only=True):
    """Nothing more arrives: `found` is back where it began, the rest is written off, for `why`."""

    found: Annotated[Sequence[FoundLine], Meta(max_length=1_000)] = ()
    why: Annotated[str, Meta(max_length=200)] = ""


class TransferLineView(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU: planned, shipped, and what became of them. `in_transit` is not accounted for yet."""

    sku: str
    quantity: int
    shipped: int
    in_transit: int
    received: int
    damaged: int
    surplus: int
    found: int
    missing: int


class TransferView(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer. `why` units were written off, when they were."""

    transfer_id: str
    reference: str
    source: str = msgspec.field(name="from")
    target: str = msgspec.field(name="to")
    state: TransferState
    expected_at: datetime
    opened_by: str
    opened_at: datetime
    shipped_at: datetime | None
    ended_at: datetime | None
    why: str
    lines: Sequence[TransferLineView]


class TransferPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some transfers, newest first, and the cursor of the next."""

    items: Sequence[TransferView]
    next_cursor: str | None


_ANSWER = {200: ResponseSpec(TransferView)}


@post("/v1/stock/transfers", status_code=201, tags=["inventory"], responses={201: ResponseSpec(TransferView)})
async def open_stock_transfer(command: Command, data: OpenTransfer) -> Answer:
    """Plan a transfer: nothing moves, and nothing is kept for it, before it ships."""
    aware("/expected_at", data.expected_at)

    async def act(tx: Tx, now: datetime) -> TransferView:
        places = {one.code: one.location_id for one in (await locations(tx)).values()}
        faults = [
            Fault(pointer, f"There is no location {code[:60]!r}.")
            for pointer, code in (("/from", data.source), ("/to", data.target))
            if code not in places
        ]
        units = await _units(tx, [(line.sku, line.quantity) for line in data.lines], faults)
        made = await open_transfer(
            tx,
            reference=data.reference,
            source=places[data.source],
            target=places[data.target],
            units=units,
            expected_at=data.expected_at,
            actor=command.actor,
            now=now,
        )
        return await _one(tx, made)

    return await command.run(data, act, status=201)


@get("/v1/stock/transfers", tags=["inventory"])
async def list_stock_transfers(
    brand: Brand,
    ended: bool = False,
    limit: int = Parameter(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX),
    cursor: str | None = None,
) -> TransferPage:
    """Transfers that are not over, newest first; with `ended`, all."""
    (after,) = decode(cursor, (UUID,)) if cursor else (LAST,)
    async with brand.reading() as tx:
        rows = await transfers(tx, after=after, at=None, ended=ended, limit=limit + 1)
        page, more = cut(rows, limit, lambda one: (one.transfer_id,))
        return TransferPage(items=await _views(tx, page), next_cursor=more)


@get("/v1/stock/transfers/{transfer_id:str}", tags=["inventory"])
async def read_stock_transfer(brand: Brand, transfer_id: str) -> TransferView:
    """A transfer with its lines."""
    async with brand.reading() as tx:
        return await _one(tx, await read_transfer(tx, parse(PREFIX, transfer_id)))


@post("/v1/stock/transfers/{transfer_id:str}/ship", status_code=200, tags=["inventory"], responses=_ANSWER)
async def ship_stock_transfer(command: Command, transfer_id: str, data: ShipTransfer) -> Answer:
    """It leaves: off the shelf here, expected there. 409 when too few are free: nothing claimed is sent away."""

    async def act(tx: Tx, now: datetime) -> TransferView:
        units = None if data.lines is None else await _units(tx, [(line.sku, line.quantity) for line in data.lines])
        key = parse(PREFIX, transfer_id)
        return await _one(tx, await ship_transfer(tx, transfer_id=key, units=units, actor=command.actor, now=now))

    return await command.run(data, act)


@post("/v1/stock/transfers/{transfer_id:str}/receive", status_code=200, tags=["inventory"], responses=_ANSWER)
async def receive_stock_transfer(command: Command, transfer_id: str, data: ReceiveTransfer) -> Answer:
    """A part of it is here. With the last unit it is closed; more than was sent is booked as `surplus`."""

    async def act(tx: Tx, now: datetime) -> TransferView:
        good = await _units(tx, [(line.sku, line.quantity) for line in data.lines])
        arrived = [
            Arrived(sku_id=sku_id, good=line.quantity, damaged=line.damaged)
            for sku_id, line in zip(good, data.lines, strict=True)
        ]
        received = await receive_transfer(
            tx,
            transfer_id=parse(PREFIX, transfer_id),
            reference=data.reference,
            arrived=arrived,
            note=data.note.strip(),
            actor=command.actor,
            now=now,
        )
        return await _one(tx, received)

    return await command.run(data, act)


@post("/v1/stock/transfers/{transfer_id:str}/close", status_code=200, tags=["inventory"], responses=_ANSWER)
async def close_stock_transfer(command: Command, transfer_id: str, data: CloseTransfer) -> Answer:
    """Nothing more arrives: what is missing was found where it began, or is written off."""

    async def act(tx: Tx, now: datetime) -> TransferView:
        closed = await close_transfer(
            tx,
            transfer_id=parse(PREFIX, transfer_id),
            found_units=await _units(tx, [(line.sku, line.quantity) for line in data.found]),
            why=data.why.strip(),
            actor=command.actor,
            now=now,
        )
        return await _one(tx, closed)

    return await command.run(data, act)


@post("/v1/stock/transfers/{transfer_id:str}/cancel", status_code=200, tags=["inventory"], responses=_ANSWER)
async def cancel_stock_transfer(command: Command, transfer_id: str) -> Answer:
    """It will not be sent. 409 when it has left."""

    async def act(tx: Tx, now: datetime) -> TransferView:
        return await _one(tx, await cancel_transfer(tx, transfer_id=parse(PREFIX, transfer_id), now=now))

    return await command.run(None, act)


async def _units(tx: Tx, lines: Sequence[tuple[str, int]], faults: Sequence[Fault] = ()) -> dict[int, int]:
    """Units by sku_id, in the order given. Raises Invalid with these faults, unknown SKUs and those given twice."""
    products: Mapping[str, catalog.Product] = await catalog.load(tx, [sku for sku, _ in lines])
    wrong = list(faults)
    units: dict[int, int] = {}
    for place, (sku, quantity) in enumerate(lines):
        if sku not in products:
            wrong.append(Fault(f"/lines/{place}/sku", f"There is no product {sku[:60]!r}."))
        elif products[sku].sku_id in units:
            wrong.append(Fault(f"/lines/{place}/sku", f"{sku[:60]!r} stands here twice."))
        else:
            units[products[sku].sku_id] = quantity
    if wrong:
        raise Invalid(wrong[:100])
    return units


async def _one(tx: Tx, found: Transfer) -> TransferView:
    return (await _views(tx, [found]))[0]


async def _views(tx: Tx, found: Sequence[Transfer]) -> list[TransferView]:
    places = await locations(tx)
    same = ("reference", "state", "expected_at", "opened_by", "opened_at", "shipped_at", "ended_at", "why")
    return [
        TransferView(
            transfer_id=show(PREFIX, one.transfer_id),
            source=places[one.from_location_id].code,
            target=places[one.to_location_id].code,
            lines=[
                TransferLineView(**{name: getattr(line, name) for name in TransferLineView.__struct_fields__})
                for line in one.lines
            ],
            **{name: getattr(one, name) for name in same},
        )
        for one in found
    ]


HANDLERS = (
    open_stock_transfer,
    list_stock_transfers,
    read_stock_transfer,
    ship_stock_transfer,
    receive_stock_transfer,
    close_stock_transfer,
    cancel_stock_transfer,
)
