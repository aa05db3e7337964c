"""HTTP: the floor's work list, and its verbs, one by one or in waves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from doorstep import catalog, inventory, orders
from doorstep.db import Brand, Tx
from doorstep.db.pool import clock_now
from doorstep.fulfillment import store
from doorstep.fulfillment.accept import accept
from doorstep.fulfillment.complete_step import complete_step, complete_steps
from doorstep.fulfillment.model import (
    FulfillmentOrder,
    Outcome,
    Packing,
    ParcelMeasures,
    Pick,
    RequestStatus,
    ShortReason,
    StatusCategory,
    StepKind,
)
from doorstep.fulfillment.pack import pack
from doorstep.fulfillment.pick import pick
from doorstep.fulfillment.reject import reject
from doorstep.fulfillment.short_pick import short_pick
from doorstep.fulfillment.take import only
from doorstep.journal import Command
from doorstep.journal.commands import Answer
from doorstep.kit.errors import Fault, Invalid, NotFound
from doorstep.kit.ids import parse, show
from doorstep.kit.limits import LINES_PER_ORDER, PAGE_DEFAULT, PAGE_MAX, TEXT_LONG, UNITS_PER_LINE
from doorstep.kit.paging import cut, decode

_WAVE = 200
_FIRST = (-1, datetime.min.replace(tzinfo=UTC), UUID(int=0))


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a fulfillment order. `to_pick` units are still on the shelf; `withdrawn` are no longer wanted here."""

    line_no: int
    sku: str
    title: str
    quantity: int
    withdrawn: int
    to_pick: int
    picked: int
    packed: int
    shipped: int


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """Work on a line besides picking; `detail` says what to read, print or wrap."""

    step_id: str
    line_no: int
    kind: StepKind
    status: str
    detail: dict[str, Any]
    done_by: str | None
    done_at: datetime | None


class FulfillmentOrderView(msgspec.Struct, frozen=True, kw_only=True):
    """Work at one location for one order. It must leave by `pick_by`; nothing may be done while `on_hold`."""

    fulfillment_order_id: str
    order_id: str
    number: str
    location: str
    service: str
    express: bool
    on_hold: bool
    status_category: StatusCategory
    status: str
    request_status: RequestStatus
    pick_by: datetime
    promised_by: datetime | None
    created_at: datetime
    activated_at: datetime | None
    accepted_at: datetime | None
    packed_at: datetime | None
    closed_at: datetime | None
    lines: list[LineView]
    steps: list[StepView]


class FulfillmentOrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """Work in the order in which to do it: express first, then by when it must leave."""

    items: list[FulfillmentOrderView]
    next_cursor: str | None


class WaveItem(msgspec.Struct, frozen=True, kw_only=True):
    """How one of many went: `done`, now or before, or not, and then `problem` says why."""

    fulfillment_order_id: str
    done: bool
    problem: str


class WaveResult(msgspec.Struct, frozen=True, kw_only=True):
    """One outcome for each id, in the order given. Those that could be done were, whatever became of the others."""

    items: list[WaveItem]


class WaveRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to 200 fulfillment orders."""

    ids: Annotated[list[str], msgspec.Meta(min_length=1, max_length=_WAVE)]


class LineUnits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some units of a line."""

    line_no: Annotated[int, msgspec.Meta(ge=1, le=32_767)]
    quantity: Annotated[int, msgspec.Meta(ge=1, le=UNITS_PER_LINE)]


_Lines = Annotated[list[LineUnits], msgspec.Meta(min_length=1, max_length=LINES_PER_ORDER)]


class RejectRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the location does not do it."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_LONG)]


class PickRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was picked; no lines = everything that was still to pick."""

    lines: _Lines | None = None


class ShortPickRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was not there, and why."""

    lines: _Lines
    reason: ShortReason


class StepsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which work is done on all lines; no kind = all that is left."""

    kind: StepKind | None = None


class PackRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The boxes; none = as the products' weights and sizes suggest."""

    parcels: Annotated[list[ParcelMeasures], msgspec.Meta(max_length=_WAVE)] = []


Act = Callable[[Tx, datetime], Awaitable[Outcome]]


@get("/v1/fulfillment-orders", tags=["fulfillment"])
async def list_fulfillment_orders(
    brand: Brand,
    location: Annotated[str | None, Parameter(max_length=100)] = None,
    status: StatusCategory | None = None,
    order: Annotated[str | None, Parameter(max_length=100)] = None,
    limit: int = Parameter(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX),
    cursor: str | None = None,
) -> FulfillmentOrderPage:
    """The work list of a location, express before standard. Without `status`: what is activated or being fulfilled."""
    after = decode(cursor, (int, datetime, UUID)) if cursor else _FIRST
    order_id = parse("ord", order) if order else None
    async with brand.reading() as tx:
        ids = await store.page(
            tx,
            categories=[status] if status else ["activated", "fulfilling"],
            location_id=await _location_id(tx, location) if location else None,
            order_id=order_id,
            after=after,
            limit=limit + 1,
        )
        found = await store.load(tx, ids)
        page, more = cut(
            [found[key] for key in ids if key in found],
            limit,
            lambda one: (one.lane, one.pick_by, one.fulfillment_order_id),
        )
        return FulfillmentOrderPage(items=await _views(tx, page), next_cursor=more)


