"""Orders that wait, supply that moves, goods that come and go: whatever happens in whatever order, it adds up."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import pytest

from doorstep import inventory, orders
from doorstep.inventory import Change
from doorstep.kit.errors import Conflict
from doorstep.kit.ids import new_id, parse
from tests.orders.world import MONDAY, World, placing

SKUS = ("LAMP", "VASE")


@pytest.fixture
async def world(world: World) -> World:
    """A little of two products, which are sold beyond the stock."""
    await world.fill({"north": {"LAMP": 3, "VASE": 1}, "south": {"LAMP": 1}})
    await world.sell_beyond("LAMP", 12)
    await world.sell_beyond("VASE", 4)
    return world


class Play:
    """What may happen, by chance."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.chance = random.Random(seed)
        self.placed: list[UUID] = []
        self.notes: list[tuple[str, str, str, int]] = []

    async def step(self) -> None:
        """One of them."""
        await self.chance.choice(
            [
                *[self.order, self.order, self.order, self.expect, self.correct, self.arrive, self.part, self.cancel],
                *[self.adjust, self.count, self.call_off],
            ]
        )()

    async def order(self) -> None:
        """Up to four units of one product or both, refused or not, express or not."""
        lines = [(sku, self.chance.randint(1, 4)) for sku in self.chance.sample(SKUS, self.chance.randint(1, 2))]
        wish = placing(
            new_id().hex,
            *lines,
            on_short=self.chance.choice(["refuse", "refuse", "accept"]),
            service=self.chance.choice(["standard", "express"]),
        )
        (outcome,) = await self.world.place(wish)
        if outcome.answer:
            self.placed.append(parse("ord", outcome.answer.order_id))

    async def expect(self) -> None:
        """Goods are on their way."""
        note = (f"PO {new_id()}", self.chance.choice(SKUS), self.chance.choice(["north", "south"]), 0)
        self.notes.append(note)
        await self._say(note)

    async def correct(self) -> None:
        """Another date and quantity for one of them."""
        if self.notes:
            await self._say(self.chance.choice(self.notes))

    async def _say(self, note: tuple[str, str, str, int]) -> None:
        at = MONDAY + timedelta(days=self.chance.randint(1, 20))
        await self.world.expect(note[0], note[1], self.chance.randint(1, 8), at, code=note[2])

    async def arrive(self) -> None:
        """One of them comes, with more or fewer units; or something else comes."""
        reference, sku, code, _ = self.notes.pop(self.chance.randrange(len(self.notes))) if self.notes else (
            f"note {new_id()}", self.chance.choice(SKUS), "north", 0
        )  # fmt: skip
        await self.world.fill({code: {sku: self.chance.randint(1, 6)}}, reference=reference)

    async def part(self) -> None:
        """A part of one of them comes, or more than all of it."""
        if self.notes:
            reference, sku, code, _ = self.chance.choice(self.notes)
            await self.receive(code, sku, f"part {new_id()}", reference)

    async def receive(self, code: str, sku: str, reference: str, expected: str) -> None:
        """Goods come of what was expected; now and then they are the last."""
        async with self.world.brand.transaction() as tx:
            await inventory.receive(
                tx, reference=reference, location_id=self.world.places[code], expected=expected,
                units={self.world.skus[sku]: self.chance.randint(1, 4)}, last=self.chance.random() < 0.3,
                actor="test", now=MONDAY,
            )  # fmt: skip

    async def call_off(self) -> None:
        """One of them does not come, or the rest of it."""
        open_ = "SELECT array_agg(incoming_id) FROM incoming WHERE received_at IS NULL AND canceled_at IS NULL"
        ids = await self.world.value(open_)
        if ids:
            one = self.chance.choice(sorted(ids))
            async with self.world.brand.transaction() as tx:
                await inventory.cancel_supply(tx, incoming_id=one, actor="test", now=MONDAY)

    async def count(self) -> None:
        """Somebody counts, and finds more or less; what is being worked on stays."""
        key = self.world.skus[self.chance.choice(SKUS)], self.world.places[self.chance.choice(["north", "south"])]
        counted = {key: self.chance.randint(0, 5)}
        with suppress(Conflict):
            await self.world.brand.run(
                lambda tx: inventory.count(
                    tx, reference=new_id().hex, counted=counted, claimants=orders.Claimants(), actor="test", now=MONDAY
                )
            )

    async def cancel(self) -> None:
        """Somebody changes their mind, about all of it or one unit."""
        if not self.placed:
            return
        order_id = self.chance.choice(self.placed)
        wanted = [orders.LineQuantity(line_no=1, quantity=1)] if self.chance.random() < 0.5 else None
        (line, *_) = await self.world.lines(order_id)
        if wanted and not line.cancelable:
            return
        async with self.world.brand.transaction() as tx:
            await orders.cancel(tx, order_id=order_id, wanted=wanted, reason="test", actor="test", now=MONDAY)

    async def adjust(self) -> None:
        """Units are found."""
        change = Change(sku_id=self.world.skus["LAMP"], location_id=self.world.places["north"], on_hand=1)
        async with self.world.brand.transaction() as tx:
            await inventory.adjust(
                tx, changes=[change], reason="found", reference=new_id().hex, claimants=orders.Claimants(),
                actor="test", now=MONDAY,
            )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_nothing_is_promised_twice_and_nothing_lies_idle(world: World, seed: int) -> None:
    play = Play(world, seed)
    for number in range(40):
        await play.step()
        if number % 5 == 4 or play.chance.random() < 0.3:
            assert await world.faults() == []
            idle = await world.value(
                """SELECT count(*) FROM stock s JOIN order_lines l USING (sku_id)
                WHERE l.backordered + l.shortfall > 0 AND s.on_hand - s.reserved - s.safety_stock > 0"""
            )
            assert idle == 0
            unclaimed = await world.value(
                """SELECT count(*) FROM order_lines l WHERE l.backordered + l.shortfall <> (
                    SELECT coalesce(sum(units), 0) FROM supply_claims c
                    WHERE c.order_id = l.order_id AND c.line_no = l.line_no)"""
            )
            assert unclaimed == 0
    assert play.placed
