"""HTTP: returns, from the question whether to the goods on the shelf."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter
from msgspec import Meta

from doorstep import catalog, inventory, orders, shipping
from doorstep.db import Brand, Tx
from doorstep.db.pool import clock_now
from doorstep.inventory import Disposition
from doorstep.journal import Command
from doorstep.journal.commands import Answer
from doorstep.kit.errors import Fault, Invalid, NotFound
from doorstep.kit.ids import parse, show
from doorstep.kit.limits import LINES_PER_ORDER, PAGE_DEFAULT, PAGE_MAX, TEXT_SHORT, UNITS_PER_LINE
from doorstep.kit.paging import cut, decode
from doorstep.returns import points_api, store
from doorstep.returns.close import decline
from doorstep.returns.eligible import eligible
from doorstep.returns.exchange import alternatives
from doorstep.returns.model import (
    BY_CARRIER,
    Acceptance,
    Alternative,
    Handover,
    Item,
    Outcome,
    Reason,
    Reception,
    Return,
    Status,
    Way,
    WishLine,
)
from doorstep.returns.qr import qr_svg
from doorstep.returns.reads import read_one
from doorstep.returns.receive import decide, receive
from doorstep.returns.request import collection_days, request
from doorstep.returns.track import drop_off

LineNo = Annotated[int, Meta(ge=1, le=LINES_PER_ORDER)]
Units = Annotated[int, Meta(ge=1, le=UNITS_PER_LINE)]
Code = Annotated[str, Meta(min_length=1, max_length=40)]
Token = Annotated[str, Meta(min_length=1, max_length=TEXT_SHORT)]
_START = UUID(int=0)


class EligibilityQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which order."""

    order_id: Annotated[str, Meta(max_length=TEXT_SHORT)]


class EligibleLine(msgspec.Struct, frozen=True, kw_only=True):
    """What of a line may be returned, until when, for which reasons; `code` and `why`: why not, or what is special.

    `exchange` is what it may be exchanged for, with the units that could be had now.
    """

    line_no: int
    sku: str
    title: str
    quantity: int
    until: datetime | None
    reasons: list[Reason]
    code: str
    why: str
    exchange: list[Alternative]


class EligibilityView(msgspec.Struct, frozen=True, kw_only=True):
    """All lines of the order, and where, how and (by collection) when goods can be handed over."""

    order_id: str
    lines: list[EligibleLine]
    handover: list[Handover]
    stores: list[str]
    collection_days: list[date]


class RequestLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units of a line, and why they come back; for an exchange, `exchange_sku` is what is wanted instead."""

    line_no: LineNo
    quantity: Units
    reason: Reason
    exchange_sku: Annotated[str, Meta(min_length=1, max_length=100)] | None = None


class ReturnRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A return. `number` is your own, made for you when missing; `location` is the store's code for `store`.

    `collect_on` is the day of a `collection`, one of the `collection_days` that the eligibility answers. With the
    outcome `exchange`, what is wanted instead is kept at once and sent when the goods are here.
    """

    order_id: Annotated[str, Meta(max_length=TEXT_SHORT)]
    lines: Annotated[list[RequestLine], Meta(min_length=1, max_length=LINES_PER_ORDER)]
    handover: Handover
    outcome: Outcome = "refund"
    number: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    location: Code | None = None
    collect_on: date | None = None


class ReceiveLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units found and what is decided: `disposition` for accepted ones; `wrong_item` when it is another article."""

    line_no: LineNo
    quantity: Units
    acceptance: Literal["accepted", "rejected", "manual"] = "accepted"
    disposition: Disposition | None = None
    reception: Literal["received", "wrong_item"] = "received"


class ReceiveRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came, at which location (its code). `last`: nothing more will come, what is missing is short."""

    location: Code
    lines: Annotated[list[ReceiveLine], Meta(max_length=LINES_PER_ORDER)]
    last: bool = False


class DecideLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A decision on units that were received as `manual`."""

    line_no: LineNo
    quantity: Units
    acceptance: Literal["accepted", "rejected"]
    disposition: Disposition | None = None


class DecideRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Decisions on units that wait for one."""

    lines: Annotated[list[DecideLine], Meta(min_length=1, max_length=LINES_PER_ORDER)]


class DropOffRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it was handed in, and what the customer's QR code says."""

    location: Code
    token: Token | None = None


class ScanRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a QR code was scanned, and what it says."""

    location: Code
    token: Token


class DeclineRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it is not taken back."""

    reason: Annotated[str, Meta(min_length=1, max_length=TEXT_SHORT)]


class ReturnLineView(msgspec.Struct, frozen=True, kw_only=True):
    """A line on its two axes: what was received, and what was decided. Units and minor units of money."""

    line_no: int
    sku: str
    title: str
    quantity: int
    reason: Reason
    reception: Reception
    acceptance: Acceptance
    disposition: Disposition | None
    received: int
    accepted: int
    rejected: int
    missing: int
    refund_minor: int
    exchange_sku: str | None


class ReturnView(msgspec.Struct, frozen=True, kw_only=True):
    """A return. `refund_by` is the latest date of the refund; `refund_minor` what was given back so far.

    `exchange_order_id` and `exchange_number` are of the order that is sent in exchange.
    """

    return_id: str
    order_id: str
    number: str
    status: Status
    outcome: Outcome
    handover: Way
    location: str
    tracking_number: str | None
    refund_by: datetime
    refund_minor: int
    currency: str
    requested_at: datetime
    received_at: datetime | None
    closed_at: datetime | None
    expires_at: datetime
    collect_on: date | None
    exchange_order_id: str | None
    exchange_number: str | None
    lines: list[ReturnLineView]


class ReturnPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some returns, oldest first, and the cursor of the next ones (null at the end)."""

    items: list[ReturnView]
    next_cursor: str | None


async def _views(tx: Tx, found: Iterable[Return]) -> list[ReturnView]:
    returns = list(found)
    rows = await orders.read(tx, {one.order_id for one in returns})
    sku_ids = {line.sku_id for one in returns for line in one.lines}
    sku_ids |= {line.sku_id for one in returns for line in one.exchanges}
    products = await catalog.by_id(tx, sku_ids)
    instead = {(one.return_id, one.line_no): products[one.sku_id].sku for each in returns for one in each.exchanges}
    places = await inventory.locations(tx)
    return [
        ReturnView(
            return_id=show("ret", one.return_id),
            order_id=show("ord", one.order_id),
            location=places[one.location_id].code,
            currency=rows[one.order_id].currency,
            exchange_order_id=show("ord", one.exchanges[0].exchange_order_id) if one.exchanges else None,
            exchange_number=one.exchanges[0].exchange_number if one.exchanges else None,
            lines=[
                ReturnLineView(
                    sku=products[line.sku_id].sku,
                    title=products[line.sku_id].title,
                    exchange_sku=instead.get((line.return_id, line.line_no)),
                    **{field: getattr(line, field) for field in _LINE_FIELDS},
                )
                for line in one.lines
            ],
            **{field: getattr(one, field) for field in _FIELDS},
        )
        for one in returns
    ]


_LINE_FIELDS = tuple(
    field for field in ReturnLineView.__struct_fields__ if field not in ("sku", "title", "exchange_sku")
)
_FIELDS = tuple(
    field
    for field in ReturnView.__struct_fields__
    if field not in ("return_id", "order_id", "location", "currency", "exchange_order_id", "exchange_number", "lines")
)


async def _view(tx: Tx, one: Return) -> ReturnView:
    (view,) = await _views(tx, [one])
    return view


@post("/v1/returns/eligibility", status_code=200, tags=["returns"])
async def ask_eligibility(brand: Brand, data: EligibilityQuestion) -> EligibilityView:
    """What of an order may be returned now, and how. Changes nothing."""
    order_id = parse("ord", data.order_id)
    async with brand.reading() as tx:
        lines = await eligible(tx, order_id=order_id, now=await clock_now(tx))
        places = (await inventory.locations(tx)).values()
        days = await collection_days(tx, order_id=order_id, now=await clock_now(tx))
        instead = await alternatives(tx, order_id=order_id, now=await clock_now(tx))
    takers = [place for place in places if place.enabled and "returns" in place.capabilities]
    ways: list[Handover] = ["label", "qr", "store", "collection"]
    return EligibilityView(
        order_id=show("ord", order_id),
        lines=[
            EligibleLine(
                line_no=line.line_no,
                sku=line.sku,
                title=line.title,
                quantity=line.quantity,
                until=line.until,
                reasons=list(line.reasons),
                code=line.code,
                why=line.why,
                exchange=instead.get(line.line_no, []) if line.quantity else [],
            )
            for line in lines
        ],
        handover=ways if takers else [],
        stores=sorted(place.code for place in takers),
        collection_days=days,
    )


@post("/v1/returns", status_code=201, tags=["returns"], responses={201: ResponseSpec(ReturnView)})
async def request_return(command: Command, data: ReturnRequest) -> Answer:
    """Open a return: choose units, reasons and how to hand them over."""
    order_id = parse("ord", data.order_id)

    async def act(tx: Tx, now: datetime) -> ReturnView:
        wanted = [
            WishLine(**{field: getattr(line, field) for field in WishLine.__struct_fields__}) for line in data.lines
        ]
        opened = await request(
            tx,
            order_id=order_id,
            wanted=wanted,
            handover=data.handover,
            outcome=data.outcome,
            number=data.number,
            location=data.location,
            collect_on=data.collect_on,
            actor=command.actor,
            now=now,
        )
        return await _view(tx, opened)

    return await command.run(data, act, status=201)


@get("/v1/returns", tags=["returns"])
async def list_returns(
    brand: Brand,
    order: Annotated[str | None, Parameter(max_length=TEXT_SHORT)] = None,
    status: Status | None = None,
    location: Annotated[str | None, Parameter(max_length=40)] = None,
    limit: int = Parameter(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX),
    cursor: str | None = None,
) -> ReturnPage:
    """Returns, oldest first, of an order, in a state, or expected at a location."""
    (after,) = decode(cursor, (UUID,)) if cursor else (_START,)
    order_id = parse("ord", order) if order is not None else None
    async with brand.reading() as tx:
        location_id = None
        if location is not None:
            codes = {place.code: place.location_id for place in (await inventory.locations(tx)).values()}
            if location not in codes:
                raise Invalid([Fault("?location", f"There is no location {location[:40]!r}.")])
            location_id = codes[location]
        rows = await store.page(
            tx, after=after, order_id=order_id, status=status, location_id=location_id, limit=limit + 1
        )
        items, more = cut(rows, limit, lambda row: (row.return_id,))
        return ReturnPage(items=await _views(tx, items), next_cursor=more)


@get("/v1/returns/{return_id:str}", tags=["returns"])
async def read_return(brand: Brand, return_id: str) -> ReturnView:
    """One return."""
    async with brand.reading() as tx:
        return await _view(tx, await read_one(tx, parse("ret", return_id)))


@get("/v1/returns/{return_id:str}/label.pdf", media_type="application/pdf", tags=["returns"])
async def read_return_label(brand: Brand, return_id: str) -> Response[bytes]:
    """The label for the way back, 4 x 6 inch. 404 until it is bought, and for other hand-overs."""
    async with brand.reading() as tx:
        one = await read_one(tx, parse("ret", return_id))
        pdf = await shipping.label_pdf(tx, one.return_id)
    if pdf is None:
        detail = "yet" if one.handover in BY_CARRIER else f"of a return handed over by {one.handover}"
        raise NotFound(f"There is no label {detail}.")
    return Response(pdf, media_type="application/pdf")


@get("/v1/returns/{return_id:str}/qr.svg", media_type="image/svg+xml", tags=["returns"])
async def read_return_qr(brand: Brand, return_id: str) -> Response[bytes]:
    """The QR code to show at the drop-off. 404 for a return that goes back with a label."""
    async with brand.reading() as tx:
        one = await read_one(tx, parse("ret", return_id))
    if one.qr_token is None:
        raise NotFound("This return goes back with a label: it has no QR code.")
    return Response(qr_svg(one.qr_token).encode(), media_type="image/svg+xml")


@post("/v1/returns/drop-off", status_code=200, tags=["returns"])
async def scan_drop_off(brand: Brand, actor: str, data: ScanRequest) -> ReturnView:
    """A customer shows a QR code and hands the goods in. Scanning again changes nothing."""

    async def act(tx: Tx) -> ReturnView:
        now = await clock_now(tx)
        one = await drop_off(tx, return_id=None, token=data.token, location=data.location, actor=actor, now=now)
        return await _view(tx, one)

    return await brand.run(act)


@post("/v1/returns/{return_id:str}/drop-off", status_code=200, tags=["returns"])
async def drop_off_return(brand: Brand, actor: str, return_id: str, data: DropOffRequest) -> ReturnView:
    """The goods were handed in at a location. Again changes nothing."""
    key = parse("ret", return_id)

    async def act(tx: Tx) -> ReturnView:
        now = await clock_now(tx)
        one = await drop_off(tx, return_id=key, token=data.token, location=data.location, actor=actor, now=now)
        return await _view(tx, one)

    return await brand.run(act)


@post(
    "/v1/returns/{return_id:str}/receive",
    status_code=200,
    tags=["returns"],
    responses={200: ResponseSpec(ReturnView)},
)
async def receive_return(command: Command, return_id: str, data: ReceiveRequest) -> Answer:
    """What came is judged: back to stock, refunded, or left to the customer."""
    key = parse("ret", return_id)

    async def act(tx: Tx, now: datetime) -> ReturnView:
        items = [
            Item(
                line_no=line.line_no,
                quantity=line.quantity,
                reception=line.reception,
                acceptance=line.acceptance,
                disposition=line.disposition,
            )
            for line in data.lines
        ]
        one = await receive(
            tx,
            return_id=key,
            location=data.location,
            items=items,
            last=data.last,
            actor=command.actor,
            now=now,
        )
        return await _view(tx, one)

    return await command.run(data, act)


@post(
    "/v1/returns/{return_id:str}/decide",
    status_code=200,
    tags=["returns"],
    responses={200: ResponseSpec(ReturnView)},
)
async def decide_return(command: Command, return_id: str, data: DecideRequest) -> Answer:
    """A person's decision on units that were received as `manual`."""
    key = parse("ret", return_id)

    async def act(tx: Tx, now: datetime) -> ReturnView:
        items = [
            Item(
                line_no=line.line_no,
                quantity=line.quantity,
                acceptance=line.acceptance,
                disposition=line.disposition,
            )
            for line in data.lines
        ]
        return await _view(tx, await decide(tx, return_id=key, items=items, actor=command.actor, now=now))

    return await command.run(data, act)


@post(
    "/v1/returns/{return_id:str}/decline",
    status_code=200,
    tags=["returns"],
    responses={200: ResponseSpec(ReturnView)},
)
async def decline_return(command: Command, return_id: str, data: DeclineRequest) -> Answer:
    """End a return of which nothing is under way."""
    key = parse("ret", return_id)

    async def act(tx: Tx, now: datetime) -> ReturnView:
        return await _view(tx, await decline(tx, return_id=key, reason=data.reason, actor=command.actor, now=now))

    return await command.run(data, act)


HANDLERS = (
    ask_eligibility,
    request_return,
    list_returns,
    read_return,
    read_return_label,
    read_return_qr,
    scan_drop_off,
    drop_off_return,
    receive_return,
    decide_return,
    decline_return,
    *points_api.HANDLERS,
)
