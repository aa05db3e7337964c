"""Ids: UUID version 7 (RFC 9562), made by us, shown to people with a prefix (`ord_0190…`)."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

from asyncpg.pgproto.pgproto import UUID as FastUUID  # a subclass of UUID made in C, which its driver knows

from doorstep.kit.errors import NotFound

_lock = threading.Lock()
_last = 0
_random = b""
_DRAW = 512  # bytes drawn at a time: one call to the system for 64 ids


def new_id() -> UUID:
    """A new time-ordered id, strictly increasing within this process.

    48 bits of Unix milliseconds, then a 12-bit counter that moves on when the millisecond does not, then 62 random
    bits.
    """
    global _last, _random
    with _lock:
        tick = max(time.time_ns() // 1_000_000 << 12, _last + 1)
        _last = tick
        if len(_random) < 8:
            _random = os.urandom(_DRAW)
        random, _random = _random[:8], _random[8:]
    milliseconds, counter = tick >> 12, tick & 0xFFF
    low = int.from_bytes(random) & 0x3FFF_FFFF_FFFF_FFFF
    number = milliseconds << 80 | 0x7 << 76 | counter << 64 | 0x2 << 62 | low
    return FastUUID(number.to_bytes(16))


def _forget_random() -> None:
    global _random
    _random = b""


os.register_at_fork(after_in_child=_forget_random)  # two processes must not draw the same


def show(prefix: str, value: UUID) -> str:
    """The id as people and APIs see it: `ord_` and 32 hexadecimal digits."""
    return f"{prefix}_{value.hex}"


def parse(prefix: str, text: str) -> UUID:
    """The id behind what `show` wrote. Raises NotFound on anything else: an id that cannot exist is not found."""
    head, _, digits = text.partition("_")
    if head == prefix and len(digits) == 32:
        try:
            return FastUUID(digits)
        except ValueError:
            pass
    raise NotFound(f"There is no {text[:60]!r}: an id here looks like {prefix}_ and 32 hexadecimal digits.")
