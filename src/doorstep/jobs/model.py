"""Jobs as types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
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
        if await tx.execute(SQL.finish, self.job.job_id, self.job.lease) != "UPDATE 1":
            raise LeaseLost(self.job.kind)
        self.ended = True

    async def postpone(self, tx: Tx, due_at: datetime) -> None:
        """Put the job back until `due_at` (brand's clock), as if it had not been tried."""
        if await tx.execute(SQL.postpone, self.job.job_id, self.job.lease, due_at) != "UPDATE 1":
            raise LeaseLost(self.job.kind)
        self.ended = True


Handler = Callable[[Work], Awaitable[None]]
OnPoison = Callable[[Tx, Job, datetime], Awaitable[None]]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of job: its name, who does it, and who owns the exception when it fails for good."""

    name: str
    handler: Handler
    owner: str


def does(name: str, handler: Handler, *, owner: str = "operations") -> Kind:
    """A row of the journey's work table: jobs of this name are done by this handler, `async def handler(work: Work)`.

    The handler calls out with no transaction open, then commits the result together with `work.finish(tx)`.
    It may raise kit.outcomes.Retry or Unknown (tried again later; look up by our reference when `job.attempts > 1`).
    """
    return Kind(name=name, handler=handler, owner=owner)


def as_job(row: Any) -> Job:
    """The job in a row of `claim`."""
    return Job(**{field: row[field] for field in Job.__struct_fields__})
