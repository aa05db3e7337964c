"""A request's body, read without the framework."""

from __future__ import annotations

from typing import Any

from doorstep.kit.errors import Malformed, TooLarge
from doorstep.kit.limits import BODY_BYTES
from doorstep.orders.queue import Held


class HungUp(Exception):
    """The sender is gone; nobody is there to be answered."""


def length_of(headers: list[tuple[bytes, bytes]]) -> int:
    """What the request says of its body's length; 0 when it says nothing. Raises TooLarge."""
    for name, value in headers:
        if name == b"content-length":
            if not value.isdigit():
                raise Malformed("Content-Length is not a number.")
            if int(value) > BODY_BYTES:
                raise _too_large()
            return int(value)
    return 0


async def read_body(receive: Any, held: Held | None = None) -> bytes:
    """The body. Raises TooLarge, Malformed without one, Unavailable when it outgrows the room; HungUp."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body", False):
        pieces = [body]
    else:
        pieces, size = [], 0
        while message["type"] == "http.request":
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            if size > BODY_BYTES:
                raise _too_large()
            if held and size > held.size:
                held.more(size - held.size)
            if not message.get("more_body", False):
                break
            message = await receive()
        else:
            raise HungUp
        body = b"".join(pieces)
    if len(body) > BODY_BYTES:
        raise _too_large()
    if not body:
        raise Malformed("A JSON body is needed.")
    return body


def _too_large() -> TooLarge:
    return TooLarge("Request Entity Too Large")
