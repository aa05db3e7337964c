"""HTTP: hold a cart's units, change, extend and release the hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get, post, put
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Meta

from doorstep import catalog, inventory
from doorstep.carts.hold import change, hold
from doorstep.carts.keep import extend, release
from doorstep.carts.model import PREFIX, CartHold, HoldLine, Status
from doorstep.carts.store import SQL, read_one
from doorstep.db import Brand, Tx
from doorstep.db.pool import clock_now
from doorstep.journal import Command
from doorstep.journal.commands import Answer
from doorstep.kit.errors import Fault, Invalid
from doorstep.kit.ids import parse, show
from doorstep.kit.limits import CART_HOLD_MINUTES, CART_HOLD_MINUTES_MAX, LINES_PER_ORDER

Minutes = Annotated[int, Meta(ge=1, le=CART_HOLD_MINUTES_MAX)]
Lines = Annotated[Sequence[HoldLine], Meta(min_length=1, max_length=LINES_PER_ORDER)]


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the requests: unknown fields are refused."""


class HoldCart(Shape, frozen=True, kw_only=True):
    """A cart to hold. With a `country` (ISO 3166-1 alpha-2) the units are held where they would be sent from."""

    channel: Annotated[str, Meta(min_length=1, max_length=40)]
    lines: Lines
    minutes: Minutes = CART_HOLD_MINUTES
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")] | None = None
    postcode: Annotated[str, Meta(max_length=20)] | None = None


class ChangeCart(Shape, frozen=True, kw_only=True):
    """What the cart shall hold instead, for so many minutes from now at least."""

    lines: Lines
    minutes: Minutes = CART_HOLD_MINUTES


class ExtendCart(Shape, frozen=True, kw_only=True):
    """For how many minutes from now, at least."""

    minutes: Minutes = CART_HOLD_MINUTES


class HeldLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU as asked for, and how many of them are held now: fewer once others needed what had expired."""

    sku: str
    quantity: int
    held: int


class CartHoldView(msgspec.Struct, frozen=True, kw_only=True):
    """A hold. Expired, it still becomes an order with what nobody else has needed meanwhile.

    Times are the brand's clock; `expires_in_s` counts from the answer, never below zero.
    """

    hold_id: str
    channel: str
    expires_at: datetime
    expires_in_s: int
    status: Status
    lines: Sequence[HeldLine]
    order_id: str | None


@post("/v1/cart-holds", status_code=201, tags=["carts"], responses={201: ResponseSpec(CartHoldView)})
async def hold_cart(command: Command, data: HoldCart) -> Answer:
    """Hold a cart's units for some minutes, all or none. 409 `insufficient-stock` says in `short` what is missing."""
    if data.postcode is not None and data.country is None:
        raise Invalid([Fault("/country", "A postcode needs its country.")])

    async def act(tx: Tx, now: datetime) -> CartHoldView:
        made = await hold(
            tx,
            channel=data.channel,
            lines=data.lines,
            minutes=data.minutes,
            country=data.country,
            postcode=data.postcode or "",
            actor=command.actor,
            now=now,
        )
        return await _view(tx, made, now)

    return await command.run(data, act, status=201)


@get("/v1/cart-holds/{hold_id:str}", tags=["carts"])
async def read_cart_hold(brand: Brand, hold_id: str) -> CartHoldView:
    """A hold, and how long it lasts."""
    async with brand.transaction() as tx:
        return await _view(tx, await read_one(tx, parse(PREFIX, hold_id)), await clock_now(tx))


@put("/v1/cart-holds/{hold_id:str}", tags=["carts"])
async def change_cart_hold(brand: Brand, actor: str, hold_id: str, data: ChangeCart) -> CartHoldView:
    """Hold these units instead; what is held counts as available. Refused (409), what was held stays as it was."""

    async def act(tx: Tx) -> CartHoldView:
        now = await clock_now(tx)
        made = await change(
            tx, hold_id=parse(PREFIX, hold_id), lines=data.lines, minutes=data.minutes, actor=actor, now=now
        )
        return await _view(tx, made, now)

    return await brand.run(act)


@post(
    "/v1/cart-holds/{hold_id:str}/extend",
    status_code=200,
    tags=["carts"],
    responses={200: ResponseSpec(CartHoldView)},
)
async def extend_cart_hold(command: Command, hold_id: str, data: ExtendCart) -> Answer:
    """Hold for longer. 409 `hold-ended` when it was released, became an order, or its units were needed elsewhere."""

    async def act(tx: Tx, now: datetime) -> CartHoldView:
        return await _view(tx, await extend(tx, hold_id=parse(PREFIX, hold_id), minutes=data.minutes, now=now), now)

    return await command.run(data, act)


@post(
    "/v1/cart-holds/{hold_id:str}/release",
    status_code=200,
    tags=["carts"],
    responses={200: ResponseSpec(CartHoldView)},
)
async def release_cart_hold(command: Command, hold_id: str) -> Answer:
    """Give the units back at once; again, nothing more happens. 409 `hold-ended` when it became an order."""

    async def act(tx: Tx, now: datetime) -> CartHoldView:
        done = await release(tx, hold_id=parse(PREFIX, hold_id), actor=command.actor, now=now)
        return await _view(tx, done, now)

    return await command.run(None, act)


async def _view(tx: Tx, found: CartHold, now: datetime) -> CartHoldView:
    products = await catalog.by_id(tx, [sku_id for sku_id, _ in found.lines])
    held: dict[int, int] = {}
    for claim in await inventory.cart_claims(tx, [found.hold_id]):
        held[claim.sku_id] = held.get(claim.sku_id, 0) + claim.quantity
    return CartHoldView(
        hold_id=show(PREFIX, found.hold_id),
        channel=await tx.fetchval(SQL.channel_of, found.channel_id),
        expires_at=found.expires_at,
        expires_in_s=max(0, int((found.expires_at - now).total_seconds())),
        status=found.status(now),
        lines=[
            HeldLine(sku=products[sku_id].sku, quantity=units, held=held.get(sku_id, 0))
            for sku_id, units in found.lines
        ],
        order_id=show("ord", found.order_id) if found.order_id else None,
    )


HANDLERS = (hold_cart, read_cart_hold, change_cart_hold, extend_cart_hold, release_cart_hold)
