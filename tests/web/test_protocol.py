"""The short way of hot requests over the wire: it answers as uvicorn's own way does; and who may not stay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from doorstep.kit.limits import CONNECTIONS_TOLD, HEAD_BYTES, PIPELINED, SHORT_BODY_BYTES
from doorstep.web.api import place, protocol
from doorstep.web.api.protocol import Exchange, Protocol
from tests.support.waiting import eventually

SHORT, LONG = place.PATH, "/long"


class App:
    """Answers with what it was sent, and notes how it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.headers: dict[bytes, bytes] = {}
        self.gone = asyncio.Event()
        self.answer = b""
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        self.headers = dict(scope["headers"])
        kind = "short" if isinstance(getattr(receive, "__self__", None), Exchange) else "long"
        self.asked.append(kind)
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        if body == b"fall":
            raise ZeroDivisionError
        if body == b"silent":
            return
        if body == b"watch":
            assert (await receive())["type"] == "http.disconnect"
            self.gone.set()
            return
        await self.may_answer.wait()
        words = self.answer or b"%d %s" % (len(body), body[:20])
        headers = [(b"content-length", b"%d" % len(words)), (b"x-told", b"yes")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": words[:3], "more_body": True})
        await send({"type": "http.response.body", "body": words[3:], "more_body": False})


class Wire:
    """A connection to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.sent = 0

    def say(self, path: str = SHORT, body: bytes = b"{}", *, version: str = "1.1", **headers: str) -> None:
        """Send a request."""
        self.sent += 1
        self.writer.write(request(path, body, version=version, **headers))

    async def hear(self) -> tuple[str, dict[str, str], bytes]:
        """Status line, headers and body of the next answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        return head[0], headers, await self.reader.readexactly(int(headers.get("content-length", "0")))

    async def closed(self) -> bool:
        """Whether the other side says no more and is gone."""
        try:
            return await asyncio.wait_for(self.reader.read(), 5) == b""
        except ConnectionResetError:
            return True


def request(path: str = SHORT, body: bytes = b"{}", *, version: str = "1.1", **headers: str) -> bytes:
    """The bytes of a request."""
    fields = {"host": "shop", "content-length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"POST {path} HTTP/{version}", *(f"{name}: {value}" for name, value in fields.items() if value)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class House:
    """A server with the application, and connections to it."""

    def __init__(self, app: App, server: uvicorn.Server, port: int) -> None:
        self.app, self.server, self.port = app, server, port
        self._wires: list[Wire] = []

    async def call(self) -> Wire:
        """A new connection."""
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.port, limit=2**22))
        self._wires.append(wire)
        return wire

    def heard(self) -> bool:
        """Whether a connection has met what was sent to it."""
        known = [one for one in self.server.server_state.connections if isinstance(one, Protocol)]
        return any(one._head > 0 or one._open or one.cycle is not None for one in known)

    def at_rest(self) -> bool:
        """Whether all that was sent is answered."""
        sent = sum(wire.sent for wire in self._wires)
        return len(self.app.asked) == sent and not self.server.server_state.tasks

    def stuck(self) -> bool:
        """Whether somebody does not read what is written to them."""
        return any(isinstance(one, Protocol) and one.flow.write_paused for one in self.server.server_state.connections)

    def hang_up(self) -> None:
        """Close every connection."""
        for wire in self._wires:
            wire.writer.close()


@asynccontextmanager
async def served(**settings: Any) -> AsyncIterator[House]:
    """A server on a free port."""
    app = App()
    config = uvicorn.Config(
        app, port=0, http=Protocol, ws="none", interface="asgi3", log_config=None, lifespan="off",
        server_header=False, access_log=False, timeout_graceful_shutdown=5, **settings,
    )  # fmt: skip
    server = uvicorn.Server(config)
    running = asyncio.ensure_future(server._serve())  # without its signal handlers
    await eventually(lambda: server.started or running.done())
    house = House(app, server, server.servers[0].sockets[0].getsockname()[1])
    try:
        yield house
    finally:
        app.may_answer.set()
        house.hang_up()
        server.should_exit = True
        await running


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """As it is served, without a limit."""
    async with served() as house:
        yield house


