"""Bodies of newline-delimited JSON, read line by line as they come: a line, or what is wrong with it, at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from doorstep.kit.errors import Problem, TooLarge, UnsupportedMedia
from doorstep.kit.limits import BODY_BYTES, BODY_IDLE_S, BULK_AHEAD_BYTES, BULK_BYTES, BULK_LINES

NDJSON = "application/x-ndjson"
Line = tuple[int, bytes | Problem]  # its number, from 1, and what it says


def check_media(headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Raises UnsupportedMedia unless the body is NDJSON, TooLarge when it says that it is longer than we take."""
    found = dict(headers)
    media = found.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media != NDJSON.encode():
        raise UnsupportedMedia(f"Send one JSON object a line, with Content-Type: {NDJSON}.")
    length = found.get(b"content-length", b"0")
    if length.isdigit() and int(length) > BULK_BYTES:
        raise TooLarge(f"A body holds at most {BULK_BYTES:,} bytes. Send it in parts.")


class Splitter:
    """Cuts bytes into lines. Empty ones are counted and passed over; of one that is too long nothing is kept."""

    def __init__(self) -> None:
        self.full = False  # the body's limits are passed: the last line said so, and no more is wanted
        self._rest = bytearray()
        self._too_long = False
        self._number = self._bytes = 0

    def feed(self, data: bytes) -> list[Line]:
        """The lines that end in this piece of the body."""
        self._bytes += len(data)
        *ends, rest = data.split(b"\n")
        lines: list[Line] = []
        for piece in ends:
            self._keep(piece)
            lines += self.end()
            if self._number > BULK_LINES:
                return self._stop(lines, f"{BULK_LINES:,} lines")
        self._keep(rest)
        return self._stop(lines, f"{BULK_BYTES:,} bytes") if self._bytes > BULK_BYTES else lines

    def end(self) -> list[Line]:
        """The line that ends here, if there is anything in it."""
        self._number += 1
        line, too_long = bytes(self._rest), self._too_long
        self._rest.clear()
        self._too_long = False
        if too_long:
            return [(self._number, TooLarge(f"A line holds at most {BODY_BYTES:,} bytes."))]
        return [(self._number, line)] if line.strip() else []

    def _keep(self, piece: bytes) -> None:
        if self._too_long or len(self._rest) + len(piece) > BODY_BYTES:
            self._too_long = True
            self._rest.clear()
        else:
            self._rest += piece

    def _stop(self, lines: list[Line], limit: str) -> list[Line]:
        self.full = True
        problem = TooLarge(f"A body holds at most {limit}. What was answered stands; send the rest in another body.")
        return [*[line for line in lines if line[0] <= BULK_LINES], (max(1, self._number), problem)]


class Lines:
    """The lines of a request, read ahead by so many bytes; beyond, the sender waits. `run` reads, `take` gives."""

    def __init__(self, receive: Any) -> None:
        self._receive = receive
        self._lines: deque[Line] = deque()
        self._size = 0
        self._ended = False
        self._filled, self._room = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Read until the body ends. Who hangs up or is silent for long has sent no last line."""
        splitter = Splitter()
        try:
            async with asyncio.timeout(None) as patience:
                while True:
                    patience.reschedule(asyncio.get_running_loop().time() + BODY_IDLE_S)
                    message = await self._receive()
                    patience.reschedule(None)
                    if message["type"] != "http.request":
                        return
                    await self._put(splitter.feed(message.get("body", b"")))
                    if splitter.full:
                        return
                    if not message.get("more_body", False):
                        await self._put(splitter.end())
                        return
        except TimeoutError:
            return
        finally:
            self._ended = True
            self._filled.set()

    async def take(self, most: int) -> list[Line]:
        """What has been read by now, at least one line and at most so many. Nothing: there are no more."""
        while not self._lines and not self._ended:
            self._filled.clear()
            await self._filled.wait()
        taken = [self._lines.popleft() for _ in range(min(most, len(self._lines)))]
        self._size -= sum(_size(line) for line in taken)
        self._room.set()
        return taken

    async def _put(self, lines: Sequence[Line]) -> None:
        self._lines.extend(lines)
        self._size += sum(_size(line) for line in lines)
        self._filled.set()
        while self._size > BULK_AHEAD_BYTES:
            self._room.clear()
            await self._room.wait()


def _size(line: Line) -> int:
    return len(line[1]) if isinstance(line[1], bytes) else 0
