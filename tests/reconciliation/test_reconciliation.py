"""Differences are found with their cause, figures are kept once a night, and a repair is a movement."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from doorstep import feeds, inventory, orders, reconciliation
from doorstep.feeds import Wish
from doorstep.inventory import Claim, Trust
from doorstep.jobs import Runner, does
from doorstep.kit.ids import new_id
from doorstep.reconciliation import Difference, Repaired
from tests.orders.world import MONDAY, World

LATER = MONDAY + timedelta(hours=1)


async def found(world: World, location: str | None = None) -> list[Difference]:
    async with world.brand.snapshot() as tx:
        places = [world.places[location]] if location else None
        return await reconciliation.find(tx, location_ids=places, limit=100)


async def causes(world: World) -> list[tuple[str, str, int]]:
    return [(one.cause, one.sku, one.units) for one in await found(world)]


async def repaired(world: World, *, trust: Trust = "ledger") -> Repaired:
    differences = await found(world)
    async with world.brand.transaction() as tx:
        return await reconciliation.repair(
            tx, differences=differences, trust=trust, reference=new_id().hex, actor="ada", now=LATER
        )


async def meddle(world: World, statement: str) -> None:
    """A hand in the database."""
    async with world.brand.transaction() as tx:
        await tx.execute(statement)


async def told(world: World, text: str, **more: Any) -> None:
    """A full feed of the north, worked on."""

    async def chunks() -> AsyncIterator[bytes]:
        yield text.encode()

    wish = Wish(reference=new_id().hex, kind="full", location="north", **more)
    await feeds.receive(world.brand, wish, chunks(), form="csv", gzipped=False, actor="erp")
    while await Runner(world.brand, [does("feeds.work_on", feeds.work_on)], {}).run_once():
        pass


async def test_where_all_adds_up_nothing_is_found(world: World) -> None:
    await world.placed(("MUG", 2))
    assert await causes(world) == []


@pytest.mark.parametrize(("trust", "after"), [("ledger", 10), ("counter", 12)])
async def test_a_counter_that_drifted_is_brought_to_the_ledger_or_the_ledger_to_it(
    world: World, trust: Trust, after: int
) -> None:
    await meddle(world, "UPDATE stock SET on_hand = on_hand + 2 WHERE on_hand = 10 AND sku_id = 2")
    (one,) = await found(world)
    assert (one.cause, one.ours, one.theirs, one.units, one.location) == ("counter_drift", 12, 10, 2, "north")
    assert await repaired(world, trust=trust) == Repaired(repaired=1, gone=0, left=0)
    assert await causes(world) == []
    assert (await world.stock(one.sku))["on_hand"] == after
    movement = await world.value("SELECT reason FROM stock_movements WHERE kind = 'reconciled' AND actor = 'ada'")
    assert movement == ("counter corrected: on_hand 12 → 10" if trust == "ledger" else "a missing movement")
    assert await world.faults() == []


async def test_a_counter_of_claims_is_brought_to_the_claims(world: World) -> None:
    await world.placed(("MUG", 3))
    await meddle(world, "UPDATE stock SET reserved = 5 WHERE reserved = 3")
    assert await causes(world) == [("counter_drift", "MUG", 2)]
    await repaired(world)
    assert (await world.stock("MUG"))["reserved"] == 3
    assert await world.faults() == []


async def test_a_lost_movement_is_written_again(world: World) -> None:
    order = await world.placed(("MUG", 3))
    async with world.brand.transaction() as tx:
        await world.cancel(tx, order)
    await meddle(world, "DELETE FROM stock_movements WHERE kind = 'released'")
    assert await causes(world) == [("lost_movement", "MUG", 3)]
    assert await repaired(world) == Repaired(repaired=1, gone=0, left=0)
    assert await world.faults() == []


async def test_a_counter_is_not_set_below_what_is_claimed(world: World) -> None:
    await world.placed(("MUG", 9))
    await meddle(world, "UPDATE stock_movements SET on_hand_delta = 8 WHERE on_hand_delta = 10")
    assert (await repaired(world)).left == 1
    assert (await world.stock("MUG"))["on_hand"] == 10


async def test_a_claim_without_its_line_is_given_back(world: World) -> None:
    claim = Claim(order_id=new_id(), line_no=1, sku_id=world.skus["MUG"], location_id=world.places["north"], quantity=4)
    async with world.brand.transaction() as tx:
        await inventory.claim(tx, claims=[claim])
    assert await causes(world) == [("claim_without_line", "MUG", 4)]
    assert await repaired(world) == Repaired(repaired=1, gone=0, left=0)
    assert (await world.stock("MUG"))["reserved"] == 0
    assert await causes(world) == []


async def test_claims_at_a_location_that_is_not_ones_own_stay(world: World) -> None:
    order_id = new_id()
    claims = [
        Claim(order_id=order_id, line_no=1, sku_id=world.skus["MUG"], location_id=world.places[place], quantity=2)
        for place in ("north", "south")
    ]
    async with world.brand.transaction() as tx:
        await inventory.claim(tx, claims=claims)
    async with world.brand.transaction() as tx:
        await reconciliation.repair(
            tx,
            differences=await reconciliation.find(tx, limit=9),
            trust="ledger",
            reference="mine",
            actor="ada",
            now=LATER,
            location_ids=[world.places["south"]],
        )
    reserved = "SELECT reserved FROM stock WHERE sku_id = $1 AND location_id = $2"
    left = {place: await world.value(reserved, world.skus["MUG"], world.places[place]) for place in ("north", "south")}
    assert left == {"north": 2, "south": 0}


async def test_what_is_gone_by_the_time_of_the_repair_is_left_alone(world: World) -> None:
    await meddle(world, "UPDATE stock SET on_hand = 11 WHERE sku_id = 1 AND on_hand = 10")
    stale = await found(world)
    await repaired(world)
    async with world.brand.transaction() as tx:
        again = await reconciliation.repair(
            tx, differences=stale, trust="ledger", reference="again", actor="ada", now=LATER
        )
    assert again == Repaired(repaired=0, gone=1, left=0)


async def ship(world: World, quantity: int) -> None:
    claim = Claim(
        order_id=new_id(), line_no=1, sku_id=world.skus["MUG"], location_id=world.places["north"], quantity=quantity
    )
    async with world.brand.transaction() as tx:
        await inventory.claim(tx, claims=[claim])
        await inventory.ship(tx, claims=[claim], reference="parcel", actor="test", now=MONDAY)


async def test_what_a_locations_own_book_says_otherwise_has_a_cause(world: World) -> None:
    await ship(world, 2)
    async with world.brand.transaction() as tx:
        await inventory.expect(
            tx, reference="po", location_id=world.places["north"], units={world.skus["CARD"]: 5}, expected_at=LATER,
            actor="test", now=MONDAY,
        )  # fmt: skip
    await told(world, "sku,on_hand\nMUG,10\nCARD,15\n", applies=False)
    assert await causes(world) == [("received_not_ours", "CARD", 5), ("shipped_not_theirs", "MUG", 2)]
    await told(world, "sku,on_hand\nMUG,1\nCARD,3\n", applies=False)
    assert await causes(world) == [("received_not_theirs", "CARD", 7), ("received_not_theirs", "MUG", 7)]
    await told(world, "sku,on_hand\nMUG,20\nCARD,10\n", applies=False)
    assert await causes(world) == [("count_difference", "MUG", 12)]
    assert await found(world, "south") == []


async def test_what_a_locations_own_book_says_of_claims_has_a_cause(world: World) -> None:
    await world.placed(("MUG", 6))
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE clock SET clock_from = $1", MONDAY + timedelta(days=3))
    await told(world, "sku,on_hand\nMUG,4\nCARD,10\n", applies=False)
    assert await causes(world) == [("claims_taken_off", "MUG", 6)]
    await told(world, "sku,on_hand\nMUG,4\nCARD,10\n")
    assert await causes(world) == [("claims_unknown_there", "MUG", 2)]
    assert (await repaired(world)).left == 1
    assert (await world.stock("MUG"))["on_hand"] == 6


async def test_what_was_claimed_when_a_feed_came_is_put_right_when_it_is_not_any_more(world: World) -> None:
    order_id = await world.placed(("MUG", 6))
    await told(world, "sku,on_hand\nMUG,4\nCARD,10\n")
    assert await causes(world) == [("claims_unknown_there", "MUG", 2)]
    async with world.brand.transaction() as tx:
        await orders.cancel(tx, order_id=order_id, wanted=None, reason="customer", actor="test", now=MONDAY)
    assert await repaired(world) == Repaired(repaired=1, gone=0, left=0)
    assert (await world.stock("MUG"))["on_hand"] == 4
    assert await causes(world) == []
    assert await world.faults() == []


async def test_the_book_follows_a_feed_row_by_row_when_a_person_says_so(world: World) -> None:
    await told(world, "sku,on_hand\nMUG,20\nCARD,10\n", applies=False)
    assert await repaired(world) == Repaired(repaired=1, gone=0, left=0)
    assert await causes(world) == []
    assert (await world.stock("MUG"))["on_hand"] == 20
    assert await world.faults() == []


async def test_every_night_of_a_location_is_looked_at_once(world: World) -> None:
    await meddle(world, "UPDATE stock SET on_hand = 12 WHERE on_hand = 10 AND sku_id = 1")
    assert [await reconciliation.reconcile(world.brand) for _ in range(2)] == [2, 0]
    async with world.brand.reading() as tx:
        figures = await reconciliation.latest(tx)
    assert len(figures) == 2 * len(reconciliation.CAUSES)
    assert [(one.location, one.cause, one.keys, one.units) for one in figures if one.keys] == [
        ("north", "counter_drift", 1, 2)
    ]
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE clock SET clock_from = $1", MONDAY + timedelta(days=1))
    assert await reconciliation.reconcile(world.brand) == 2
    async with world.brand.reading() as tx:
        assert len(await reconciliation.nights(tx, since=MONDAY.date() - timedelta(days=9))) == 4 * len(
            reconciliation.CAUSES
        )