@get("/v1/fulfillment-orders/{fulfillment_order_id:str}", tags=["fulfillment"])
async def read_fulfillment_order(brand: Brand, fulfillment_order_id: str) -> FulfillmentOrderView:
    """One fulfillment order."""
    async with brand.reading() as tx:
        return await _view(tx, parse("ful", fulfillment_order_id))


@post("/v1/fulfillment-orders/accept", status_code=200, tags=["fulfillment"])
async def accept_many(brand: Brand, actor: str, data: WaveRequest) -> WaveResult:
    """Accept a wave. Again changes nothing, so no Idempotency-Key is needed."""
    keys = _wave(data)

    async def act(tx: Tx) -> list[Outcome]:
        return await accept(tx, fulfillment_order_ids=keys, actor=actor, now=await clock_now(tx))

    return _result(await brand.run(act))


@post("/v1/fulfillment-orders/pick", status_code=200, tags=["fulfillment"])
async def pick_many(brand: Brand, actor: str, data: WaveRequest) -> WaveResult:
    """Everything still to pick of a wave was picked. Again changes nothing, so no Idempotency-Key is needed."""
    picks = [Pick(fulfillment_order_id=key) for key in _wave(data)]

    async def act(tx: Tx) -> list[Outcome]:
        return await pick(tx, picks=picks, actor=actor, now=await clock_now(tx))

    return _result(await brand.run(act))


@post("/v1/fulfillment-orders/pack", status_code=200, tags=["fulfillment"])
async def pack_many(brand: Brand, actor: str, data: WaveRequest) -> WaveResult:
    """Pack a wave into boxes as the products suggest. Again changes nothing, so no Idempotency-Key is needed."""
    packings = [Packing(fulfillment_order_id=key) for key in _wave(data)]

    async def act(tx: Tx) -> list[Outcome]:
        return await pack(tx, packings=packings, actor=actor, now=await clock_now(tx))

    return _result(await brand.run(act))


@post("/v1/fulfillment-orders/{fulfillment_order_id:str}/accept", status_code=200, tags=["fulfillment"])
async def accept_one(brand: Brand, actor: str, fulfillment_order_id: str) -> FulfillmentOrderView:
    """Accept the work. Again changes nothing."""
    key = parse("ful", fulfillment_order_id)

    async def act(tx: Tx, now: datetime) -> Outcome:
        return only(await accept(tx, fulfillment_order_ids=[key], actor=actor, now=now))

    return await _do(brand, act)


@post("/v1/fulfillment-orders/{fulfillment_order_id:str}/reject", status_code=200, tags=["fulfillment"])
async def reject_one(brand: Brand, actor: str, fulfillment_order_id: str, data: RejectRequest) -> FulfillmentOrderView:
    """Reject the work before accepting it; it is routed elsewhere. Again changes nothing."""
    key = parse("ful", fulfillment_order_id)

    async def act(tx: Tx, now: datetime) -> Outcome:
        return only([await reject(tx, fulfillment_order_id=key, reason=data.reason, actor=actor, now=now)])

    return await _do(brand, act)


@post(
    "/v1/fulfillment-orders/{fulfillment_order_id:str}/pick",
    status_code=200,
    tags=["fulfillment"],
    responses={200: ResponseSpec(FulfillmentOrderView, description="The fulfillment order after it")},
)
async def pick_one(command: Command, fulfillment_order_id: str, data: PickRequest) -> Answer:
    """Note what was picked: all, or some lines and units now and the rest later."""
    key = parse("ful", fulfillment_order_id)
    lines = None if data.lines is None else _units(data.lines)

    async def act(tx: Tx, now: datetime) -> FulfillmentOrderView:
        only(await pick(tx, picks=[Pick(fulfillment_order_id=key, lines=lines)], actor=command.actor, now=now))
        return await _view(tx, key)

    return await command.run(data, act)


@post(
    "/v1/fulfillment-orders/{fulfillment_order_id:str}/short-pick",
    status_code=200,
    tags=["fulfillment"],
    responses={200: ResponseSpec(FulfillmentOrderView, description="The fulfillment order after it")},
)
async def short_pick_one(command: Command, fulfillment_order_id: str, data: ShortPickRequest) -> Answer:
    """Units that should be on the shelf are not: they leave the shelf count and are looked for elsewhere."""
    key = parse("ful", fulfillment_order_id)

    async def act(tx: Tx, now: datetime) -> FulfillmentOrderView:
        outcome = await short_pick(
            tx,
            fulfillment_order_id=key,
            lines=_units(data.lines),
            reason=data.reason,
            actor=command.actor,
            now=now,
        )
        only([outcome])
        return await _view(tx, key)

    return await command.run(data, act)


