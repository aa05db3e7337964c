"""HTTP to the outside, with every ending mapped to the error contract of `doorstep.kit.outcomes`.

A call that changes something and a call that only looks are mapped differently: after a lost answer the first is
`Unknown`, the second may simply be asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx2
import msgspec

from doorstep.adapters.settings import Settings
from doorstep.kit.outcomes import Refused, Retry, Unknown

T = TypeVar("T")

SOON = timedelta(seconds=1)
LATER = timedelta(seconds=5)
LONGEST = timedelta(hours=1)  # a Retry-After beyond this is a mistake of theirs, and must not park our work for days

# Surely not sent: no connection, or our own side refused to write it.
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_NOT_SENDABLE = (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, UnicodeEncodeError)


class _Problem(msgspec.Struct):
    """The members of an RFC 9457 problem that we pass on."""

    code: str = ""
    detail: str = ""


class Outbound:
    """A keep-alive client of one outside service."""

    def __init__(self, settings: Settings, *, headers: Mapping[str, str] | None = None) -> None:
        self._client = httpx2.AsyncClient(
            base_url=settings.base_url,
            headers=headers,
            timeout=httpx2.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s),
            limits=httpx2.Limits(max_connections=settings.connections, max_keepalive_connections=settings.connections),
            proxy=settings.proxy,
            trust_env=False,
        )
        # The read timeout starts anew with each byte; this bounds an answer that trickles.
        self._whole_call_s = settings.connect_timeout_s + 2 * settings.read_timeout_s

    async def change(self, path: str, *, content: bytes, headers: Mapping[str, str], answer: type[T]) -> T:
        """POST something that has an effect and decode the answer. Raises Retry, Refused or Unknown."""
        try:
            async with asyncio.timeout(self._whole_call_s):
                response = await self._client.post(path, content=content, headers=dict(headers))
        except _NOT_SENT as error:
            raise Retry(SOON, f"no connection: {_words(error)}") from error
        except _NOT_SENDABLE as error:
            raise Refused("not_sendable", _words(error)) from error
        except (httpx2.HTTPError, TimeoutError) as error:
            raise Unknown(f"the answer was lost: {_words(error)}") from error
        _raise_for(response)
        try:
            return msgspec.json.decode(response.content, type=answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unknown(f"the answer was not understood: {error}") from error

    async def look(self, path: str, *, answer: type[T]) -> T | None:
        """GET something and decode it; None when the service says 404. Raises Retry or Refused."""
        try:
            async with asyncio.timeout(self._whole_call_s):
                response = await self._client.get(path)
        except _NOT_SENDABLE as error:
            raise Refused("not_sendable", _words(error)) from error
        except (httpx2.HTTPError, TimeoutError) as error:
            raise Retry(SOON, f"no answer: {_words(error)}") from error
        if response.status_code == 404:
            return None
        try:
            _raise_for(response)
            return msgspec.json.decode(response.content, type=answer)
        except Unknown as error:
            raise Retry(LATER, error.reason) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Retry(LATER, f"the answer was not understood: {error}") from error

    async def aclose(self) -> None:
        """Close the kept connections."""
        await self._client.aclose()


def _raise_for(response: httpx2.Response) -> None:
    """Pass a 2xx, raise what any other status means for the question "was it done?"."""
    status = response.status_code
    if 200 <= status < 300:
        return
    wait = _retry_after(response.headers)
    if status in (408, 425, 429) or (status == 503 and wait is not None):
        raise Retry(LATER if wait is None else wait, f"the service answered {status}")
    if status >= 500:
        raise Unknown(f"the service answered {status}")
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = _Problem()
    raise Refused(problem.code or f"http_{status}", problem.detail or f"the service answered {status}")


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The Retry-After header (RFC 9110, 10.2.3) as a wait; a date is measured against the answer's own Date."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=min(int(text), 10**9)), LONGEST)
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return LATER
    return max(timedelta(0), min(wait, LONGEST))


def _words(error: Exception) -> str:
    """A transport error in words; several of them have an empty text."""
    return f"{type(error).__name__} {error}".strip()
