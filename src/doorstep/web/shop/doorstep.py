"""Every call a storefront makes to Doorstep, and what its answers mean. Nothing else here knows an address of the API.

Rules an integrator may take over: each change carries an Idempotency-Key, or has a natural key of its own (an order's
number), so that a call without an answer is simply made again; a 4xx is an answer, anything else is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import httpx2
import msgspec

from doorstep.kit.ids import new_id

T = TypeVar("T")

_TRIES = 2
_TOO_MANY = 429


class Unreachable(Exception):
    """Doorstep did not answer, or not with anything we can use. What was asked may or may not have been done."""


class Refusal(Exception):
    """Doorstep said no: a problem as RFC 9457 has it. Nothing was changed."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail", "")))
        self.status, self.problem = status, problem

    @property
    def kind(self) -> str:
        """The last part of the problem's type, such as `insufficient-stock`."""
        return str(self.problem.get("type", "")).rpartition("/")[2]


class StockRow(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU at one location that may still be sold."""

    sku: str
    location: str
    available: int


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A place; stores can be picked up from."""

    code: str
    name: str
    kind: str
    street: str
    postcode: str
    city: str
    country: str
    timezone: str
    enabled: bool = True
    priority: int = 100
    capabilities: Sequence[str] = ()


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """A way of delivery; no `promised_by`: not everything is in stock. `origins` are codes of locations."""

    service: str
    title: str
    price_minor: int
    currency: str
    promised_by: datetime | None
    order_within_s: int | None
    origins: Sequence[str]
    together: bool
    short: Sequence[tuple[int, int]]


class HeldLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units that were asked for, and those held now: fewer once others needed what had expired."""

    sku: str
    quantity: int
    held: int


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Stock held for a cart, and for how long still. `status`: open, expired, released or converted."""

    hold_id: str
    expires_in_s: int
    status: str
    lines: Sequence[HeldLine]


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """An order, and the address of its page for whoever bought it."""

    order_id: str
    order_page: str


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    items: Any
    next_cursor: str | None = None


class Doorstep:
    """The API. `client` has the base address, the key and a time limit; it is the caller's to close."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def locations(self) -> list[Location]:
        """All places, the preferred first."""
        page = await self._ask("GET", "/v1/locations", answer=_Page)
        found = msgspec.convert(page.items, list[Location])
        return sorted((one for one in found if one.enabled), key=lambda one: (one.priority, one.code))

    async def stock(self, skus: Sequence[str]) -> list[StockRow]:
        """What may be sold, by SKU and location."""
        rows: list[StockRow] = []
        query: dict[str, Any] = {"sku": list(skus), "limit": 200}
        while True:
            page = await self._ask("GET", "/v1/stock", query=query, answer=_Page)
            rows += msgspec.convert(page.items, list[StockRow])
            if page.next_cursor is None:
                return rows
            query["cursor"] = page.next_cursor

    async def options(
        self, country: str, postcode: str, lines: Sequence[Mapping[str, Any]], hold: str | None
    ) -> list[Option]:
        """How these lines can be delivered there, and when; what our hold keeps counts as there. Raises Refusal."""
        body = {"country": country, "postcode": postcode, "lines": lines} | ({"cart_hold": hold} if hold else {})
        found = await self._ask("POST", "/v1/delivery-options", body, answer=dict[str, list[Option]])
        return found["options"]

    async def hold(self, lines: Sequence[Mapping[str, Any]], channel: str) -> Hold:
        """Hold stock for a cart. Raises Refusal 409 with `short` when there is not enough: nothing is held then."""
        return await self._ask("POST", "/v1/cart-holds", {"channel": channel, "lines": lines}, answer=Hold)

    async def change_hold(self, hold_id: str, lines: Sequence[Mapping[str, Any]]) -> Hold:
        """Hold something else instead. Raises Refusal; what was held before stays held then."""
        return await self._ask("PUT", f"/v1/cart-holds/{hold_id}", {"lines": lines}, answer=Hold)

    async def read_hold(self, hold_id: str) -> Hold:
        """How it stands with a hold."""
        return await self._ask("GET", f"/v1/cart-holds/{hold_id}", answer=Hold)

    async def extend_hold(self, hold_id: str) -> Hold:
        """A little longer. Raises Refusal when it is too late."""
        return await self._ask("POST", f"/v1/cart-holds/{hold_id}/extend", {}, answer=Hold)

    async def release_hold(self, hold_id: str) -> None:
        """Give everything back."""
        await self._ask("POST", f"/v1/cart-holds/{hold_id}/release", {}, answer=dict[str, Any])

    async def place(self, order: Mapping[str, Any]) -> Placed:
        """Place an order: (channel, number) is its key, so the same again is the same order. Raises Refusal."""
        return await self._ask("POST", "/v1/orders", order, answer=Placed)

    async def order(self, order_id: str) -> Placed:
        """An order that is there already."""
        return await self._ask("GET", f"/v1/orders/{order_id}", answer=Placed)

    async def put(self, path: str, body: object) -> None:
        """Create or replace what a shop has: products, services and the like. Raises Refusal."""
        await self._ask("PUT", path, body, answer=dict[str, Any])

    async def receive(self, reference: str, location: str, units: Mapping[str, int]) -> None:
        """Goods arrived; the same reference again counts nothing."""
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in units.items()]
        body = {"reference": reference, "location": location, "lines": lines}
        await self._ask("POST", "/v1/stock/receipts", body, answer=dict[str, Any])

    async def _ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        answer: type[T],
        query: Mapping[str, Any] | None = None,
    ) -> T:
        """The decoded answer; without one it is asked again, under the same key. Raises Refusal or Unreachable."""
        headers = {"idempotency-key": f"shop-{new_id().hex}"} if method != "GET" else {}
        said = None
        for _ in range(_TRIES):
            try:
                said = await self._client.request(method, path, json=body, params=query, headers=headers)
            except (TimeoutError, httpx2.HTTPError, OSError):
                continue
            if said.status_code < 500:
                break
        if said is None or said.status_code >= 500 or said.status_code in (401, 403, _TOO_MANY):
            raise Unreachable(f"{method} {path}: {said.status_code if said else 'no answer'}")
        try:
            if said.status_code >= 400:
                raise Refusal(said.status_code, msgspec.json.decode(said.content, type=dict[str, Any]))
            return msgspec.json.decode(said.content, type=answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unreachable(f"{method} {path}: {error}") from error
