"""Natural batching: what arrives while a transaction is in flight is placed together in the next. No timer, no wait
when idle.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import asyncpg
import structlog

from doorstep.db import Brand
from doorstep.db.pool import GONE
from doorstep.inventory import ClaimRefused
from doorstep.kit.errors import Problem, Unavailable
from doorstep.kit.limits import LINES_PER_BATCH, ORDERS_WAITING
from doorstep.orders.place import place_batch
from doorstep.orders.placing import Outcome, Placing
from doorstep.routing import NetworkCache

log = structlog.get_logger()
_TRIES = 6  # with the pauses below: about six seconds for a database that restarts
_Waiting = tuple[Placing, asyncio.Future[Outcome]]


class Intake:
    """One brand's queue of orders in one process. `submit` waits for the outcome; close it before the loop ends."""

    def __init__(self, brand: Brand) -> None:
        self._brand = brand
        self._networks = NetworkCache()
        self._queue: deque[_Waiting] = deque()
        self._running: asyncio.Task[None] | None = None
        self._closed = False

    async def submit(self, placing: Placing) -> Outcome:
        """Place an order together with whatever else is waiting. Raises Unavailable when too many wait already."""
        self._refuse_beyond(ORDERS_WAITING - 1)
        return await self._enqueue(placing)

    async def submit_all(self, placings: Sequence[Placing]) -> list[Outcome]:
        """Place orders as `submit` does each; outcomes in their order. They stand in the queue one after the other.

        Raises Unavailable, and places none, when half the queue is full: the other half is for those who come alone.
        """
        self._refuse_beyond(ORDERS_WAITING // 2 - len(placings))
        return await asyncio.gather(*[self._enqueue(placing) for placing in placings])

    def _refuse_beyond(self, waiting: int) -> None:
        if self._closed or len(self._queue) > waiting:
            raise Unavailable("Too many orders are waiting; nothing was placed.", retry_after_s=1)

    def _enqueue(self, placing: Placing) -> asyncio.Future[Outcome]:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append((placing, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return future

    async def close(self) -> None:
        """Place what is waiting, take nothing more."""
        self._closed = True
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        while self._queue:
            batch: list[_Waiting] = []
            lines = 0
            while self._queue and (not batch or lines + len(self._queue[0][0].order.lines) <= LINES_PER_BATCH):
                batch.append(self._queue.popleft())
                lines += len(batch[-1][0].order.lines)
            await self._place(batch)

    async def _place(self, batch: list[_Waiting]) -> None:
        """Place a batch; when the database refuses it, halve it down to the one that is to blame."""
        try:
            outcomes = await self._persist([placing for placing, _ in batch])
        except (asyncpg.PostgresError, ClaimRefused) as error:
            if len(batch) > 1:
                await self._place(batch[: len(batch) // 2])
                await self._place(batch[len(batch) // 2 :])
                return
            log.exception("order_refused_by_database", error=repr(error))
            outcomes = [Outcome(problem=Problem("The order could not be placed; nothing was written."))]
        except Unavailable as error:
            outcomes = [Outcome(problem=error) for _ in batch]
        except Exception:  # whoever waits must get an answer, whatever went wrong
            log.exception("intake_failed", orders=len(batch))
            outcomes = [Outcome(problem=Problem("The order could not be placed.")) for _ in batch]
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)

    async def _persist(self, placings: list[Placing]) -> list[Outcome]:
        """Place, and when the connection is lost, again: what had been committed is found by its number and
        answered.
        """
        for attempt in range(_TRIES):
            try:
                return await place_batch(self._brand, self._networks, placings)
            except (*GONE, Unavailable) as error:
                log.warning("intake_again", error=repr(error), attempt=attempt)
                await asyncio.sleep(0.1 * 2**attempt)
        raise Unavailable("The database does not answer. Send the order again: it is placed once.", retry_after_s=2)
