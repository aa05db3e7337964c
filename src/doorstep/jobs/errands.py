"""Errands: many jobs of a kind at a time. What they want is read together, each calls for itself, and what came back is
kept together: whatever was answered while the last transaction was in flight goes into the next, as at intake.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from itertools import count
from typing import Any

from doorstep.db import Brand, Tx
from doorstep.db.pool import GONE
from doorstep.jobs.model import Done, Errand, Work
from doorstep.kit.errors import Unavailable
from doorstep.kit.limits import JOBS_IN_HAND, JOBS_TOGETHER

_Waiting = tuple[Done, "asyncio.Future[None]"]


class _Hands:
    """So many calls at once; of those that wait for a hand, express goes first."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._turn = count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def hand(self, lane: int) -> AsyncIterator[None]:
        """Wait for a hand, and give it back at the end."""
        if self._free:
            self._free -= 1
        else:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heappush(self._waiting, (lane, next(self._turn), future))
            try:
                await future
            except asyncio.CancelledError:
                if future.done() and not future.cancelled():  # given in the moment nobody wanted it any more
                    self._give_back()
                raise
        try:
            yield
        finally:
            self._give_back()

    def _give_back(self) -> None:
        while self._waiting:
            future = heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)
                return
        self._free += 1


class Errands:
    """One kind of errand in one process: `read` for many, `carry_out` for each."""

    def __init__(self, brand: Brand, errand: Errand) -> None:
        self._brand = brand
        self._errand = errand
        self._answered: deque[_Waiting] = deque()
        self._keeping: asyncio.Task[None] | None = None
        self._calls = _Hands(JOBS_IN_HAND)

    async def read(self, works: Sequence[Work]) -> Mapping[Work, Any]:
        """What each of the jobs wants; or, in its place, why that cannot be read: one must not take the others down."""
        try:
            async with self._brand.reading() as tx:
                return await self._errand.read(tx, works)
        except Exception as error:  # noqa: BLE001  # handed to each job, which fails with it
            if len(works) == 1 or isinstance(error, (*GONE, Unavailable)):
                return dict.fromkeys(works, error)
            return {work: (await self.read([work])).get(work) for work in works}

    async def carry_out(self, work: Work, reading: asyncio.Task[Mapping[Work, Any]]) -> None:
        """Call, and return once the answer is committed."""
        wish = (await reading).get(work)
        if wish is None:
            raise LookupError(f"there is nothing behind the job: no {work.job.kind} {work.job.subject}")
        if isinstance(wish, Exception):
            raise wish
        async with self._calls.hand(work.job.lane):
            answer = await self._errand.call(work, wish)
        done = Done(work=work, wish=wish, answer=answer)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answered.append((done, future))
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(self._keep())
        await future

    async def stop(self) -> None:
        """Let go of what is answered and not kept."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)

    async def _keep(self) -> None:
        while self._answered:
            size = min(len(self._answered), JOBS_TOGETHER)
            await self._commit([self._answered.popleft() for _ in range(size)])

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        """Keep a batch; when that fails, each alone, unless the database is away."""
        try:
            await self._brand.run(lambda tx: self._write(tx, [done for done, _ in batch]))
        except Exception as error:  # noqa: BLE001  # whoever waits must hear of it
            if len(batch) > 1 and not isinstance(error, (*GONE, Unavailable)):
                for one in batch:
                    await self._commit([one])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for _, future in batch:
            if not future.done():
                future.set_result(None)

    async def _write(self, tx: Tx, done: Sequence[Done]) -> None:
        for one in done:  # an attempt before this one was rolled back
            one.work.ended = False
        await self._errand.keep(tx, done)
        if not all(one.work.ended for one in done):
            raise RuntimeError(f"{done[0].work.job.kind} neither finished nor postponed its job")
