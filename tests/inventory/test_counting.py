"""Count jobs: what differs little is booked as of its time, what differs much is counted again or approved."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from doorstep import inventory, orders
from doorstep.inventory import CountJob, CountLine
from doorstep.kit.errors import BodyDiffers, Conflict, Invalid, NotFound
from tests.orders.world import MONDAY, World
from tests.races.watch import until_it_waits


def at(minute: float) -> datetime:
    return MONDAY + timedelta(minutes=minute)


async def opened(world: World, *skus: str, reference: str = "J-1", minute: float = 0, **more: Any) -> CountJob:
    named = {"chosen_by": "list", "tolerance_units": 1, "tolerance_percent": 0, **more}
    async with world.brand.transaction() as tx:
        return await inventory.open_count_job(
            tx,
            reference=reference,
            location_id=world.places["north"],
            sku_ids=[world.skus[sku] for sku in skus],
            actor="boss",
            now=at(minute),
            **named,
        )


async def enter(
    world: World, job: CountJob, sku: str, counted: int, *, minute: float, counted_at: float | None = None
) -> CountLine:
    return await world.brand.run(
        lambda tx: inventory.enter_count(
            tx,
            count_job_id=job.count_job_id,
            sku_id=world.skus[sku],
            counted=counted,
            counted_at=None if counted_at is None else at(counted_at),
            claimants=orders.Claimants(),
            actor="counter",
            now=at(minute),
        )
    )


async def approve(world: World, job: CountJob, sku: str, *, minute: float) -> CountLine:
    return await world.brand.run(
        lambda tx: inventory.approve_count(
            tx,
            count_job_id=job.count_job_id,
            sku_id=world.skus[sku],
            claimants=orders.Claimants(),
            actor="boss",
            now=at(minute),
        )
    )


async def end(world: World, job: CountJob, state: Any) -> CountJob:
    async with world.brand.transaction() as tx:
        return await inventory.end_count_job(tx, count_job_id=job.count_job_id, state=state, now=at(99))


async def read(world: World, key: UUID) -> CountJob:
    async with world.brand.reading() as tx:
        return await inventory.count_job(tx, key)


async def leave(world: World, units: int, minute: float) -> None:
    """So many mugs leave by a parcel."""
    claim = inventory.Claim(
        order_id=UUID(int=int(minute)), line_no=1, sku_id=world.skus["MUG"], location_id=world.places["north"],
        quantity=units,
    )  # fmt: skip
    async with world.brand.transaction() as tx:
        await inventory.claim(tx, claims=[claim])
        await inventory.ship(tx, claims=[claim], reference="parcel", actor="test", now=at(minute))


async def on_hand(world: World, sku: str = "MUG") -> int:
    return int((await world.stock(sku))["on_hand"])


async def test_what_differs_little_is_booked_as_of_its_time_and_the_last_one_closes_the_job(world: World) -> None:
    job = await opened(world, "MUG", "CARD")
    await leave(world, 3, 20)
    line = await enter(world, job, "MUG", 9, minute=30, counted_at=10)  # before the parcel left: one is missing
    assert (line.state, line.difference) == ("booked", -1)
    assert await on_hand(world) == 6
    assert (await read(world, job.count_job_id)).state == "open"
    with pytest.raises(Conflict):
        await enter(world, job, "MUG", 9, minute=31)
    assert (await enter(world, job, "CARD", 10, minute=32)).state == "booked"
    assert (await read(world, job.count_job_id)).state == "closed"
    assert await world.faults() == []


async def test_what_differs_much_is_counted_again_and_believed_when_it_agrees(world: World) -> None:
    job = await opened(world, "MUG", "CARD")
    assert (await enter(world, job, "MUG", 5, minute=10)).state == "to_recount"
    assert await on_hand(world) == 10
    await leave(world, 2, 20)  # selling goes on: what is counted now is two less, and agrees all the same
    line = await enter(world, job, "MUG", 3, minute=30)
    assert (line.state, line.difference, line.first_difference) == ("booked", -5, -5)
    assert await on_hand(world) == 3
    assert (await enter(world, job, "CARD", 4, minute=40)).state == "to_recount"
    assert (await enter(world, job, "CARD", 10, minute=50)).state == "booked"  # a slip of the first
    assert await world.faults() == []


async def test_two_counts_that_disagree_wait_for_approval_and_are_booked_as_of_their_time(world: World) -> None:
    job = await opened(world, "MUG")
    await enter(world, job, "MUG", 5, minute=10)
    assert (await enter(world, job, "MUG", 6, minute=20)).state == "to_approve"
    with pytest.raises(Conflict):
        await enter(world, job, "MUG", 6, minute=21)
    with pytest.raises(Conflict, match="MUG"):
        await end(world, job, "closed")
    await world.fill({"north": {"MUG": 1}})  # the small world's clock stands: this is before the count
    await leave(world, 2, 30)
    line = await approve(world, job, "MUG", minute=40)
    assert (line.state, line.approved_by) == ("booked", "boss")
    assert await on_hand(world) == 4  # 6 at minute 20, less what left since
    assert (await approve(world, job, "MUG", minute=41)).state == "booked"
    assert await on_hand(world) == 4
    assert await world.faults() == []


async def test_a_shelf_that_waits_for_approval_is_counted_once_more_instead(world: World) -> None:
    job = await opened(world, "MUG")
    await enter(world, job, "MUG", 5, minute=10)
    await enter(world, job, "MUG", 6, minute=20)
    async with world.brand.transaction() as tx:
        line = await inventory.recount(tx, count_job_id=job.count_job_id, sku_id=world.skus["MUG"])
    assert line.state == "to_recount"
    with pytest.raises(Conflict):
        await enter(world, job, "MUG", 6, minute=30, counted_at=15)  # older than the one before it
    assert (await enter(world, job, "MUG", 6, minute=30)).state == "booked"
    assert await world.faults() == []


async def test_percent_of_the_book_is_tolerated_too(world: World) -> None:
    job = await opened(world, "MUG", "CARD", tolerance_percent=20)
    assert (await enter(world, job, "MUG", 8, minute=1)).state == "booked"
    assert (await enter(world, job, "CARD", 7, minute=1)).state == "to_recount"


async def test_a_count_in_the_way_of_begun_work_waits_and_says_why(world: World) -> None:
    await world.placed(("MUG", 9))
    await world.settle()
    job = await opened(world, "MUG", tolerance_units=5)
    line = await enter(world, job, "MUG", 6, minute=10)
    assert line.state == "to_approve"
    assert "being worked on" in line.problem
    with pytest.raises(Conflict):
        await approve(world, job, "MUG", minute=20)
    assert await on_hand(world) == 10
    assert await world.faults() == []


async def test_a_job_that_ends_skips_what_nobody_counted(world: World) -> None:
    job = await opened(world, "MUG", "CARD")
    await enter(world, job, "MUG", 10, minute=1)
    closed, again = [await end(world, job, "closed") for _ in range(2)]
    assert closed == again
    assert [(line.sku, line.state) for line in closed.lines] == [("CARD", "skipped"), ("MUG", "booked")]
    with pytest.raises(Conflict):
        await enter(world, job, "CARD", 10, minute=2)
    with pytest.raises(Conflict):
        await end(world, job, "canceled")
    other = await opened(world, "MUG", reference="J-2")
    await enter(world, other, "MUG", 2, minute=3)
    assert [line.state for line in (await end(world, other, "canceled")).lines] == ["skipped"]
    with pytest.raises(Conflict):
        await approve(world, other, "MUG", minute=4)
    assert await on_hand(world) == 10
    assert await world.faults() == []


async def test_a_job_is_opened_once_and_needs_something_to_count(world: World) -> None:
    found = await asyncio.gather(*(opened(world, "MUG") for _ in range(4)))
    assert len({one.count_job_id for one in found}) == 1
    for other in ({"tolerance_units": 9}, {"chosen_by": "zero"}):
        with pytest.raises(BodyDiffers):
            await opened(world, "MUG", **other)
    with pytest.raises(BodyDiffers):
        await opened(world, "CARD")
    with pytest.raises(Invalid):
        await opened(world, reference="J-9")
    with pytest.raises(NotFound):
        await enter(world, found[0], "CARD", 1, minute=1)
    with pytest.raises(Invalid):
        await enter(world, found[0], "MUG", 1, minute=1, counted_at=2)


async def test_shelves_are_chosen_by_when_they_were_counted_what_they_lose_and_that_they_are_empty(
    world: World,
) -> None:
    week = 7 * 24 * 60
    first = await opened(world, "CARD", tolerance_units=100)
    await enter(world, first, "CARD", 0, minute=1)

    async def chosen(by: str, minute: float, days: int = 5) -> list[str]:
        try:
            job = await opened(world, reference=f"{by} {minute}", chosen_by=by, days=days, minute=minute)
        except Invalid:
            return []
        return [line.sku for line in job.lines]

    assert await chosen("not_counted", 2) == ["MUG"]
    assert await chosen("losing", 2) == ["CARD"]
    assert await chosen("zero", 2) == ["CARD"]
    assert await chosen("losing", 2 * week) == []
    assert await chosen("zero", 2 * week) == []
    await world.fill({"north": {"CARD": 2}})
    assert await chosen("not_counted", 3) == ["MUG"]
    assert await chosen("not_counted", 2 * week) == ["CARD", "MUG"]


async def test_two_people_count_the_last_two_shelves_at_once_and_the_job_closes(world: World) -> None:
    job = await opened(world, "MUG", "CARD")
    await asyncio.gather(enter(world, job, "MUG", 10, minute=1), enter(world, job, "CARD", 10, minute=1))
    assert (await read(world, job.count_job_id)).state == "closed"


async def test_a_shelf_counted_by_two_people_at_once_is_booked_once(world: World) -> None:
    job = await opened(world, "MUG", "CARD")
    found = await asyncio.gather(*(enter(world, job, "MUG", 10, minute=1) for _ in range(3)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in found) == ["Conflict", "Conflict", "CountLine"]
    assert await world.faults() == []


async def test_who_counts_a_shelf_while_another_does_is_told_that_it_is_counted(world: World) -> None:
    job = await opened(world, "MUG", "CARD")
    async with world.brand.transaction() as tx:
        await inventory.enter_count(
            tx, count_job_id=job.count_job_id, sku_id=world.skus["MUG"], counted=9, claimants=orders.Claimants(),
            actor="counter", now=at(1),
        )  # fmt: skip
        task = asyncio.ensure_future(enter(world, job, "MUG", 9, minute=1))
        await until_it_waits(world.brand, task)
    with pytest.raises(Conflict):
        await task
    assert await world.faults() == []


async def test_the_database_itself_books_nothing_that_nobody_counted(world: World) -> None:
    job = await opened(world, "MUG")
    for change in ("state = 'booked'", "counted = 1", "counted = -1"):
        with pytest.raises(asyncpg.CheckViolationError):
            async with world.brand.transaction() as tx:
                await tx.execute(f"UPDATE count_lines SET {change} WHERE count_job_id = $1", job.count_job_id)
