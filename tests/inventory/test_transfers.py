"""Transfers: every unit that leaves is accounted for, in parts, short, over, broken, found again or written off."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from doorstep import inventory
from doorstep.inventory import Arrived, Transfer
from doorstep.kit.errors import BodyDiffers, Conflict, Invalid, NotFound
from doorstep.kit.ids import new_id
from doorstep.orders.place import place_batch
from doorstep.routing import NetworkCache
from tests.orders.world import MONDAY, World, placing
from tests.races.watch import until_it_waits

LATER = MONDAY + timedelta(days=2)


async def opened(world: World, reference: str = "T-1", **units: int) -> Transfer:
    """Planned from the north to the south."""
    async with world.brand.transaction() as tx:
        return await inventory.open_transfer(
            tx,
            reference=reference,
            source=world.places["north"],
            target=world.places["south"],
            units={world.skus[sku]: count for sku, count in units.items()},
            expected_at=LATER,
            actor="test",
            now=MONDAY,
        )


async def ship(world: World, transfer_id: UUID, units: Mapping[str, int] | None = None) -> Transfer:
    sent = None if units is None else {world.skus[sku]: count for sku, count in units.items()}
    async with world.brand.transaction() as tx:
        return await inventory.ship_transfer(tx, transfer_id=transfer_id, units=sent, actor="test", now=MONDAY)


async def receive(world: World, transfer_id: UUID, reference: str, **units: Any) -> Transfer:
    """Units by SKU: good ones, or (good, damaged)."""
    arrived = [
        Arrived(sku_id=world.skus[sku], good=count[0], damaged=count[1])
        for sku, told in units.items()
        for count in [told if isinstance(told, tuple) else (told, 0)]
    ]
    async with world.brand.transaction() as tx:
        return await inventory.receive_transfer(
            tx, transfer_id=transfer_id, reference=reference, arrived=arrived, note="", actor="test", now=MONDAY
        )


async def close(world: World, transfer_id: UUID, why: str = "", **found: int) -> Transfer:
    async with world.brand.transaction() as tx:
        return await inventory.close_transfer(
            tx,
            transfer_id=transfer_id,
            found_units={world.skus[sku]: count for sku, count in found.items()},
            why=why,
            actor="test",
            now=MONDAY,
        )


async def cancel(world: World, transfer_id: UUID) -> Transfer:
    async with world.brand.transaction() as tx:
        return await inventory.cancel_transfer(tx, transfer_id=transfer_id, now=MONDAY)


async def on_hand(world: World, sku: str = "MUG") -> tuple[int, int]:
    """At both ends."""
    north, south = [await world.stock(sku, code) for code in ("north", "south")]
    return north["on_hand"], south["on_hand"]


async def coming(world: World) -> int:
    """Open units on their way to the south."""
    units: int = await world.value(
        "SELECT coalesce(sum(quantity - arrived), 0) FROM incoming WHERE received_at IS NULL AND canceled_at IS NULL"
    )
    return units


async def test_what_is_in_transit_is_nowhere_to_sell_and_expected_where_it_goes(world: World) -> None:
    key = (await opened(world, MUG=6)).transfer_id
    assert await on_hand(world) == (10, 4)
    sent, again = [await ship(world, key) for _ in range(2)]
    assert sent == again
    assert (sent.state, sent.lines[0].in_transit) == ("in_transit", 6)
    assert (await on_hand(world), await coming(world)) == ((4, 4), 6)
    async with world.brand.reading() as tx:
        assert await inventory.expected(tx, [world.skus["MUG"]]) == {world.skus["MUG"]: LATER}
    part, again = [await receive(world, key, "R-1", MUG=(3, 1)) for _ in range(2)]
    assert part == again
    assert (part.state, part.lines[0].in_transit, await coming(world)) == ("in_transit", 2, 2)
    whole, again = [await receive(world, key, "R-2", MUG=2) for _ in range(2)]
    assert whole == again
    assert (whole.state, await coming(world), await on_hand(world)) == ("closed", 0, (4, 10))
    assert (await world.stock("MUG", "south"))["damaged"] == 1
    with pytest.raises(BodyDiffers):
        await receive(world, key, "R-2", MUG=3)
    with pytest.raises(Conflict):
        await receive(world, key, "R-3", MUG=1)
    assert await world.faults() == []


async def test_more_than_was_sent_is_a_surplus(world: World) -> None:
    key = (await opened(world, MUG=5)).transfer_id
    await ship(world, key)
    done = await receive(world, key, "R-1", MUG=(7, 1))
    (line,) = done.lines
    assert (done.state, line.received, line.damaged, line.surplus, line.in_transit) == ("closed", 7, 1, 3, 0)
    assert await on_hand(world) == (5, 12)
    assert await world.faults() == []


async def test_what_is_missing_was_found_or_is_written_off_with_its_reason(world: World) -> None:
    key = (await opened(world, MUG=8)).transfer_id
    await ship(world, key)
    await receive(world, key, "R-1", MUG=3)
    with pytest.raises(Invalid):
        await close(world, key, MUG=2)
    with pytest.raises(Conflict):
        await close(world, key, "lost", MUG=6)
    done, again = [await close(world, key, "the van was robbed", MUG=2) for _ in range(2)]
    assert done == again
    (line,) = done.lines
    assert (done.state, done.why, line.found, line.missing) == ("closed", "the van was robbed", 2, 3)
    assert (await on_hand(world), await coming(world)) == ((4, 7), 0)
    assert await world.faults() == []


async def test_a_transfer_that_has_not_left_is_canceled_and_one_that_has_is_not(world: World) -> None:
    planned, sent = (await opened(world, "T-1", MUG=2)).transfer_id, (await opened(world, "T-2", MUG=2)).transfer_id
    for _ in range(2):
        assert (await cancel(world, planned)).state == "canceled"
    for refused in (ship(world, planned), receive(world, planned, "R", MUG=1), close(world, planned)):
        with pytest.raises(Conflict):
            await refused
    with pytest.raises(Conflict):
        await receive(world, sent, "R", MUG=1)  # it has not left
    await ship(world, sent, {"MUG": 1})
    assert (await ship(world, sent, {"MUG": 1})).lines[0].shipped == 1
    for late in (cancel(world, sent), ship(world, sent, {"MUG": 2})):
        with pytest.raises(Conflict):
            await late
    assert await on_hand(world) == (9, 4)
    assert await world.faults() == []


async def test_a_transfer_sent_twice_is_opened_once_and_another_under_its_reference_is_refused(world: World) -> None:
    found = await asyncio.gather(*(opened(world, MUG=2) for _ in range(4)))
    assert len({one.transfer_id for one in found}) == 1
    with pytest.raises(BodyDiffers):
        await opened(world, MUG=3)
    with pytest.raises(NotFound):
        await ship(world, new_id())
    with pytest.raises(Invalid):
        await receive(world, found[0].transfer_id, "R", CARD=1)


async def test_nothing_that_is_claimed_is_sent_away(world: World) -> None:
    key = (await opened(world, MUG=8)).transfer_id
    await world.placed(("MUG", 3))
    with pytest.raises(Conflict, match="Only 7"):
        await ship(world, key)
    assert (await ship(world, key, {"MUG": 7})).lines[0].in_transit == 7
    assert (await world.stock("MUG"))["reserved"] == 3
    assert await world.faults() == []


async def test_an_order_and_a_transfer_do_not_both_take_the_last_units(world: World) -> None:
    key = (await opened(world, CARD=8)).transfer_id
    async with world.brand.transaction() as tx:
        await inventory.ship_transfer(tx, transfer_id=key, units=None, actor="test", now=MONDAY)
        task = asyncio.ensure_future(place_batch(world.brand, NetworkCache(), [placing("O-1", ("CARD", 3))]))
        await until_it_waits(world.brand, task)
    (outcome,) = await task
    assert outcome.answer is None
    assert (await world.stock("CARD"))["reserved"] == 0
    assert await world.faults() == []


async def test_a_receipt_sent_twice_at_once_counts_once(world: World) -> None:
    key = (await opened(world, MUG=6)).transfer_id
    await ship(world, key)
    await asyncio.gather(*(receive(world, key, "R-1", MUG=4) for _ in range(4)))
    assert (await on_hand(world), await coming(world)) == ((4, 8), 2)
    assert await world.faults() == []


@pytest.mark.parametrize(
    "change",
    ["received = received + 1", "shipped = quantity + 1", "missing = -1", "surplus = -1"],
)
async def test_the_database_itself_keeps_a_transfer_adding_up(world: World, change: str) -> None:
    key = (await opened(world, MUG=6)).transfer_id
    with pytest.raises(asyncpg.CheckViolationError):
        async with world.brand.transaction() as tx:
            await tx.execute(f"UPDATE transfer_lines SET {change} WHERE transfer_id = $1", key)
    with pytest.raises(asyncpg.CheckViolationError, match="transfers_times"):
        async with world.brand.transaction() as tx:
            await tx.execute("UPDATE transfers SET state = 'closed' WHERE transfer_id = $1", key)


async def test_the_audit_sees_a_transfer_that_lies(world: World) -> None:
    key = (await opened(world, MUG=6)).transfer_id
    await ship(world, key)
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE transfer_lines SET shipped = 5 WHERE transfer_id = $1", key)
    assert len(await world.faults()) == 2


@pytest.mark.parametrize("seed", range(6))
async def test_after_any_story_no_unit_came_from_nowhere(world: World, seed: int) -> None:
    chance = random.Random(seed)
    lost = surplus = 0
    for turn in range(4):
        wanted = chance.randint(1, 4)
        key = (await opened(world, f"T-{turn}", MUG=wanted)).transfer_id
        try:
            sent = (await ship(world, key, {"MUG": chance.randint(1, wanted)})).lines[0].shipped
        except Conflict:
            continue
        for part in range(chance.randint(0, 3)):
            try:
                found = await receive(world, key, f"R-{part}", MUG=(chance.randint(0, 2), chance.randint(0, 1)))
            except Conflict:
                break
            sent = found.lines[0].in_transit
        done = await close(world, key, "lost", MUG=chance.randint(0, sent) if sent else 0)
        lost, surplus = lost + done.lines[0].missing, surplus + done.lines[0].surplus
    assert sum(await on_hand(world)) == 14 - lost + surplus
    assert await world.faults() == []
