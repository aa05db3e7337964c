"""A small HTTP/1.1 client for the demo's people, who make some 15,000 calls: a tenth of the cost of a general one.

It speaks to our own processes on this machine only: plain HTTP, kept-alive connections, no redirects. What is lost on
the way is an error; repeating is the caller's decision.
"""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlsplit

import msgspec

_HEAD_LIMIT = 262_144
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


class Lost(OSError):
    """The connection ended before the answer did: the request may or may not have been carried out."""


class Answer(msgspec.Struct, frozen=True):
    """An answer's status and body."""

    status: int
    content: bytes


class Wire:
    """Connections to one address, at most so many at a time."""

    def __init__(self, base_url: str, *, connections: int, timeout_s: float) -> None:
        url = urlsplit(base_url)
        self._host, self._port = url.hostname or "127.0.0.1", url.port or 80
        self._turns = asyncio.Semaphore(connections)
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._timeout_s = timeout_s

    async def send(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> Answer:
        """One request. Raises OSError (Lost among them) or TimeoutError when there is no whole answer."""
        lines = [f"{method} {target} HTTP/1.1", f"host: {self._host}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None or method != "GET":
            lines.append(f"content-length: {len(body or b'')}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        async with self._turns, asyncio.timeout(self._timeout_s):
            reader, writer = self._idle.pop() if self._idle else await self._connect()
            try:
                writer.write(head + (body or b""))
                answer, stays = await _read(reader)
            except BaseException:
                writer.close()
                raise
            if stays:
                self._idle.append((reader, writer))
            else:
                writer.close()
            return answer

    async def aclose(self) -> None:
        """Close the idle connections, and see them closed."""
        writers = [writer for _, writer in self._idle]
        self._idle.clear()
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._host, self._port, limit=_HEAD_LIMIT)


async def _read(reader: asyncio.StreamReader) -> tuple[Answer, bool]:
    """The answer, and whether the connection stays open."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length:
            content = await reader.readexactly(int(length[1]))
        else:
            content = await _chunks(reader) if _CHUNKED.search(head) else b""
        return Answer(int(head[9:12]), content), not _CLOSES.search(head)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
        raise Lost(f"no whole answer: {error!r}") from error


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """A body in chunks (RFC 9112, 7.1)."""
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        continue
    return b"".join(parts)
