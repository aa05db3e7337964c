"""Natural batching: what arrives while a transaction is in flight is placed together in the next. No timer, no wait
when idle. See docs/operate/intake.md for what happens when more arrives than can be placed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import structlog

from doorstep.db import Brand
from doorstep.db.pool import GONE
from doorstep.kit.errors import Problem, Unavailable
from doorstep.kit.limits import LINES_PER_BATCH, LINES_WORTH_A_TRANSACTION, PLACING_TRANSACTIONS
from doorstep.orders.place import place_batch
from doorstep.orders.placing import Outcome, Placing
from doorstep.orders.queue import Held, Queue, Room, Waiting
from doorstep.routing import NetworkCache

log = structlog.get_logger()
_TRIES = 6  # with the pauses below: about six seconds for a database that restarts


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How an intake stands: orders and lines that wait, how long the oldest has; refused and late since the start."""

    orders: int
    lines: int
    oldest_s: float
    refused: int
    late: int


class Intake:
    """One brand's queue of orders in one process. `submit` waits for the outcome; close it before the loop ends.

    It has connections of its own, so that neither reads nor placing wait for the other. A second transaction begins
    while one is in flight only when much waits: one is written while the next is prepared.
    """

    def __init__(self, brand: Brand, room: Room | None = None) -> None:
        self._brand = brand.apart
        self._room = room or Room()
        self._networks = NetworkCache()
        self._queue = Queue()
        self._hands: set[asyncio.Task[None]] = set()
        self._busy = 0  # hands that have not decided to stop
        self._closed = False

    @property
    def behind(self) -> bool:
        """Whether more waits than the next batch takes: then it is worth looking whether senders are still there."""
        return self._queue.lines > LINES_PER_BATCH

    @property
    def standing(self) -> Standing:
        """For the metrics."""
        queue = self._queue
        return Standing(
            orders=len(queue), lines=queue.lines, oldest_s=queue.oldest_s(), refused=queue.refused, late=queue.late
        )

    def held(self, size: int) -> Held:
        """Room for a request of so many bytes while the block lasts; ask before reading it. Raises Unavailable."""
        self._refuse_closed()
        self._queue.room_for(1, 1)
        return self._room.held(size)

    async def submit(self, placing: Placing) -> Outcome:
        """Place an order together with whatever else is waiting. Raises Unavailable when too many wait already.

        Canceled before its turn, it leaves the queue and is not placed.
        """
        self._refuse_closed()
        self._queue.room_for(1, len(placing.order.lines))
        return await self._enqueue(placing)

    async def submit_all(self, placings: Sequence[Placing]) -> list[Outcome]:
        """Place orders as `submit` does each; outcomes in their order. They stand in the queue one after the other.

        Raises Unavailable, and places none, when half the queue is full: the other half is for those who come alone.
        """
        self._refuse_closed()
        self._queue.room_for(len(placings), sum(len(placing.order.lines) for placing in placings), of=0.5)
        return await asyncio.gather(*[self._enqueue(placing) for placing in placings])

    async def close(self) -> None:
        """Place what is waiting, take nothing more."""
        self._closed = True
        while self._hands:
            await asyncio.wait(self._hands)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise Unavailable("The server is stopping; nothing was placed.", retry_after_s=1)

    def _enqueue(self, placing: Placing) -> asyncio.Future[Outcome]:
        answer = self._queue.add(placing, self._networks.lane(placing.order.service))
        if self._worth_a_hand(self._busy):
            self._busy += 1
            hand = asyncio.create_task(self._run())
            self._hands.add(hand)
            hand.add_done_callback(self._hands.discard)
        return answer

    def _worth_a_hand(self, others: int) -> bool:
        if others == 0:
            return len(self._queue) > 0
        return others < PLACING_TRANSACTIONS and self._queue.lines >= LINES_WORTH_A_TRANSACTION

    async def _run(self) -> None:
        try:
            while self._worth_a_hand(self._busy - 1):
                batch = self._queue.next()
                if batch:
                    await self._place(batch)
        finally:
            self._busy -= 1

    async def _place(self, batch: list[Waiting]) -> None:
        """Place a batch; when that fails, halve it down to the one that is to blame."""
        try:
            outcomes = await self._persist([waiting.placing for waiting in batch])
        except Unavailable as error:
            outcomes = [Outcome(problem=error) for _ in batch]
        except Exception as error:  # the database refuses it, or we are at fault: whoever waits must get an answer
            if len(batch) > 1:
                await self._place(batch[: len(batch) // 2])
                await self._place(batch[len(batch) // 2 :])
                return
            log.exception("order_not_placed", error=repr(error))
            outcomes = [Outcome(problem=Problem("The order could not be placed; nothing was written.")) for _ in batch]
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(outcome)

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
