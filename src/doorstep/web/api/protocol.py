"""HTTP/1.1 as uvicorn speaks it, with a short way for the two hot routes, and with bounds on what a client may take:
time, memory, connections. See docs/decisions/0029-one-thread.md for what it saves.

uvicorn parses with httptools, keeps connections, lines up pipelined requests and streams bodies. A small request to a
hot route needs none of the last: it is in memory, and so is its answer, which goes out in one write.
"""

from __future__ import annotations

import asyncio
from asyncio import Future, TimerHandle
from typing import Any, Final, cast

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from doorstep.kit.errors import Unavailable
from doorstep.kit.limits import (
    BODY_IDLE_S,
    CONNECTIONS_TOLD,
    HEAD_BYTES,
    HEAD_WITHIN_S,
    KEEP_ALIVE_S,
    PIPELINED,
    SHORT_BODY_BYTES,
)
from doorstep.web.api import ask, place
from doorstep.web.api.problems import render

log = structlog.get_logger()

_HOT: Final = frozenset({ask.PATH.encode(), place.PATH.encode()})
_NO_ROOM: Final = Unavailable("Too many clients are connected; nothing was done.", retry_after_s=1)
_END: Final = b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_BAD: Final = b"HTTP/1.1 400 Bad Request" + _END
_TOO_LATE: Final = b"HTTP/1.1 408 Request Timeout" + _END
_TOO_LONG: Final = b"HTTP/1.1 431 Request Header Fields Too Large" + _END
_UPGRADE: Final = (b"connection", b"upgrade", b"http2-settings")


class Protocol(HttpToolsProtocol):
    """One connection. Each is looked at now and then, by one timer, for whether its client takes too long."""

    _head = 0  # bytes of a head so far, by the pieces it came in; -1: the head is complete
    _begun = False  # a request began in the piece in hand
    _open = False  # a body is not complete
    _quiet = 0  # bytes that came since the last of a body
    _since = 0.0  # when the client's turn began: of the head, of the next request
    _heard = 0.0  # when it last sent something
    _deaf = False  # nothing more is heard: what is in hand is answered, then the connection is closed
    _without: bytes | None = None  # the head of a request to upgrade, as one that wants no upgrade
    _look: TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected. Far beyond the connections there is room for, nobody is told anything."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._since = self._heard = self.loop.time()
        self._look = self.loop.call_later(HEAD_WITHIN_S, self._look_at)
        most = self.limit_concurrency
        if most is not None and len(self.connections) >= most + CONNECTIONS_TOLD:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._deaf:
            return
        self._begun = False
        self._heard = self.loop.time()
        self._quiet += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse(_BAD)
            return
        if self._head >= 0:
            self._head = 1 if self._begun else self._head + len(data)
        if self._head > HEAD_BYTES or (self._open and self._quiet > HEAD_BYTES):
            self._refuse(_TOO_LONG)

    def _parse(self, data: bytes) -> None:
        """Raises HttpParserError. Who would rather speak another protocol is answered in this one, as the standard
        allows: the parser begins anew with the same head without that wish, for it would skip the body.
        """
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as found:
            head, self._without = self._without, None
            if head is None:
                raise httptools.HttpParserError("a protocol that nobody asked for") from None
            self.parser = httptools.HttpRequestParser(self)
            self._parse(head + data[found.args[0] :])

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head, self._begun = 0, True
        if self._free:
            self._since = self._heard
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head. What comes behind a body is none of it."""
        if self._head >= 0:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head of a request is there: begin to answer it."""
        self._head, self._quiet = -1, 0
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise httptools.HttpParserError("we are no proxy")
            self._without = self._head_without_upgrade()
            return
        if len(self.pipeline) >= PIPELINED:
            raise httptools.HttpParserError("too many requests one behind the other")
        self._open = True
        free = self._free
        if free and self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            self._answer(_no_room, keep_alive=False)
        elif free and self.url in _HOT and self._short():
            self._answer(self.app, keep_alive=self.parser.should_keep_alive())
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._quiet = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is there, whole."""
        if self._without is None:
            self._open = False
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """A request is answered: it is the client's turn again, or that of the next in line."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._since = self.loop.time()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif not self._deaf:
            self.flow.resume_reading()

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
        return len(lengths) == 1 and int(lengths[0]) <= SHORT_BODY_BYTES

    def _answer(self, app: Any, *, keep_alive: bool) -> None:
        scope = cast(dict[str, Any], self.scope)
        scope.update(method=self.parser.get_method().decode(), path=self.url.decode("latin-1"), raw_path=self.url)
        scope["query_string"] = b""
        exchange = Exchange(self, scope, keep_alive=keep_alive)
        self.cycle = cast(RequestResponseCycle, exchange)
        task = self.loop.create_task(exchange.run(app))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _head_without_upgrade(self) -> bytes:
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        lines += [b"%s: %s" % field for field in self.headers if field[0] not in _UPGRADE]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _look_at(self) -> None:
        """Let go of a client that takes too long; look again when it would."""
        now = self.loop.time()
        if self._open and not self.flow.read_paused:
            due = self._heard + BODY_IDLE_S
        elif self._free:
            due = self._since + (KEEP_ALIVE_S if self._head < 0 else HEAD_WITHIN_S)
        else:
            due = now + HEAD_WITHIN_S  # it is our turn
        if due > now:
            self._look = self.loop.call_later(min(due - now, HEAD_WITHIN_S), self._look_at)
        else:
            self._refuse(_TOO_LATE if self._head > 0 or not self._free else b"")

    def _refuse(self, words: bytes) -> None:
        """Hear nothing more. Requests in hand are answered, if they are whole, and then the connection is closed;
        otherwise now, after these words.
        """
        self._deaf = True
        broken = self._open and not self.pipeline
        if not self._free and not broken:
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        if words and not self.transport.is_closing() and (self._free or not self.cycle.response_started):
            self.transport.write(words)
        self.transport.close()


async def _no_room(scope: Any, receive: Any, send: Any) -> None:
    await render(_NO_ROOM, scope)(scope, receive, send)


class Exchange:
    """A small request and its answer: what uvicorn's own cycle is to a connection, without streaming."""

    __slots__ = (
        "_out", "_protocol", "_waiter", "body", "disconnected", "keep_alive", "message_event", "more_body",
        "response_complete", "response_started", "scope",
    )  # fmt: skip

    def __init__(self, protocol: Protocol, scope: dict[str, Any], *, keep_alive: bool) -> None:
        self.scope, self.keep_alive = scope, keep_alive
        self.body: bytes | None = b""  # None: it was handed over
        self.more_body = True
        self.disconnected = self.response_started = self.response_complete = False
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
        self.response_started = self.response_complete = True
        if self.disconnected:
            return
        self._protocol.transport.write(b"".join(self._out))
        if not self.keep_alive:
            self._protocol.transport.close()
        self._protocol.on_response_complete()
