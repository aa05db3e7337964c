"""The storefronts: they send orders as the real shop's customers placed them, and come back when they were refused."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from doorstep.demo.book import Book
from doorstep.demo.calls import Calls, GivenUp, Reply
from doorstep.demo.model import Order, OrderLine
from doorstep.demo.runfile import Done

CONCURRENT = 8
TRIES = 3
"""How often a shopper comes back for goods that are short, before they take the later date."""

COMES_BACK_AFTER = timedelta(days=2)


class _Placed(msgspec.Struct, frozen=True):
    order_id: str


class Storefront:
    """All channels: who is still to order, and when."""

    def __init__(self, api: Calls, book: Book, done: Done, orders: Sequence[Order]) -> None:
        self._api, self._book, self._done = api, book, done
        self._orders = orders
        self._heap: list[tuple[datetime, int]] = []
        for place, order in enumerate(orders):
            if f"order {order.number}" not in done and f"left {order.number}" not in done:
                heapq.heappush(self._heap, (self._comes_at(order), place))

    @property
    def next_at(self) -> datetime | None:
        """When the next order comes."""
        return self._heap[0][0] if self._heap else None

    @property
    def left_to_come(self) -> int:
        """How many orders are still to come."""
        return len(self._heap)

    async def act(self, now: datetime) -> int:
        """Send every order due, started in their order, a few at a time."""
        due = []
        while self._heap and self._heap[0][0] <= now:
            due.append(self._orders[heapq.heappop(self._heap)[1]])
        turns = asyncio.Semaphore(CONCURRENT)

        async def one(order: Order) -> None:
            async with turns:
                await self._place(order)

        await asyncio.gather(*(one(order) for order in due))
        return len(due)

    async def _place(self, order: Order) -> None:
        reply = await self._send(order, order.on_short)
        if not reply.ok and self._tries(order) >= TRIES:
            reply = await self._send(order, "accept")
        elif not reply.ok:
            self._done.add(f"refused {order.number} {self._tries(order) + 1}")
            if order.if_refused == "accept":
                reply = await self._send(order, "accept")
            elif order.if_refused == "leave":
                self._done.add(f"left {order.number}")
                return
            else:
                heapq.heappush(self._heap, (self._comes_at(order), self._orders.index(order)))
                return
        if not reply.ok:
            raise GivenUp(f"order {order.number} was refused: {reply.content[:1000].decode()}")
        self._book.know(order.number, reply.read(_Placed).order_id)
        self._done.add(f"order {order.number}")

    async def _send(self, order: Order, on_short: str) -> Reply:
        reply = await self._api.ask("POST", "/v1/orders", body_of(order, on_short))
        if reply.kind == "body-differs":
            # It stands already: sent with the other wish about short stock, and its answer was lost with us.
            return await self._api.ask("POST", "/v1/orders", body_of(order, "accept"))
        if not reply.ok and reply.kind != "insufficient-stock":
            raise GivenUp(f"order {order.number} was refused: {reply.content[:1000].decode()}")
        return reply

    def _tries(self, order: Order) -> int:
        return self._done.count(f"refused {order.number}")

    def _comes_at(self, order: Order) -> datetime:
        return order.placed_at + self._tries(order) * COMES_BACK_AFTER


def body_of(order: Order, on_short: str) -> dict[str, Any]:
    """The order as `POST /v1/orders` takes it."""
    customer, address = order.customer, order.ship_to
    wants = customer.preferences
    return {
        "channel": order.channel,
        "number": order.number,
        "currency": order.currency,
        "customer": {
            "name": customer.name,
            "email": customer.email,
            "phone": customer.phone,
            "locale": wants.language,
        },
        "ship_to": {
            "name": address.name,
            "street": f"{address.company}, {address.street}" if address.company else address.street,
            "city": address.city,
            "postcode": address.postcode,
            "country": address.country,
        },
        "service": order.service,
        "lines": [_line(line) for line in order.lines],
        "shipping_minor": order.shipping_minor,
        "total_minor": order.total_minor,
        "payment": {"token": order.payment_token},
        "on_short": on_short,
        "preferences": {
            "channel": wants.channel,
            "only_if_late": wants.only_if_late,
            "locale": wants.language,
            "timezone": "Europe/London",
        },
    }


def _line(line: OrderLine) -> dict[str, Any]:
    body: dict[str, Any] = {
        "sku": line.sku,
        "quantity": line.quantity,
        "unit_price_minor": line.unit_price_minor,
        "instructions": line.instructions,
    }
    if line.gift_wrap:
        body["gift_wrap"] = line.gift_wrap
    if line.personalization:
        body["personalization"] = line.personalization
    return body
