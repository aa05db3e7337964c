"""Reactions: exactly once, in order per order, express first; what cannot be digested stops its own order only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import asyncpg

from doorstep.db import Tx
from doorstep.journal import Reaction, Reactor, Recorded, give_positions, retry_parked
from doorstep.kit.ids import new_id
from doorstep.kit.limits import EVENTS_IN_BURST, PARTITIONS, REACTIONS_AT_ONCE
from doorstep.worker import BrandWorker
from tests.journal.conftest import Happened, Journal
from tests.races.watch import running
from tests.support.waiting import eventually


async def test_a_worker_killed_before_its_commit_has_done_nothing_and_moved_nowhere(journal: Journal) -> None:
    # Effect and cursor are one transaction: the connection dies after the effect, and the event comes again.
    await journal.tell(None, "one")
    await give_positions(journal.brand)
    deaths = 0

    async def die_once(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
        nonlocal deaths
        await journal.note(tx, events, now=now)
        if not deaths:
            deaths += 1
            pid = await tx.fetchval("SELECT pg_backend_pid()")
            async with journal.brand.transaction() as killer:
                await killer.execute("SELECT pg_terminate_backend($1)", pid)
            await tx.execute("SELECT 1")

    reactor = Reactor(journal.brand, [Reaction(name="test.note", kinds=(Happened.KIND,), handler=die_once)])
    assert await reactor.run_once() == 0
    assert await journal.noted() == []
    assert await reactor.run_once() == 1
    assert await journal.noted() == ["one"]
    assert await reactor.run_once() == 0
    assert deaths == 1


async def test_many_workers_at_once_react_once_to_each_event_in_order(journal: Journal) -> None:
    ids = [await journal.order() for _ in range(6)]
    for n in range(8):
        for order_id in ids:
            await journal.tell(order_id, f"{n}")
    while await give_positions(journal.brand):
        pass

    async def work() -> None:
        reactor = journal.reactor()
        while (await reactor.backlog())["cursors_due"]:
            await reactor.run_once()

    await asyncio.gather(*(work() for _ in range(4)))
    for order_id in ids:
        assert await journal.noted(order_id) == [str(n) for n in range(8)]


async def test_a_poison_event_stops_its_own_order_only(journal: Journal) -> None:
    order_ids = [await journal.order() for _ in range(8)]
    journal.poisonous = {"bad"}
    for order_id in order_ids:
        await journal.tell(order_id, "first", "bad" if order_id == order_ids[0] else "good", "last")
    await journal.settle()
    assert await journal.noted(order_ids[0]) == ["first"]
    for order_id in order_ids[1:]:
        assert await journal.noted(order_id) == ["first", "good", "last"]
    assert await journal.value("SELECT count(*) FROM parked") == 2
    kinds = await journal.value("SELECT array_agg(kind) FROM exceptions WHERE resolved_at IS NULL")
    assert kinds == ["reaction_failed", "reaction_failed"]


async def test_later_events_queue_up_behind_a_parked_one_and_go_through_in_order(journal: Journal) -> None:
    order_id = await journal.order()
    journal.poisonous = {"bad"}
    await journal.tell(order_id, "bad")
    await journal.settle()
    await journal.tell(order_id, "later")
    await journal.settle()
    assert await journal.noted() == []
    error = await retry_parked(journal.brand, journal.reaction, order_id)
    assert error is not None
    assert "cannot digest" in error
    assert await journal.noted() == []
    journal.poisonous = set()
    assert await retry_parked(journal.brand, journal.reaction, order_id) is None
    assert await journal.noted() == ["bad", "later"]
    assert await journal.value("SELECT count(*) FROM parked") == 0
    assert await journal.value("SELECT count(*) FROM exceptions WHERE resolved_at IS NULL") == 0


async def test_a_parked_order_waits_for_that_reaction_only(journal: Journal) -> None:
    order_id = await journal.order()
    seen: list[str] = []

    async def other(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
        seen.extend(event.data.name for event in events)

    journal.poisonous = {"bad"}
    both = [journal.reaction, Reaction(name="test.other", kinds=(Happened.KIND,), handler=other)]
    reactor = Reactor(journal.brand, both)
    await reactor.prepare()
    await journal.tell(order_id, "bad", "later")
    await give_positions(journal.brand)
    while await reactor.run_once():
        pass
    assert (seen, await journal.noted()) == (["bad", "later"], [])


async def test_a_deadlock_is_not_the_events_fault(journal: Journal) -> None:
    await journal.tell(None, "one")
    await give_positions(journal.brand)
    tries = 0

    async def victim_once(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise asyncpg.DeadlockDetectedError("test")
        await journal.note(tx, events, now=now)

    reactor = Reactor(journal.brand, [Reaction(name="test.note", kinds=(Happened.KIND,), handler=victim_once)])
    assert [await reactor.run_once(), await reactor.run_once()] == [0, 1]
    assert await journal.noted() == ["one"]
    assert await journal.value("SELECT count(*) FROM parked") == 0


class Both:
    """A reaction that comes later, and one that does not; what they have seen."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []
        self.go = asyncio.Event()
        self.reactions = [
            Reaction(name="test.later", kinds=(Happened.KIND,), handler=self._later, later=True),
            Reaction(name="test.soon", kinds=(Happened.KIND,), handler=self._soon),
        ]

    def saw(self, soon: int) -> bool:
        """Whether the one saw so many events, one at a time, and the other none."""
        return self.seen == [("soon", 1)] * soon

    async def _soon(self, tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
        self.seen.append(("soon", len(events)))

    async def _later(self, tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
        await self.go.wait()
        self.seen.append(("later", len(events)))


async def test_what_comes_later_has_rounds_of_its_own_and_gathers_what_came_meanwhile(journal: Journal) -> None:
    both, orders = Both(), [await journal.order() for _ in range(PARTITIONS)]
    both.go.set()
    reactor = Reactor(journal.brand, both.reactions)
    await reactor.prepare()
    for order_id in orders:
        await journal.tell(order_id, "more")
        await give_positions(journal.brand)
        assert await reactor.run_once() == 1
    assert both.seen == [("soon", 1)] * len(orders)
    assert await reactor.run_later() == len(orders)
    assert both.seen.pop() == ("later", len(orders))
    assert [await reactor.run_later(), await reactor.run_once()] == [0, 0]


async def test_what_comes_later_holds_nobody_up(journal: Journal) -> None:
    both, order_id = Both(), await journal.order()
    worker = BrandWorker(journal.brand, both.reactions, [], {})
    await worker.reactor.prepare()
    async with running(worker.run()):
        for count in (1, 2):
            await journal.tell(order_id, "more")
            await eventually(partial(both.saw, count))
        both.go.set()
        await eventually(lambda: sum(events for name, events in both.seen if name == "later") == 2)


async def test_express_is_served_before_standard_that_came_first(journal: Journal) -> None:
    standard, express = await journal.order(lane=1), await journal.order(lane=0)
    await journal.tell(standard, "standard")
    await journal.tell(express, "express")
    await journal.settle()
    assert await journal.noted() == ["express", "standard"]


async def test_a_reaction_that_is_new_starts_with_what_happens_from_now_on(journal: Journal) -> None:
    await journal.tell(None, "before")
    await give_positions(journal.brand)
    seen: list[str] = []

    async def newcomer(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
        seen.extend(event.data.name for event in events)

    reactor = Reactor(journal.brand, [Reaction(name="test.new", kinds=(Happened.KIND,), handler=newcomer)])
    await reactor.prepare()
    await journal.tell(None, "after")
    await give_positions(journal.brand)
    while await reactor.run_once():
        pass
    assert seen == ["after"]


async def test_in_a_burst_a_round_is_a_few_small_batches_of_standard_orders_and_all_of_express_ones(
    journal: Journal,
) -> None:
    express, standard = await journal.order(lane=0), await journal.order()
    names = [f"test.{number}" for number in range(REACTIONS_AT_ONCE + 2)]
    many = [Reaction(name=name, kinds=(Happened.KIND,), handler=journal.note) for name in names]
    reactor = Reactor(journal.brand, many)
    await reactor.prepare()
    for order_id in (standard, express):
        await journal.tell(order_id, *[f"{number:02}" for number in range(EVENTS_IN_BURST + 5)])
    await give_positions(journal.brand)
    assert await reactor.run_once(burst=True) == len(many) * (EVENTS_IN_BURST + 5)
    assert await journal.noted(standard) == []
    rounds = [await reactor.run_once(burst=True) for _ in range(5)]
    assert rounds[0] == REACTIONS_AT_ONCE * EVENTS_IN_BURST
    assert sum(rounds) == len(many) * (EVENTS_IN_BURST + 5)  # those furthest behind come first: nobody waits for ever


async def test_a_batch_in_hand_is_left_alone_by_other_workers(journal: Journal) -> None:
    await journal.tell(None, "one")
    await give_positions(journal.brand)
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
        reached.set()
        await go_on.wait()
        await journal.note(tx, events, now=now)

    reactor = Reactor(journal.brand, [Reaction(name="test.note", kinds=(Happened.KIND,), handler=slow)])
    async with running(reactor.run_once()) as task:
        await reached.wait()
        assert await asyncio.gather(*(journal.reactor().run_once() for _ in range(2))) == [0, 0]
        go_on.set()
        assert await task == 1
    assert await journal.noted() == ["one"]


async def test_an_order_stays_in_one_partition(journal: Journal) -> None:
    order_id = new_id()
    await journal.order(order_id=order_id)
    await journal.tell(order_id, "one")
    await journal.tell(order_id, "two")
    assert await journal.value("SELECT count(DISTINCT partition) FROM events") == 1
