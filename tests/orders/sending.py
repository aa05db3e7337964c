"""Sends a body of orders piece by piece over a connection of its own, and reads results while it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

NDJSON = "application/x-ndjson"
PATIENCE_S = 120.0


class Sending:
    """A request in the air. `status` and `headers` once `results` has begun; `problem` when it was refused."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.problem: Any = None
        self._rest = b""

    def send(self, piece: bytes) -> None:
        """A piece of the body, as one chunk; nothing waits for its going."""
        self.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def end(self) -> None:
        """The body's end."""
        self.writer.write(b"0\r\n\r\n")

    def hang_up(self) -> None:
        """Leave in the middle."""
        self.writer.transport.abort()

    async def results(self, most: int = 1_000_000) -> list[dict[str, Any]]:
        """The next results, so many or all that come until the end."""
        if not self.status:
            await self._read_head()
        found: list[dict[str, Any]] = []
        while len(found) < most:
            line, newline, rest = self._rest.partition(b"\n")
            if newline:
                self._rest = rest
                found.append(msgspec.json.decode(line))
                continue
            chunk = await self._chunk()
            if not chunk:
                break
            self._rest += chunk
        return found

    async def _read_head(self) -> None:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        first, *lines = head.decode().strip().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "content-length" in self.headers:
            content = await self.reader.readexactly(int(self.headers["content-length"]))
            self.problem = msgspec.json.decode(content or b"null")

    async def _chunk(self) -> bytes:
        if "content-length" in self.headers:
            return b""
        size = int(await asyncio.wait_for(self.reader.readuntil(b"\r\n"), PATIENCE_S), 16)
        return (await asyncio.wait_for(self.reader.readexactly(size + 2), PATIENCE_S))[:-2]


@asynccontextmanager
async def sending(host: str, key: str, **headers: str) -> AsyncIterator[Sending]:
    """A request to place many; headers with `_` for `-`."""
    name, _, port = host.rpartition(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    wanted = {"content_type": NDJSON, "transfer_encoding": "chunked", "authorization": f"Bearer {key}"} | headers
    lines = "".join(f"{field.replace('_', '-')}: {value}\r\n" for field, value in wanted.items() if value)
    writer.write(f"POST /v1/orders:batch HTTP/1.1\r\nHost: shop\r\n{lines}\r\n".encode())
    try:
        yield Sending(reader, writer)
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def bulk(host: str, key: str, orders: Iterable[Mapping[str, Any] | bytes]) -> list[dict[str, Any]]:
    """Send orders, or lines as they are, as one body, reading while sending; all results."""
    async with sending(host, key) as request:
        reading = asyncio.create_task(request.results())
        for order in orders:
            request.send(order if isinstance(order, bytes) else msgspec.json.encode(order) + b"\n")
            await asyncio.wait_for(request.writer.drain(), PATIENCE_S)
        request.end()
        found = await reading
        assert request.status == 200, request.problem
        return found
