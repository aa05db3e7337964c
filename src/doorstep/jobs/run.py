"""Doing jobs: claim under a lease, call out, commit the result with the job's end; back off, and give up in the
open.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from doorstep.db import Brand, Tx
from doorstep.db.pool import GONE, clock_now
from doorstep.jobs.errands import Errands
from doorstep.jobs.exceptions import open_exception
from doorstep.jobs.model import SQL, Errand, Job, Kind, LeaseLost, NoAdapter, Work, as_job
from doorstep.kit.errors import Unavailable
from doorstep.kit.ids import new_id
from doorstep.kit.limits import (
    ADAPTER_WAIT,
    JOB_ATTEMPTS,
    JOB_BACKOFF,
    JOB_BACKOFF_MAX,
    JOB_LEASE,
    JOBS_IN_HAND,
    JOBS_TOGETHER,
    KEEP_DONE_JOBS,
)
from doorstep.kit.outcomes import Retry, Unknown

log = structlog.get_logger()


async def enqueue(tx: Tx, kind: str, subjects: Sequence[UUID], *, due_at: datetime, lanes: Sequence[int] = ()) -> None:
    """One job per intent, due at a time of the brand's clock. An intent that has its job already gets no second one."""
    if subjects:
        count = len(subjects)
        await tx.execute(
            SQL.enqueue,
            [new_id() for _ in subjects],
            [kind] * count,
            list(subjects),
            list(lanes) or [1] * count,
            [due_at] * count,
        )


async def reawaken(tx: Tx, kind: str, subject: UUID, *, due_at: datetime) -> bool:
    """Make a done or poisoned job wait again, e.g. when a person says retry. False when there is none."""
    done: str = await tx.execute(SQL.reawaken, kind, subject, due_at)
    return done == "UPDATE 1"


async def move(tx: Tx, kind: str, due: Mapping[UUID, datetime]) -> None:
    """Give jobs, by subject, another due time. Those that someone has in hand, or that are over, stay as they are."""
    if due:
        await tx.execute(SQL.move, kind, list(due), list(due.values()))


async def drop(tx: Tx, kind: str, subjects: Collection[UUID]) -> None:
    """End waiting jobs whose reason is gone, without doing them; whoever has one in hand finds its lease lost."""
    if subjects:
        await tx.execute(SQL.drop, kind, list(subjects))


