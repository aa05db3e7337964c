"""Holds and what surrounds them: orders in one batch, other places, counts, orders that wait, the database itself."""

from __future__ import annotations

import asyncpg
import msgspec
import pytest

from doorstep import inventory, orders
from doorstep.carts import HoldEnded
from doorstep.kit.errors import Conflict, Short
from doorstep.kit.ids import new_id
from doorstep.orders.place import place_batch
from doorstep.orders.placing import Outcome
from doorstep.routing import NetworkCache
from tests.carts.holding import buying, cart_faults, change, extend, held, hold, lapse, release, set_minute
from tests.orders.world import MONDAY, World, placing


def short(outcome: Outcome) -> bool:
    """Refused for want of stock."""
    return isinstance(outcome.problem, Short)


async def test_a_cart_lies_together_by_priority_and_splits_only_when_it_must(world: World) -> None:
    assert await held(world, await hold(world, ("MUG", 4))) == {("MUG", "north"): 4}
    assert await held(world, await hold(world, ("MUG", 7))) == {("MUG", "north"): 6, ("MUG", "south"): 1}


async def test_a_cart_with_an_address_lies_where_an_order_would_come_from(world: World) -> None:
    hold_id = await hold(world, ("MUG", 4), country="GB")
    (outcome,) = await world.place(buying("O-1", hold_id, ("MUG", 4)))
    assert outcome.answer is not None
    assert [part.location for part in outcome.answer.parts] == ["north"]
    nowhere = await hold(world, ("CARD", 1), country="XX")  # nothing goes there yet: by priority
    assert await held(world, nowhere) == {("CARD", "north"): 1}


async def test_what_a_location_cannot_handle_is_not_held_there(world: World) -> None:
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE products SET handling = '{fragile}' WHERE sku = 'MUG'")
        await tx.execute("UPDATE locations SET capabilities = '{fragile}' WHERE code = 'south'")
    assert await held(world, await hold(world, ("MUG", 3))) == {("MUG", "south"): 3}
    with pytest.raises(Short) as refused:
        await hold(world, ("MUG", 2))
    assert refused.value.extra["short"] == [{"sku": "MUG", "wanted": 2, "available": 1}]


async def test_an_order_takes_its_cart_along_to_where_routing_wants_it(world: World) -> None:
    hold_id = await hold(world, ("MUG", 4))
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE locations SET enabled = false WHERE code = 'north'")
    (outcome,) = await place_batch(world.brand, NetworkCache(), [buying("O-1", hold_id, ("MUG", 4))])
    assert outcome.answer is not None
    assert [part.location for part in outcome.answer.parts] == ["south"]
    assert [(await world.stock("MUG", code))["reserved"] for code in ("north", "south")] == [0, 4]
    assert await cart_faults(world) == []


async def test_carts_come_before_orders_without_one_and_give_their_rest_to_them(world: World) -> None:
    hold_id = await hold(world, ("MUG", 14))
    outcomes = await world.place(placing("O-1", ("MUG", 4)), buying("O-2", hold_id, ("MUG", 10)))
    assert [outcome.new for outcome in outcomes] == [True, True]
    assert [(await world.stock("MUG", code))["reserved"] for code in ("north", "south")] == [10, 4]
    assert await cart_faults(world) == []


async def test_an_expired_cart_that_is_bought_in_the_batch_is_not_taken_by_its_neighbor(world: World) -> None:
    hold_id = await hold(world, ("CARD", 10))
    await set_minute(world, 20)
    bigger, own, other = await world.place(
        buying("O-1", await hold(world, ("MUG", 1)), ("MUG", 1), ("CARD", 1)),
        buying("O-2", hold_id, ("CARD", 10)),
        placing("O-3", ("CARD", 1), on_short="accept"),
    )
    assert short(bigger)
    assert own.new
    assert other.answer is not None
    assert [list(pair) for pair in other.answer.short] == [[1, 1]]
    assert await cart_faults(world) == []


async def test_what_was_refused_with_a_cart_is_not_refused_without_asking_again(world: World) -> None:
    gone = await hold(world, ("MUG", 1))
    await release(world, gone)
    outcomes = await world.place(
        buying("O-1", gone, ("MUG", 1)), buying("O-1", gone, ("MUG", 1)), placing("O-1", ("MUG", 1))
    )
    assert [isinstance(outcome.problem, HoldEnded) for outcome in outcomes] == [True, True, False]
    assert outcomes[2].new


async def test_of_an_expired_cart_only_the_skus_that_are_short_are_taken_back(world: World) -> None:
    hold_id = await hold(world, ("MUG", 14), ("CARD", 10))
    await set_minute(world, 20)
    await world.placed(("MUG", 1))
    left = await held(world, hold_id)
    assert set(left) == {("CARD", "north"), ("MUG", "south")}  # of the row that was short, all that had expired
    with pytest.raises(HoldEnded):
        await extend(world, hold_id)
    assert (await change(world, hold_id, ("MUG", 13), ("CARD", 10))).status(MONDAY) == "open"
    assert await cart_faults(world) == []


async def test_who_is_refused_has_taken_nothing_back(world: World) -> None:
    hold_id = await hold(world, ("CARD", 10))
    await set_minute(world, 20)
    (outcome,) = await world.place(placing("O-1", ("CARD", 1), ("MUG", 15)))
    assert short(outcome)
    with pytest.raises(Short):
        await hold(world, ("CARD", 1), ("MUG", 15))
    assert await held(world, hold_id) == {("CARD", "north"): 10}


async def test_an_order_that_may_be_short_owes_what_its_cart_did_not_have(world: World) -> None:
    hold_id = await hold(world, ("MUG", 14))
    (outcome,) = await world.place(buying("O-1", hold_id, ("MUG", 16), on_short="accept"))
    assert outcome.answer is not None
    assert [list(pair) for pair in outcome.answer.short] == [[1, 2]]
    assert await cart_faults(world) == []


