"""Shipping on a real database: label, hand-over, tracking, watch; the money that each step earns or gives back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from doorstep import delivery, orders, shipping
from doorstep.db import Brand
from doorstep.kit.ids import new_id
from doorstep.kit.outcomes import Refused
from doorstep.shipping import Label, LabelRequest, Shipment
from tests.fulfillment.floor import MONDAY, PROMISE, Floor
from tests.shipping.carriers import OwnCarrier, update


@pytest.fixture
def carrier() -> OwnCarrier:
    return OwnCarrier()


@pytest.fixture
async def floor(brand: Brand, carrier: OwnCarrier) -> Floor:
    return await Floor(brand, {"Carrier:sandbox": carrier, "Carrier": carrier}).open()


async def only(floor: Floor, order_id: UUID) -> Shipment:
    (shipment,) = await floor.shipments(order_id)
    return shipment


def events(told: list[tuple[str, dict[str, Any]]], kind: str) -> list[dict[str, Any]]:
    return [data for one, data in told if one == kind]


async def test_a_packed_box_becomes_a_shipment_with_its_label(floor: Floor, carrier: OwnCarrier) -> None:
    order_id = await floor.packed([("mug", 2, "north")])
    shipment = await only(floor, order_id)
    assert shipment.tracking_number is not None
    assert shipment.promised_by == PROMISE
    assert len(carrier.asked) == 1
    assert carrier.asked[0].parcel.weight_g == 950
    assert carrier.asked[0].ship_to.postcode == "LS1 1AA"
    async with floor.brand.reading() as tx:
        assert await shipping.label_pdf(tx, shipment.shipment_id) == b"%PDF-"
    assert await floor.findings() == []


async def test_a_label_is_bought_once_though_its_answer_was_lost(floor: Floor, carrier: OwnCarrier) -> None:
    carrier.mishaps = ["lost_answer"]
    order_id = await floor.packed([("mug", 1, "north")])
    await floor_retries(floor)
    assert (await only(floor, order_id)).tracking_number is not None
    assert len(carrier.asked) == 1


async def floor_retries(floor: Floor) -> None:
    """Bring forward what backs off."""
    async with floor.brand.transaction() as tx:
        await tx.execute("UPDATE jobs SET retry_at = '-infinity'")
    await floor.settle()


async def test_a_refused_label_waits_for_a_person_and_is_bought_when_they_say_so(
    floor: Floor, carrier: OwnCarrier
) -> None:
    carrier.mishaps = ["refused"]
    order_id = await floor.packed([("mug", 1, "north")])
    assert await floor.alarms() == ["label_refused"]
    shipment = await only(floor, order_id)
    (outcome,) = await floor.hand_over(shipment.shipment_id)
    assert outcome.problem == "Its label is not bought yet."
    async with floor.brand.transaction() as tx:
        await tx.execute("UPDATE jobs SET state = 'waiting' WHERE kind = 'shipping.buy_label'")
    await floor.settle()
    assert (await only(floor, order_id)).tracking_number is not None


async def test_handing_over_ships_stock_and_earns_the_price_once(floor: Floor) -> None:
    order_id = await floor.packed([("mug", 2, "north"), ("shirt", 1, "south")])
    first, second = await floor.shipments(order_id)
    assert all(outcome.done for outcome in await floor.hand_over(first.shipment_id, second.shipment_id))
    (again,) = await floor.hand_over(first.shipment_id)
    assert again.already
    handed = events(await floor.told(order_id), "shipping.handed_over")
    assert len(handed) == 2
    assert sum(one["amount_minor"] for one in handed) == 2 * 1001 + 1 + 1001 + 1 + 499
    assert {one["cause"] for one in handed} == {f"shipment:{one.shipment_id.hex}" for one in (first, second)}
    assert [line.shipped for line in await floor.lines(order_id)] == [2, 1]
    assert {work.status_category for work in await floor.work(order_id)} == {"closed"}
    assert await floor.findings() == []


async def test_parcels_of_one_line_add_up_to_its_price(floor: Floor) -> None:
    order_id = await floor.on_the_road([("safe", 3, "north")])
    amounts = [shipment.amount_minor or 0 for shipment in await floor.shipments(order_id)]
    assert len(amounts) == 3
    assert sum(amounts) == 3 * 1001 + 1 + 499
    assert await floor.findings() == []


async def test_nothing_leaves_under_an_open_hold(floor: Floor) -> None:
    order_id = await floor.packed([("mug", 1, "north")])
    async with floor.brand.transaction() as tx:
        await tx.execute("UPDATE orders SET open_holds = 1 WHERE order_id = $1", order_id)
    (outcome,) = await floor.hand_over((await only(floor, order_id)).shipment_id)
    assert outcome.problem == "The order is on hold."


async def test_news_sent_twice_and_mixed_up_arrives_once_and_forward(floor: Floor) -> None:
    order_id = await floor.on_the_road([("mug", 2, "north")])
    number = (await only(floor, order_id)).tracking_number
    transit = update(number, "e1", "in_transit", MONDAY + timedelta(hours=1))
    out = update(number, "e2", "out_for_delivery", MONDAY + timedelta(hours=20))
    arrived = update(number, "e3", "delivered", MONDAY + timedelta(hours=24))
    assert (await floor.tell(out)).new == 1
    assert (await floor.tell(arrived, arrived, transit)).repeated == 1
    assert (await floor.tell(transit, out, arrived)).new == 0
    shipment = await only(floor, order_id)
    assert shipment.status == "delivered"
    assert shipment.delivered_at == arrived.occurred_at
    assert [line.delivered for line in await floor.lines(order_id)] == [2]
    told = await floor.told(order_id)
    assert len(events(told, "shipping.delivered")) == 1
    assert [one["status"] for one in events(told, "shipping.tracked")] == ["out_for_delivery"]
    await floor.pass_time(24 * 7)
    await floor.settle()
    assert await floor.findings() == []


async def test_news_of_a_parcel_we_do_not_know_is_kept_and_applied_later(floor: Floor, carrier: OwnCarrier) -> None:
    early = update("TN-EARLY", "e1", "in_transit", MONDAY)
    received = await floor.tell(early)
    assert received.unknown == 1
    assert await floor.alarms() == ["unknown_tracking_number"]
    order_id = await floor.place([("mug", 1, "north")])

    class Early(OwnCarrier):
        async def buy_label(self, request: shipping.LabelRequest) -> shipping.Label:
            return shipping.Label(
                tracking_number="TN-EARLY", carrier_reference="r", label_pdf=b"%PDF-", cost_minor=1, currency="GBP"
            )

    floor.ports["Carrier:sandbox"] = Early()
    (work,) = await floor.work(order_id)
    await floor.accept(work.fulfillment_order_id)
    await floor.pick(work.fulfillment_order_id)
    await floor.pack(work.fulfillment_order_id)
    await floor.settle()
    assert (await only(floor, order_id)).status == "in_transit"
    assert await floor.alarms() == []


async def test_a_delay_is_told_at_once_with_the_carriers_date(floor: Floor) -> None:
    order_id = await floor.on_the_road([("mug", 1, "north")])
    number = (await only(floor, order_id)).tracking_number
    later = PROMISE + timedelta(days=1)
    delay = update(number, "e1", "exception", MONDAY, substatus="delay", expected_at=later)
    await floor.tell(delay)
    await floor.tell(update(number, "e2", "exception", MONDAY, substatus="delay", expected_at=later))
    await floor.settle()
    (late,) = events(await floor.told(order_id), "shipping.late")
    assert late["cause"] == "carrier_delay"
    async with floor.brand.reading() as tx:
        (promise,) = (await delivery.current(tx, [order_id]))[order_id]
    assert promise.promised_by == later


async def test_a_promise_about_to_break_is_told_before_it_breaks(floor: Floor) -> None:
    order_id = await floor.on_the_road([("mug", 1, "north")])
    await floor.at(PROMISE - timedelta(hours=7))
    await floor.settle()
    assert events(await floor.told(order_id), "shipping.late") == []
    await floor.at(PROMISE - timedelta(hours=6))
    await floor.settle()
    (late,) = events(await floor.told(order_id), "shipping.late")
    assert (late["cause"], late["expected_by"]) == ("not_on_time", "2026-03-06T18:00:00Z")
    await floor.pass_time(1)
    await floor.settle()
    assert len(events(await floor.told(order_id), "shipping.late")) == 1
    await floor.pass_time(48)
    await floor.settle()
    assert len(events(await floor.told(order_id), "shipping.late")) == 2


async def test_with_the_driver_we_wait_for_the_last_call(floor: Floor) -> None:
    order_id = await floor.on_the_road([("mug", 1, "north")])
    await floor.at(PROMISE - timedelta(hours=5))
    await floor.tell(update((await only(floor, order_id)).tracking_number, "e1", "out_for_delivery", floor.now))
    await floor.settle()
    assert events(await floor.told(order_id), "shipping.late") == []
    await floor.at(PROMISE - timedelta(minutes=59))
    await floor.settle()
    assert len(events(await floor.told(order_id), "shipping.late")) == 1


async def test_work_that_is_not_done_in_time_is_told_and_raises_an_alarm_until_it_leaves(floor: Floor) -> None:
    order_id = await floor.place([("mug", 1, "north")], hand_over_by=MONDAY + timedelta(hours=8))
    await floor.pass_time(9)
    await floor.settle()
    assert await floor.alarms() == ["not_handed_over"]
    await floor.at(PROMISE - timedelta(hours=6))
    await floor.settle()
    (late,) = events(await floor.told(order_id), "shipping.late")
    assert late["cause"] == "not_handed_over"
    (work,) = await floor.work(order_id)
    await floor.accept(work.fulfillment_order_id)
    await floor.pick(work.fulfillment_order_id)
    await floor.pack(work.fulfillment_order_id)
    await floor.settle()
    await floor.hand_over((await only(floor, order_id)).shipment_id)
    assert await floor.alarms() == []


async def test_a_silent_carrier_raises_an_alarm_until_it_is_heard_again(floor: Floor) -> None:
    order_id = await floor.on_the_road([("mug", 1, "north")])
    await floor.pass_time(47)
    await floor.settle()
    assert await floor.alarms() == []
    await floor.pass_time(1)
    await floor.settle()
    assert await floor.alarms() == ["carrier_silent"]
    await floor.tell(update((await only(floor, order_id)).tracking_number, "e1", "in_transit", floor.now))
    assert await floor.alarms() == []


async def test_a_lost_parcel_is_paid_back_to_the_cent(floor: Floor) -> None:
    order_id = await floor.on_the_road([("safe", 3, "north")])
    first, second, third = await floor.shipments(order_id)
    lost = [
        update(one.tracking_number, f"e{one.parcel_no}", "exception", MONDAY, substatus="lost")
        for one in (first, second)
    ]
    await floor.tell(lost[0])
    await floor.tell(lost[0], lost[1])
    told = events(await floor.told(order_id), "shipping.lost")
    assert {one["cause"] for one in told} == {f"lost:{one.shipment_id.hex}" for one in (first, second)}
    (line,) = await floor.lines(order_id)
    assert (line.canceled, line.shipped) == (2, 1)
    captured = sum(one.amount_minor or 0 for one in (first, second, third))
    assert captured - sum(one["amount_minor"] for one in told) == line.value(0, 1) + 499
    await floor.tell(update(third.tracking_number, "e9", "exception", MONDAY, substatus="lost"))
    refunded = sum(one["amount_minor"] for one in events(await floor.told(order_id), "shipping.lost"))
    assert captured == refunded
    assert set(await floor.alarms()) == {"parcel_lost"}


async def test_a_lost_parcel_that_turns_up_is_a_matter_for_a_person(floor: Floor) -> None:
    order_id = await floor.on_the_road([("mug", 1, "north")])
    number = (await only(floor, order_id)).tracking_number
    await floor.tell(update(number, "e1", "exception", MONDAY, substatus="lost"))
    await floor.tell(update(number, "e2", "delivered", MONDAY + timedelta(hours=1)))
    (line,) = await floor.lines(order_id)
    assert (line.canceled, line.delivered) == (1, 0)
    assert set(await floor.alarms()) == {"parcel_lost", "delivered_after_lost"}


async def test_a_label_back_is_bought_and_followed(floor: Floor, carrier: OwnCarrier) -> None:
    order_id = await floor.on_the_road([("mug", 2, "north")])
    return_id = new_id()
    for _ in range(2):
        await want_label_back(floor, order_id, return_id)
    await floor.settle()
    assert carrier.asked[-1].is_return
    assert carrier.asked[-1].ship_from.name == "Ada"
    (bought,) = events(await floor.told(order_id), "shipping.return_label_bought")
    number = bought["tracking_number"]
    await floor.tell(update(number, "b2", "delivered", datetime(2026, 3, 20, tzinfo=UTC)))
    await floor.tell(update(number, "b1", "in_transit", datetime(2026, 3, 19, tzinfo=UTC)))
    tracked = events(await floor.told(order_id), "shipping.return_tracked")
    assert [one["status"] for one in tracked] == ["delivered"]


async def test_two_drivers_scanning_one_parcel_take_it_once(floor: Floor) -> None:
    order_id = await floor.packed([("mug", 2, "north")])
    key = (await only(floor, order_id)).shipment_id
    first, second = await asyncio.gather(floor.hand_over(key), floor.hand_over(key))
    assert sorted(outcome.already for outcome in (*first, *second)) == [False, True]
    assert len(events(await floor.told(order_id), "shipping.handed_over")) == 1
    assert await floor.findings() == []


async def test_the_same_news_on_two_connections_at_once_counts_once(floor: Floor) -> None:
    order_id = await floor.on_the_road([("mug", 2, "north")])
    arrived = update((await only(floor, order_id)).tracking_number, "e1", "delivered", MONDAY)
    received = await asyncio.gather(*(floor.tell(arrived) for _ in range(4)))
    assert sum(one.new for one in received) == 1
    assert len(events(await floor.told(order_id), "shipping.delivered")) == 1


async def want_label_back(floor: Floor, order_id: UUID, return_id: UUID) -> None:
    async with floor.brand.transaction() as tx:
        await orders.lock(tx, [order_id])
        await shipping.want_return_label(
            tx,
            return_id=return_id,
            order_id=order_id,
            location_id=floor.places["south"],
            content=[(floor.skus["mug"], 2)],
            now=floor.now,
        )


async def drop_label_back(floor: Floor, order_id: UUID, return_id: UUID) -> None:
    async with floor.brand.transaction() as tx:
        await orders.lock(tx, [order_id])
        await shipping.drop_return_label(tx, return_id=return_id, by="test", now=floor.now)


async def test_a_label_whose_reason_goes_while_the_carrier_sells_it_is_given_back(
    floor: Floor, carrier: OwnCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await floor.on_the_road([("mug", 2, "north")])
    return_id = new_id()
    await want_label_back(floor, order_id, return_id)
    sell, before = carrier.buy_label, dict(carrier.sold)

    async def too_late(request: LabelRequest) -> Label:
        label = await sell(request)
        await drop_label_back(floor, order_id, return_id)
        return label

    monkeypatch.setattr(carrier, "buy_label", too_late)
    await floor.settle()
    assert carrier.sold == before
    assert carrier.asked[-1].is_return
    assert events(await floor.told(order_id), "shipping.return_label_bought") == []


async def test_a_label_the_carrier_has_seen_is_not_given_back(floor: Floor, carrier: OwnCarrier) -> None:
    order_id = await floor.on_the_road([("mug", 2, "north")])
    return_id = new_id()
    await want_label_back(floor, order_id, return_id)
    await floor.settle()
    (bought,) = events(await floor.told(order_id), "shipping.return_label_bought")
    await floor.tell(update(bought["tracking_number"], "b1", "in_transit", floor.now))
    sold = dict(carrier.sold)
    await drop_label_back(floor, order_id, return_id)
    await floor.settle()
    assert carrier.sold == sold
    assert await floor.alarms() == []


@pytest.mark.parametrize(("code", "alarms"), [("already_handed_over", []), ("closed", ["label_not_canceled"])])
async def test_a_label_the_carrier_does_not_take_back_is_a_matter_for_a_person_unless_it_is_in_use(
    floor: Floor, carrier: OwnCarrier, monkeypatch: pytest.MonkeyPatch, code: str, alarms: list[str]
) -> None:
    order_id = await floor.on_the_road([("mug", 2, "north")])
    return_id = new_id()
    await want_label_back(floor, order_id, return_id)
    await floor.settle()

    async def refuse(reference: str) -> None:
        raise Refused(code, "no")

    monkeypatch.setattr(carrier, "cancel_label", refuse)
    await drop_label_back(floor, order_id, return_id)
    await floor.settle()
    assert await floor.alarms() == alarms
    async with floor.brand.reading() as tx:
        assert await tx.fetchval("SELECT status FROM labels WHERE direction = 'back'") == "bought"
