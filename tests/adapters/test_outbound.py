"""Every way an HTTP call can end is one of three words, and never a transport error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import pytest

from doorstep.adapters.outbound import LONGEST, Outbound
from doorstep.adapters.settings import Settings
from doorstep.adapters.twin.server import Answer, HttpServer, Request
from doorstep.kit.outcomes import Outcome, Refused, Retry, Unknown

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
DATE = "Mon, 04 Jan 2010 12:00:00 GMT"


class Done(msgspec.Struct):
    """The answer expected."""

    ok: bool


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[Outbound]:
    """A client of a server that does what `talk` does with each connection."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = Outbound(Settings(base_url=f"http://127.0.0.1:{port}", read_timeout_s=0.2, connect_timeout_s=1.0))
    try:
        yield client
    finally:
        await client.aclose()
        server.close()


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[Outbound]:
    """A client of a proper HTTP server that always gives one answer."""

    async def handle(request: Request) -> Answer:
        return answer

    server = await HttpServer([("POST", "/x", handle), ("GET", "/x", handle)]).start("127.0.0.1", 0)
    client = Outbound(Settings(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    try:
        yield client
    finally:
        await client.aclose()
        server.close()


async def change(client: Outbound, **headers: str) -> Done:
    return await client.change("/x", content=b"{}", headers=headers, answer=Done)


async def ending_of(call: Awaitable[object]) -> Outcome:
    with pytest.raises(Outcome) as ending:
        await call
    assert ending.value.reason
    return ending.value


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()  # until the client has given up


async def stops_in_the_middle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"ok":')
    await writer.drain()


async def trickles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
    while not reader.at_eof():
        writer.write(b" ")
        await writer.drain()
        try:
            await asyncio.wait_for(reader.read(1), 0.1)
        except TimeoutError:
            continue


async def speaks_no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example.test ESMTP\r\n")
    await writer.drain()
    await reader.read()


@pytest.mark.parametrize("talk", [hangs_up, says_nothing, stops_in_the_middle, trickles, speaks_no_http])
async def test_whatever_happens_after_sending_is_unknown_and_a_look_may_be_repeated(talk: Talk) -> None:
    async with asyncio.timeout(20), talking(talk) as client:
        assert isinstance(await ending_of(change(client)), Unknown)
        assert isinstance(await ending_of(client.look("/x", answer=Done)), Retry)


async def test_no_connection_means_surely_not_done() -> None:
    client = Outbound(Settings(base_url="http://127.0.0.1:1"))
    assert isinstance(await ending_of(change(client)), Retry)
    assert isinstance(await ending_of(client.look("/x", answer=Done)), Retry)
    await client.aclose()


@pytest.mark.parametrize("base_url", ["", "ftp://127.0.0.1", "127.0.0.1"])
async def test_an_address_that_is_none_is_refused(base_url: str) -> None:
    client = Outbound(Settings(base_url=base_url))
    ending = await ending_of(change(client))
    assert isinstance(ending, Refused)
    assert ending.code == "not_sendable"
    await client.aclose()


async def test_a_header_that_cannot_be_written_is_refused() -> None:
    async with answering(Answer(body=b'{"ok":true}')) as client:
        for value in ("a\r\nb: c", "Łódź"):
            assert isinstance(await ending_of(change(client, reference=value)), Refused)


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (400, {}, Refused),
        (301, {"location": "/y"}, Refused),
        (408, {}, Retry),
        (409, {}, Refused),
        (422, {}, Refused),
        (429, {}, Retry),
        (500, {}, Unknown),
        (500, {"retry-after": "3"}, Unknown),
        (502, {}, Unknown),
        (503, {}, Unknown),
        (503, {"retry-after": "3"}, Retry),
        (504, {}, Unknown),
    ],
)
async def test_each_status_has_one_meaning(status: int, headers: dict[str, str], kind: type[Outcome]) -> None:
    async with answering(Answer(status=status, headers=headers)) as client:
        assert type(await ending_of(change(client))) is kind


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("7", timedelta(seconds=7)),
        ("0", timedelta(0)),
        ("9" * 30, LONGEST),
        ("Mon, 04 Jan 2010 12:02:00 GMT", timedelta(minutes=2)),
        ("Mon, 04 Jan 2010 11:00:00 GMT", timedelta(0)),
        ("soon", timedelta(seconds=5)),
    ],
)
async def test_retry_after_is_seconds_or_a_date_and_has_a_limit(text: str, after: timedelta) -> None:
    async with answering(Answer(status=429, headers={"retry-after": text, "date": DATE})) as client:
        ending = await ending_of(change(client))
    assert isinstance(ending, Retry)
    assert ending.after == after


async def test_a_problem_with_a_code_passes_it_on() -> None:
    body = b'{"code": "too_heavy", "detail": "at most 30 kg"}'
    async with answering(Answer(status=422, body=body)) as client:
        ending = await ending_of(change(client))
    assert isinstance(ending, Refused)
    assert (ending.code, ending.reason) == ("too_heavy", "at most 30 kg")


async def test_a_refusal_that_explains_nothing_has_its_status_as_code() -> None:
    async with answering(Answer(status=403, body=b"<html>\xff")) as client:
        ending = await ending_of(change(client))
    assert isinstance(ending, Refused)
    assert ending.code == "http_403"


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"ok": "yes"}', b"\xff"])
async def test_a_success_that_cannot_be_read_is_unknown(body: bytes) -> None:
    async with answering(Answer(body=body)) as client:
        assert isinstance(await ending_of(change(client)), Unknown)
        assert isinstance(await ending_of(client.look("/x", answer=Done)), Retry)


async def test_what_is_not_there_is_none_for_a_look_and_a_refusal_for_a_change() -> None:
    async with answering(Answer(status=404)) as client:
        assert await client.look("/x", answer=Done) is None
        assert isinstance(await ending_of(change(client)), Refused)


async def test_a_look_at_a_broken_service_may_be_repeated() -> None:
    async with answering(Answer(status=500)) as client:
        assert isinstance(await ending_of(client.look("/x", answer=Done)), Retry)


async def test_the_environment_names_no_proxy_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with answering(Answer(body=b'{"ok":true}')) as client:
        assert (await change(client)).ok
