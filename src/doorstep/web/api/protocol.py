"""HTTP/1.1 as uvicorn speaks it, with a short way for the two hot routes, and with bounds on what a client may take its
time for. See docs/decisions/0029-one-thread.md for what it saves.

uvicorn parses with httptools, keeps connections, lines up pipelined requests and streams bodies. A small request to a
hot route needs none of the last: it is in memory, and so is its answer, which goes out in one write.
"""

from __future__ import annotations

import asyncio
from asyncio import Future, TimerHandle
from typing import Any, Final, cast

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from doorstep.kit.errors import Unavailable
from doorstep.kit.limits import HEAD_BYTES, HEAD_WITHIN_S, SHORT_BODY_BYTES
from doorstep.web.api import ask, place
from doorstep.web.api.problems import render

log = structlog.get_logger()

_HOT: Final = frozenset({ask.PATH.encode(), place.PATH.encode()})
_NO_ROOM: Final = Unavailable("Too many clients are connected; nothing was done.", retry_after_s=1)
_TOO_LONG: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_LATE: Final = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Protocol(HttpToolsProtocol):
    """One connection."""

    _head = 0  # bytes of a request's head so far, by the pieces it came in; -1: its head is complete
    _head_late: TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected; who then says nothing is not kept for ever."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._head_late = self.loop.call_later(HEAD_WITHIN_S, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._in_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came. The head of a request must come within its time and fit into its bound."""
        super().data_received(data)
        if self._head >= 0 and not self.transport.is_closing():
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self._refuse(_TOO_LONG)
            elif self._head_late is None:
                self._head_late = self.loop.call_later(HEAD_WITHIN_S, self._late)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head of a request is there: begin to answer it."""
        self._head = -1
        if self._head_late is not None:
            self._in_time()
        free = self._free
        if free and self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            self._answer(_no_room, keep_alive=False)
        elif free and self.url in _HOT and self._short():
            self._answer(self.app, keep_alive=self.parser.should_keep_alive())
        else:
            super().on_headers_complete()

    @property
    def _free(self) -> bool:
        """Whether no request of this connection is in hand."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _short(self) -> bool:
        """Whether the request may go the short way: it says how long it is, is not long, and wants nothing special."""
        if self.parser.get_method() != b"POST" or self.parser.get_http_version() != "1.1" or self.expect_100_continue:
            return False
        lengths = [value for name, value in self.headers if name == b"content-length"]
        return len(lengths) == 1 and int(lengths[0]) <= SHORT_BODY_BYTES and not self.parser.should_upgrade()

    def _answer(self, app: Any, *, keep_alive: bool) -> None:
        scope = cast(dict[str, Any], self.scope)
        scope.update(method=self.parser.get_method().decode(), path=self.url.decode("latin-1"), raw_path=self.url)
        scope["query_string"] = b""
        exchange = Exchange(self, scope, keep_alive=keep_alive)
        self.cycle = cast(RequestResponseCycle, exchange)
        task = self.loop.create_task(exchange.run(app))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _late(self) -> None:
        if not self.transport.is_closing():
            self._refuse(_TOO_LATE if self._head > 0 else b"")

    def _in_time(self) -> None:
        if self._head_late is not None:
            self._head_late.cancel()
            self._head_late = None

    def _refuse(self, words: bytes) -> None:
        """Close the connection, after these words, unless an answer is still being written."""
        if words and self._free:
            self.transport.write(words)
        self.transport.close()


async def _no_room(scope: Any, receive: Any, send: Any) -> None:
    await render(_NO_ROOM, scope)(scope, receive, send)


class Exchange:
    """A small request and its answer: what uvicorn's own cycle is to a connection, without streaming."""

    __slots__ = (
        "_out", "_protocol", "_waiter", "body", "disconnected", "keep_alive", "message_event", "more_body",
        "response_complete", "scope",
    )  # fmt: skip

    def __init__(self, protocol: Protocol, scope: dict[str, Any], *, keep_alive: bool) -> None:
        self.scope, self.keep_alive = scope, keep_alive
        self.body: bytes | None = b""  # None: it was handed over
        self.more_body = True
        self.disconnected = self.response_complete = False
        self.message_event = self  # the connection calls its `set` when there is news
        self._protocol = protocol
        self._waiter: Future[None] | None = None
        self._out: list[bytes] = []

    def set(self) -> None:
        """The body is complete, or the sender is gone."""
        if self._waiter is not None and not self._waiter.done() and (self.disconnected or not self.more_body):
            self._waiter.set_result(None)

    async def run(self, app: Any) -> None:
        """Have it answered by an ASGI application."""
        try:
            await app(self.scope, self._receive, self._send)
        except Exception:
            log.exception("request_failed")
        finally:
            if not self.response_complete:
                self._protocol.transport.close()

    async def _receive(self) -> dict[str, Any]:
        """The body, whole; after it, that the sender is gone, once they are."""
        while not self.disconnected and (self.more_body or self.body is None):
            self._waiter = self._protocol.loop.create_future()
            await self._waiter
        if self.disconnected:
            return {"type": "http.disconnect"}
        body, self.body = self.body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._out = [STATUS_LINE[message["status"]]]
            for name, value in (*self._protocol.server_state.default_headers, *message["headers"]):
                self._out += (name, b": ", value, b"\r\n")
            self._out.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
            return
        self._out.append(message.get("body", b""))
        if message.get("more_body", False):
            return
        if self._protocol.flow.write_paused and not self.disconnected:
            await self._protocol.flow.drain()  # it does not read what it was told before
        self.response_complete = True
        if self.disconnected:
            return
        self._protocol.transport.write(b"".join(self._out))
        if not self.keep_alive:
            self._protocol.transport.close()
        self._protocol.on_response_complete()
