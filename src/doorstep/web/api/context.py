"""What belongs to the request in hand: its id, and who asks. Context variables, so that the way in costs nothing."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from doorstep.kit.ids import new_id

if TYPE_CHECKING:
    from doorstep.web.api.keys import Principal

_SANE = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_request_id: ContextVar[str] = ContextVar("request_id", default="")
principal: ContextVar[Principal] = ContextVar("principal")
scope: ContextVar[Any] = ContextVar("scope")


def begin(headers: list[tuple[bytes, bytes]]) -> str:
    """Give the request its id: the caller's X-Request-Id when it is sane, else a new one."""
    chosen = ""
    for name, value in headers:
        if name == b"x-request-id":
            given = value.decode("latin-1")
            chosen = given if _SANE.fullmatch(given) else ""
            break
    chosen = chosen or new_id().hex
    _request_id.set(chosen)
    return chosen


def request_id() -> str:
    """The id of the request in hand; empty outside of one."""
    return _request_id.get()


def app_state() -> Any:
    """What the application keeps as long as the process: database, keys, ports, reactions, intakes."""
    return scope.get()["litestar_app"].state
