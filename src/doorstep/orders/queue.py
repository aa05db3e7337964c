"""Orders that wait to be placed: express before standard, none waits for ever, and no more than memory has room for."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import Self

import msgspec

from doorstep.kit.errors import Unavailable
from doorstep.kit.limits import (
    LINES_FOR_STANDARD,
    LINES_PER_BATCH,
    LINES_WAITING,
    ORDER_WAITS_S,
    ORDERS_WAITING,
    UNANSWERED_BYTES,
)
from doorstep.orders.placing import Outcome, Placing

_RETRY_S = 1


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """An order in the queue; `since` by the monotonic clock."""

    placing: Placing
    answer: asyncio.Future[Outcome]
    since: float

    @property
    def lines(self) -> int:
        """What it adds to a batch."""
        return len(self.placing.order.lines)


class Queue:
    """First come, first served within a lane. Whoever hung up, or waited too long, leaves without any work done."""

    def __init__(self) -> None:
        self._lanes: tuple[deque[Waiting], deque[Waiting]] = (deque(), deque())
        self.lines = 0
        self.refused = 0  # for want of room, since the process began
        self.late = 0  # told that they waited too long, likewise

    def __len__(self) -> int:
        return len(self._lanes[0]) + len(self._lanes[1])

    def room_for(self, orders: int, lines: int, *, of: float = 1.0) -> None:
        """Raises Unavailable when so many more do not fit into this part of the queue."""
        if len(self) + orders > ORDERS_WAITING * of or self.lines + lines > LINES_WAITING * of:
            self.refused += orders
            raise Unavailable("Too many orders are waiting; nothing was placed.", retry_after_s=_RETRY_S)

    def add(self, placing: Placing, lane: int) -> asyncio.Future[Outcome]:
        """Stand in the lane's line (0: express). The outcome comes with the future; cancel it to leave."""
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        waiting = Waiting(placing=placing, answer=answer, since=monotonic())
        self._lanes[lane].append(waiting)
        self.lines += waiting.lines
        return answer

    def next(self) -> list[Waiting]:
        """The next batch: express first, but a part of each batch is for standard orders, should any wait."""
        express, standard = self._lanes
        batch: list[Waiting] = []
        lines = self._take(express, batch, LINES_PER_BATCH - (LINES_FOR_STANDARD if standard else 0))
        lines += self._take(standard, batch, LINES_PER_BATCH - lines)
        if express and lines < LINES_PER_BATCH:
            self._take(express, batch, LINES_PER_BATCH - lines)
        return batch

    def oldest_s(self) -> float:
        """How long the first of a lane has waited, the longer of the two; 0 when nobody waits."""
        return max((monotonic() - lane[0].since for lane in self._lanes if lane), default=0.0)

    def _take(self, lane: deque[Waiting], batch: list[Waiting], most: int) -> int:
        """Move orders into the batch, so many lines at most, yet one order whatever its size; returns the lines."""
        taken = 0
        latest = monotonic() - ORDER_WAITS_S
        while lane and (not taken or taken + lane[0].lines <= most):
            waiting = lane.popleft()
            self.lines -= waiting.lines
            if waiting.answer.done():  # its sender hung up
                continue
            if waiting.since < latest:
                self.late += 1
                told = f"This order waited {ORDER_WAITS_S:g} s for its turn; nothing was placed. Send it again."
                waiting.answer.set_result(Outcome(problem=Unavailable(told, retry_after_s=_RETRY_S)))
                continue
            batch.append(waiting)
            taken += waiting.lines
        return taken


class Room:
    """The bytes of requests that a server process holds for placing, all brands together: read, waiting, or in hand."""

    def __init__(self, most: int = UNANSWERED_BYTES) -> None:
        self._free = most

    def held(self, size: int) -> Held:
        """Hold so many bytes while the block lasts. Raises Unavailable when they do not fit."""
        held = Held(self)
        held.more(size)
        return held

    def take(self, size: int) -> None:
        """Take from the room. Raises Unavailable, and takes nothing, when it does not fit."""
        if size > self._free:
            raise Unavailable("Too much is waiting to be placed; nothing was placed.", retry_after_s=_RETRY_S)
        self._free -= size

    def give_back(self, size: int) -> None:
        """What was taken is free again."""
        self._free += size


class Held:
    """What one request holds of the room while the block lasts. A class, for a generator would cost each order more."""

    __slots__ = ("_room", "size")

    def __init__(self, room: Room) -> None:
        self._room, self.size = room, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._room.give_back(self.size)

    def more(self, size: int) -> None:
        """Hold more. Raises Unavailable."""
        self._room.take(size)
        self.size += size
