"""Keyset pagination: a cursor is where the last page ended, the sort key of its last row, opaque to the caller.

A page is `{"items": [...], "next_cursor": str | null}`; a later page starts after the cursor, so rows that come or go
in between neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec

from doorstep.kit.errors import Fault, Invalid

T = TypeVar("T")

_CURSOR_MAX = 500  # characters: no sort key of ours comes near it


def encode(values: Sequence[object]) -> str:
    """A cursor from the sort key of a page's last row (text, numbers, UUIDs, aware datetimes)."""
    return base64.urlsafe_b64encode(msgspec.json.encode(list(values))).rstrip(b"=").decode()


def decode(cursor: str, types: Sequence[type]) -> tuple[Any, ...]:
    """The sort key behind a cursor, as `types` say, e.g. `(datetime, UUID)`. Raises Invalid for one we did not make."""
    aware = tuple(Annotated[t, msgspec.Meta(tz=True)] if t is datetime else t for t in types)
    try:
        if len(cursor) > _CURSOR_MAX or not cursor.isascii():
            raise ValueError(cursor[:20])
        text = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        if b"\\u0000" in text:
            raise ValueError("NUL")
        values: tuple[Any, ...] = msgspec.json.decode(text, type=tuple.__class_getitem__(aware))
    except (ValueError, binascii.Error, msgspec.DecodeError, RecursionError):
        raise Invalid([Fault("?cursor", "This is no cursor of this list: take it from next_cursor.")]) from None
    return values


def cut(rows: Sequence[T], limit: int, key: Callable[[T], Sequence[object]]) -> tuple[Sequence[T], str | None]:
    """A page and the cursor of the next, from up to `limit + 1` rows: reading one more tells if there is more."""
    if len(rows) <= limit:
        return rows, None
    page = rows[:limit]
    return page, encode(key(page[-1]))
