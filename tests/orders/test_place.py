"""Placing in batches: an outcome for each request, nothing half done, and goods that arrive serve who waits."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import msgspec
import pytest

from doorstep import catalog, inventory, orders
from doorstep.catalog import PersonalizationField, ProductData
from doorstep.kit.errors import BodyDiffers, Conflict, Invalid, NotFound, Short
from doorstep.kit.ids import new_id
from doorstep.orders import Intake
from doorstep.orders.placing import Placing
from doorstep.orders.requests import GiftWrap, Personalization, PlaceLine, Preferences
from tests.orders.world import MONDAY, World, placing


@pytest.fixture
async def world(world: World) -> World:
    """The usual world, with a LAMP nobody has."""
    await world.fill({"north": {"LAMP": 1}})
    async with world.brand.transaction() as tx:
        await inventory.count(
            tx, reference="none", counted={(world.skus["LAMP"], world.places["north"]): 0},
            claimants=orders.Claimants(), actor="test", now=MONDAY,
        )  # fmt: skip
    return world


async def test_one_bad_request_does_not_take_the_batch_down(world: World) -> None:
    outcomes = await world.place(
        placing("P-1", ("MUG", 1)),
        placing("P-2", ("NOPE", 1)),
        placing("P-3", ("MUG", 99)),
        placing("P-4", ("CARD", 1)),
    )
    assert [type(outcome.problem) for outcome in outcomes] == [type(None), Invalid, Short, type(None)]
    assert await world.value("SELECT array_agg(number ORDER BY number) FROM orders") == ["P-1", "P-4"]
    assert await world.faults() == []


@pytest.mark.parametrize(
    ("extra", "table"),
    [
        ({"gift_wrap": GiftWrap()}, "line_services"),
        ({"personalization": Personalization(fields={"name": "ADA"})}, "line_services"),
        ({"preferences": Preferences()}, "contact_preferences"),
        ({"risk_score": 100}, "holds"),
        ({}, None),
    ],
    ids=["wrap", "print", "preferences", "hold", "plain"],
)
async def test_what_only_some_orders_have_is_written_beside_orders_without_it(
    world: World, extra: dict[str, Any], table: str | None
) -> None:
    # Plain orders are written by one statement, in the same batch as others.
    names = (PersonalizationField(name="name", label="Name", choices=("ADA",)),)
    mug = ProductData(
        sku="MUG", title="Mug", weight_g=1, length_mm=1, width_mm=1, height_mm=1, gift_wrap=True, personalization=names
    )
    async with world.brand.transaction() as tx:
        await catalog.put_products(tx, [mug], now=MONDAY)
    plain = placing("P-1", ("MUG", 1)).order
    of_line = {name: value for name, value in extra.items() if name in PlaceLine.__struct_fields__}
    of_order = {name: value for name, value in extra.items() if name not in of_line}
    line = msgspec.structs.replace(plain.lines[0], **of_line)
    more = msgspec.structs.replace(plain, number="P-2", lines=[line], **of_order)
    outcomes = await world.place(*(Placing.of(order, "test") for order in (plain, more)))
    assert all(outcome.new for outcome in outcomes), outcomes
    tables = ("line_services", "contact_preferences", "holds")
    assert {name: await world.value(f"SELECT count(*) FROM {name}") for name in tables} == {
        name: int(name == table) for name in tables
    }
    assert await world.faults() == []


async def test_a_retry_takes_nothing_more_and_answers_the_same(world: World) -> None:
    (first,) = await world.place(placing("P-1", ("MUG", 3)))
    (again,) = await world.place(placing("P-1", ("MUG", 3)))
    assert (first.new, again.new) == (True, False)
    assert first.answer == again.answer
    assert (await world.stock("MUG"))["reserved"] == 3


async def test_a_retry_with_another_body_is_told_which_fields_differ(world: World) -> None:
    await world.place(placing("P-1", ("MUG", 3)))
    (outcome,) = await world.place(placing("P-1", ("MUG", 2), service="express", risk_score=5))
    assert isinstance(outcome.problem, BodyDiffers)
    assert outcome.problem.extra["fields"] == ["service", "lines", "risk_score"]


async def test_a_refused_order_writes_nothing_and_its_number_stays_free(world: World) -> None:
    (refused,) = await world.place(placing("P-1", ("MUG", 15)))
    assert isinstance(refused.problem, Short)
    assert await world.value("SELECT count(*) FROM events WHERE order_id IS NOT NULL") == 0
    await world.fill({"north": {"MUG": 5}})
    (placed,) = await world.place(placing("P-1", ("MUG", 15)))
    assert placed.new


async def test_an_order_is_split_when_no_location_has_everything(world: World) -> None:
    order_id = await world.placed(("MUG", 12))
    assert [(await world.stock("MUG", code))["reserved"] for code in ("north", "south")] == [10, 2]
    await world.settle()
    assert len(await world.work(order_id)) == 2
    assert await world.faults() == []


async def test_within_a_batch_the_first_to_come_is_the_first_served(world: World) -> None:
    outcomes = await world.place(*(placing(f"P-{n}", ("MUG", 5)) for n in range(4)))
    assert [outcome.new for outcome in outcomes] == [True, True, False, False]


async def test_goods_that_arrive_serve_who_waits_express_first_then_oldest(world: World) -> None:
    services = ("standard", "standard", "express")
    waiting = [await world.placed(("LAMP", 2), on_short="accept", service=service) for service in services]
    await world.fill({"north": {"LAMP": 3}})
    await world.settle()
    lines = [(await world.lines(order_id))[0] for order_id in waiting]
    assert [line.shortfall for line in lines] == [1, 2, 0]
    assert await world.faults() == []


async def test_a_reject_moves_the_claim_and_never_asks_that_location_again(world: World) -> None:
    order_id = await world.placed(("MUG", 3))
    await world.settle()
    for code, left in (("north", "south"), ("south", "")):
        (work,) = [one for one in await world.work(order_id) if one.status_category == "activated"]
        assert work.location_id == world.places[code]
        async with world.brand.transaction() as tx:
            await world.reject(tx, work.fulfillment_order_id)
        await world.settle()
        units = {place: (await world.stock("MUG", place))["reserved"] for place in ("north", "south")}
        assert units == {"north": 0, "south": 0} | ({left: 3} if left else {})
    (line,) = await world.lines(order_id)
    assert line.shortfall == 3
    assert await world.value("SELECT kind FROM exceptions WHERE resolved_at IS NULL") == "stock_short"
    assert await world.faults() == []


async def test_a_cancel_of_part_gives_just_that_back(world: World) -> None:
    order_id = await world.placed(("MUG", 3), ("CARD", 2))
    event = await _cancel(world, order_id, orders.LineQuantity(line_no=1, quantity=2))
    assert event is not None
    assert not event.everything
    assert ((await world.stock("MUG"))["reserved"], (await world.stock("CARD"))["reserved"]) == (1, 2)
    with pytest.raises(Conflict):
        await _cancel(world, order_id, orders.LineQuantity(line_no=1, quantity=2))
    with pytest.raises(Invalid):
        await _cancel(world, order_id, orders.LineQuantity(line_no=9, quantity=1))
    assert await world.faults() == []


async def _cancel(world: World, order_id: UUID, line: orders.LineQuantity) -> orders.Canceled | None:
    async with world.brand.transaction() as tx:
        return await orders.cancel(tx, order_id=order_id, wanted=[line], reason="t", actor="test", now=MONDAY)


async def test_nothing_is_activated_while_a_hold_is_open_and_all_when_the_last_is_released(world: World) -> None:
    order_id = await world.placed(("MUG", 1), risk_score=99)
    async with world.brand.transaction() as tx:
        second = await orders.place_hold(
            tx, order_id=order_id, reason="customer_request", note="", actor="test", now=MONDAY
        )
    await world.settle()
    first = await world.value("SELECT hold_id FROM holds WHERE reason = 'high_risk_of_fraud'")
    for hold_id, category in ((first, "draft"), (second, "activated")):
        async with world.brand.transaction() as tx:
            assert await orders.release_hold(tx, order_id=order_id, hold_id=hold_id, actor="test", now=MONDAY)
            assert not await orders.release_hold(tx, order_id=order_id, hold_id=hold_id, actor="test", now=MONDAY)
        await world.settle()
        assert [one.status_category for one in await world.work(order_id)] == [category]
    with pytest.raises(NotFound):
        async with world.brand.transaction() as tx:
            await orders.release_hold(tx, order_id=order_id, hold_id=new_id(), actor="test", now=MONDAY)


async def test_when_the_database_refuses_one_order_the_others_of_its_batch_are_placed(world: World) -> None:
    async with world.brand.transaction() as tx:
        await tx.execute("ALTER TABLE orders ADD CONSTRAINT bad CHECK (number <> 'P-3')")
    intake = Intake(world.brand)
    requests: list[Placing] = [placing(f"P-{n}", ("CARD", 1)) for n in range(6)]
    outcomes = await asyncio.gather(*(intake.submit(request) for request in requests))
    await intake.close()
    assert [outcome.new for outcome in outcomes] == [True, True, True, False, True, True]
    assert await world.value("SELECT count(*) FROM orders") == 5
    assert await world.faults() == []


async def test_after_a_commit_whose_answer_was_lost_the_order_is_found_and_answered_as_new(world: World) -> None:
    request = placing("P-1", ("MUG", 1))
    first = (await world.place(request))[0]
    again = (await world.place(request))[0]  # what the intake does when the connection breaks: the very same request
    assert (first.answer, first.new) == (again.answer, again.new)
    assert await world.value("SELECT count(*) FROM orders") == 1


async def test_a_number_that_is_taken_leaves_no_contact_behind(world: World) -> None:
    for _ in range(2):
        await world.place(placing("P-1", ("MUG", 1)))
    assert await world.value("SELECT count(*) FROM contacts") == 1
    assert await world.value("SELECT count(*) FROM addresses") == 1
