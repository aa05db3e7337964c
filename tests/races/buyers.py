"""Buyers who all want the last units at the same moment, each over a connection of its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from doorstep.kit.ids import new_id
from doorstep.web.api.keys import create
from tests.orders.world import World

BUYERS = 200
UNITS = 25
PATIENCE_S = 60.0


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a buyer was answered; `kind` is the problem's, when it is one."""

    status: int
    kind: str
    body: Any


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """How a round of buyers went: answers by status and kind of problem, and what the database says afterwards."""

    answers: dict[tuple[int, str], int]
    orders: int
    reserved: int
    on_hand: int

    def fault(self, *, lines: int) -> str:
        """What is wrong with it; empty when exactly `UNITS` buyers were served and the others clearly refused."""
        wanted = {(201, ""): UNITS, (409, "insufficient-stock"): BUYERS - UNITS}
        if self.answers != wanted:
            return f"answered {self.answers}, wanted {wanted}"
        if (self.orders, self.reserved, self.on_hand) != (UNITS, UNITS * lines, UNITS * lines):
            return f"{self.orders} orders, {self.reserved} of {self.on_hand} units reserved"
        return ""


async def write_key(world: World, database: Any) -> str:
    """An API key that may place orders."""
    async with database.shared() as tx:
        _, secret = await create(tx, brand=world.brand.name, name=f"buyers {new_id().hex[:8]}", scope="write")
    return secret


async def rush(world: World, key: str, hosts: Sequence[str], *, lines: int) -> Round:
    """Fresh stock of a fresh SKU for `UNITS` orders, then `BUYERS` at once; each order has so many lines of one unit.

    The stock lies in two locations, so that who loses at one may be served from the other.
    """
    sku = f"R{new_id().hex[-12:]}"
    north = (UNITS + 1) // 2
    await world.fill({"north": {sku: north * lines}, "south": {sku: (UNITS - north) * lines}})
    links = [await asyncio.open_connection(*_address(hosts[n % len(hosts)])) for n in range(BUYERS)]
    try:
        start = asyncio.Event()
        asking = [
            asyncio.create_task(_buy(link, start, key, body_of(f"{sku}-{n}", sku, lines)))
            for n, link in enumerate(links)
        ]
        start.set()
        replies = await asyncio.wait_for(asyncio.gather(*asking), PATIENCE_S)
    finally:
        for _, writer in links:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in links), return_exceptions=True)
    return await _counted(world, sku, replies)


def body_of(number: str, sku: str, lines: int = 1, quantity: int = 1) -> dict[str, Any]:
    """An order as a storefront sends it, free of charge, so that it waits for nobody."""
    return {
        "channel": "web", "number": number, "currency": "GBP", "service": "standard", "total_minor": 0,
        "customer": {"name": "Ada Lovelace", "email": "ada@example.test"},
        "ship_to": {"name": "Ada Lovelace", "street": "12 St James's Square", "city": "London",
                    "postcode": "SW1Y 4JH", "country": "GB"},
        "lines": [{"sku": sku, "quantity": quantity, "unit_price_minor": 0} for _ in range(lines)],
        "payment": {},
    }  # fmt: skip


async def post(host: str, key: str, body: dict[str, Any]) -> Reply:
    """Place one order over a connection of its own."""
    link = await asyncio.open_connection(*_address(host))
    try:
        go = asyncio.Event()
        go.set()
        return await asyncio.wait_for(_buy(link, go, key, body), PATIENCE_S)
    finally:
        link[1].close()
        await link[1].wait_closed()


async def _buy(
    link: tuple[asyncio.StreamReader, asyncio.StreamWriter], start: asyncio.Event, key: str, body: dict[str, Any]
) -> Reply:
    reader, writer = link
    content = msgspec.json.encode(body)
    head = (
        f"POST /v1/orders HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    await start.wait()
    writer.write(head.encode() + content)
    await writer.drain()
    answer = await reader.read()
    first, _, rest = answer.partition(b"\r\n")
    decoded = msgspec.json.decode(rest.partition(b"\r\n\r\n")[2])
    status = int(first.split()[1])
    kind = str(decoded.get("type", "")).rsplit("/", 1)[-1] if status >= 400 else ""
    return Reply(status=status, kind=kind, body=decoded)


async def _counted(world: World, sku: str, replies: Sequence[Reply]) -> Round:
    async with world.brand.reading() as tx:
        orders = await tx.fetchval("SELECT count(*) FROM orders WHERE number LIKE $1", f"{sku}-%")
        shelf = await tx.fetchrow(
            "SELECT sum(reserved)::integer AS reserved, sum(on_hand)::integer AS on_hand FROM stock WHERE sku_id = $1",
            world.skus[sku],
        )
    assert shelf is not None
    return Round(
        answers=dict(Counter((reply.status, reply.kind) for reply in replies)),
        orders=orders,
        reserved=shelf["reserved"],
        on_hand=shelf["on_hand"],
    )


def _address(host: str) -> tuple[str, int]:
    name, _, port = host.rpartition(":")
    return name, int(port)
