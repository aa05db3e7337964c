"""Jobs as types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec

from doorstep.db import Brand, Tx, statements

SQL = statements(__package__)
P = TypeVar("P")


class LeaseLost(Exception):
    """Another worker took the job over; this one's result must not be committed."""


class NoAdapter(Exception):
    """The settings name no adapter for a port: the work waits until they do."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job in hand. `subject` is the intent's id; `attempts` counts this one (1 = first: nobody called out before)."""

    job_id: UUID
    kind: str
    subject: UUID
    lane: int
    attempts: int
    lease: UUID


class Work:
    """What a job's handler works with: the job, the brand's database, and the ports to the outside."""

    def __init__(self, brand: Brand, job: Job, ports: Mapping[str, object]) -> None:
        self.brand = brand
        self.job = job
        self._ports = ports
        self.ended = False

    def port(self, kind: Callable[..., P], code: str = "") -> P:
        """The adapter behind a port's Protocol, e.g. `work.port(Carrier, "sandbox")`; code "" is the default one."""
        # Callable, not type[P]: a Protocol is not a concrete class, and the type checker asks for one there.
        name: str = kind.__name__
        name = f"{name}:{code}" if code else name
        if name not in self._ports:
            raise NoAdapter(name)
        return cast(P, self._ports[name])

    async def finish(self, tx: Tx) -> None:
        """End the job in the transaction of its result. Raises LeaseLost (which rolls the result back) if it is no
        longer ours.
        """
        await finish_all(tx, [self])

    async def postpone(self, tx: Tx, due_at: datetime) -> None:
        """Put the job back until `due_at` (brand's clock), as if it had not been tried."""
        await postpone_all(tx, {self: due_at})


async def finish_all(tx: Tx, works: Sequence[Work]) -> None:
    """End jobs in the transaction of their results. Raises LeaseLost when one of them is no longer ours."""
    await _end(tx, works, SQL.finish)


async def postpone_all(tx: Tx, due: Mapping[Work, datetime]) -> None:
    """Put jobs back, each until its time (brand's clock), as if they had not been tried. Raises LeaseLost."""
    await _end(tx, list(due), SQL.postpone, list(due.values()))


async def _end(tx: Tx, works: Sequence[Work], statement: str, *more: object) -> None:
    if not works:
        return
    ids, leases = [work.job.job_id for work in works], [work.job.lease for work in works]
    if await tx.execute(statement, ids, leases, *more) != f"UPDATE {len(works)}":
        raise LeaseLost(works[0].job.kind)
    for work in works:
        work.ended = True


Handler = Callable[..., Awaitable[None]]


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A job whose call has been answered: what it wanted, and what came back."""

    work: Work
    wish: Any
    answer: Any


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """Work with the outside, many jobs at a time: only the calls are made one by one.

    `read(tx, works)` says what each job wants; one that is left out fails. `call(work, wish)` calls out, with no
    transaction open, and returns the answer; it may raise kit.outcomes.Retry or Unknown, which fail this job alone.
    `keep(tx, done)` writes down, in one transaction, what was answered while the last one was in flight, and ends or
    postpones every job of it. It may be called again from the start, and with each job alone when it fails.
    """

    read: Callable[[Tx, Sequence[Work]], Awaitable[Mapping[Work, Any]]]
    call: Callable[[Work, Any], Awaitable[Any]]
    keep: Callable[[Tx, Sequence[Done]], Awaitable[None]]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of job: its name, who does it, and who owns the exception when it fails for good."""

    name: str
    handler: Handler | Errand
    owner: str
    together: bool


def does(name: str, handler: Handler | Errand, *, owner: str = "operations", together: bool = False) -> Kind:
    """A row of the journey's work table: jobs of this name are done by this handler, `async def handler(work: Work)`.

    The handler calls out with no transaction open, then commits the result together with `work.finish(tx)`.
    It may raise kit.outcomes.Retry or Unknown (tried again later; look up by our reference when `job.attempts > 1`).
    Where there are many, an `Errand` reads and writes for all of them at once.

    `together` is for work that calls nobody: `async def handler(works: Sequence[Work])` does all that is due in one
    transaction. When that fails, each job is tried alone, so that one cannot take the others down.
    """
    return Kind(name=name, handler=handler, owner=owner, together=together)


def as_job(row: Any) -> Job:
    """The job in a row of `claim`."""
    return Job(**{field: row[field] for field in Job.__struct_fields__})
