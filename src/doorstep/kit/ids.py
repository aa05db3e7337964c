"""Ids: UUID version 7 (RFC 9562), made by us, shown to people with a prefix (`ord_0190…`)."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

from doorstep.kit.errors import NotFound

_lock = threading.Lock()
_last = 0


def new_id() -> UUID:
    """A new time-ordered id, strictly increasing within this process.

    48 bits of Unix milliseconds, then a 12-bit counter that moves on when the millisecond does not, then 62 random
    bits.
    """
    global _last
    with _lock:
        tick = max(time.time_ns() // 1_000_000 << 12, _last + 1)
        _last = tick
    milliseconds, counter = tick >> 12, tick & 0xFFF
    random = int.from_bytes(os.urandom(8)) & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=milliseconds << 80 | 0x7 << 76 | counter << 64 | 0x2 << 62 | random)


def show(prefix: str, value: UUID) -> str:
    """The id as people and APIs see it: `ord_` and 32 hexadecimal digits."""
    return f"{prefix}_{value.hex}"


def parse(prefix: str, text: str) -> UUID:
    """The id behind what `show` wrote. Raises NotFound on anything else: an id that cannot exist is not found."""
    head, _, digits = text.partition("_")
    if head == prefix and len(digits) == 32:
        try:
            return UUID(hex=digits)
        except ValueError:
            pass
    raise NotFound(f"There is no {text[:60]!r}: an id here looks like {prefix}_ and 32 hexadecimal digits.")