def timeless(answer: tuple[str, dict[str, str], bytes]) -> tuple[str, dict[str, str], bytes]:
    assert "date" in answer[1]
    return answer[0], {name: value for name, value in answer[1].items() if name != "date"}, answer[2]


@pytest.mark.parametrize("body", [b"", b"{}", b"x" * SHORT_BODY_BYTES])
async def test_both_ways_answer_alike_and_keep_the_connection(house: House, body: bytes) -> None:
    wire, answers = await house.call(), []
    for path in (SHORT, LONG, SHORT, LONG):
        wire.say(path, body)
        answers.append(timeless(await wire.hear()))
    assert answers == [answers[0]] * 4
    assert answers[0][:2] == (
        "HTTP/1.1 201 Created",
        {"content-length": answers[0][1]["content-length"], "x-told": "yes"},
    )
    assert house.app.asked == ["short", "long"] * 2


@pytest.mark.parametrize(
    ("body", "version", "headers"),
    [
        (b"x" * (SHORT_BODY_BYTES + 1), "1.1", {}),
        (b"2\r\n{}\r\n0\r\n\r\n", "1.1", {"content_length": "", "transfer_encoding": "chunked"}),
        (b"{}", "1.1", {"expect": "100-continue"}),
        (b"{}", "1.0", {}),
    ],
)
async def test_what_is_long_or_special_goes_the_long_way(
    house: House, body: bytes, version: str, headers: dict[str, str]
) -> None:
    wire = await house.call()
    wire.say(SHORT, body, version=version, **headers)
    answer = await wire.hear()
    if "expect" in headers:
        assert answer[0] == "HTTP/1.1 100 Continue"
        answer = await wire.hear()
    assert answer[0] == "HTTP/1.1 201 Created"
    assert house.app.asked == ["long"]


async def test_other_methods_and_queries_go_the_long_way(house: House) -> None:
    wire = await house.call()
    for line in (b"PUT /v1/orders", b"POST /v1/orders?a=1", b"POST /v1/orders/", b"POST http://shop/v1/orders"):
        wire.writer.write(line + b" HTTP/1.1\r\nhost: shop\r\ncontent-length: 2\r\n\r\n{}")
        assert (await wire.hear())[0] == "HTTP/1.1 201 Created"
    assert house.app.asked == ["long"] * 4


async def test_a_request_may_come_byte_by_byte(house: House) -> None:
    wire = await house.call()
    for _ in range(2):
        for byte in request():
            wire.writer.write(bytes([byte]))
            await wire.writer.drain()
            await asyncio.sleep(0)
        assert (await wire.hear())[2] == b"2 {}"
    assert house.app.asked == ["short"] * 2


async def test_requests_one_behind_the_other_are_answered_in_their_order(house: House) -> None:
    wire = await house.call()
    bodies = [b"1", b"22", b"333", b"4444"]
    paths = [SHORT, SHORT, LONG, SHORT]
    wire.writer.write(b"".join(request(path, body) for path, body in zip(paths, bodies, strict=True)))
    assert [(await wire.hear())[2] for _ in bodies] == [b"%d %s" % (len(body), body) for body in bodies]


@pytest.mark.parametrize("path", [SHORT, LONG])
async def test_who_wants_the_connection_closed_is_obeyed(house: House, path: str) -> None:
    wire = await house.call()
    wire.say(path, connection="close")
    answer = await wire.hear()
    assert answer[1]["connection"] == "close"
    assert await wire.closed()


async def test_whoever_waits_for_an_answer_and_hangs_up_is_noticed(house: House) -> None:
    wire = await house.call()
    wire.say(SHORT, b"watch")
    await eventually(lambda: house.app.asked == ["short"])
    wire.writer.close()
    await asyncio.wait_for(house.app.gone.wait(), 5)
    await eventually(lambda: not house.server.server_state.tasks)


@pytest.mark.parametrize("body", [b"fall", b"silent"])
async def test_a_request_without_an_answer_ends_its_connection(house: House, body: bytes) -> None:
    wire = await house.call()
    wire.say(SHORT, body)
    assert await wire.closed()
    again = await house.call()
    again.say()
    assert (await again.hear())[2] == b"2 {}"


