"""Errands: read together, called one by one, kept together; one that fails takes no other down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from doorstep.db import Tx
from doorstep.jobs import Done, Errand, Runner, Work, does, finish_all
from doorstep.kit.limits import JOBS_IN_HAND
from doorstep.kit.outcomes import Unknown
from tests.jobs.conftest import Desk
from tests.support.waiting import eventually


class Clerk:
    """An errand that notes each of its steps; `trouble` may raise in any of them."""

    def __init__(self, desk: Desk, trouble: Callable[[str, Work], None] = lambda step, work: None) -> None:
        self.desk, self.trouble = desk, trouble
        self.reads: list[int] = []
        self.calls: list[Work] = []
        self.keeps: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def runner(self, wake: Callable[[], None] = lambda: None) -> Runner:
        """A runner whose only kind is this errand."""
        return Runner(
            self.desk.brand, [does("test.work", Errand(read=self.read, call=self.call, keep=self.keep))], {}, wake=wake
        )

    async def read(self, tx: Tx, works: Sequence[Work]) -> Mapping[Work, Any]:
        self.reads.append(len(works))
        for work in works:
            self.trouble("read", work)
        return {work: work.job.subject for work in works}

    async def call(self, work: Work, wish: Any) -> Any:
        self.calls.append(work)
        self.trouble("call", work)
        await self.gate.wait()
        return wish

    async def keep(self, tx: Tx, done: Sequence[Done]) -> None:
        self.keeps.append(len(done))
        await tx.execute("INSERT INTO results SELECT unnest($1::uuid[])", [one.answer for one in done])
        await finish_all(tx, [one.work for one in done])
        for one in done:
            self.trouble("keep", one.work)


async def test_what_is_due_is_read_at_once_and_kept_at_once(desk: Desk) -> None:
    many = 2 * JOBS_IN_HAND
    for _ in range(many):
        await desk.want()
    clerk = Clerk(desk)
    assert await clerk.runner().run_once() == many
    assert (clerk.reads, clerk.keeps) == ([many], [many])
    assert len(clerk.calls) == await desk.results() == many


async def test_no_more_call_at_once_than_there_are_hands_and_express_goes_first(desk: Desk) -> None:
    for _ in range(JOBS_IN_HAND + 2):
        await desk.want()
    clerk = Clerk(desk)
    clerk.gate.clear()
    runner = clerk.runner()
    await runner.take_up()
    await eventually(lambda: len(clerk.calls) == JOBS_IN_HAND)
    express = await desk.want(lane=0)
    assert await runner.take_up() == 1
    await eventually(lambda: clerk.reads == [JOBS_IN_HAND + 2, 1])
    clerk.gate.set()
    await runner.run_once()
    assert [work.job.subject for work in clerk.calls].index(express) == JOBS_IN_HAND
    assert await desk.results() == JOBS_IN_HAND + 3


@pytest.mark.parametrize("step", ["read", "call", "keep"])
async def test_one_that_fails_takes_no_other_down_and_no_call_is_made_twice(desk: Desk, step: str) -> None:
    bad = await desk.want()
    for _ in range(4):
        await desk.want()

    def trouble(at: str, work: Work) -> None:
        if at == step and work.job.subject == bad:
            raise Unknown("timeout") if step == "call" else ValueError("a bug")

    clerk = Clerk(desk, trouble)
    assert await clerk.runner().run_once() == 5
    assert await desk.results() == 4
    assert await desk.value("SELECT subject FROM jobs WHERE state = 'waiting' AND last_error IS NOT NULL") == bad
    assert len(clerk.calls) == len(set(clerk.calls)) == (4 if step == "read" else 5)


async def test_a_result_whose_lease_was_lost_is_rolled_back_and_the_others_are_kept(desk: Desk) -> None:
    lost = await desk.want()
    for _ in range(3):
        await desk.want()
    clerk = Clerk(desk)
    clerk.gate.clear()
    running = asyncio.create_task(clerk.runner().run_once())
    await eventually(lambda: len(clerk.calls) == 4)
    await desk.change("UPDATE jobs SET lease = gen_random_uuid() WHERE subject = $1", lost)
    clerk.gate.set()
    await running
    assert await desk.results() == 3
    assert await desk.value("SELECT array_agg(subject) FROM jobs WHERE state = 'waiting'") == [lost]


async def test_an_answer_that_comes_late_holds_up_no_other(desk: Desk) -> None:
    slow = await desk.want()
    await desk.want()
    go_on = asyncio.Event()
    clerk = Clerk(desk)

    async def call(work: Work, wish: Any) -> Any:
        if work.job.subject == slow:
            await go_on.wait()
        return wish

    runner = Runner(desk.brand, [does("test.work", Errand(read=clerk.read, call=call, keep=clerk.keep))], {})
    assert await runner.take_up() == 2
    await eventually(lambda: desk.value("SELECT count(*) FROM results"))
    go_on.set()
    await runner.run_once()
    assert await desk.results() == 2


async def test_a_job_with_nothing_behind_it_is_given_up_like_any_that_fails(desk: Desk) -> None:
    await desk.want()
    clerk = Clerk(desk)

    async def nothing(tx: Tx, works: Sequence[Work]) -> Mapping[Work, Any]:
        return {}

    await Runner(desk.brand, [does("test.work", Errand(read=nothing, call=clerk.call, keep=clerk.keep))], {}).run_once()
    assert "nothing behind the job" in await desk.value("SELECT last_error FROM jobs")
    assert not clerk.calls


async def test_an_errand_that_is_not_ended_is_an_error_not_a_success(desk: Desk) -> None:
    await desk.want()
    clerk = Clerk(desk)

    async def forget(tx: Tx, done: Sequence[Done]) -> None:
        await tx.execute("INSERT INTO results SELECT unnest($1::uuid[])", [one.answer for one in done])

    await Runner(desk.brand, [does("test.work", Errand(read=clerk.read, call=clerk.call, keep=forget))], {}).run_once()
    assert "neither finished nor postponed" in await desk.value("SELECT last_error FROM jobs")
    assert await desk.results() == 0


async def test_a_worker_that_stops_lets_go_of_its_errands(desk: Desk) -> None:
    await desk.want()
    clerk = Clerk(desk)
    clerk.gate.clear()
    runner = clerk.runner()
    assert await runner.take_up() == 1
    await eventually(lambda: bool(clerk.calls))
    await runner.stop()
    await desk.lease_runs_out()
    again = Clerk(desk)
    assert await again.runner().run_once() == 1
    assert again.calls[0].job.attempts == 2  # who calls now knows that somebody called before
    assert await desk.results() == 1
