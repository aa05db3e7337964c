"""Less is there than is claimed: who gives way, in which order, what becomes of them, and who may stay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from doorstep import inventory, orders
from doorstep.inventory import Change, Displaced
from doorstep.kit.errors import Conflict
from tests.carts.holding import cart_faults, held, hold, set_minute
from tests.orders.world import MONDAY, World


@pytest.fixture
async def lamps(world: World) -> World:
    """Ten lamps in the north, and nowhere else."""
    await world.fill({"north": {"LAMP": 10}})
    return world


async def count(world: World, units: int, *, sku: str = "LAMP", reference: str = "C-1") -> Sequence[Displaced]:
    """Count the north's shelf; who had to give way."""
    claimants, now = orders.Claimants(), await world.brand.now()
    await world.brand.run(
        lambda tx: inventory.count(
            tx,
            reference=reference,
            counted={(world.skus[sku], world.places["north"]): units},
            claimants=claimants,
            actor="test",
            now=now,
        )
    )
    return claimants.moved


async def adjust(world: World, **deltas: int) -> Sequence[Displaced]:
    """Adjust the north's lamps; who had to give way."""
    claimants = orders.Claimants()
    change = Change(sku_id=world.skus["LAMP"], location_id=world.places["north"], **deltas)
    await world.brand.run(
        lambda tx: inventory.adjust(
            tx,
            changes=[change],
            reason="broken",
            reference=f"A {deltas}",
            claimants=claimants,
            actor="test",
            now=MONDAY,
        )
    )
    return claimants.moved


async def held_order(world: World, *lines: tuple[str, int], **more: Any) -> UUID:
    """An order with a hold: its work is drafted, and nobody begins it."""
    order_id = await world.placed(*lines, **more)
    async with world.brand.transaction() as tx:
        await orders.place_hold(tx, order_id=order_id, reason="customer_request", note="", actor="test", now=MONDAY)
    await world.settle()
    return order_id


async def told(world: World, order_id: UUID) -> list[str]:
    """What happened to an order, kinds only."""
    query = "SELECT array_agg(kind ORDER BY seq) FROM events WHERE order_id = $1 AND kind LIKE 'orders.%'"
    found: list[str] = await world.value(query, order_id)
    return [kind for kind in found if kind not in ("orders.placed", "orders.hold_placed")]


async def test_the_newest_standard_order_gives_way_first_and_waits(lamps: World) -> None:
    express = await held_order(lamps, ("LAMP", 3), service="express")
    old, new = [await held_order(lamps, ("LAMP", 3)) for _ in range(2)]
    moved = await count(lamps, 5)
    assert {(one.order_id, one.quantity) for one in moved} == {(new, 3), (old, 1)}
    assert [(line.reserved, line.shortfall) for line in await lamps.lines(new)] == [(0, 3)]
    assert [(line.reserved, line.shortfall) for line in await lamps.lines(old)] == [(2, 1)]
    assert [line.reserved for line in await lamps.lines(express)] == [3]
    assert await told(lamps, new) == ["orders.backordered"]
    assert await lamps.value("SELECT count(*) FROM exceptions WHERE kind = 'stock_short' AND resolved_at IS NULL") == 2
    stock = await lamps.stock("LAMP")
    assert (stock["on_hand"], stock["reserved"]) == (5, 5)
    assert await count(lamps, 5) == []  # the same note again
    assert await lamps.faults() == []


async def test_the_channel_that_matters_less_gives_way_before_a_newer_order(lamps: World) -> None:
    async with lamps.brand.transaction() as tx:
        await tx.execute("INSERT INTO channels (channel, title, currency, priority) VALUES ('own', 'Own', 'GBP', 10)")
    other = await held_order(lamps, ("LAMP", 5))
    mine = await held_order(lamps, ("LAMP", 5))
    async with lamps.brand.transaction() as tx:
        await tx.execute(
            "UPDATE orders o SET channel_id = c.channel_id FROM channels c WHERE c.channel = 'own' AND order_id = $1",
            mine,
        )
    assert [one.order_id for one in await count(lamps, 8)] == [other]
    assert await lamps.faults() == []


async def test_what_another_location_has_comes_from_there_at_once(world: World) -> None:
    order_id = await held_order(world, ("MUG", 6))
    assert [one.quantity for one in await count(world, 4, sku="MUG")] == [2]
    assert [(await world.stock("MUG", code))["reserved"] for code in ("north", "south")] == [4, 2]
    assert await told(world, order_id) == ["orders.rerouted"]
    assert await world.faults() == []
    assert {work.location_id for work in await world.work(order_id)} == set(world.places.values())


async def test_goods_that_arrive_serve_who_gave_way(lamps: World) -> None:
    order_id = await held_order(lamps, ("LAMP", 4))
    await count(lamps, 1)
    await lamps.fill({"north": {"LAMP": 5}})
    await lamps.settle()
    assert [line.reserved for line in await lamps.lines(order_id)] == [4]
    assert await told(lamps, order_id) == ["orders.backordered", "orders.allocated"]
    assert await lamps.value("SELECT count(*) FROM exceptions WHERE resolved_at IS NULL") == 0
    assert await lamps.faults() == []


