"""Jobs: done once, taken over when their holder dies, given up in the open; two clocks."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from doorstep.jobs import Work, reawaken
from doorstep.kit.limits import JOB_ATTEMPTS, KEEP_DONE_JOBS
from doorstep.kit.outcomes import Retry, Unknown
from doorstep.payments.ports import Gateway
from tests.jobs.conftest import NOW, Desk


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
