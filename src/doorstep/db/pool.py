"""Connections: a small pool per active brand, its schema in the search path of the connection settings.

A transaction is committed only here, at the edge (`Brand.transaction`). On an exception it is rolled back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncpg
import msgspec
from asyncpg.protocol import protocol as _protocol

from doorstep.kit.errors import Conflict, NotFound, Unavailable
from doorstep.kit.limits import PLACING_TRANSACTIONS

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    Tx = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Tx = asyncpg.pool.PoolConnectionProxy

T = TypeVar("T")

# Of each element of an array, some 70 of an order, asyncpg asks whether it is an array itself, by two abstract classes:
# a tenth of a server's time for placing. Ours are lists and tuples; tests/db/test_arrays.py knows whether this bites.
vars(_protocol).update(IterableABC=(list, tuple), SizedABC=(list, tuple))


class StartAgain(Conflict):
    """What was locked is not what is needed, for others were faster: the transaction gives its locks back and begins
    anew. 409 when that has not helped several times.
    """


# Worth another try from the start: the database chose us as the victim, or went away and comes back.
_AGAIN: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError, StartAgain)
GONE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was told the server goes, and was used again before it closed
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    ConnectionError,
    TimeoutError,
    OSError,
)

_encode = msgspec.json.Encoder(enc_hook=lambda value: value.hex() if isinstance(value, bytes) else str(value)).encode


def _to_jsonb(value: object) -> bytes:
    return b"\x01" + _encode(value)  # the binary form of jsonb starts with its version


def _from_jsonb(value: bytes) -> Any:
    return msgspec.json.decode(value[1:])


async def _prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    # Ids stay asyncpg's own UUID, a subclass made in C: turning each into uuid.UUID was a fifth of a server's time.
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_to_jsonb, decoder=_from_jsonb, format="binary"
    )


class Brand:
    """One brand's door to the database. Make it with `Database.brand`; it is cheap to keep and safe to share."""

    def __init__(self, name: str, pool: Pool, apart: Pool | None = None) -> None:
        self.name = name
        self._pool = pool
        self._apart = apart

    @property
    def apart(self) -> Brand:
        """The same brand over a few connections of their own: who uses them waits for nobody, nor others for it."""
        return Brand(self.name, self._apart) if self._apart else self

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """One transaction (READ COMMITTED), committed when the block ends, rolled back when it raises."""
        async with self._connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """A connection for single reading statements, each its own snapshot."""
        async with self._connection() as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Tx]:
        """A connection whose reading statements all see the same moment."""
        async with (
            self._connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Tx]:
        try:
            connection = await self._pool.acquire(timeout=10)
        except GONE as error:
            raise Unavailable("The database does not answer; nothing was changed.") from error
        try:
            yield connection
        finally:
            try:
                await self._pool.release(connection)
            except GONE:
                connection.terminate()

    async def run(self, act: Callable[[Tx], Awaitable[T]], *, attempts: int = 5, open_one: bool = True) -> T:
        """Run `act` in a transaction; from the start again when the database asks for it (deadlock, serialization) or
        `act` does (StartAgain). With `open_one` false, each statement is a transaction of its own, or `act` opens one.
        """
        for left in range(attempts - 1, -1, -1):
            try:
                async with self.transaction() if open_one else self.reading() as tx:
                    return await act(tx)
            except _AGAIN:
                if not left:
                    raise
                await asyncio.sleep(0)
        raise AssertionError("unreachable")

    async def now(self) -> datetime:
        """The brand's time."""
        async with self.reading() as connection:
            return await clock_now(connection)


async def clock_now(tx: Tx) -> datetime:
    """The brand's time, read once per transaction and handed on as an argument."""
    now = await tx.fetchval("SELECT clock_now()")
    assert isinstance(now, datetime)
    return now


class Database:
    """All brands of one server. `dsn` is a libpq URL; statement_cache_size 0 suits PgBouncer."""

    def __init__(self, dsn: str, *, pool_size: int = 8, statement_cache_size: int = 1024) -> None:
        self.dsn = dsn
        self._pool_size = pool_size
        self._cache = statement_cache_size
        self._brands: dict[str, Brand] = {}
        self._pools: dict[str, Pool] = {}
        self._opening = asyncio.Lock()

    async def brand(self, name: str) -> Brand:
        """The brand's door. Raises NotFound when there is no such brand."""
        if name not in self._brands:
            async with self._opening:
                if name not in self._brands:
                    if name not in await self.brands():
                        raise NotFound(f"There is no brand {name!r}.")
                    apart = await self._pool(name, size=PLACING_TRANSACTIONS, called=f"{name} apart")
                    self._brands[name] = Brand(name, await self._pool(name), apart)
        return self._brands[name]

    async def brands(self) -> list[str]:
        """Names of all brands, sorted."""
        async with self.shared() as connection:
            return [row["brand"] for row in await connection.fetch("SELECT brand FROM brands ORDER BY brand")]

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[Tx]:
        """A transaction on the shared schema `doorstep`."""
        pool = self._pools.get("doorstep") or await self._pool("doorstep", size=2)
        async with pool.acquire(timeout=10) as connection, connection.transaction():
            yield connection

    async def close(self) -> None:
        """Close every pool; what is still running is cut off after ten seconds."""
        for pool in self._pools.values():
            try:
                await asyncio.wait_for(pool.close(), 10)
            except TimeoutError:
                pool.terminate()
        self._pools.clear()
        self._brands.clear()

    async def _pool(self, schema: str, *, size: int | None = None, called: str | None = None) -> Pool:
        try:
            pool = await asyncpg.create_pool(
                self.dsn,
                min_size=0,
                max_size=size or self._pool_size,
                init=_prepare,
                statement_cache_size=self._cache,
                max_inactive_connection_lifetime=300,
                # The session stays as it is between uses: we set nothing in it, so there is nothing to reset.
                reset=_keep,
                # No statement of ours runs long enough to be worth compiling; where tables are new and their sizes
                # unknown, PostgreSQL thinks otherwise.
                server_settings={
                    "search_path": f"{schema},ext",
                    "application_name": f"doorstep/{schema}",
                    "jit": "off",
                },
            )
        except GONE as error:
            raise Unavailable("The database does not answer; nothing was changed.") from error
        self._pools[called or schema] = pool
        return pool


async def _keep(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    return None