async def test_carts_give_way_before_orders_the_expired_first_then_the_newest(lamps: World) -> None:
    expired = await hold(lamps, ("LAMP", 2), minutes=5)
    old, new = [await hold(lamps, ("LAMP", 2), minutes=60) for _ in range(2)]
    order_id = await held_order(lamps, ("LAMP", 4))
    await set_minute(lamps, 20)
    await count(lamps, 8, reference="C-1")
    assert await held(lamps, expired) == {}
    assert await held(lamps, new) == {("LAMP", "north"): 2}
    await count(lamps, 7, reference="C-2")
    assert await held(lamps, new) == {("LAMP", "north"): 1}
    await count(lamps, 5, reference="C-3")
    assert await held(lamps, new) == {}
    assert await held(lamps, old) == {("LAMP", "north"): 1}
    assert [line.reserved for line in await lamps.lines(order_id)] == [4]
    assert [one.order_id for one in await count(lamps, 3, reference="C-4")] == [order_id]
    assert await cart_faults(lamps) == []


async def test_begun_work_stays_and_the_count_says_whose_it_is(lamps: World) -> None:
    begun = await lamps.placed(("LAMP", 4))
    await lamps.settle()
    waiting, cart = await held_order(lamps, ("LAMP", 2)), await hold(lamps, ("LAMP", 1))
    number = await lamps.value("SELECT number FROM orders WHERE order_id = $1", begun)
    with pytest.raises(Conflict, match=number) as refused:
        await count(lamps, 3)
    assert refused.value.extra["orders"] == [number]
    assert (await lamps.stock("LAMP"))["on_hand"] == 10
    assert await held(lamps, cart) == {("LAMP", "north"): 1}
    assert [line.reserved for line in await lamps.lines(waiting)] == [2]
    assert [one.order_id for one in await count(lamps, 4)] == [waiting]
    assert await lamps.faults() == []


async def test_begun_work_that_is_newer_is_not_asked_for_what_others_can_give(lamps: World) -> None:
    waiting = await held_order(lamps, ("LAMP", 4))
    begun = await lamps.placed(("LAMP", 4))
    await lamps.settle()
    assert [one.order_id for one in await count(lamps, 6)] == [waiting]
    assert [line.activated for line in await lamps.lines(begun)] == [4]
    assert await lamps.faults() == []


@pytest.mark.parametrize("deltas", [{"on_hand": -5}, {"damaged": 5}, {"quality_control": 3, "damaged": 2}])
async def test_adjusting_damage_and_control_make_room_like_a_count(lamps: World, deltas: dict[str, int]) -> None:
    order_id = await held_order(lamps, ("LAMP", 8))
    assert [one.quantity for one in await adjust(lamps, **deltas)] == [3]
    assert [(line.reserved, line.shortfall) for line in await lamps.lines(order_id)] == [(5, 3)]
    assert await lamps.faults() == []


async def test_what_may_be_oversold_needs_no_room(lamps: World) -> None:
    await held_order(lamps, ("LAMP", 8))
    async with lamps.brand.transaction() as tx:
        await tx.execute("UPDATE stock SET oversell_limit = 3 WHERE sku_id = $1", lamps.skus["LAMP"])
    assert await count(lamps, 5) == []
    assert [one.quantity for one in await count(lamps, 4, reference="C-2")] == [1]
    assert await lamps.faults() == []


@pytest.mark.parametrize("deltas", [{"on_hand": -11}, {"damaged": -1}, {"quality_control": -1}, {"damaged": 11}])
async def test_a_counter_below_nothing_is_refused_in_words(lamps: World, deltas: dict[str, int]) -> None:
    with pytest.raises(Conflict):
        await adjust(lamps, **deltas)
    assert (await lamps.stock("LAMP"))["on_hand"] == 10


async def test_what_is_set_aside_gives_way_and_waits_for_the_next_delivery(lamps: World) -> None:
    soon, release = MONDAY + timedelta(days=3), MONDAY + timedelta(days=9)
    await lamps.expect("PO-1", "VASE", 4, soon)
    await lamps.expect("PO-2", "VASE", 4, soon + timedelta(days=3))
    async with lamps.brand.transaction() as tx:
        terms = inventory.BeyondStockTerms(sku="VASE", kind="preorder", cap=9, release_at=release)
        await inventory.put_terms(tx, [terms])
    first, second = [await lamps.placed(("VASE", 2)) for _ in range(2)]
    await lamps.fill({"north": {"VASE": 4}}, reference="PO-1")
    await lamps.settle()
    assert (await lamps.stock("VASE"))["reserved"] == 4
    key = lamps.skus["VASE"], lamps.places["north"]
    claimants = orders.Claimants()
    await lamps.brand.run(
        lambda tx: inventory.count(tx, reference="C-9", counted={key: 3}, claimants=claimants, actor="test", now=MONDAY)
    )
    assert [(one.order_id, one.quantity) for one in claimants.moved] == [(second, 1)]
    await lamps.settle()
    assert (await lamps.stock("VASE"))["reserved"] == 3
    assert await lamps.value("SELECT promised FROM incoming WHERE reference = 'PO-2'") == 1
    assert [sum(line.backordered for line in await lamps.lines(one)) for one in (first, second)] == [2, 2]
    assert await lamps.faults() == []
