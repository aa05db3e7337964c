"""Jobs: done once, taken over when their holder dies, given up in the open; two clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from doorstep.db import Tx
from doorstep.jobs import Runner, Work, does, finish_all, postpone_all, reawaken
from doorstep.jobs.model import SQL
from doorstep.kit.errors import Unavailable
from doorstep.kit.ids import new_id
from doorstep.kit.limits import JOB_ATTEMPTS, KEEP_DONE_JOBS
from doorstep.kit.outcomes import Retry, Unknown
from doorstep.payments.ports import Gateway
from tests.jobs.conftest import NOW, Desk
from tests.support.waiting import eventually


async def test_many_runners_at_once_do_each_job_once(desk: Desk) -> None:
    for _ in range(20):
        await desk.want()
    found = await asyncio.gather(*(desk.runner(desk.finish).run_once(limit=7) for _ in range(4)))
    assert sum(found) == 20
    assert await desk.results() == 20
    assert await desk.value("SELECT count(*) FROM jobs WHERE state = 'done'") == 20


async def test_an_intent_has_one_job_however_often_it_is_wanted(desk: Desk) -> None:
    subject = await desk.want()
    await desk.want(subject=subject)
    assert await desk.value("SELECT count(*) FROM jobs") == 1


async def test_a_job_whose_holder_died_is_done_again_once_when_its_lease_has_run_out(desk: Desk) -> None:
    await desk.want()
    attempts = []

    async def die(work: Work) -> None:
        attempts.append(work.job.attempts)
        raise ConnectionError("killed")

    async def live(work: Work) -> None:
        attempts.append(work.job.attempts)
        await desk.finish(work)

    assert await desk.runner(die).run_once() == 1
    assert await desk.runner(live).run_once() == 0  # still leased
    await desk.lease_runs_out()
    assert sum(await asyncio.gather(*(desk.runner(live).run_once() for _ in range(3)))) == 1
    assert await desk.runner(live).run_once() == 0
    assert attempts == [1, 2]  # the second one knows that somebody called out before
    assert await desk.results() == 1


async def test_a_result_that_comes_after_the_lease_was_lost_is_rolled_back(desk: Desk) -> None:
    await desk.want()
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow(work: Work) -> None:
        reached.set()
        await go_on.wait()
        await desk.finish(work)

    late = asyncio.ensure_future(desk.runner(slow).run_once())
    await reached.wait()
    await desk.lease_runs_out()
    holding = asyncio.Event()

    async def second(work: Work) -> None:
        holding.set()
        await late
        await desk.finish(work)

    taken_over = asyncio.ensure_future(desk.runner(second).run_once())
    await holding.wait()
    go_on.set()
    await taken_over
    assert await desk.results() == 1
    assert await desk.value("SELECT state FROM jobs") == "done"


async def test_a_result_that_comes_after_the_job_was_done_is_rolled_back(desk: Desk) -> None:
    await desk.want()
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow(work: Work) -> None:
        reached.set()
        await go_on.wait()
        await desk.finish(work)

    late = asyncio.ensure_future(desk.runner(slow).run_once())
    await reached.wait()
    await desk.lease_runs_out()
    await desk.runner(desk.finish).run_once()
    go_on.set()
    await late
    assert await desk.results() == 1


async def test_due_is_the_brands_clock_and_express_goes_first(desk: Desk) -> None:
    await desk.want(due_at=NOW + timedelta(hours=1))
    standard, express = await desk.want(), await desk.want(lane=0)
    seen = []

    async def note(work: Work) -> None:
        seen.append(work.job.subject)
        await desk.finish(work)

    runner = desk.runner(note)
    while await runner.run_once(limit=1):
        pass
    assert seen == [express, standard]
    await desk.change("UPDATE clock SET clock_from = $1", NOW + timedelta(hours=2))
    assert await runner.run_once() == 1


@pytest.mark.parametrize(
    "error", [Retry(timedelta(0), "busy"), Unknown("timeout"), ValueError("a bug")], ids=lambda e: type(e).__name__
)
async def test_what_fails_comes_again_later_and_is_given_up_in_the_open(desk: Desk, error: Exception) -> None:
    subject = await desk.want()
    tries = []

    async def fail(work: Work) -> None:
        tries.append(work.job.attempts)
        raise error

    runner = desk.runner(fail)
    assert await runner.run_once() == 1
    assert await runner.run_once() == 0  # it backs off
    for _ in range(JOB_ATTEMPTS + 2):
        await desk.pause_is_over()
        await runner.run_once()
    assert tries == list(range(1, JOB_ATTEMPTS + 1))
    assert await desk.value("SELECT state FROM jobs") == "poisoned"
    assert await desk.value("SELECT kind FROM exceptions WHERE subject = $1", subject) == "job_poisoned"
    assert await desk.results() == 0

    async with desk.brand.transaction() as tx:
        assert await reawaken(tx, "test.work", subject, due_at=NOW)
    assert await desk.runner(desk.finish).run_once() == 1
    assert await desk.results() == 1


async def test_back_off_grows_and_honors_what_the_other_side_asks_for(desk: Desk) -> None:
    await desk.want()

    async def fail(work: Work) -> None:
        raise Retry(timedelta(minutes=3), "come back later")

    await desk.runner(fail).run_once()
    wait = await desk.value("SELECT retry_at - clock_timestamp() FROM jobs")
    assert timedelta(minutes=2, seconds=50) < wait <= timedelta(minutes=3)


async def test_a_handler_that_forgets_to_finish_is_an_error_not_a_success(desk: Desk) -> None:
    await desk.want()

    async def forget(work: Work) -> None:
        return None

    await desk.runner(forget).run_once()
    assert await desk.value("SELECT state FROM jobs") == "waiting"
    assert "neither finished nor postponed" in await desk.value("SELECT last_error FROM jobs")


async def test_a_postponed_job_counts_as_not_tried(desk: Desk) -> None:
    await desk.want()

    async def later(work: Work) -> None:
        async with desk.brand.transaction() as tx:
            await work.postpone(tx, NOW + timedelta(days=1))

    await desk.runner(later).run_once()
    assert await desk.value("SELECT attempts FROM jobs") == 0
    assert await desk.runner(desk.finish).run_once() == 0


async def test_one_job_that_fails_does_not_take_the_others_down(desk: Desk) -> None:
    bad = await desk.want()
    await desk.want()

    async def handler(work: Work) -> None:
        if work.job.subject == bad:
            raise RuntimeError("a bug")
        await desk.finish(work)

    assert await desk.runner(handler).run_once() == 2
    assert await desk.results() == 1


async def test_jobs_done_long_ago_are_forgotten_and_no_others(desk: Desk) -> None:
    ages = {await desk.want(): KEEP_DONE_JOBS + timedelta(days=sign) for sign in (1, -1)}
    runner = desk.runner(desk.finish)
    assert await runner.run_once() == 2
    for subject, age in ages.items():
        await desk.change("UPDATE jobs SET done_at = done_at - $1::interval WHERE subject = $2", age, subject)
    await desk.want()
    await runner.prune()
    assert await desk.value("SELECT array_agg(state ORDER BY state) FROM jobs") == ["done", "waiting"]


async def test_work_waits_for_an_adapter_that_is_not_configured_and_one_exception_says_so(desk: Desk) -> None:
    await desk.want()
    await desk.want()

    async def call_out(work: Work) -> None:
        work.port(Gateway)

    await desk.runner(call_out).run_once()
    assert await desk.value("SELECT count(*) FROM jobs WHERE state = 'waiting' AND attempts = 0") == 2
    assert await desk.value("SELECT count(*) FROM exceptions WHERE kind = 'adapter_missing'") == 1


async def test_a_partner_that_does_not_answer_holds_up_nobody_else(desk: Desk) -> None:
    stuck, go_on = await desk.want(), asyncio.Event()

    async def handler(work: Work) -> None:
        if work.job.subject == stuck:
            await go_on.wait()
        await desk.finish(work)

    runner = desk.runner(handler)
    assert await runner.take_up() == 1
    await desk.want()
    assert await runner.take_up() == 1
    assert await eventually(lambda: desk.value("SELECT count(*) FROM results")) == 1
    assert await desk.value("SELECT count(*) FROM jobs WHERE state = 'waiting'") == 1
    go_on.set()
    await runner.run_once()
    assert await desk.results() == 2


async def test_a_worker_takes_no_more_of_a_kind_than_it_has_hands_and_looks_again_when_one_is_free(desk: Desk) -> None:
    go_on, woken = asyncio.Event(), asyncio.Event()

    async def handler(work: Work) -> None:
        await go_on.wait()
        await desk.finish(work)

    for _ in range(5):
        await desk.want()
    runner = Runner(desk.brand, [does("test.work", handler)], {}, wake=woken.set)
    assert await runner.take_up(limit=3) == 3
    assert await runner.take_up(limit=3) == 0
    assert not woken.is_set()
    go_on.set()
    await asyncio.wait_for(woken.wait(), 10)
    await runner.run_once()
    assert await desk.results() == 5


async def test_a_worker_looks_again_when_a_pause_is_over_though_nothing_was_committed(desk: Desk) -> None:
    await desk.want()
    woken = asyncio.Event()

    async def fail(work: Work) -> None:
        raise Unknown("timeout")

    runner = Runner(desk.brand, [does("test.work", fail)], {}, wake=woken.set)
    assert await runner.run_once() == 1
    await asyncio.wait_for(woken.wait(), 10)
    assert await desk.value("SELECT retry_at <= clock_timestamp() FROM jobs")


async def test_a_worker_that_stops_lets_go_of_what_it_has_in_hand(desk: Desk) -> None:
    await desk.want()
    begun = asyncio.Event()

    async def handler(work: Work) -> None:
        begun.set()
        await asyncio.Event().wait()

    runner = desk.runner(handler)
    assert await runner.take_up() == 1
    await begun.wait()
    await runner.stop()
    await desk.lease_runs_out()
    assert await desk.runner(desk.finish).run_once() == 1
    assert await desk.results() == 1


async def test_work_that_is_done_together_takes_one_transaction(desk: Desk) -> None:
    subjects = {await desk.want() for _ in range(5)}
    calls = []

    async def handler(works: Sequence[Work]) -> None:
        calls.append({work.job.subject for work in works})
        async with desk.brand.transaction() as tx:
            await finish_all(tx, works[1:])
            await postpone_all(tx, {works[0]: NOW + timedelta(days=1)})

    assert await Runner(desk.brand, [does("test.work", handler, together=True)], {}).run_once() == 5
    assert calls == [subjects]
    assert await desk.value("SELECT array_agg(state ORDER BY state) FROM jobs") == [*["done"] * 4, "waiting"]
    assert await desk.value("SELECT attempts FROM jobs WHERE state = 'waiting'") == 0


async def test_one_that_fails_among_those_done_together_does_not_take_the_others_down(desk: Desk) -> None:
    bad = await desk.want()
    for _ in range(3):
        await desk.want()

    async def handler(works: Sequence[Work]) -> None:
        if bad in {work.job.subject for work in works}:
            raise RuntimeError("a bug")
        async with desk.brand.transaction() as tx:
            await finish_all(tx, works)

    assert await Runner(desk.brand, [does("test.work", handler, together=True)], {}).run_once() == 4
    assert await desk.value("SELECT subject FROM jobs WHERE state = 'waiting'") == bad
    assert "a bug" in await desk.value("SELECT last_error FROM jobs WHERE subject = $1", bad)


async def test_of_jobs_ended_together_all_are_ours_or_none_is_ended(desk: Desk) -> None:
    for _ in range(2):
        await desk.want()
    tries = []

    async def handler(works: Sequence[Work]) -> None:
        tries.append(len(works))
        if len(works) == 2:
            await desk.change("UPDATE jobs SET lease = NULL WHERE subject = $1", works[0].job.subject)
        async with desk.brand.transaction() as tx:
            await tx.execute("INSERT INTO results SELECT unnest($1::uuid[])", [work.job.subject for work in works])
            await finish_all(tx, works)

    await Runner(desk.brand, [does("test.work", handler, together=True)], {}).run_once()
    assert tries == [2, 1, 1]
    assert await desk.results() == 1


async def test_a_free_hand_is_noticed_though_another_claim_filled_the_last_one(desk: Desk) -> None:
    ends: dict[UUID, asyncio.Event] = {}
    woken = asyncio.Event()

    async def handler(work: Work) -> None:
        await ends[work.job.subject].wait()
        await desk.finish(work)

    runner = Runner(desk.brand, [does("test.work", handler)], {}, wake=woken.set)
    for claimed in (2, 1):
        for _ in range(claimed):
            ends[await desk.want()] = asyncio.Event()
        assert await runner.take_up(limit=3) == claimed
    ends[await desk.want()] = asyncio.Event()  # no hand is free for this one
    next(iter(ends.values())).set()
    await asyncio.wait_for(woken.wait(), 10)
    assert await runner.take_up(limit=3) == 1
    for end in ends.values():
        end.set()
    await runner.run_once()
    assert await desk.results() == 4


async def test_a_claim_locks_no_more_than_it_takes(desk: Desk) -> None:
    for lane in (0, 0, 0, 1, 1):
        await desk.want(lane=lane)

    async def claim(tx: Tx, most: int) -> list[int]:
        rows = await tx.fetch(SQL.claim, new_id(), timedelta(seconds=9), ["test.work"], [most], False)
        return sorted(row["lane"] for row in rows)

    async with desk.brand.transaction() as first, desk.brand.transaction() as second:
        assert await claim(first, 3) == [0, 0, 0]
        assert await claim(second, 3) == [1, 1]


async def test_while_standard_orders_wait_only_express_jobs_are_taken_up(desk: Desk) -> None:
    for lane in (1, 0, 1):
        await desk.want(lane=lane)
    async with desk.brand.transaction() as tx:
        rows = await tx.fetch(SQL.claim, new_id(), timedelta(seconds=9), ["test.work"], [9], True)
        assert [row["lane"] for row in rows] == [0]
        rows = await tx.fetch(SQL.claim, new_id(), timedelta(seconds=9), ["test.work"], [9], False)
        assert [row["lane"] for row in rows] == [1, 1]


async def test_what_is_being_ended_is_not_waited_for_by_who_renews(desk: Desk) -> None:
    await desk.want()
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def handler(work: Work) -> None:
        async with desk.brand.transaction() as tx:
            await work.finish(tx)
            reached.set()
            await go_on.wait()

    runner = desk.runner(handler)
    assert await runner.take_up() == 1
    await reached.wait()
    await asyncio.wait_for(runner.renew(), 10)
    go_on.set()
    await runner.run_once()
    assert await desk.value("SELECT state FROM jobs") == "done"


async def test_a_database_that_does_not_answer_leaves_the_job_to_its_lease(desk: Desk) -> None:
    await desk.want()

    async def handler(work: Work) -> None:
        raise Unavailable("no connection")

    assert await desk.runner(handler).run_once() == 1
    assert await desk.value("SELECT leased_until > clock_timestamp() AND last_error IS NULL FROM jobs")
    await desk.lease_runs_out()
    assert await desk.runner(desk.finish).run_once() == 1