@post(
    "/v1/fulfillment-orders/{fulfillment_order_id:str}/steps/{step_id:str}/done", status_code=200, tags=["fulfillment"]
)
async def finish_step(brand: Brand, actor: str, fulfillment_order_id: str, step_id: str) -> FulfillmentOrderView:
    """A work step is done: instructions read, text printed, gift wrapped. Again changes nothing."""
    key, step = parse("ful", fulfillment_order_id), parse("wst", step_id)

    async def act(tx: Tx, now: datetime) -> Outcome:
        return only([await complete_step(tx, fulfillment_order_id=key, work_step_id=step, actor=actor, now=now)])

    return await _do(brand, act)


@post("/v1/fulfillment-orders/{fulfillment_order_id:str}/steps/done", status_code=200, tags=["fulfillment"])
async def finish_steps(brand: Brand, actor: str, fulfillment_order_id: str, data: StepsRequest) -> FulfillmentOrderView:
    """All work of a kind is done, on every line that waits for it: all of it, or none. Again changes nothing."""
    key = parse("ful", fulfillment_order_id)

    async def act(tx: Tx, now: datetime) -> Outcome:
        return only([await complete_steps(tx, fulfillment_order_id=key, kind=data.kind, actor=actor, now=now)])

    return await _do(brand, act)


@post("/v1/fulfillment-orders/{fulfillment_order_id:str}/pack", status_code=200, tags=["fulfillment"])
async def pack_one(brand: Brand, actor: str, fulfillment_order_id: str, data: PackRequest) -> FulfillmentOrderView:
    """Everything is in boxes. Needs all units picked and all steps done. Again changes nothing."""
    packing = Packing(fulfillment_order_id=parse("ful", fulfillment_order_id), parcels=data.parcels)

    async def act(tx: Tx, now: datetime) -> Outcome:
        return only(await pack(tx, packings=[packing], actor=actor, now=now))

    return await _do(brand, act)


async def _do(brand: Brand, act: Act) -> FulfillmentOrderView:
    async def once(tx: Tx) -> FulfillmentOrderView:
        outcome = await act(tx, await clock_now(tx))
        return await _view(tx, outcome.fulfillment_order_id)

    return await brand.run(once)


def _wave(data: WaveRequest) -> list[UUID]:
    return [parse("ful", text) for text in data.ids]


def _result(outcomes: Sequence[Outcome]) -> WaveResult:
    return WaveResult(
        items=[
            WaveItem(
                fulfillment_order_id=show("ful", outcome.fulfillment_order_id),
                done=outcome.done,
                problem=outcome.problem,
            )
            for outcome in outcomes
        ]
    )


def _units(lines: Sequence[LineUnits]) -> list[orders.LineQuantity]:
    return [orders.LineQuantity(line_no=line.line_no, quantity=line.quantity) for line in lines]


async def _location_id(tx: Tx, code: str) -> int:
    for location in (await inventory.locations(tx)).values():
        if location.code == code:
            return location.location_id
    raise Invalid([Fault("?location", f"There is no location {code!r}.")])


async def _view(tx: Tx, key: UUID) -> FulfillmentOrderView:
    found = await store.load(tx, [key])
    if key not in found:
        raise NotFound(f"There is no fulfillment order {show('ful', key)}.")
    return (await _views(tx, list(found.values())))[0]


async def _views(tx: Tx, found: Sequence[FulfillmentOrder]) -> list[FulfillmentOrderView]:
    products = await catalog.by_id(tx, {line.sku_id for one in found for line in one.lines})
    rows = await orders.read(tx, {one.order_id for one in found})
    places = await inventory.locations(tx)
    return [
        FulfillmentOrderView(
            fulfillment_order_id=show("ful", one.fulfillment_order_id),
            order_id=show("ord", one.order_id),
            number=rows[one.order_id].number,
            location=places[one.location_id].code,
            service=one.service,
            express=one.lane == 0,
            on_hold=not rows[one.order_id].clear,
            status_category=one.status_category,
            status=one.status,
            request_status=one.request_status,
            pick_by=one.pick_by,
            promised_by=one.promised_by,
            created_at=one.created_at,
            activated_at=one.activated_at,
            accepted_at=one.accepted_at,
            packed_at=one.packed_at,
            closed_at=one.closed_at,
            lines=_line_views(one, products),
            steps=[
                StepView(
                    step_id=show("wst", step.work_step_id),
                    line_no=step.line_no,
                    kind=step.kind,
                    status=step.status,
                    detail=step.detail,
                    done_by=step.done_by,
                    done_at=step.done_at,
                )
                for step in one.steps
            ],
        )
        for one in found
    ]


def _line_views(one: FulfillmentOrder, products: dict[int, catalog.Product]) -> list[LineView]:
    return [
        LineView(
            line_no=line.line_no,
            sku=products[line.sku_id].sku,
            title=products[line.sku_id].title,
            quantity=line.quantity,
            withdrawn=line.withdrawn,
            to_pick=line.to_pick,
            picked=line.picked,
            packed=line.packed,
            shipped=line.shipped,
        )
        for line in one.lines
    ]


HANDLERS = (
    list_fulfillment_orders,
    read_fulfillment_order,
    accept_many,
    pick_many,
    pack_many,
    accept_one,
    reject_one,
    pick_one,
    short_pick_one,
    finish_step,
    finish_steps,
    pack_one,
)