class Runner:
    """Does a brand's jobs. Several may run at once, in as many processes as one likes.

    `wake` is called when there may be something to take up that no commit tells of: a hand is free, a pause is over.
    """

    def __init__(
        self,
        brand: Brand,
        kinds: Sequence[Kind],
        ports: Mapping[str, object],
        *,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._wake = wake
        self._brand = brand
        self._kinds = {kind.name: kind for kind in kinds}
        self._ports = ports
        self._errands = {kind.name: Errands(brand, kind.handler) for kind in kinds if isinstance(kind.handler, Errand)}
        self._in_hand: dict[asyncio.Task[None], Sequence[Job]] = {}
        self._full: set[str] = set()  # kinds of which there may be more than there were hands for

    async def run_once(self, *, limit: int = JOBS_IN_HAND) -> int:
        """Take up what is due, express first, and see all that is in hand to its end; how many were taken up."""
        taken = await self.take_up(limit=limit)
        renewing = asyncio.create_task(self._keep_renewing())
        try:
            await asyncio.gather(*self._in_hand)
        finally:
            renewing.cancel()
        return taken

    async def take_up(self, *, limit: int = JOBS_IN_HAND, express_only: bool = False) -> int:
        """Claim what is due, express first or only, and begin it; how many were begun. Up to `limit` of a kind are in
        hand; of errands and of what is done together, JOBS_TOGETHER.

        Nothing waits for what is in hand, so that a partner that is slow to answer holds up nobody else.
        """
        busy = Counter(job.kind for jobs in self._in_hand.values() for job in jobs)
        many = {name for name, kind in self._kinds.items() if kind.together or name in self._errands}
        hands = {name: JOBS_TOGETHER if name in many else limit for name in self._kinds}
        free = {name: most - busy[name] for name, most in hands.items() if busy[name] < most}
        if not free:
            return 0
        async with self._brand.transaction() as tx:
            rows = await tx.fetch(SQL.claim, new_id(), JOB_LEASE, list(free), list(free.values()), express_only)
        found: dict[str, list[Job]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row["lane"]):
            found[row["kind"]].append(as_job(row))
        if not express_only:  # else it does not know what is left
            self._full -= free.keys()
        self._full |= {name for name, jobs in found.items() if len(jobs) == free[name]}
        for name, jobs in found.items():
            if name in self._errands:
                self._send_out(self._errands[name], jobs)
            else:
                for some in [jobs] if self._kinds[name].together else [[job] for job in jobs]:
                    self._begin(self._do(some), some)
        return len(rows)

    def _send_out(self, errands: Errands, jobs: Sequence[Job]) -> None:
        works = [Work(self._brand, job, self._ports) for job in jobs]
        reading = asyncio.create_task(errands.read(works))
        for work in works:
            self._begin(self._go(errands, work, reading), [work.job])

    def _begin(self, doing: Coroutine[Any, Any, None], jobs: Sequence[Job]) -> None:
        task = asyncio.create_task(doing)
        self._in_hand[task] = jobs
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        jobs = self._in_hand.pop(task)
        if jobs[0].kind in self._full:
            self._wake()

    async def renew(self) -> None:
        """Keep the leases of what is in hand. So they can be short, and what a dead process had waits briefly."""
        jobs = [job for jobs in self._in_hand.values() for job in jobs]
        if jobs:
            async with self._brand.transaction() as tx:
                await tx.execute(SQL.renew, [job.job_id for job in jobs], [job.lease for job in jobs], JOB_LEASE)

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(JOB_LEASE.total_seconds() / 3)
            with contextlib.suppress(*GONE, Unavailable):  # who cannot reach the database loses the lease, rightly
                await self.renew()

    async def stop(self) -> None:
        """Let go of what is in hand; its leases run out, and somebody else takes it up."""
        for task in list(self._in_hand):
            task.cancel()
        await asyncio.gather(*self._in_hand, return_exceptions=True)
        await asyncio.gather(*(errands.stop() for errands in self._errands.values()))

    async def prune(self) -> None:
        """Forget jobs done long ago."""
        async with self._brand.transaction() as tx:
            await tx.execute(SQL.prune, KEEP_DONE_JOBS)

    async def backlog(self) -> dict[str, object]:
        """How much waits, how much of it is due, and when the next is."""
        async with self._brand.reading() as connection:
            row = await connection.fetchrow(SQL.backlog, await clock_now(connection))
            assert row is not None
            return dict(row)

    async def _do(self, jobs: Sequence[Job]) -> None:
        kind = self._kinds[jobs[0].kind]
        assert not isinstance(kind.handler, Errand)
        works = [Work(self._brand, job, self._ports) for job in jobs]
        try:
            await kind.handler(works if kind.together else works[0])
            if not all(work.ended for work in works):
                raise RuntimeError(f"the handler of {kind.name} neither finished nor postponed its job")
        except Exception as error:  # noqa: BLE001  # whatever a handler does wrong must not take the others down
            if len(jobs) > 1:
                for job in jobs:
                    await self._do([job])
                return
            await self._note_failure(jobs[0], error)

    async def _go(self, errands: Errands, work: Work, reading: asyncio.Task[Mapping[Work, Any]]) -> None:
        try:
            await errands.carry_out(work, reading)
        except Exception as error:  # noqa: BLE001  # as above
            await self._note_failure(work.job, error)

    async def _note_failure(self, job: Job, error: Exception) -> None:
        try:
            await self._failed(job, error)
        except (*GONE, Unavailable) as gone:  # the lease runs out, and the job comes again
            log.warning("job_interrupted", kind=job.kind, error=repr(gone))

    async def _failed(self, job: Job, error: Exception) -> None:
        match error:
            case LeaseLost():
                log.warning("lease_lost", kind=job.kind)
            case NoAdapter():
                await self._wait_for_adapter(job, str(error))
            case Retry() | Unknown():
                await self._fail(job, error, getattr(error, "after", timedelta()))
            case _ if isinstance(error, (*GONE, Unavailable)) and job.attempts < JOB_ATTEMPTS:
                # Most often the database: the lease runs out and the job comes again. But a handler's own OSError looks
                # the same, and must not run for ever.
                log.warning("job_interrupted", kind=job.kind, error=repr(error))
            case _:
                log.error("job_failed", kind=job.kind, exc_info=error)
                await self._fail(job, error, timedelta())

    async def _wait_for_adapter(self, job: Job, port: str) -> None:
        """Nobody to call: the job waits, its attempt does not count, and one exception a port tells a person."""
        async with self._brand.transaction() as tx:
            await tx.execute(SQL.wait_for_adapter, job.job_id, job.lease, ADAPTER_WAIT, f"no adapter for {port}")
            await open_exception(
                tx,
                kind="adapter_missing",
                subject=UUID(bytes=hashlib.sha256(port.encode()).digest()[:16]),
                order_id=None,
                owner="operations",
                next_action=f"Configure an adapter for {port} (docs/operate/settings.md) and restart the worker",
                detail={"port": port, "job": job.kind},
                now=await clock_now(tx),
                priority=0,
            )

    async def _fail(self, job: Job, error: Exception, after: timedelta) -> None:
        text = f"{type(error).__name__}: {error}"[:2000]
        # Jitter, drawn from the lease, so that what failed together does not come back together.
        jitter = 0.5 + job.lease.int % 1000 / 1000
        pause = max(after, min(JOB_BACKOFF * 2 ** (job.attempts - 1) * jitter, JOB_BACKOFF_MAX))
        async with self._brand.transaction() as tx:
            if job.attempts < JOB_ATTEMPTS:
                await tx.execute(SQL.fail, job.job_id, job.lease, pause, text)
            elif await tx.execute(SQL.poison, job.job_id, job.lease, text) == "UPDATE 1":
                await self._give_up(tx, job, text)
        asyncio.get_running_loop().call_later(pause.total_seconds(), self._wake)

    async def _give_up(self, tx: Tx, job: Job, error: str) -> None:
        await open_exception(
            tx,
            kind="job_poisoned",
            subject=job.subject,
            order_id=None,
            owner=self._kinds[job.kind].owner,
            next_action="Find out why, then retry: POST /v1/exceptions/{id}/retry",
            detail={"job": job.kind, "attempts": job.attempts, "error": error},
            now=await clock_now(tx),
        )
