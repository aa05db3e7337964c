"""Goods in and out: notes count once, counters are the sums of their movements, and waiting orders hear of it."""

from __future__ import annotations

import asyncio
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from doorstep import inventory, orders
from doorstep.inventory import Claim, Disposition, Restock
from doorstep.kit.errors import Conflict
from doorstep.kit.ids import new_id
from tests.orders.world import MONDAY, World


async def claimed(world: World, quantity: int) -> Claim:
    claim = Claim(
        order_id=new_id(),
        line_no=1,
        sku_id=world.skus["MUG"],
        location_id=world.places["north"],
        quantity=quantity,
    )
    async with world.brand.transaction() as tx:
        await inventory.claim(tx, claims=[claim])
    return claim


async def units_fault(world: World) -> list[str]:
    async with world.brand.reading() as tx:
        return [one.check for one in await inventory.audit(tx) if not one.ok]


async def test_a_delivery_note_sent_twice_counts_once(world: World) -> None:
    for _ in range(2):
        await world.fill({"north": {"MUG": 5}}, reference="note 7")
    assert (await world.stock("MUG"))["on_hand"] == 15
    assert await units_fault(world) == []


async def test_a_note_sent_twice_at_once_counts_once(world: World) -> None:
    await asyncio.gather(*(world.fill({"north": {"MUG": 5}}, reference="note 8") for _ in range(4)))
    assert (await world.stock("MUG"))["on_hand"] == 15


async def test_shipped_units_leave_the_claim_and_the_house(world: World) -> None:
    claim = await claimed(world, 3)
    async with world.brand.transaction() as tx:
        await inventory.ship(tx, claims=[claim], reference="parcel", actor="test", now=MONDAY)
    stock = await world.stock("MUG")
    assert (stock["on_hand"], stock["reserved"]) == (7, 0)
    assert await units_fault(world) == []


@pytest.mark.parametrize("verb", ["release", "ship", "correct_shelf"])
async def test_more_than_a_claim_holds_is_a_conflict_and_changes_nothing(world: World, verb: str) -> None:
    # Also when the shelf's counters would not allow it: the caller hears of a conflict, not of a constraint.
    claim = await claimed(world, 3)
    more = {} if verb == "ship" else {"reason": "test"}
    for units in (4, 20):
        with pytest.raises(Conflict):
            async with world.brand.transaction() as tx:
                await getattr(inventory, verb)(
                    tx, claims=[replace(claim, quantity=units)], reference="too many", actor="test", now=MONDAY, **more
                )
    stock = await world.stock("MUG")
    assert (stock["on_hand"], stock["reserved"]) == (10, 3)
    assert await units_fault(world) == []


async def test_units_a_picker_does_not_find_leave_the_book(world: World) -> None:
    claim = await claimed(world, 3)
    async with world.brand.transaction() as tx:
        await inventory.correct_shelf(
            tx, claims=[claim], reason="shelf empty", reference="pick", actor="test", now=MONDAY
        )
    stock = await world.stock("MUG")
    assert (stock["on_hand"], stock["reserved"]) == (7, 0)
    assert await world.value("SELECT kind FROM stock_movements ORDER BY movement_id DESC LIMIT 1") == "adjusted"
    assert await units_fault(world) == []


@pytest.mark.parametrize("disposition", get_args(Disposition))
async def test_what_comes_back_becomes_what_its_disposition_says(world: World, disposition: Disposition) -> None:
    item = Restock(sku_id=world.skus["MUG"], location_id=world.places["north"], quantity=2, disposition=disposition)
    for _ in range(2):  # told twice, booked once
        async with world.brand.transaction() as tx:
            await inventory.restock(tx, items=[item], reference="return 1", actor="test", now=MONDAY)
    async with world.brand.reading() as reader:
        available = await inventory.read_stock(reader, [item.sku_id], now=MONDAY)
    stock = await world.stock("MUG")
    kept = disposition in ("restock", "refurbish", "damaged")
    assert stock["on_hand"] == (12 if kept else 10)
    assert (stock["damaged"], stock["quality_control"]) == (
        2 * (disposition == "damaged"),
        2 * (disposition == "refurbish"),
    )
    assert available[item.sku_id, item.location_id] == (12 if disposition == "restock" else 10)
    assert await units_fault(world) == []


async def count(world: World, units: int, reference: str = "", **more: Any) -> int:
    key = world.skus["MUG"], world.places["north"]
    named: dict[str, Any] = {
        "reference": reference or f"count {units}", "claimants": orders.Claimants(), "actor": "test", "now": MONDAY
    }  # fmt: skip
    return await world.brand.run(lambda tx: inventory.count(tx, counted={key: units}, **{**named, **more}))


async def test_a_count_sent_again_later_does_not_undo_what_happened_since(world: World) -> None:
    assert await count(world, 8, "monday") == 1
    await world.fill({"north": {"MUG": 5}})
    assert await count(world, 8, "monday") == 0
    assert (await world.stock("MUG"))["on_hand"] == 13


async def test_the_audit_sees_a_counter_that_lies(world: World) -> None:
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE stock SET on_hand = on_hand + 1, reserved = 1 WHERE sku_id = $1", world.skus["MUG"])
    assert len(await units_fault(world)) == 2
