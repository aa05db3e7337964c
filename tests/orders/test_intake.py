"""The intake under load: express first, nobody waits for ever, what does not fit is refused at once, nobody blocks
another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest

from doorstep.db import Brand
from doorstep.kit.errors import Problem, Unavailable
from doorstep.kit.limits import (
    LINES_FOR_STANDARD,
    LINES_PER_BATCH,
    LINES_PER_ORDER,
    LINES_WAITING,
    ORDER_WAITS_S,
    ORDERS_WAITING,
    PLACING_TRANSACTIONS,
)
from doorstep.orders import Intake
from doorstep.orders.place import place_batch
from doorstep.orders.placing import Outcome, Placing
from doorstep.orders.queue import Queue, Room, Waiting
from doorstep.routing import NetworkCache
from tests.orders.world import World, placing
from tests.support.waiting import eventually

EXPRESS, STANDARD = 0, 1


def order(number: str, lines: int = 1, **more: Any) -> Placing:
    return placing(number, *[("CARD", 1)] * lines, **more)


def numbers(batch: list[Waiting]) -> list[str]:
    return [waiting.placing.order.number for waiting in batch]


async def test_express_orders_go_first_each_lane_in_order_of_arrival() -> None:
    queue = Queue()
    for number in range(4):
        queue.add(order(f"S-{number}"), STANDARD)
        queue.add(order(f"E-{number}"), EXPRESS)
    assert numbers(queue.next()) == [f"{lane}-{number}" for lane in "ES" for number in range(4)]
    assert (len(queue), queue.lines, queue.next()) == (0, 0, [])


async def test_endless_express_orders_leave_standard_ones_a_part_of_each_batch() -> None:
    queue = Queue()
    for number in range(2 * LINES_PER_BATCH):
        queue.add(order(f"S-{number}"), STANDARD)
        queue.add(order(f"E-{number}"), EXPRESS)
    for _ in range(2):
        found = numbers(queue.next())
        assert len(found) == LINES_PER_BATCH
        assert sum(number.startswith("S") for number in found) == LINES_FOR_STANDARD
    assert queue.lines == 2 * LINES_PER_BATCH


async def test_the_largest_order_comes_to_its_turn_behind_any_number_of_express_orders() -> None:
    queue = Queue()
    queue.add(order("large", LINES_PER_ORDER), STANDARD)
    for number in range(2 * LINES_PER_BATCH):
        queue.add(order(f"E-{number}"), EXPRESS)
    assert "large" in numbers(queue.next())


async def test_express_orders_may_fill_a_batch_when_nobody_else_waits() -> None:
    queue = Queue()
    for number in range(LINES_PER_BATCH + 1):
        queue.add(order(f"E-{number}"), EXPRESS)
    assert len(queue.next()) == LINES_PER_BATCH


async def test_who_hung_up_is_passed_over() -> None:
    queue = Queue()
    queue.add(order("gone", LINES_PER_BATCH), STANDARD).cancel()
    queue.add(order("there"), STANDARD)
    assert numbers(queue.next()) == ["there"]


async def test_who_waited_too_long_is_told_so_and_costs_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("doorstep.orders.queue.monotonic", lambda: now)
    queue = Queue()
    late = queue.add(order("late"), STANDARD)
    now += ORDER_WAITS_S
    queue.add(order("early"), STANDARD)
    assert queue.oldest_s() == ORDER_WAITS_S
    now += 0.1
    assert numbers(queue.next()) == ["early"]
    problem = late.result().problem
    assert isinstance(problem, Unavailable)
    assert "nothing was placed" in problem.detail
    assert (queue.late, queue.lines) == (1, 0)


async def test_the_queue_is_bounded_by_orders_and_by_lines() -> None:
    queue = Queue()
    for number in range(ORDERS_WAITING):
        queue.room_for(1, 1)
        queue.add(order(f"S-{number}"), STANDARD)
    with pytest.raises(Unavailable):
        queue.room_for(1, 1)
    long = Queue()
    for number in range(LINES_WAITING // LINES_PER_ORDER):
        long.room_for(1, LINES_PER_ORDER)
        long.add(order(f"S-{number}", LINES_PER_ORDER), STANDARD)
    with pytest.raises(Unavailable):
        long.room_for(1, 1)
    assert (queue.refused, long.refused) == (1, 1)


def test_room_is_given_back_whatever_happens() -> None:
    room = Room(100)
    with room.held(60) as held:
        with pytest.raises(Unavailable), room.held(41):
            raise AssertionError("it does not fit")
        held.more(40)
        with pytest.raises(Unavailable):
            held.more(1)
    with pytest.raises(ZeroDivisionError), room.held(100):
        raise ZeroDivisionError
    with room.held(100):
        pass


async def test_placing_does_not_wait_for_reads_that_take_all_connections(world: World) -> None:
    intake = Intake(world.brand)
    async with AsyncExitStack() as readers:
        for _ in range(8):  # all that the brand's pool has
            await readers.enter_async_context(world.brand.reading())
        outcome = await asyncio.wait_for(intake.submit(order("O-1")), 5)
    assert outcome.new
    await intake.close()


async def test_reads_do_not_wait_for_placing_that_is_stuck_and_full(world: World) -> None:
    intake = Intake(world.brand)
    async with world.brand.transaction() as tx:
        await tx.execute("LOCK TABLE stock IN EXCLUSIVE MODE")
        waiting = [asyncio.create_task(intake.submit(order(f"O-{n}"))) for n in range(ORDERS_WAITING)]
        await eventually(lambda: intake.standing.orders > 0)
        assert await asyncio.wait_for(world.value("SELECT 1"), 5) == 1
        assert await asyncio.wait_for(world.value("SELECT count(*) FROM orders"), 5) == 0
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    await intake.close()


async def test_a_full_queue_refuses_at_once_and_writes_nothing(world: World) -> None:
    intake = Intake(world.brand)
    waiting = [asyncio.ensure_future(intake.submit(order(f"O-{n}"))) for n in range(ORDERS_WAITING + 10)]
    await asyncio.sleep(0)
    refused = [task for task in waiting if task.done()]
    assert len(refused) == 10
    for task in refused:
        error = task.exception()
        assert isinstance(error, Unavailable)
        assert error.retry_after_s >= 1
    assert intake.standing.refused == 10
    for task in waiting[5:-10]:
        task.cancel()
    assert len([one for one in await asyncio.gather(*waiting, return_exceptions=True) if hasattr(one, "new")]) == 5
    await intake.close()
    assert await world.value("SELECT count(*) FROM orders") == 5
    assert await world.faults() == []


async def a_while() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


async def test_a_second_transaction_begins_only_when_much_waits_and_never_a_third(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    go = asyncio.Event()

    async def hold(brand: Any, networks: Any, placings: list[Placing]) -> list[Any]:
        sizes.append(len(placings))
        await go.wait()
        return [Outcome(problem=Problem("enough seen"))] * len(placings)

    monkeypatch.setattr("doorstep.orders.intake.place_batch", hold)
    intake = Intake(world.brand)
    waiting = [asyncio.ensure_future(intake.submit(order("first")))]
    await eventually(lambda: len(sizes) == 1)
    waiting += [asyncio.ensure_future(intake.submit(order(f"few-{n}"))) for n in range(10)]
    await a_while()
    assert sizes == [1]
    waiting += [asyncio.ensure_future(intake.submit(order(f"many-{n}"))) for n in range(3 * LINES_PER_BATCH)]
    await eventually(lambda: len(sizes) == PLACING_TRANSACTIONS)
    await a_while()
    assert len(sizes) == PLACING_TRANSACTIONS
    go.set()
    await asyncio.gather(*waiting)
    await intake.close()
    assert sum(sizes) == len(waiting)


@pytest.mark.parametrize("fault", [asyncpg.CheckViolationError("a rule of the table"), KeyError("a fault of ours")])
async def test_an_order_that_cannot_be_placed_takes_no_other_down(
    world: World, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    async def stumble(brand: Brand, networks: NetworkCache, batch: Sequence[Placing]) -> list[Outcome]:
        if any(placing.order.number == "O-5" for placing in batch):
            raise fault
        return await place_batch(brand, networks, batch)

    monkeypatch.setattr("doorstep.orders.intake.place_batch", stumble)
    intake = Intake(world.brand)
    outcomes = await asyncio.gather(*(intake.submit(order(f"O-{n}")) for n in range(10)))
    await intake.close()
    assert [n for n, outcome in enumerate(outcomes) if not outcome.new] == [5]
    assert outcomes[5].problem is not None
    assert await world.value("SELECT count(*) FROM orders") == 9


async def test_an_express_order_overtakes_standard_ones_that_wait(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = Intake(world.brand)
    assert (await intake.submit(order("which lane a service has is known now"))).new
    batches: list[list[str]] = []
    go = asyncio.Event()

    async def hold(brand: Any, networks: Any, placings: list[Placing]) -> list[Any]:
        batches.append([placing.order.number for placing in placings])
        await go.wait()
        return [Outcome(problem=Problem("enough seen"))] * len(placings)

    monkeypatch.setattr("doorstep.orders.intake.place_batch", hold)
    waiting = [asyncio.ensure_future(intake.submit(order("in hand")))]
    await eventually(lambda: len(batches) == 1)
    waiting += [asyncio.ensure_future(intake.submit(order(f"S-{n}"))) for n in range(2)]
    waiting.append(asyncio.ensure_future(intake.submit(order("E", service="express"))))
    await eventually(lambda: intake.standing.orders == 3)
    go.set()
    await asyncio.gather(*waiting)
    await intake.close()
    assert batches == [["in hand"], ["E", "S-0", "S-1"]]


async def test_what_waits_when_the_intake_closes_is_placed_and_nothing_more_is_taken(world: World) -> None:
    intake = Intake(world.brand)
    waiting = [asyncio.ensure_future(intake.submit(order(f"O-{n}"))) for n in range(10)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(intake.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await intake.submit(order("late"))
    assert all(outcome.new for outcome in await asyncio.gather(*waiting))
    await closing