async def test_an_order_that_waits_gets_what_a_forgotten_cart_held(world: World) -> None:
    forgotten = await hold(world, ("MUG", 14))
    waiting = await world.placed(("MUG", 3), on_short="accept")
    await world.settle()
    await set_minute(world, 24)
    assert await lapse(world) == 0  # its shopper may still come back
    await set_minute(world, 26)
    assert await lapse(world) == 2
    await world.settle()
    (line,) = await world.lines(waiting)
    assert (line.shortfall, line.backordered) == (0, 0)
    assert await held(world, forgotten) == {}
    assert await lapse(world) == 0
    assert await cart_faults(world) == []


async def test_an_order_that_looks_elsewhere_takes_what_has_expired(world: World) -> None:
    order_id = await world.placed(("MUG", 4))
    await world.settle()
    cart = await hold(world, ("MUG", 10))
    assert await held(world, cart) == {("MUG", "north"): 6, ("MUG", "south"): 4}
    await set_minute(world, 20)
    (work,) = await world.work(order_id)
    async with world.brand.transaction() as tx:
        await world.reject(tx, work.fulfillment_order_id)
    await world.settle()
    assert await world.value("SELECT location_id FROM reservations WHERE open > 0") == world.places["south"]
    assert await cart_faults(world) == []


async def test_what_has_expired_gives_way_to_a_count(world: World) -> None:
    await hold(world, ("CARD", 4), minutes=5)
    kept = await hold(world, ("CARD", 6), minutes=60)
    await set_minute(world, 20)
    async with world.brand.transaction() as tx:
        await inventory.count(
            tx,
            reference="C-1",
            counted={(world.skus["CARD"], world.places["north"]): 6},
            claimants=orders.Claimants(),
            actor="test",
            now=await world.brand.now(),
        )
    assert (await world.stock("CARD"))["reserved"] == 6
    assert (await extend(world, kept)).ended is None
    assert await cart_faults(world) == []


async def test_to_change_nothing_writes_no_movement(world: World) -> None:
    hold_id = await hold(world, ("MUG", 12))
    before = await world.value("SELECT count(*) FROM stock_movements")
    await change(world, hold_id, ("MUG", 6), ("MUG", 6))
    assert await world.value("SELECT count(*) FROM stock_movements") == before


async def test_every_change_of_reserved_by_a_cart_is_explained(world: World) -> None:
    bought, given_up = await hold(world, ("CARD", 4)), await hold(world, ("CARD", 5))
    await release(world, given_up)
    await world.place(buying("O-1", bought, ("CARD", 3)))
    query = (
        "SELECT kind, reason, reserved_delta, reference FROM stock_movements WHERE reserved_delta <> 0 ORDER BY 1, 2"
    )
    async with world.brand.reading() as tx:
        told = [tuple(row) for row in await tx.fetch(query)]
    assert sorted(told) == sorted(
        [
            ("moved", "cart became an order", -3, f"cart:{bought.hex}"),
            ("released", "cart became an order", -1, f"cart:{bought.hex}"),
            ("released", "cart released", -5, f"cart:{given_up.hex}"),
        ]
    )


async def test_the_database_itself_refuses_a_cart_that_gives_back_more_than_it_took(world: World) -> None:
    hold_id = await hold(world, ("MUG", 2))
    with pytest.raises(asyncpg.CheckViolationError, match="cart_claims_within_claim"):
        await world.value("UPDATE cart_claims SET open = -1 WHERE hold_id = $1", hold_id)


@pytest.mark.parametrize("end", ["ended = 'released'", "ended_at = now()", "order_id = hold_id", "ended = 'sold'"])
async def test_the_database_itself_refuses_half_an_end(world: World, end: str) -> None:
    hold_id = await hold(world, ("MUG", 2))
    with pytest.raises(asyncpg.CheckViolationError):
        await world.value(f"UPDATE cart_holds SET {end} WHERE hold_id = $1", hold_id)


async def test_the_database_itself_refuses_two_carts_for_one_order(world: World) -> None:
    ids = [await hold(world, ("MUG", 1)) for _ in range(2)]
    end = "UPDATE cart_holds SET ended = 'converted', ended_at = now(), order_id = $1 WHERE hold_id = ANY($2)"
    with pytest.raises(asyncpg.UniqueViolationError):
        await world.value(end, new_id(), ids)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE cart_holds SET ended = 'released', ended_at = now()",
        "UPDATE cart_holds SET expires_at = expires_at + interval '1 hour'",
        "UPDATE cart_holds SET lines = '[]'",
        "DELETE FROM cart_holds",
        "UPDATE cart_claims SET open = open - 1",
    ],
)
async def test_the_audit_sees_a_cart_that_does_not_add_up(world: World, damage: str) -> None:
    await hold(world, ("MUG", 2))
    assert await cart_faults(world) == []
    await world.value(damage)
    assert len(await cart_faults(world)) == 1


async def test_units_a_cart_does_not_have_are_not_given_back(world: World) -> None:
    hold_id, _ = await hold(world, ("MUG", 2)), await hold(world, ("MUG", 5))
    async with world.brand.reading() as tx:
        (claim,) = await inventory.cart_claims(tx, [hold_id])
    more = msgspec.structs.replace(claim, quantity=3)
    with pytest.raises(Conflict, match="does not hold that many"):
        async with world.brand.transaction() as tx:
            await inventory.give_back_from_cart(tx, claims=[more], reason="test", actor="test", now=MONDAY)
    assert (await world.stock("MUG"))["reserved"] == 7
