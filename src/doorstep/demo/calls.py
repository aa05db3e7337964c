"""Calls of the demo's people to the system and to the twins: by HTTP only, repeated until somebody answers.

Every call that changes something has a natural key or an Idempotency-Key made from the scenario, so that after a lost
answer it is sent again without a thought.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from doorstep.demo.wire import Wire

T = TypeVar("T")

PATIENCE_S = 180.0
"""A system that is being put right may take this long; then something is broken."""

_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.1, 2.0
_ANSWER_WITHIN_S = 60.0
_PAGE = 200


class GivenUp(RuntimeError):
    """Nobody answered for too long, or the answer is one that a correct system never gives."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is not a server error: 2xx, or a refusal with its problem."""

    status: int
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300

    def read(self, type_: type[T]) -> T:
        """The answer, decoded."""
        return msgspec.json.decode(self.content, type=type_)

    @property
    def problem(self) -> dict[str, Any]:
        """The problem details of a refusal."""
        try:
            found: dict[str, Any] = msgspec.json.decode(self.content, type=dict)
        except msgspec.DecodeError:
            found = {}
        return found

    @property
    def kind(self) -> str:
        """The last part of a problem's type, such as `insufficient-stock`."""
        return str(self.problem.get("type", "")).rpartition("/")[2]


class Page(msgspec.Struct, frozen=True):
    """A page of a list, its items left as they are."""

    items: list[msgspec.Raw]
    next_cursor: str | None = None


class Calls:
    """A client of one service that waits for it to come back."""

    def __init__(self, base_url: str, *, api_key: str = "", connections: int = 16) -> None:
        self._wire = Wire(base_url, connections=connections, timeout_s=_ANSWER_WITHIN_S)
        self._headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self.made = 0
        self.repeated = 0

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()

    async def ask(
        self, method: str, path: str, body: object = None, *, key: str = "", query: Mapping[str, Any] | None = None
    ) -> Reply:
        """Send until there is an answer other than a server error. Raises GivenUp after `PATIENCE_S`."""
        headers = self._headers | ({"content-type": "application/json"} if body is not None else {})
        if key:
            headers["idempotency-key"] = key
        target = f"{path}?{urlencode(query)}" if query else path
        content = None if body is None else msgspec.json.encode(body)
        deadline, pause_s, trouble = time.monotonic() + PATIENCE_S, _FIRST_PAUSE_S, ""
        self.made += 1
        while True:
            try:
                answer = await self._wire.send(method, target, headers, content)
                if answer.status < 500:
                    return Reply(status=answer.status, content=answer.content)
                trouble = f"{answer.status} {answer.content[:500].decode(errors='replace')}"
            except OSError as error:  # TimeoutError is one
                trouble = repr(error)
            if time.monotonic() > deadline:
                raise GivenUp(f"{method} {path} had no good answer for {PATIENCE_S:.0f} s: {trouble}")
            self.repeated += 1
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _LAST_PAUSE_S)

    async def do(self, method: str, path: str, body: object = None, *, key: str = "") -> Reply:
        """Send something that must not be refused. Raises GivenUp when it is."""
        reply = await self.ask(method, path, body, key=key)
        if not reply.ok:
            raise GivenUp(f"{method} {path} was refused with {reply.status}: {reply.content[:1000].decode()}")
        return reply

    async def get(self, path: str, type_: type[T], **query: Any) -> T:
        """GET something that is there, decoded."""
        reply = await self.ask("GET", path, query=query)
        if not reply.ok:
            raise GivenUp(f"GET {path} was refused with {reply.status}: {reply.content[:1000].decode()}")
        return reply.read(type_)

    async def every(self, path: str, type_: type[T], **query: Any) -> list[T]:
        """All items of a list, page by page."""
        found: list[T] = []
        cursor: dict[str, str] = {}
        while True:
            page = await self.get(path, Page, limit=_PAGE, **query, **cursor)
            found += [msgspec.json.decode(item, type=type_) for item in page.items]
            if page.next_cursor is None:
                return found
            cursor = {"cursor": page.next_cursor}


class Advanced(msgspec.Struct, frozen=True):
    """What the carrier did when its clock moved on."""

    sent: int
    due_left: int
    next_at: datetime | None


class CarrierDesk:
    """The carrier as its own people see it: the van's scanner, and its clock."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.next_at: datetime | None = None

    async def scan(self, tracking_numbers: list[str], at: datetime) -> None:
        """The van takes parcels; taking one again changes nothing."""
        if tracking_numbers:
            scans = [{"tracking_number": number, "at": at} for number in tracking_numbers]
            await self._calls.do("POST", "/sandbox/hand-over", scans)

    async def advance(self, now: datetime) -> int:
        """Let everything happen that happens on the road until `now`, and wait until all of it was told."""
        deadline = time.monotonic() + PATIENCE_S
        told = 0
        while True:
            done = (await self._calls.do("POST", "/sandbox/advance", {"now": now})).read(Advanced)
            told += done.sent
            if not done.due_left:
                self.next_at = done.next_at
                return told
            if time.monotonic() > deadline:
                raise GivenUp(f"the carrier has {done.due_left} events that nobody takes")
            await asyncio.sleep(_FIRST_PAUSE_S)
