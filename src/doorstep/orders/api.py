"""HTTP: channels; orders placed, read, canceled, held."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter
from msgspec import Meta

from doorstep.db import Brand, Tx
from doorstep.delivery import DelayAnswer
from doorstep.journal import Command
from doorstep.journal.commands import Answer
from doorstep.kit.ids import parse, show
from doorstep.kit.limits import PAGE_DEFAULT, PAGE_MAX, UNITS_PER_LINE
from doorstep.kit.paging import cut, decode
from doorstep.orders import changes, reads
from doorstep.orders.answer_delay import answer_delay
from doorstep.orders.cancel import cancel
from doorstep.orders.channels import ChannelData, channels, put_channels
from doorstep.orders.holds import place_hold, release_hold
from doorstep.orders.intake import Intake
from doorstep.orders.model import HoldReason, LineQuantity
from doorstep.orders.placing import OrderPage, PlacedOrder, Placing
from doorstep.orders.requests import PlaceOrder, Shape, ShipTo

Reason = Annotated[str, Meta(min_length=1, max_length=200)]


class Channels(msgspec.Struct, frozen=True, kw_only=True):
    """All channels."""

    items: list[ChannelData]


class CancelLine(Shape, frozen=True, kw_only=True):
    """Units of a line."""

    line_no: Annotated[int, Meta(ge=1, le=32_767)]
    quantity: Annotated[int, Meta(ge=1, le=UNITS_PER_LINE)]


class Cancel(Shape, frozen=True, kw_only=True):
    """What to cancel; without `lines`, all that can still be."""

    reason: Reason
    lines: Annotated[Sequence[CancelLine], Meta(min_length=1, max_length=1_000)] | None = None


class CanceledView(msgspec.Struct, frozen=True, kw_only=True):
    """What was canceled, and its value in minor units. Nothing left to cancel: no lines."""

    lines: Sequence[LineQuantity]
    amount_minor: int
    everything: bool


class AnswerDelay(Shape, frozen=True, kw_only=True):
    """What the customer wants after a delay; `seq` is the delay's, as the order says it.

    `wait` for the new date; `cancel` all units of the late lines that have not left; `send_back` what is on its way:
    its return is opened, and the label bought, as soon as it has arrived.
    """

    seq: Annotated[int, Meta(ge=1, le=2_147_483_647)]
    answer: DelayAnswer


class DelayAnswerView(msgspec.Struct, frozen=True, kw_only=True):
    """The answer as it stands. `delay` is null when nothing late is left."""

    delay: reads.DelayView | None


class Hold(Shape, frozen=True, kw_only=True):
    """Why nothing should be activated for now."""

    reason: HoldReason
    note: Annotated[str, Meta(max_length=500)] = ""


class HoldView(msgspec.Struct, frozen=True, kw_only=True):
    """A hold by its id."""

    hold_id: str


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this request released it; false: it was released before."""

    released: bool


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this request changed anything."""

    changed: bool


@put("/v1/channels", tags=["orders"])
async def replace_channels(brand: Brand, data: list[ChannelData]) -> Channels:
    """Create or replace channels by their name."""

    async def act(tx: Tx) -> Channels:
        await put_channels(tx, data)
        return await _channels(tx)

    return await brand.run(act)


@get("/v1/channels", tags=["orders"])
async def list_channels(brand: Brand) -> Channels:
    """All channels."""
    async with brand.reading() as tx:
        return await _channels(tx)


async def _channels(tx: Tx) -> Channels:
    return Channels(items=await channels(tx))


@post("/v1/orders", tags=["orders"], responses={200: ResponseSpec(PlacedOrder, description="The same order again.")})
async def place_order(actor: str, intake: Intake, order_page: OrderPage, data: PlaceOrder) -> Response[PlacedOrder]:
    """Place an order, once: 201 when it is new, 200 with the same answer when it is sent again.

    409 `body-differs` when the number came before with another body, naming the fields; 409 `insufficient-stock` when
    the channel refuses short orders: nothing is written then, and a later try may succeed.
    """
    outcome = await intake.submit(Placing.of(data, actor))
    if outcome.answer is None:
        assert outcome.problem is not None
        raise outcome.problem
    headers = {} if outcome.new else {"idempotent-replay": "true"}
    answer = msgspec.structs.replace(outcome.answer, order_page=order_page(outcome.answer.order_id))
    return Response(answer, status_code=201 if outcome.new else 200, headers=headers)


@get("/v1/orders", tags=["orders"])
async def list_orders(
    brand: Brand,
    status: str | None = None,
    number: str | None = None,
    channel: str | None = None,
    limit: int = Parameter(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX),
    cursor: str | None = None,
) -> reads.OrderPage:
    """Orders, newest first, by status, number or channel."""
    (after,) = decode(cursor, (str,)) if cursor else (show("ord", reads.LAST),)
    async with brand.reading() as tx:
        rows = await reads.page(tx, parse("ord", after), status, number, channel, limit + 1)
    page, more = cut(rows, limit, lambda row: (row.order_id,))
    return reads.OrderPage(items=page, next_cursor=more)


@get("/v1/orders/{order_id:str}", tags=["orders"])
async def read_order(brand: Brand, order_page: OrderPage, order_id: str) -> reads.OrderView:
    """Everything about an order: lines and where their units are, claims, why these locations, promise, holds,
    money.
    """
    async with brand.transaction() as tx:
        found = await reads.order(tx, parse("ord", order_id))
    return msgspec.structs.replace(found, order_page=order_page(order_id))


@post("/v1/orders/{order_id:str}/cancel", status_code=200, tags=["orders"], responses={200: ResponseSpec(CanceledView)})
async def cancel_order(command: Command, order_id: str, data: Cancel) -> Answer:
    """Cancel lines or parts of them until they are picked: stock and money go back, the customer is told."""
    wanted = None
    if data.lines is not None:
        wanted = [LineQuantity(line_no=line.line_no, quantity=line.quantity) for line in data.lines]

    async def act(tx: Tx, now: datetime) -> CanceledView:
        event = await cancel(
            tx, order_id=parse("ord", order_id), wanted=wanted, reason=data.reason, actor=command.actor, now=now
        )
        if event is None:
            return CanceledView(lines=(), amount_minor=0, everything=False)
        return CanceledView(
            lines=[LineQuantity(line_no=line.line_no, quantity=line.quantity) for line in event.lines],
            amount_minor=event.amount_minor,
            everything=event.everything,
        )

    return await command.run(data, act)


@post(
    "/v1/orders/{order_id:str}/delay-answer",
    status_code=200,
    tags=["orders"],
    responses={200: ResponseSpec(DelayAnswerView)},
)
async def answer_order_delay(command: Command, order_id: str, data: AnswerDelay) -> Answer:
    """Answer a delay for the customer, who does it on the order's page: wait, cancel or send back.

    The last word counts. 409 when the date moved again since, or when it is too late for this answer; `choices` then
    says what is left.
    """
    key = parse("ord", order_id)

    async def act(tx: Tx, now: datetime) -> DelayAnswerView:
        await answer_delay(tx, order_id=key, seq=data.seq, answer=data.answer, actor=command.actor, now=now)
        return DelayAnswerView(delay=await reads.delay(tx, key))

    return await command.run(data, act)


@post("/v1/orders/{order_id:str}/holds", status_code=201, tags=["orders"], responses={201: ResponseSpec(HoldView)})
async def hold_order(command: Command, order_id: str, data: Hold) -> Answer:
    """Hold an order: nothing more is activated until the hold is released."""

    async def act(tx: Tx, now: datetime) -> HoldView:
        hold_id = await place_hold(
            tx, order_id=parse("ord", order_id), reason=data.reason, note=data.note, actor=command.actor, now=now
        )
        return HoldView(hold_id=show("hld", hold_id))

    return await command.run(data, act, status=201)


@post(
    "/v1/orders/{order_id:str}/holds/{hold_id:str}/release",
    status_code=200,
    tags=["orders"],
    responses={200: ResponseSpec(Released)},
)
async def release_order(command: Command, order_id: str, hold_id: str) -> Answer:
    """Release a hold; when it was the last, work starts."""

    async def act(tx: Tx, now: datetime) -> Released:
        done = await release_hold(
            tx, order_id=parse("ord", order_id), hold_id=parse("hld", hold_id), actor=command.actor, now=now
        )
        return Released(released=done)

    return await command.run(None, act)


@put("/v1/orders/{order_id:str}/address", tags=["orders"])
async def change_address(brand: Brand, actor: str, order_id: str, data: ShipTo) -> Changed:
    """Send it elsewhere, until picking starts. An address that looks right releases the hold for a wrong one."""

    async def act(tx: Tx) -> Changed:
        return Changed(changed=await changes.change_address(tx, parse("ord", order_id), data, actor=actor))

    return await brand.run(act)


HANDLERS: Sequence[Any] = (
    replace_channels,
    list_channels,
    place_order,
    list_orders,
    read_order,
    cancel_order,
    answer_order_delay,
    hold_order,
    release_order,
    change_address,
)
