"""Seen from outside: who waits for a lock, so that a race can be set up step by step instead of hoped for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from doorstep.db import Brand, Tx
from tests.support.waiting import eventually

T = TypeVar("T")


async def until_it_waits(brand: Brand, task: asyncio.Task[T], *, waiting: int = 1) -> None:
    """Return when so many transactions of this database wait for another's lock; fail when `task` ends before."""

    def blocked() -> Awaitable[bool]:
        if task.done():
            raise RuntimeError(f"it did not wait for the lock: {task.result()!r}")
        return _wait(brand, waiting)

    check: Callable[[], bool | Awaitable[bool]] = blocked
    await eventually(check, every_s=0.005)


async def until_it_ends_or_waits(brand: Brand, task: asyncio.Future[T]) -> None:
    """Return when the work has ended, or waits for another transaction's lock."""

    async def settled() -> bool:
        return task.done() or await _wait(brand, 1)

    check: Callable[[], bool | Awaitable[bool]] = settled
    await eventually(check, every_s=0.005)


async def _wait(brand: Brand, waiting: int) -> bool:
    async with brand.reading() as tx:
        count: int = await tx.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return count >= waiting


@asynccontextmanager
async def running(work: Awaitable[T]) -> AsyncIterator[asyncio.Task[T]]:
    """Work beside the test; stopped when the block ends before it does."""
    task = asyncio.ensure_future(work)
    assert isinstance(task, asyncio.Task)
    try:
        yield task
    finally:
        if not task.done():
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def deadlocks(tx: Tx) -> int:
    """Deadlocks this database has seen."""
    await tx.execute("SELECT pg_stat_clear_snapshot()")
    count: int = await tx.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return count
