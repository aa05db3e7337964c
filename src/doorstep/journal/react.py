"""Reactions: what follows from events, exactly once, in order per order, express first."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import asyncpg
import msgspec
import structlog

from doorstep import jobs
from doorstep.db import Brand, Tx
from doorstep.db.pool import GONE, clock_now
from doorstep.journal.append import SQL
from doorstep.journal.model import Event, Reaction, Recorded, decode
from doorstep.kit.limits import (
    EVENTS_GATHERED,
    EVENTS_IN_BURST,
    EVENTS_PER_REACTION,
    EVENTS_SHARED,
    PARTITIONS,
    REACTIONS_AT_ONCE,
    STANDARD_ROUND_S,
)

log = structlog.get_logger()

# Not the event's fault: let the whole batch fail, nothing is lost, it comes again.
_NOT_POISON = (*GONE, asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)


class Reactor:
    """Runs the journey's reactions for a brand. Many may run at once, in as many processes as one likes."""

    def __init__(self, brand: Brand, reactions: Sequence[Reaction]) -> None:
        self._brand = brand
        self._reactions = {reaction.name: reaction for reaction in reactions}
        pairs = [(reaction.name, kind) for reaction in reactions for kind in reaction.kinds]
        self._names, self._kinds = [name for name, _ in pairs], [kind for _, kind in pairs]

    async def prepare(self) -> None:
        """Give each reaction its cursors. A reaction new in this version starts with what happens from now on."""
        async with self._brand.transaction() as tx:
            await tx.execute(SQL.ensure_cursors, list(self._reactions), PARTITIONS)

    async def run_once(self, *, express_only: bool = False, burst: bool = False) -> int:
        """One batch of every reaction that has something to do, express lane first; returns the number of events.

        Looks again once the express lane had anything: standard never goes in front of express, and a round of it is
        short, for the next one looks for express orders first; in a `burst` it is a few small batches, those furthest
        behind. What comes `later` has a round of its own.
        """
        batches = _together(await self._due(later=False))
        express = [batch for batch in batches if batch[0][1] == 0]
        standard = [] if express_only else batches[len(express) :]
        done = await self._side_by_side(express)
        if done:
            return done
        if burst:
            return await self._side_by_side(standard, begun_within_s=0.0, most=EVENTS_IN_BURST)
        return await self._side_by_side(standard, begun_within_s=STANDARD_ROUND_S)

    async def run_later(self) -> int:
        """One batch of every reaction that comes `later` and has something to do; returns the number of events.

        Such a reaction reads each order of a batch once, however many events it has, and only one can write at a time.
        """
        return await self._side_by_side(_together(await self._due(later=True), shared=False))

    async def _due(self, *, later: bool) -> list[Any]:
        async with self._brand.reading() as connection:
            due = await connection.fetch(SQL.due_cursors, self._names, self._kinds)
        return [cursor for cursor in due if self._reactions[cursor["reaction"]].later == later]

    async def _side_by_side(
        self,
        batches: Sequence[tuple[tuple[str, int], Sequence[int]]],
        *,
        begun_within_s: float = math.inf,
        most: int = EVENTS_PER_REACTION,
    ) -> int:
        """Reactions do not wait for one another: while the database works for one, another one computes.

        Batches that were not begun in time are left for the next round; the first ones always are.
        """
        hands = asyncio.Semaphore(REACTIONS_AT_ONCE)
        begun, until = 0, time.monotonic() + begun_within_s

        async def batch(name: str, lane: int, partitions: Sequence[int]) -> int:
            nonlocal begun
            async with hands:
                if begun >= REACTIONS_AT_ONCE and time.monotonic() > until:
                    return 0
                begun += 1
                return await self._batch(self._reactions[name], lane, partitions, most)

        work = [batch(name, lane, partitions) for (name, lane), partitions in batches]
        done = await asyncio.gather(*work, return_exceptions=True)  # all have ended before the next round begins
        for one in done:
            if isinstance(one, BaseException):
                raise one
        return sum(one for one in done if isinstance(one, int))

    async def backlog(self) -> dict[str, int]:
        """How much is waiting: events without position, cursors behind, events parked."""
        async with self._brand.reading() as connection:
            row = await connection.fetchrow(SQL.backlog, self._names, self._kinds)
            assert row is not None
            return dict(row)

    async def _batch(self, reaction: Reaction, lane: int, partitions: Sequence[int], most: int) -> int:
        try:
            async with self._brand.transaction() as tx:
                taken = await tx.fetch(SQL.take_cursors, reaction.name, lane, partitions)
                rows = await tx.fetch(
                    SQL.next_events,
                    lane,
                    [cursor["partition"] for cursor in taken],
                    [cursor["position"] for cursor in taken],
                    list(reaction.kinds),
                    EVENTS_GATHERED if reaction.later else most,
                    reaction.name,
                )
                if not rows:
                    return 0
                parked = {row["order_id"] for row in rows if row["parked"]}
                await _digest(tx, reaction, [_recorded(row) for row in rows], parked, now=rows[0]["now"])
                moved = {row["partition"]: row["position"] for row in rows}
                await tx.execute(SQL.move_cursors, reaction.name, lane, list(moved), list(moved.values()))
                return len(rows)
        except _NOT_POISON as error:
            log.warning("reaction_again", reaction=reaction.name, error=repr(error))
            return 0


