"""A lease is short, and kept as long as the work is in hand."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from doorstep.jobs import Work, run
from tests.jobs.conftest import Desk
from tests.support.waiting import eventually


async def test_work_that_takes_longer_than_its_lease_is_not_taken_by_another(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "JOB_LEASE", timedelta(milliseconds=300))
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow(work: Work) -> None:
        reached.set()
        await go_on.wait()
        await desk.finish(work)

    await desk.want()
    first = asyncio.create_task(desk.runner(slow).run_once())
    await reached.wait()
    begun = await desk.value("SELECT leased_until FROM jobs")
    # By now the lease it began with has run out, and it was renewed.
    await eventually(
        lambda: desk.value("SELECT clock_timestamp() > $1 AND leased_until > clock_timestamp() FROM jobs", begun)
    )
    assert await desk.runner(slow).run_once() == 0
    go_on.set()
    assert await first == 1
    assert await desk.results() == 1