async def test_who_does_not_read_is_not_answered_for_ever(house: House) -> None:
    house.app.answer = b"z" * 400_000
    wire = await house.call()
    wire.reader._transport.pause_reading()  # type: ignore[attr-defined]  # as a client that does not read
    while not house.stuck():
        wire.say()
        await eventually(house.at_rest)
    sent = len(house.app.asked)
    wire.say()
    await eventually(lambda: len(house.app.asked) == sent + 1)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(house.server.server_state.tasks) == 1  # it waits with its answer
    assert set(house.app.asked) == {"short"}
    wire.reader._transport.resume_reading()  # type: ignore[attr-defined]  # now it reads
    for _ in range(sent + 1):
        assert len((await wire.hear())[2]) == 400_000


async def test_a_head_without_end_is_refused(house: House) -> None:
    wire = await house.call()
    wire.writer.write(b"POST /v1/orders HTTP/1.1\r\nx: ")
    await eventually(house.heard)
    wire.writer.write(b"y" * HEAD_BYTES)
    assert (await wire.hear())[0] == "HTTP/1.1 431 Request Header Fields Too Large"
    assert await wire.closed()
    assert house.app.asked == []


async def test_what_comes_behind_a_chunked_body_is_no_header_and_has_an_end(house: House) -> None:
    wire = await house.call()
    chunked = {"content_length": "", "transfer_encoding": "chunked"}
    wire.say(LONG, b"2\r\n{}\r\n0\r\nauthorization: Bearer of-another\r\n\r\n", **chunked)
    assert (await wire.hear())[2] == b"2 {}"
    assert b"authorization" not in house.app.headers
    wire.say(LONG, b"2\r\n{}\r\n0\r\nx: ", **chunked)
    await eventually(lambda: len(house.app.asked) == 2)
    wire.writer.write(b"y" * (HEAD_BYTES + 1))
    assert (await wire.hear())[0] == "HTTP/1.1 431 Request Header Fields Too Large"
    assert await wire.closed()


async def test_a_long_body_and_the_beginning_of_the_next_request_are_no_long_head(house: House) -> None:
    wire = await house.call()
    whole, start = request(LONG, b"z" * (2 * HEAD_BYTES)), request()[:20]
    wire.writer.write(whole + start)
    assert (await wire.hear())[0] == "HTTP/1.1 201 Created"
    wire.writer.write(request()[20:])
    assert (await wire.hear())[2] == b"2 {}"


@pytest.mark.parametrize("path", [SHORT, LONG])
@pytest.mark.parametrize("together", [True, False])
async def test_who_would_rather_speak_http_2_is_answered_in_http_1(house: House, path: str, together: bool) -> None:
    wire = await house.call()
    wishes = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "HTTP2_Settings": "AAMAAABkAAQAAP__"}
    body = b"POST /v1/evil HTTP/1.1\r\n\r\n"
    head, content = request(path, body, **wishes).split(b"\r\n\r\n", 1)
    for piece in (head + b"\r\n\r\n" + content,) if together else (head + b"\r\n\r\n", content):
        wire.writer.write(piece)
        await eventually(house.heard)
    assert (await wire.hear())[2] == b"26 " + body[:20]
    wire.say(path)
    assert (await wire.hear())[2] == b"2 {}"
    assert len(house.app.asked) == 2


async def test_garbage_behind_a_request_does_not_take_its_answer(house: House) -> None:
    house.app.may_answer.clear()
    wire = await house.call()
    wire.writer.write(request() + b"\0\1\2 garbage\r\n\r\n")
    await eventually(lambda: house.app.asked == ["short"])
    house.app.may_answer.set()
    answer = await wire.hear()
    assert (answer[0], answer[1]["connection"], answer[2]) == ("HTTP/1.1 201 Created", "close", b"2 {}")
    assert await wire.closed()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0\1\2\r\n\r\n",
        b"CONNECT evil:443 HTTP/1.1\r\nhost: evil:443\r\n\r\n",
        b"POST /v1/orders HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
        b"POST /v1/orders HTTP/1.1\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
        b"POST /v1/orders HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