def _together(due: Sequence[Any], *, shared: bool = True) -> list[tuple[tuple[str, int], list[int]]]:
    """Due cursors as batches, in the order given: (reaction, lane), partitions.

    What is surely little is done in one go, for a batch costs a dozen statements however small it is. What may be much
    stays apart, so that several workers can share it; unless it is not `shared`, for only one can write at a time.
    """
    batches: list[tuple[tuple[str, int], list[int]]] = []
    little: dict[tuple[str, int], list[int]] = {}
    for cursor in due:
        key = (cursor["reaction"], cursor["lane"])
        if shared and cursor["lag"] > EVENTS_SHARED:
            batches.append((key, [cursor["partition"]]))
        elif key in little:
            little[key].append(cursor["partition"])
        else:
            little[key] = [cursor["partition"]]
            batches.append((key, little[key]))
    return batches


async def _digest(
    tx: Tx, reaction: Reaction, events: list[Recorded[Event]], parked: set[UUID | None], *, now: datetime
) -> None:
    """Hand the batch over; when it fails, one by one, parking those that fail alone and all behind them.

    `parked` are the orders that have a parked event already.
    """
    for event in events:
        if isinstance(event.data, Undecodable) and event.order_id not in parked:
            await _park(tx, reaction, event, event.data.error, now)
            parked |= {event.order_id} if event.order_id else set()
    ready = [event for event in events if event.order_id not in parked and not isinstance(event.data, Undecodable)]
    for event in events:
        if event.order_id in parked:  # what is parked already stays as it is
            await _park(tx, reaction, event, "behind a parked event of its order", now)
    if await _attempt(tx, reaction, ready, now) is None:
        return
    for event in ready:
        error = "behind a parked event of its order" if event.order_id in parked else None
        error = error or await _attempt(tx, reaction, [event], now)
        if error:
            parked |= {event.order_id} if event.order_id else set()
            await _park(tx, reaction, event, error, now)


async def _attempt(tx: Tx, reaction: Reaction, events: Sequence[Recorded[Event]], now: datetime) -> str | None:
    """Run the handler in a savepoint; the error's text when it failed."""
    if not events:
        return None
    try:
        async with tx.transaction():
            await reaction.handler(tx, events, now=now)
    except _NOT_POISON as error:
        # A handler's own OSError (a missing template) looks like a lost connection, and must not stop the line.
        if tx.is_closed() or not isinstance(error, (OSError, asyncpg.InterfaceError)):
            raise
        return repr(error)[:2000]
    except Exception as error:  # any failure of a handler parks the event instead of stopping the line
        log.exception("reaction_failed", reaction=reaction.name, events=len(events))
        return repr(error)[:2000]
    return None


async def _park(tx: Tx, reaction: Reaction, event: Recorded[Event], error: str, now: datetime) -> None:
    await tx.execute(SQL.park, reaction.name, event.position, event.order_id, error, now)
    await jobs.open_exception(
        tx,
        kind="reaction_failed",
        subject=event.event_id,
        order_id=event.order_id,
        owner="operations",
        next_action="Find out why, then retry: POST /v1/exceptions/{id}/retry",
        detail={"reaction": reaction.name, "event": event.data.KIND, "position": event.position, "error": error},
        now=now,
    )


async def retry_parked(brand: Brand, reaction: Reaction, order_id: UUID | None) -> str | None:
    """Try an order's parked events again, in order; None when all went through, else the first error (nothing
    changed).
    """
    async with brand.transaction() as tx:
        now = await clock_now(tx)
        rows = await tx.fetch(SQL.parked_events, reaction.name, order_id)
        events = [_recorded(row) for row in rows]
        unread = next((event.data.error for event in events if isinstance(event.data, Undecodable)), None)
        error = unread or await _attempt(tx, reaction, events, now)
        if error is None:
            await tx.execute(SQL.unpark, reaction.name, [row["position"] for row in rows])
            for row in rows:
                await jobs.resolve_exception(
                    tx, kind="reaction_failed", subject=row["event_id"], by="retry", resolution="done", now=now
                )
        return error


class Undecodable(Event, frozen=True, kw_only=True):
    """Stands for an event this version cannot read: it is parked, and the line goes on."""

    KIND: ClassVar[str] = "journal.undecodable"
    error: str


def _data(row: Any) -> Event:
    try:
        return decode(row["kind"], row["data"])
    except (msgspec.ValidationError, KeyError) as error:
        return Undecodable(error=f"{row['kind']} cannot be read: {error!r}"[:2000])


def _recorded(row: Any) -> Recorded[Event]:
    return Recorded(
        event_id=row["event_id"],
        position=row["position"],
        order_id=row["order_id"],
        lane=row["lane"],
        actor=row["actor"],
        occurred_at=row["occurred_at"],
        data=_data(row),
    )
