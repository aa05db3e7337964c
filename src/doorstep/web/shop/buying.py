"""The cart: put in, change, wrap, take out, and how long it is held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.params import Parameter

from doorstep.web.shop import holding
from doorstep.web.shop.cart import MOST_LINES, Cart, Line, Wrap
from doorstep.web.shop.holding import Short
from doorstep.web.shop.looking import ware_page
from doorstep.web.shop.visiting import Asked, Visit, form
from doorstep.web.shop.wares import BY_SKU, MESSAGE_CHARACTERS, MOST_UNITS, PAPERS, print_faults, printed

LineId = Annotated[int, Parameter(ge=1, le=1_000_000)]


@get("/cart")
async def show_cart(request: Asked) -> Response[bytes]:
    """What is in the cart, and how long it is held."""
    return await cart_page(Visit(request), said=request.query_params.get("said", ""))


async def cart_page(
    visit: Visit, *, said: str = "", short: Mapping[str, int] | None = None, status: int = 200
) -> Response[bytes]:
    """The cart. `short`: units there are of the SKUs that there are too few of."""
    held = await holding.look(visit.shop.doorstep, visit.cart)
    return visit.page(
        "cart.html",
        status=status,
        cart=visit.cart,
        held=held,
        said=said,
        short=short or {},
        by_sku=BY_SKU,
        most=MOST_UNITS,
        papers=PAPERS,
        message_characters=MESSAGE_CHARACTERS,
    )


@get("/cart/held")
async def show_held(request: Asked) -> Response[bytes]:
    """`open 540`, or another state: what an open page asks for, so that its countdown tells no tales."""
    visit = Visit(request)
    held = await holding.look(visit.shop.doorstep, visit.cart)
    return Response(
        f"{held.state} {held.seconds}".encode(), media_type="text/plain", headers={"cache-control": "no-store"}
    )


@post("/cart", status_code=200)
async def put_in(request: Asked) -> Response[bytes]:
    """Into the cart, and held from now on."""
    visit, fields = Visit(request), await form(request)
    sku = fields.get("sku", "")
    if sku not in BY_SKU:
        return await ware_page(visit, fields.get("ware", ""), fields, faults={"sku": True}, status=422)
    ware, _ = BY_SKU[sku]
    texts = printed(ware, fields)
    faults = print_faults(ware, texts)
    quantity = _units(fields.get("quantity", "1"))
    if faults or not quantity:
        named = dict.fromkeys(faults or {"quantity"}, True)
        return await ware_page(visit, ware.code, fields, faults=named, status=422)
    cart = visit.keep()
    async with cart.lock:
        lines = cart.with_more(sku, quantity, texts, MOST_UNITS)
        if len(lines) > MOST_LINES:
            return await cart_page(visit, said="full", status=422)
        try:
            await holding.keep(visit.shop.doorstep, cart, lines)
        except Short as short:
            left = max(0, short.available.get(sku, 0) - sum(one.quantity for one in cart.lines if one.sku == sku))
            return await ware_page(visit, ware.code, fields, faults={"short": left}, status=409)
    return visit.see("/cart?said=added")


@post("/cart/lines/{line_id:int}", status_code=200)
async def change_line(request: Asked, line_id: LineId) -> Response[bytes]:
    """Other units of a line, or none; wrapped, or not."""
    visit, fields = Visit(request), await form(request)
    cart = visit.cart
    async with cart.lock:
        lines = [changed(line, fields) if line.line_id == line_id else line for line in cart.lines]
        try:
            await holding.keep(visit.shop.doorstep, cart, [line for line in lines if line.quantity])
        except Short as short:
            return await cart_page(visit, short=short.available, status=409)
    return visit.see("/cart")


def changed(line: Line, fields: Mapping[str, str]) -> Line:
    """The line as a form wants it; what the form does not say, or says badly, stays."""
    if "remove" in fields:
        return msgspec.structs.replace(line, quantity=0)
    quantity = _units(fields.get("quantity", "")) or line.quantity
    wrap = line.wrap
    if "wrapping" in fields:
        paper = fields.get("paper", PAPERS[0])
        wrap = None
        if "wrap" in fields:
            wrap = Wrap(
                paper=paper if paper in PAPERS else PAPERS[0],
                message=fields.get("message", "").replace("\r\n", "\n")[:MESSAGE_CHARACTERS],
                hide_prices="hide_prices" in fields,
            )
    return msgspec.structs.replace(line, quantity=quantity, wrap=wrap)


@post("/cart/held", status_code=200)
async def hold_longer(request: Asked) -> Response[bytes]:
    """A little more time, or, when it is over, a new hold."""
    visit = Visit(request)
    await form(request)
    cart: Cart = visit.cart
    async with cart.lock:
        if cart.lines:
            try:
                await holding.longer(visit.shop.doorstep, cart)
            except Short as short:
                return await cart_page(visit, short=short.available, status=409)
    return visit.see("/cart?said=held")


def _units(text: str) -> int:
    """Units of a line; 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= MOST_UNITS else 0


HANDLERS = (show_cart, show_held, put_in, change_line, hold_longer)
