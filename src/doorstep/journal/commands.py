"""Commands without a natural key: an Idempotency-Key makes the same request act once and answer the same."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from doorstep.db import Brand, Tx
from doorstep.db.pool import clock_now
from doorstep.journal.append import SQL
from doorstep.kit.errors import BodyDiffers

_NORMAL = "1"  # version of the normalization below: new defaults must not make old keys conflict


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A request that changes something: who asks, by which key, at which route. Made by the web edge."""

    brand: Brand
    key: str
    route: str
    actor: str

    async def run(self, body: object, act: Callable[[Tx, datetime], Awaitable[object]], *, status: int = 200) -> Answer:
        """Do it once, in one transaction with its answer; a repeat gets the first answer. Raises BodyDiffers on
        another body.

        `act(tx, now)` returns what to answer (a Struct). When it raises, nothing is written and the key stays free.
        """
        digest = hashlib.sha256(f"{_NORMAL} {self.route} ".encode() + msgspec.json.encode(body)).digest()

        async def once(tx: Tx) -> Answer:
            # A second caller waits here until the first one's transaction ends.
            if await tx.execute(SQL.claim_command, self.key, self.route, digest) == "INSERT 0 0":
                return await self._replay(tx, digest)
            content = msgspec.json.encode(await act(tx, await clock_now(tx)))
            await tx.execute(SQL.answer_command, self.key, status, content)
            return Answer(status=status, content=content, replayed=False)

        return await self.brand.run(once)

    async def _replay(self, tx: Tx, digest: bytes) -> Answer:
        row = await tx.fetchrow(SQL.read_command, self.key)
        assert row is not None
        if row["body_hash"] != digest:
            raise BodyDiffers(
                f"Idempotency-Key {self.key!r} was used before for {row['route']} with another body.",
                extra={"field": "Idempotency-Key"},
            )
        return Answer(status=row["status"], content=row["answer"], replayed=True)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON answer: status, encoded body, and whether it is a repeat of an earlier one."""

    status: int
    content: bytes
    replayed: bool
