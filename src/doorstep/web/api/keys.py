"""API keys: made once, shown once, kept only as their SHA-256; found again in microseconds."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from doorstep.db import Brand, Database, Tx, statements
from doorstep.kit.errors import Fault, Invalid, NotFound, Unauthorized
from doorstep.kit.ids import new_id

SQL = statements(__package__)
Scope = Literal["read", "write"]

_KEY: Final = re.compile(r"dsk_([a-z][a-z0-9_]{0,30})_[0-9a-f]{48}")
_CACHED_S: Final = 5.0  # a revoked key works no longer than this
_CACHE_MAX: Final = 10_000  # guesses must not fill the memory


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key as people manage it; the secret itself is not kept. `scope` is read or write."""

    key_id: UUID
    brand: str
    name: str
    scope: str
    created_at: datetime
    revoked_at: datetime | None = None


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: the brand, the name that goes into the journal, and whether the key may write."""

    brand: Brand
    actor: str
    writes: bool


def digest(secret: str) -> bytes:
    """What is stored of a key. Of 192 random bits a fast hash is enough, and a slow one would be a weapon."""
    return hashlib.sha256(secret.encode()).digest()


def secret_of(brand: str, random: bytes) -> str:
    """A key's secret from 24 or more random bytes."""
    return f"dsk_{brand}_{random[:24].hex()}"


async def create(tx: Tx, *, brand: str, name: str, scope: Scope, random: bytes | None = None) -> tuple[UUID, str]:
    """Make a key. Returns its id and the secret, shown only now; of fresh random bytes, unless 24 or more are given."""
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise Invalid([Fault("/name", "A key's name is 1 to 100 printable characters.")])
    key_id, secret = new_id(), secret_of(brand, random or secrets.token_bytes(24))
    if await tx.execute(SQL.add_key, key_id, brand, name, digest(secret), scope) != "INSERT 0 1":
        raise NotFound(f"There is no brand {brand!r}.")
    return key_id, secret


async def every(tx: Tx, *, brand: str | None = None) -> Sequence[Key]:
    """All keys, of one brand or of all."""
    return [msgspec.convert(dict(row), Key) for row in await tx.fetch(SQL.list_keys, brand)]


async def revoke(tx: Tx, key_id: UUID, *, brand: str | None = None) -> bool:
    """Take a key away, of this brand if one is named; it may work for five more seconds. False when there is no such
    live key.
    """
    return await tx.fetchval(SQL.revoke_key, key_id, brand) is not None


class Keys:
    """Finds who a key belongs to; remembers the answer, good or bad, for five seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[float, Principal | None]] = {}

    async def principal(self, headers: Sequence[tuple[bytes, bytes]]) -> Principal:
        """Who sends these ASGI headers. Raises Unauthorized without a good key in `Authorization: Bearer dsk_…`."""
        secret = _bearer(headers)
        if secret is None:
            raise Unauthorized("Send your API key in the header Authorization: Bearer dsk_…")
        known = self._known.get(secret)
        now = time.monotonic()
        if known is None or known[0] < now:
            if len(self._known) >= _CACHE_MAX:
                self._known.clear()
            known = (now + _CACHED_S, await self._look_up(secret))
            self._known[secret] = known
        if known[1] is None:
            raise Unauthorized("This API key is not known, or was revoked.")
        return known[1]

    async def _look_up(self, secret: str) -> Principal | None:
        if not _KEY.fullmatch(secret):
            return None
        async with self._database.shared() as tx:
            row = await tx.fetchrow(SQL.find_key, digest(secret))
        if row is None:
            return None
        brand = await self._database.brand(row["brand"])
        return Principal(brand=brand, actor=f"key:{row['name']}", writes=row["scope"] == "write")


def _bearer(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    for name, value in headers:
        if name == b"authorization":
            scheme, _, secret = value.decode("latin-1").partition(" ")
            return secret.strip() if scheme.lower() == "bearer" and len(secret) <= 200 else None
    return None
