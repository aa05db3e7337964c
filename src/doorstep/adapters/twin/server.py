"""A small HTTP/1.1 server for twins.

Not the web server of the product on purpose: a twin must start at once and must be able to do what a proper server
never does, such as hang up in the middle. It takes bodies with a Content-Length only.
"""

from __future__ import annotations

import asyncio
import http
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

log = logging.getLogger(__name__)
T = TypeVar("T")

BODY_MAX_BYTES = 4_000_000
HEAD_MAX_BYTES = 65_536


class Problem(Exception):
    """An answer that is not a success: RFC 9457 problem details with a `code` for programs."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers = status, code, detail, dict(headers or {})


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request; header names are in lower case, `names` are the parts of the path that the route names."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    names: dict[str, str] = {}

    def json(self, type_: type[T]) -> T:
        """The body decoded. Raises a 400 Problem when it is not JSON, 422 when it has another shape."""
        try:
            return msgspec.json.decode(self.body, type=type_)
        except msgspec.ValidationError as error:
            raise Problem(422, "invalid", str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Problem(400, "not_json", str(error)) from error


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer; with `hang_up` the connection is reset and nothing is answered."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = {}
    hang_up: bool = False


Handler = Callable[[Request], Awaitable[Answer]]


def json_answer(value: object, status: int = 200) -> Answer:
    """A JSON answer."""
    return Answer(status=status, body=msgspec.json.encode(value))


class HttpServer:
    """Serves routes such as `("GET", "/v1/labels/{tracking}/label.pdf", handler)`."""

    def __init__(self, routes: list[tuple[str, str, Handler]]) -> None:
        self._routes = [
            (method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)), handler)
            for method, pattern, handler in routes
        ]

    async def start(self, host: str, port: int) -> asyncio.Server:
        """Listen; the port must be free (it is never shared with another process)."""
        return await asyncio.start_server(self._converse, host, port, limit=HEAD_MAX_BYTES)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, one after the other."""
        try:
            while True:
                try:
                    request = await _read(reader)
                    if request is None:
                        break
                    answer = await self._answer(request)
                except Problem as problem:  # an unreadable request leaves the connection in no known state
                    writer.write(_encode(_problem_answer(problem), close=True))
                    await writer.drain()
                    break
                if answer.hang_up:
                    writer.transport.abort()
                    break
                writer.write(_encode(answer))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            log.debug("the client went away")
        except asyncio.CancelledError:
            log.debug("the process ends; nobody waits for this conversation")
        finally:
            writer.close()

    async def _answer(self, request: Request) -> Answer:
        methods = []
        for method, pattern, handler in self._routes:
            match = pattern.fullmatch(request.path)
            if match is None:
                continue
            if method != request.method:
                methods.append(method)
                continue
            names = {name: unquote(value) for name, value in match.groupdict().items()}
            try:
                return await handler(msgspec.structs.replace(request, names=names))
            except Problem as problem:
                return _problem_answer(problem)
            except Exception:
                log.exception("%s %s failed", request.method, request.path)
                return _problem_answer(Problem(500, "internal", "the twin itself failed; see its log"))
        if methods:
            return _problem_answer(Problem(405, "method_not_allowed", request.path, {"allow": ", ".join(methods)}))
        return _problem_answer(Problem(404, "not_found", f"no such path: {request.path}"))


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """One request from the wire, or None when the client has closed. Raises Problem for what it cannot read."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    except asyncio.LimitOverrunError as error:
        raise Problem(431, "headers_too_large", "the headers are too large") from error
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    try:
        method, target, _ = first.split(" ")
        length = int(headers.get("content-length", "0"))
        url = urlsplit(target)
    except ValueError as error:
        raise Problem(400, "bad_request", "the request line or the length is not HTTP") from error
    if "transfer-encoding" in headers:
        raise Problem(411, "length_required", "send a Content-Length")
    if not 0 <= length <= BODY_MAX_BYTES:
        raise Problem(413, "too_large", f"at most {BODY_MAX_BYTES} bytes")
    body = await reader.readexactly(length)
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    return Request(method=method, path=url.path, query=query, headers=headers, body=body)


def _encode(answer: Answer, *, close: bool = False) -> bytes:
    headers = {
        "content-type": answer.content_type,
        "content-length": str(len(answer.body)),
        "connection": "close" if close else "keep-alive",
    } | answer.headers
    phrase = http.HTTPStatus(answer.status).phrase
    lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + answer.body


def _problem_answer(problem: Problem) -> Answer:
    body = {
        "title": http.HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
    }
    return Answer(
        status=problem.status,
        body=msgspec.json.encode(body),
        content_type="application/problem+json",
        headers=problem.headers,
    )
