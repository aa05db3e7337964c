"""A count as of a past moment: what came and went since is added, whatever happens before it is booked."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from doorstep import inventory, orders
from doorstep.inventory import Change, Claim
from doorstep.inventory.claim import SQL
from doorstep.kit.errors import BodyDiffers, Conflict, Invalid
from doorstep.kit.ids import new_id
from tests.orders.world import MONDAY, World


def at(minute: float) -> Any:
    """So many minutes after Monday nine o'clock."""
    return MONDAY + timedelta(minutes=minute)


class House:
    """What is really on the shelf, and how it gets into the book or does not."""

    def __init__(self, world: World, sku: str, units: int) -> None:
        self.world, self.key, self.really = world, (world.skus[sku], world.places["north"]), units

    async def book(self) -> int:
        """What the book says."""
        units: int = await self.world.value(
            "SELECT on_hand FROM stock WHERE sku_id = $1 AND location_id = $2", *self.key
        )
        return units

    async def arrive(self, units: int, minute: float) -> None:
        """A delivery, booked as it comes."""
        self.really += units
        async with self.world.brand.transaction() as tx:
            await inventory.receive(
                tx, reference=f"N-{new_id()}", location_id=self.key[1], units={self.key[0]: units}, actor="test",
                now=at(minute),
            )  # fmt: skip

    async def leave(self, units: int, minute: float) -> None:
        """A parcel, claimed and handed over; as many as the book allows."""
        units = min(units, await self.book(), self.really)
        if units:
            self.really -= units
            claim = Claim(order_id=new_id(), line_no=1, sku_id=self.key[0], location_id=self.key[1], quantity=units)
            async with self.world.brand.transaction() as tx:
                await inventory.claim(tx, claims=[claim])
                await inventory.ship(tx, claims=[claim], reference="parcel", actor="test", now=at(minute))

    async def break_some(self, units: int, minute: float) -> None:
        """An adjustment with its reason."""
        units = min(units, await self.book(), self.really)
        if units:
            self.really -= units
            change = Change(sku_id=self.key[0], location_id=self.key[1], on_hand=-units)
            async with self.world.brand.transaction() as tx:
                await inventory.adjust(
                    tx, changes=[change], reason="broken", reference=f"A-{new_id()}", claimants=orders.Claimants(),
                    actor="test", now=at(minute),
                )  # fmt: skip

    async def count(self, units: int, reference: str, *, counted: float | None, booked: float) -> int:
        """Book a count."""
        return await self.world.brand.run(
            lambda tx: inventory.count(
                tx,
                reference=reference,
                counted={self.key: units},
                claimants=orders.Claimants(),
                actor="test",
                counted_at=None if counted is None else at(counted),
                now=at(booked),
            )
        )


@pytest.mark.parametrize("seed", range(12))
async def test_after_any_story_the_book_says_what_is_really_there(world: World, seed: int) -> None:
    chance = random.Random(seed)
    house = House(world, "MUG", 10)
    minute = 1.0
    flows = (house.arrive, house.leave, house.break_some)
    for turn in range(6):
        for _ in range(chance.randint(0, 4)):
            minute += chance.random() * 50
            await chance.choice(flows)(chance.randint(1, 6), minute)
        if chance.random() < 0.7:
            house.really += chance.randint(-min(4, house.really), 3)  # lost or found, and nobody noticed
        minute += 1
        counted, units = minute, house.really
        for _ in range(chance.randint(0, 4)):  # selling goes on while the note lies on a desk
            minute += chance.random() * 50
            await chance.choice((house.arrive, house.leave))(chance.randint(1, 6), minute)
        minute += chance.random()
        for _ in range(2):
            await house.count(units, f"C-{turn}", counted=counted, booked=minute)
        assert await house.book() == house.really, (seed, turn)
    assert await world.faults() == []


async def test_a_time_to_come_is_refused(world: World) -> None:
    with pytest.raises(Invalid):
        await House(world, "MUG", 10).count(3, "C-1", counted=5.01, booked=5)
    assert (await world.stock("MUG"))["on_hand"] == 10


async def test_an_older_count_does_not_undo_a_later_one(world: World) -> None:
    house = House(world, "MUG", 10)
    await house.count(8, "C-1", counted=None, booked=30)
    with pytest.raises(Conflict, match="the later one holds"):
        await house.count(9, "C-2", counted=20, booked=40)
    assert await house.count(9, "C-3", counted=30, booked=40) == 1  # at the very same moment: the one booked last holds
    assert await house.book() == 9


async def test_a_note_as_of_the_past_sent_again_is_the_same_note(world: World) -> None:
    house = House(world, "MUG", 10)
    await house.leave(2, 20)
    assert await house.count(7, "C-1", counted=10, booked=30) == 1
    assert await house.book() == 5
    await house.arrive(4, 40)
    assert await house.count(7, "C-1", counted=10, booked=50) == 0
    with pytest.raises(BodyDiffers):
        await house.count(5, "C-1", counted=10, booked=60)
    assert await house.book() == 9


async def test_more_left_since_than_was_there_is_refused(world: World) -> None:
    house = House(world, "MUG", 10)
    await house.leave(4, 20)
    with pytest.raises(Conflict):
        await house.count(3, "C-1", counted=10, booked=30)
    assert await house.book() == 6


async def test_a_count_of_this_moment_ignores_clocks_that_differ_by_a_little(world: World) -> None:
    # Another transaction read the clock later, and was faster: this count was made after it saw the stock.
    house = House(world, "MUG", 10)
    await house.leave(4, 20.001)
    for _ in range(2):
        await house.count(6, "C-1", counted=None, booked=20)
    assert await house.book() == 6


async def test_what_happened_since_is_found_without_reading_all_movements(world: World) -> None:
    key = world.skus["MUG"], world.places["north"]
    async with world.brand.transaction() as tx:
        await tx.execute(
            "INSERT INTO stock_movements (sku_id, location_id, kind, reason, reference, actor, occurred_at)"
            " SELECT $1, $2, 'shipped', '', '', 'test', $3::timestamptz - interval '1 day' * n FROM"
            " generate_series(20000, 1, -1) n",
            *key,
            MONDAY,
        )
        await tx.execute("ANALYZE stock_movements")
        rows = await tx.fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {SQL.since}", [key[0]], [key[1]], at(-60 * 48))
    (plan,) = json.loads(rows[0][0])
    assert _pages(plan["Plan"]) < 200, plan


def _pages(plan: Mapping[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])