async def test_what_is_not_http_is_refused(house: House, garbage: bytes) -> None:
    wire = await house.call()
    wire.writer.write(garbage)
    assert (await wire.hear())[0] == "HTTP/1.1 400 Bad Request"
    assert await wire.closed()


async def test_so_many_requests_may_stand_one_behind_the_other_and_no_more(house: House) -> None:
    house.app.may_answer.clear()
    wire = await house.call()
    wire.writer.write(request() * (PIPELINED + 50))
    await eventually(lambda: house.app.asked == ["short"])
    house.app.may_answer.set()
    for _ in range(PIPELINED + 1):
        assert (await wire.hear())[2] == b"2 {}"
    assert await wire.closed()
    assert len(house.app.asked) == PIPELINED + 1


@pytest.mark.parametrize("path", [SHORT, LONG])
async def test_a_body_that_never_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(protocol, "BODY_IDLE_S", 0.2)
    monkeypatch.setattr(protocol, "HEAD_WITHIN_S", 0.1)
    async with served() as house:
        wire = await house.call()
        wire.writer.write(request(path, b"{}")[:-1])
        assert (await wire.hear())[0] == "HTTP/1.1 408 Request Timeout"
        assert await wire.closed()
        await eventually(lambda: not house.server.server_state.tasks)


@pytest.mark.parametrize("more", [b"\r\n", b"\r\n\r\n\r\n"])
async def test_a_connection_without_a_request_ends(monkeypatch: pytest.MonkeyPatch, more: bytes) -> None:
    monkeypatch.setattr(protocol, "KEEP_ALIVE_S", 0.2)
    monkeypatch.setattr(protocol, "HEAD_WITHIN_S", 0.1)
    async with served() as house:
        wire = await house.call()
        wire.say()
        assert (await wire.hear())[2] == b"2 {}"
        wire.writer.write(more)  # which is no request
        assert await wire.closed()


@pytest.mark.parametrize(("said", "heard"), [(b"", b""), (b"POST /v1/or", b"HTTP/1.1 408 Request Timeout")])
async def test_who_takes_too_long_is_let_go(monkeypatch: pytest.MonkeyPatch, said: bytes, heard: bytes) -> None:
    monkeypatch.setattr(protocol, "HEAD_WITHIN_S", 0.2)
    async with served() as house:
        kept = await house.call()
        kept.say()
        assert (await kept.hear())[2] == b"2 {}"
        wire = await house.call()
        wire.writer.write(said)
        words = await asyncio.wait_for(wire.reader.read(), 5)
        assert words.partition(b"\r\n")[0] == heard
        kept.say()  # it has said what it wanted in time, and may rest
        assert (await kept.hear())[2] == b"2 {}"
        kept.writer.write(said or b"P")
        assert (await asyncio.wait_for(kept.reader.read(), 5)).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("path", [SHORT, LONG])
async def test_beyond_the_connections_there_is_room_for_requests_are_refused(path: str) -> None:
    async with served(limit_concurrency=3) as house:
        inside = [await house.call() for _ in range(2)]
        for wire in inside:
            wire.say(path)
            assert (await wire.hear())[0] == "HTTP/1.1 201 Created"
        outside = await house.call()
        outside.say(path)
        answer = await outside.hear()
        assert answer[0] == "HTTP/1.1 503 Service Unavailable"
        assert (answer[1]["retry-after"], answer[1]["content-type"]) == ("1", "application/problem+json")
        assert await outside.closed()
        inside[0].say(path)
        assert (await inside[0].hear())[0] == "HTTP/1.1 201 Created"
        many = [await house.call() for _ in range(CONNECTIONS_TOLD + 1)]
        assert await many[-1].closed()  # not even told


async def test_what_is_in_flight_is_answered_when_the_server_stops(house: House) -> None:
    house.app.may_answer.clear()
    wire, idle = await house.call(), await house.call()
    wire.say()
    await eventually(lambda: house.app.asked == ["short"])
    house.server.should_exit = True
    assert await idle.closed()
    house.app.may_answer.set()
    answer = await wire.hear()
    assert (answer[1]["connection"], answer[2]) == ("close", b"2 {}")
    assert await wire.closed()
