"""In a burst of orders the worker leaves the processor to placing, and makes up for it afterwards."""

from __future__ import annotations

import pytest

from doorstep.db import Brand
from doorstep.kit.limits import BURST_ORDERS_PER_S, RESTS
from doorstep.worker import JOBS, BrandWorker, Courtesy


class Clock:
    """Seconds, moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("doorstep.worker.monotonic", made)
    return made


class Shop:
    """Tells how many orders there are, second after second."""

    def __init__(self, courtesy: Courtesy, clock: Clock) -> None:
        self.courtesy, self.clock, self.placed = courtesy, clock, 1_000_000

    def sells(self, per_s: int, seconds: int) -> None:
        """Orders come at this rate for so long."""
        for _ in range(seconds):
            self.clock.now += 1
            self.placed += per_s
            self.courtesy.saw(self.placed)


def test_after_work_in_a_burst_comes_a_rest_and_then_work_again(clock: Clock) -> None:
    courtesy = Courtesy()
    Shop(courtesy, clock).sells(BURST_ORDERS_PER_S + 10, 3)
    assert not courtesy.rests()
    courtesy.worked(0.1)
    assert courtesy.rests()
    clock.now += 0.1 * RESTS + 0.01
    assert not courtesy.rests()


def test_a_rest_has_an_end_however_long_the_work_was(clock: Clock) -> None:
    courtesy = Courtesy()
    shop = Shop(courtesy, clock)
    shop.sells(BURST_ORDERS_PER_S + 10, 3)
    courtesy.worked(3600)
    shop.sells(BURST_ORDERS_PER_S + 10, 4)
    assert courtesy.rests()
    shop.sells(BURST_ORDERS_PER_S + 10, 2)
    assert courtesy.burst()
    assert not courtesy.rests()


def test_without_a_burst_nobody_rests(clock: Clock) -> None:
    courtesy = Courtesy()
    shop = Shop(courtesy, clock)
    shop.sells(BURST_ORDERS_PER_S - 10, 3)
    courtesy.worked(1)
    assert not courtesy.rests()
    shop.sells(10 * BURST_ORDERS_PER_S, 2)
    shop.sells(0, 1)
    courtesy.worked(1)
    assert not courtesy.rests()


def test_orders_that_were_there_at_the_start_are_no_burst(clock: Clock) -> None:
    courtesy = Courtesy()
    Shop(courtesy, clock).sells(1, 1)
    courtesy.worked(1)
    assert not courtesy.rests()


def test_a_burst_is_over_when_nothing_more_is_heard_of_it(clock: Clock) -> None:
    courtesy = Courtesy()
    Shop(courtesy, clock).sells(BURST_ORDERS_PER_S + 10, 3)
    assert courtesy.burst()
    clock.now += 2.1
    assert not courtesy.burst()
    courtesy.worked(1)
    assert not courtesy.rests()


async def test_in_a_burst_jobs_have_one_turn_after_each_round_of_reactions(
    brand: Brand, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Feeds and releases are jobs, too, and belong to no order.
    worker = BrandWorker(brand, (), (), {})
    express_only: list[bool] = []

    async def react(*, resting: bool) -> int:
        clock.now += 0.1
        return 1

    async def take_up(**how: bool) -> int:
        express_only.append(how["express_only"])
        return 0

    monkeypatch.setattr(worker, "_turn", react)
    monkeypatch.setattr(worker.runner, "take_up", take_up)
    shop = Shop(worker._courtesy, clock)
    for _ in range(2):
        shop.sells(BURST_ORDERS_PER_S + 10, 3)
        await worker.turn()
        assert worker.came[JOBS].is_set()
        for _ in range(2):
            await worker.take_up()
    assert express_only == [False, True, False, True]


async def test_in_a_burst_rounds_of_reactions_are_small(
    brand: Brand, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = BrandWorker(brand, (), (), {})
    bursts: list[bool] = []

    async def react(**how: bool) -> int:
        bursts.append(how["burst"])
        return 0

    monkeypatch.setattr(worker.reactor, "run_once", react)
    await worker.turn()
    Shop(worker._courtesy, clock).sells(BURST_ORDERS_PER_S + 10, 3)
    await worker.turn()
    assert bursts == [False, True]
