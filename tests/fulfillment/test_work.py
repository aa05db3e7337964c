"""Fulfillment on a real database: from the claim to the packed box, and everything that can come between."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from doorstep import fulfillment, orders
from doorstep.db import Brand
from doorstep.fulfillment import FulfillmentOrder, store
from doorstep.fulfillment.model import DOORS, TRANSITIONS, ParcelMeasures
from doorstep.journal import append
from doorstep.kit.errors import Conflict
from tests.fulfillment.floor import Floor

BEGINNING = (-1, datetime.min.replace(tzinfo=UTC), UUID(int=0))


@pytest.fixture
async def floor(brand: Brand) -> Floor:
    return await Floor(brand, {}).open()


async def test_each_location_gets_one_fulfillment_order_and_it_is_activated_at_once(floor: Floor) -> None:
    order_id = await floor.place([("mug", 2, "north"), ("shirt", 1, "south"), ("shirt", 1, "north")])
    north, south = sorted(await floor.work(order_id), key=lambda work: work.location_id)
    assert [line.line_no for line in north.lines] == [1, 3]
    assert [line.line_no for line in south.lines] == [2]
    assert {work.status_category for work in (north, south)} == {"activated"}
    assert north.request_status == "submitted"
    assert [line.activated for line in await floor.lines(order_id)] == [2, 1, 1]
    assert await floor.findings() == []


async def test_nothing_is_activated_under_an_open_hold(floor: Floor) -> None:
    order_id = await floor.place([("mug", 2, "north")], held=True)
    (work,) = await floor.work(order_id)
    assert work.status_category == "draft"
    async with floor.brand.transaction() as tx:
        await tx.execute("UPDATE orders SET awaiting_payment = false WHERE order_id = $1", order_id)
        event = orders.HoldReleased(reason="awaiting_payment", all_clear=True)
        await append(tx, [(order_id, event)], actor="test", now=floor.now)
    await floor.settle()
    (work,) = await floor.work(order_id)
    assert work.status_category == "activated"


async def test_the_same_events_twice_open_nothing_more(floor: Floor) -> None:
    order_id = await floor.place([("mug", 2, "north")])
    async with floor.brand.transaction() as tx:
        await append(tx, [(order_id, orders.Placed(short=False))], actor="test", now=floor.now)
    await floor.settle()
    (work,) = await floor.work(order_id)
    assert [line.quantity for line in work.lines] == [2]


async def test_accepting_twice_is_accepting_once(floor: Floor) -> None:
    (work,) = await floor.work(await floor.place([("mug", 1, "north")]))
    key = work.fulfillment_order_id
    (first,) = await floor.accept(key)
    (second,) = await floor.accept(key)
    assert first.done
    assert not first.already
    assert second.done
    assert second.already
    assert [kind for kind, _ in await floor.told(work.order_id)].count("fulfillment.accepted") == 1


async def test_a_wave_is_accepted_as_far_as_it_can_be(floor: Floor) -> None:
    (good,) = await floor.work(await floor.place([("mug", 1, "north")]))
    (held,) = await floor.work(await floor.place([("mug", 1, "north")]))
    async with floor.brand.transaction() as tx:
        await tx.execute("UPDATE orders SET open_holds = 1 WHERE order_id = $1", held.order_id)
    outcomes = await floor.accept(good.fulfillment_order_id, held.fulfillment_order_id, good.order_id)
    assert [outcome.done for outcome in outcomes] == [True, False, False]
    assert outcomes[1].problem == "The order is on hold."
    assert outcomes[2].missing


async def test_some_units_are_picked_now_and_the_rest_later(floor: Floor) -> None:
    (work,) = await floor.work(await floor.place([("mug", 3, "north")]))
    key = work.fulfillment_order_id
    assert "accept it" in (await floor.pick(key)).problem
    await floor.accept(key)
    assert (await floor.pick(key, (1, 2))).done
    assert "1 still to pick, not 2" in (await floor.pick(key, (1, 2))).problem
    assert "units are not picked" in (await floor.pack(key)).problem
    assert (await floor.pick(key)).done
    assert (await floor.pick(key)).already
    assert (await floor.pack(key)).done
    (line,) = await floor.lines(work.order_id)
    assert (line.activated, line.picked, line.packed) == (0, 0, 3)
    assert await floor.findings() == ["everything packed has become a shipment: 1 ['ful_" + key.hex + "']"]


async def test_work_on_a_line_is_done_in_order_and_packing_waits_for_it(floor: Floor) -> None:
    order_id = await floor.place(
        [("shirt", 1, "north")],
        instructions="Fold it small",
        works=[
            (1, "gift_wrap", {"paper": "stars", "message": "Happy birthday", "hide_prices": True}),
            (1, "personalization", {"fields": {"name": "ADA"}}),
        ],
    )
    (work,) = await floor.work(order_id)
    key = work.fulfillment_order_id
    read, printed, wrapped = work.steps
    assert [step.kind for step in work.steps] == ["acknowledge", "personalize", "gift_wrap"]
    assert printed.detail == {"fields": {"name": "ADA"}}
    await floor.accept(key)
    assert "acknowledge them first" in (await floor.pick(key)).problem
    assert (await floor.done(key, read.work_step_id)).done
    assert "not picked yet" in (await floor.done(key, printed.work_step_id)).problem
    assert (await floor.pick(key)).done
    assert "personalize comes before gift_wrap" in (await floor.done(key, wrapped.work_step_id)).problem
    assert (await floor.pack(key)).problem == "Line 1: personalize is not done. Line 1: gift_wrap is not done."
    assert (await floor.done(key, printed.work_step_id)).done
    assert (await floor.done(key, printed.work_step_id)).already
    assert (await floor.done(key, wrapped.work_step_id)).done
    assert (await floor.pack(key)).done


async def test_a_rejected_order_goes_to_the_other_location_and_not_back(floor: Floor) -> None:
    order_id = await floor.place([("mug", 2, "north")])
    (work,) = await floor.work(order_id)
    async with floor.brand.transaction() as tx:
        outcome = await fulfillment.reject(
            tx, fulfillment_order_id=work.fulfillment_order_id, reason="flood", actor="test", now=floor.now
        )
    assert outcome.done
    await floor.settle()
    old, new = await floor.work(order_id)
    assert (old.status_category, new.status_category) == ("rejected", "activated")
    assert new.location_id == floor.places["south"]
    assert [line.quantity for line in new.lines] == [2]
    assert await floor.findings() == []


async def test_missing_units_leave_the_shelf_count_and_come_from_elsewhere(floor: Floor) -> None:
    order_id = await floor.place([("mug", 5, "north")])
    (work,) = await floor.work(order_id)
    key = work.fulfillment_order_id
    await floor.accept(key)
    assert (await floor.pick(key, (1, 3))).done
    assert (await floor.short_pick(key, (1, 2))).done
    (line,) = await floor.lines(order_id)
    assert (line.picked, line.shortfall) == (3, 2)
    async with floor.brand.reading() as tx:
        stock = await tx.fetchrow(
            "SELECT on_hand, reserved FROM stock WHERE sku_id = $1 AND location_id = $2",
            floor.skus["mug"], floor.places["north"],
        )  # fmt: skip
    assert stock is not None
    assert (stock["on_hand"], stock["reserved"]) == (98, 3)
    await floor.settle()
    here, there = await floor.work(order_id)
    assert here.status == "picked"
    assert (there.location_id, there.lines[0].quantity) == (floor.places["south"], 2)
    assert await floor.findings() == []


async def test_what_loses_all_its_lines_to_the_shelf_is_canceled(floor: Floor) -> None:
    order_id = await floor.place([("mug", 1, "north")])
    (work,) = await floor.work(order_id)
    await floor.accept(work.fulfillment_order_id)
    assert (await floor.short_pick(work.fulfillment_order_id, (1, 1))).done
    gone, *_ = await floor.work(order_id)
    assert gone.status_category == "canceled"


async def cancel(floor: Floor, order_id: UUID, *lines: tuple[int, int]) -> None:
    wanted = [orders.LineQuantity(line_no=line_no, quantity=quantity) for line_no, quantity in lines] or None
    async with floor.brand.transaction() as tx:
        await orders.cancel(tx, order_id=order_id, wanted=wanted, reason="changed mind", actor="test", now=floor.now)


async def test_canceled_units_cannot_be_picked_even_before_the_reaction_ran(floor: Floor) -> None:
    order_id = await floor.place([("mug", 3, "north")])
    (work,) = await floor.work(order_id)
    key = work.fulfillment_order_id
    await floor.accept(key)
    await cancel(floor, order_id, (1, 2))
    assert "1 still to pick, not 3" in (await floor.pick(key, (1, 3))).problem
    assert (await floor.pick(key)).done
    await floor.settle()
    (line,) = await floor.lines(order_id)
    assert (line.canceled, line.picked) == (2, 1)
    assert await floor.findings() == []


async def test_canceling_everything_ends_the_work_and_its_steps(floor: Floor) -> None:
    order_id = await floor.place([("mug", 3, "north")], works=[(1, "gift_wrap", {"paper": "stars"})])
    await cancel(floor, order_id)
    await floor.settle()
    (work,) = await floor.work(order_id)
    assert work.status_category == "canceled"
    assert [step.status for step in work.steps] == ["canceled"]
    assert (await floor.accept(work.fulfillment_order_id))[0].problem.startswith("It is canceled")
    assert await floor.findings() == []


async def test_canceling_while_a_rejection_waits_for_its_rerouting_loses_nothing(floor: Floor) -> None:
    order_id = await floor.place([("mug", 4, "north")])
    (work,) = await floor.work(order_id)
    async with floor.brand.transaction() as tx:
        await fulfillment.reject(
            tx, fulfillment_order_id=work.fulfillment_order_id, reason="flood", actor="test", now=floor.now
        )
    await cancel(floor, order_id, (1, 1))
    await floor.settle()
    (line,) = await floor.lines(order_id)
    assert (line.canceled, line.activated) == (1, 3)
    assert await floor.findings() == []


async def test_heavy_goods_travel_in_several_parcels_by_default(floor: Floor) -> None:
    order_id = await floor.place([("safe", 3, "north"), ("mug", 2, "north")])
    (work,) = await floor.work(order_id)
    key = work.fulfillment_order_id
    await floor.accept(key)
    await floor.pick(key)
    assert (await floor.pack(key)).done
    parcels = dict(await floor.told(order_id))["fulfillment.packed"]["parcels"]
    assert [parcel["weight_g"] for parcel in parcels] == [20_150, 20_150, 20_950]
    assert parcels[2]["lines"] == [{"line_no": 1, "quantity": 1}, {"line_no": 2, "quantity": 2}]


async def test_the_packers_own_boxes_must_hold_what_was_picked(floor: Floor) -> None:
    (work,) = await floor.work(await floor.place([("mug", 3, "north")]))
    key = work.fulfillment_order_id
    await floor.accept(key)
    await floor.pick(key)
    one = ParcelMeasures(weight_g=900, lines=(orders.LineQuantity(line_no=1, quantity=1),))
    two = ParcelMeasures(lines=(orders.LineQuantity(line_no=1, quantity=2),))
    assert (await floor.pack(key, one, one)).problem == "Line 1: 3 units were picked, 2 are in the parcels."
    assert (await floor.pack(key, one, two)).done


async def test_express_work_stands_before_standard(floor: Floor) -> None:
    await floor.place([("mug", 1, "north")])
    express = await floor.place([("mug", 1, "north")], service="express", lane=0)
    first = (await listed(floor))[0]
    assert first.order_id == express


async def listed(floor: Floor) -> list[FulfillmentOrder]:
    async with floor.brand.reading() as tx:
        ids = await store.page(tx, categories=["activated"], location_id=None, order_id=None, after=BEGINNING, limit=10)
        found = await store.load(tx, ids)
    return [found[key] for key in ids]


def test_every_door_leads_where_the_transitions_allow() -> None:
    for name, door in DOORS.items():
        for source in door.sources:
            assert door.target in TRANSITIONS[source], name


async def test_a_picker_and_a_canceling_customer_at_the_same_moment_agree_on_the_units(floor: Floor) -> None:
    for _ in range(5):
        order_id = await floor.place([("mug", 2, "north")])
        (work,) = await floor.work(order_id)
        key = work.fulfillment_order_id
        await floor.accept(key)
        picked, canceled = await asyncio.gather(
            floor.pick(key, (1, 2)), cancel(floor, order_id, (1, 1)), return_exceptions=True
        )
        (line,) = await floor.lines(order_id)
        assert not isinstance(picked, BaseException)
        assert (line.picked, line.canceled) == ((2, 0) if picked.done else (0, 1))
        assert isinstance(canceled, Conflict) == picked.done
    await floor.settle()
    assert await floor.findings() == []
