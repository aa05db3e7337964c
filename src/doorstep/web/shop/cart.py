"""Carts, in memory: what somebody wants, what is held for them, what they typed. And the sums of it, to the cent."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from doorstep.kit.ids import new_id
from doorstep.web.shop.wares import BY_SKU, WRAP_FEE_MINOR, Size, Ware

MOST_CARTS = 10_000
MOST_LINES = 20


class Wrap(msgspec.Struct, frozen=True, kw_only=True):
    """How a line is wrapped."""

    paper: str
    message: str = ""
    hide_prices: bool = True


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one SKU, printed and wrapped alike."""

    line_id: int
    sku: str
    quantity: int
    texts: Mapping[str, str] = {}
    wrap: Wrap | None = None

    @property
    def ware(self) -> Ware:
        """What it is."""
        return BY_SKU[self.sku][0]

    @property
    def size(self) -> Size:
        """Which one of it."""
        return BY_SKU[self.sku][1]

    @property
    def unit_minor(self) -> int:
        """One of it as printed, with tax."""
        return self.ware.price_minor + (self.ware.print_fee_minor if self.texts else 0)

    @property
    def wrap_minor(self) -> int:
        """Wrapping, with tax."""
        return WRAP_FEE_MINOR if self.wrap else 0

    @property
    def total_minor(self) -> int:
        """All of it, with tax."""
        return self.unit_minor * self.quantity + self.wrap_minor


class Cart(msgspec.Struct, kw_only=True, eq=False):
    """One visitor's cart. `number` is the order's number to be: the same for each try, so that one order comes of it.

    `bought` are the pages of orders by their numbers: a second press on "buy" leads there.
    """

    lines: list[Line] = []
    hold_id: str | None = None
    fields: dict[str, str] = {}
    number: str = msgspec.field(default_factory=lambda: _number())
    bought: dict[str, str] = {}
    lock: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    _lines_made: int = 0

    @property
    def units(self) -> int:
        """How many things are in it."""
        return sum(line.quantity for line in self.lines)

    @property
    def total_minor(self) -> int:
        """The goods with printing and wrapping, with tax."""
        return sum(line.total_minor for line in self.lines)

    def with_more(self, sku: str, quantity: int, texts: Mapping[str, str], most: int) -> list[Line]:
        """The lines with units more; what is just the same comes to its line, up to `most` units a line."""
        for place, line in enumerate(self.lines):
            if (line.sku, line.texts, line.wrap) == (sku, texts, None):
                more = msgspec.structs.replace(line, quantity=min(most, line.quantity + quantity))
                return [*self.lines[:place], more, *self.lines[place + 1 :]]
        self._lines_made += 1
        return [*self.lines, Line(line_id=self._lines_made, sku=sku, quantity=quantity, texts=texts)]

    def done(self, order_page: str) -> None:
        """It was bought: empty again, with a new number."""
        self.bought = dict([*self.bought.items(), (self.number, order_page)][-5:])
        self.lines, self.hold_id, self.number = [], None, _number()


def _number() -> str:
    return "S-" + base64.b32encode(new_id().bytes[-5:]).decode()


class Carts:
    """All carts by the random name in their visitor's cookie; the one not used for longest goes when it is full."""

    def __init__(self) -> None:
        self._carts: OrderedDict[str, Cart] = OrderedDict()

    def get(self, name: str) -> Cart | None:
        """The cart of this name."""
        cart = self._carts.get(name)
        if cart is not None:
            self._carts.move_to_end(name)
        return cart

    def new(self) -> tuple[str, Cart]:
        """An empty cart under a name that nobody can guess."""
        name, cart = secrets.token_urlsafe(24), Cart()
        self._carts[name] = cart
        while len(self._carts) > MOST_CARTS:
            self._carts.popitem(last=False)
        return name, cart


def held_lines(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """What a hold has to keep."""
    return [{"sku": line.sku, "quantity": line.quantity} for line in lines]


def quoted_lines(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """What a quote has to know: printing takes a workshop and a day, wrapping a place that wraps."""
    return [
        {
            "sku": line.sku,
            "quantity": line.quantity,
            "personalized": bool(line.texts),
            "gift_wrap": line.wrap is not None,
        }
        for line in lines
    ]


def ordered_line(line: Line, vat_percent: int) -> dict[str, Any]:
    """A line as an order has it: net prices and fees, and the tax as an amount of its own, so that all adds up."""

    def net(gross_minor: int) -> int:
        return gross_minor * 100 // (100 + vat_percent)

    unit = net(line.ware.price_minor)
    printing = net(line.ware.print_fee_minor * line.quantity) if line.texts else 0
    wrapping = net(line.wrap_minor)
    body: dict[str, Any] = {
        "sku": line.sku,
        "quantity": line.quantity,
        "unit_price_minor": unit,
        "tax_minor": line.total_minor - unit * line.quantity - printing - wrapping,
    }
    if line.texts:
        body["personalization"] = {"fields": line.texts, "fee_minor": printing}
    if line.wrap:
        body["gift_wrap"] = {**msgspec.to_builtins(line.wrap), "fee_minor": wrapping}
    return body


def vat_within(gross_minor: int, percent: int) -> int:
    """The tax that a price contains, rounded to the cent."""
    return round(gross_minor * percent / (100 + percent))
