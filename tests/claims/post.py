"""Orders over HTTP, as a storefront sends them: connections that stay, one order a request."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec

from doorstep.kit.errors import Problem, Short
from doorstep.orders.placing import Outcome, PlacedOrder, Placing

Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Refused(Problem):
    """What the server answered instead of an order; `kind` is the problem's."""


class Door:
    """The servers' door: orders of a batch go out one by one, at the same time, to all servers in turn."""

    def __init__(self, hosts: Sequence[str], key: str) -> None:
        self._hosts, self._key = hosts, key
        self._free: list[deque[Link]] = [deque() for _ in hosts]  # in turn, so that none rests until the server ends it
        self._next = 0

    async def send(self, batch: Sequence[Placing]) -> list[Outcome]:
        """Place each order; a refusal for want of stock comes back as `Short`, with what the server saw."""
        return list(await asyncio.gather(*(self._one(placing) for placing in batch)))

    async def _one(self, placing: Placing) -> Outcome:
        at = self._next = (self._next + 1) % len(self._hosts)
        free = self._free[at]
        link = free.popleft() if free else await self._open(self._hosts[at])
        status, body = await self._ask(link, placing)
        free.append(link)
        if status < 300:
            return Outcome(answer=msgspec.json.decode(body, type=PlacedOrder, strict=False), new=status == 201)
        said = msgspec.json.decode(body)
        kind = str(said.get("type", "")).rsplit("/", 1)[-1]
        if kind == Short.kind:
            return Outcome(problem=Short(str(said.get("detail")), extra={"lines": said["lines"]}))
        problem = Refused(str(said.get("detail")))
        problem.kind = f"{status} {kind}"
        return Outcome(problem=problem)

    async def _ask(self, link: Link, placing: Placing) -> tuple[int, bytes]:
        reader, writer = link
        content = msgspec.json.encode(placing.order)
        head = (
            f"POST /v1/orders HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        writer.write(head.encode() + content)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.lower().split(": ", 1) for line in answer.split("\r\n")[1:] if ": " in line)
        return int(answer.split()[1]), await reader.readexactly(int(fields["content-length"]))

    async def _open(self, host: str) -> Link:
        name, _, port = host.rpartition(":")
        return await asyncio.open_connection(name, int(port))
