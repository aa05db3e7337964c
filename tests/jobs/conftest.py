"""A kind of job of the tests' own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from doorstep.db import Brand
from doorstep.jobs import Runner, Work, does, enqueue
from doorstep.kit.ids import new_id

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
Handler = Callable[[Work], Awaitable[None]]


class Desk:
    """Jobs of the kind `test.work`, done by whatever handler a test gives; results are rows of `results`."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    async def want(self, *, due_at: datetime = NOW, lane: int = 1, subject: UUID | None = None) -> UUID:
        """Enqueue one job."""
        subject = subject or new_id()
        async with self.brand.transaction() as tx:
            await enqueue(tx, "test.work", [subject], due_at=due_at, lanes=[lane])
        return subject

    def runner(self, handler: Handler) -> Runner:
        """A runner of its own, as another worker process would have."""
        return Runner(self.brand, [does("test.work", handler)], {})

    async def finish(self, work: Work) -> None:
        """The usual end: the result and the job's end in one transaction."""
        async with self.brand.transaction() as tx:
            await tx.execute("INSERT INTO results VALUES ($1)", work.job.subject)
            await work.finish(tx)

    async def value(self, query: str, *arguments: object) -> Any:
        """One value by plain SQL."""
        async with self.brand.reading() as tx:
            return await tx.fetchval(query, *arguments)

    async def results(self) -> int:
        """How many results there are."""
        found: int = await self.value("SELECT count(*) FROM results")
        return found

    async def change(self, statement: str, *arguments: object) -> None:
        """Time travel for leases and back-off, which are on the wall clock."""
        async with self.brand.transaction() as tx:
            await tx.execute(statement, *arguments)

    async def lease_runs_out(self) -> None:
        """The wall clock has passed the lease."""
        await self.change("UPDATE jobs SET leased_until = '-infinity' WHERE leased_until IS NOT NULL")

    async def pause_is_over(self) -> None:
        """The wall clock has passed the back-off."""
        await self.change("UPDATE jobs SET retry_at = '-infinity'")


@pytest.fixture
async def desk(brand: Brand) -> Desk:
    """An empty desk, its clock standing at nine on a Monday."""
    made = Desk(brand)
    await made.change("CREATE TABLE results (subject uuid)")
    await made.change("UPDATE clock SET clock_from = $1, rate = 0", NOW)
    return made
