"""Money as intents, on a real database, with a gateway that loses answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from doorstep import orders, payments
from doorstep.db import Brand
from doorstep.jobs import Runner, does
from doorstep.journal import Recorded
from doorstep.kit.ids import new_id
from doorstep.shipping import HandedOver, Lost
from tests.support.orders import NOON, recorded, stop_clock, write_order
from tests.support.till import Till


@pytest.fixture
async def till(brand: Brand) -> Till:
    """A gateway, and a clock that stands still."""
    await stop_clock(brand)
    return Till()


async def react(brand: Brand, handler: Any, *events: Recorded[Any]) -> None:
    async with brand.transaction() as tx:
        await handler(tx, list(events), now=await tx.fetchval("SELECT clock_now()"))


async def work(brand: Brand, till: Till) -> None:
    """Do all that is due, as often as it takes; what backs off is tried at once."""
    runner = Runner(brand, [does(payments.JOB, payments.perform)], {"Gateway": till})
    while await runner.run_once():
        async with brand.transaction() as tx:
            await tx.execute("UPDATE jobs SET retry_at = '-infinity' WHERE state = 'waiting'")


async def told(brand: Brand, order_id: UUID) -> list[str]:
    async with brand.reading() as connection:
        rows = await connection.fetch("SELECT kind FROM events WHERE order_id = $1 ORDER BY seq", order_id)
    return [row["kind"].removeprefix("payments.") for row in rows]


async def balance(brand: Brand, order_id: UUID) -> payments.Balance:
    async with brand.reading() as connection:
        return (await payments.balance(connection, [order_id]))[order_id]


async def exceptions(brand: Brand) -> list[str]:
    async with brand.reading() as connection:
        rows = await connection.fetch("SELECT kind FROM exceptions WHERE resolved_at IS NULL ORDER BY exception_id")
    return [row["kind"] for row in rows]


async def sound(brand: Brand) -> None:
    async with brand.reading() as connection:
        findings = await payments.audit(connection)
    assert [finding for finding in findings if finding.measured] == []


def placed(order_id: UUID) -> Recorded[Any]:
    return recorded(order_id, orders.Placed(short=False))


def shipped(order_id: UUID, amount_minor: int, shipment: UUID | None = None) -> Recorded[Any]:
    key = shipment or new_id()
    event = HandedOver(
        shipment_id=key, fulfillment_order_id=new_id(), tracking_number="T1", amount_minor=amount_minor,
        cause=f"shipment:{key.hex}", lines=(),
    )  # fmt: skip
    return recorded(order_id, event)


def canceled(order_id: UUID, amount_minor: int) -> Recorded[Any]:
    event = orders.Canceled(
        change_id=new_id(),
        reason="-",
        amount_minor=amount_minor,
        refund_minor=0,
        cause="cancel",
        everything=True,
        lines=(),
    )
    return recorded(order_id, event)


def lost(order_id: UUID, amount_minor: int, shipment: UUID) -> Recorded[Any]:
    event = Lost(shipment_id=shipment, amount_minor=amount_minor, cause=f"lost:{shipment.hex}", lines=())
    return recorded(order_id, event)


async def authorized(brand: Brand, till: Till, **changes: Any) -> UUID:
    order_id = await write_order(brand, **changes)
    await react(brand, payments.authorize, placed(order_id))
    await work(brand, till)
    return order_id


async def test_an_order_is_authorized_once_however_often_its_event_comes(brand: Brand, till: Till) -> None:
    order_id = await write_order(brand)
    for _ in range(2):
        await react(brand, payments.authorize, placed(order_id))
    await work(brand, till)
    assert till.amount("authorization") == 12_000
    assert (await balance(brand, order_id)).status == "authorized"
    assert await told(brand, order_id) == ["authorized"]
    await sound(brand)


async def test_a_lost_answer_is_looked_up_and_nothing_is_asked_twice(brand: Brand, till: Till) -> None:
    till.faults = ["unknown_after"]
    order_id = await authorized(brand, till)
    assert [call for call, _ in till.calls] == ["authorization", "find"]
    assert (await balance(brand, order_id)).authorized_minor == 12_000


async def test_a_call_that_never_arrived_is_made_again_under_the_same_reference(brand: Brand, till: Till) -> None:
    till.faults = ["unknown_before"]
    order_id = await authorized(brand, till)
    assert [call for call, _ in till.calls] == ["authorization", "find", "authorization"]
    assert len({reference for _, reference in till.calls}) == 1
    assert (await balance(brand, order_id)).authorized_minor == 12_000


async def test_each_shipment_is_captured_once_and_the_sum_is_exact(brand: Brand, till: Till) -> None:
    order_id = await authorized(brand, till)
    first, second = shipped(order_id, 7_001), shipped(order_id, 4_999)
    await react(brand, payments.capture, first, first, second)
    await work(brand, till)
    await react(brand, payments.capture, first, second)
    await work(brand, till)
    assert till.amount("capture") == 12_000
    assert (await balance(brand, order_id)).status == "captured"
    assert await told(brand, order_id) == ["authorized", "captured", "captured"]
    assert await exceptions(brand) == []
    await sound(brand)


async def test_more_than_was_authorized_is_never_taken_and_a_person_hears_of_it(brand: Brand, till: Till) -> None:
    order_id = await authorized(brand, till)
    await react(brand, payments.capture, shipped(order_id, 12_001))
    await work(brand, till)
    assert till.amount("capture") == 12_000
    assert await exceptions(brand) == ["capture_short"]


async def test_a_cancel_before_the_authorization_is_asked_for_asks_for_nothing(brand: Brand, till: Till) -> None:
    order_id = await write_order(brand)
    await react(brand, payments.reduce, canceled(order_id, 12_000))
    await react(brand, payments.authorize, placed(order_id))
    await work(brand, till)
    assert till.calls == []
    assert (await balance(brand, order_id)).status == "voided"
    await sound(brand)


async def test_a_cancel_before_the_gateway_is_called_calls_nobody(brand: Brand, till: Till) -> None:
    order_id = await write_order(brand)
    await react(brand, payments.authorize, placed(order_id))
    await react(brand, payments.reduce, canceled(order_id, 12_000))
    await work(brand, till)
    assert till.calls == []
    await sound(brand)


async def test_a_cancel_while_the_authorization_is_in_flight_ends_with_nothing_held(brand: Brand, till: Till) -> None:
    order_id = await write_order(brand)
    await react(brand, payments.authorize, placed(order_id))
    till.faults = ["unknown_after"]
    runner = Runner(brand, [does(payments.JOB, payments.perform)], {"Gateway": till})
    await runner.run_once()  # approved there, and we do not know
    await react(brand, payments.reduce, canceled(order_id, 12_000))
    async with brand.transaction() as tx:
        await tx.execute("UPDATE jobs SET retry_at = '-infinity'")
    await work(brand, till)
    assert till.amount("void") == 12_000
    assert till.amount("capture") == 0
    assert await told(brand, order_id) == ["authorized", "voided"]
    await sound(brand)


async def test_the_rest_is_let_go_when_what_was_kept_is_captured(brand: Brand, till: Till) -> None:
    order_id = await authorized(brand, till)
    cancel = canceled(order_id, 5_000)
    await react(brand, payments.reduce, cancel, cancel)  # sent twice, lowers once
    assert (await balance(brand, order_id)).due_minor == 7_000
    await react(brand, payments.capture, shipped(order_id, 7_000))
    await work(brand, till)
    money = await balance(brand, order_id)
    assert (money.captured_minor, money.voided_minor, money.status) == (7_000, 5_000, "captured")
    await sound(brand)


async def test_a_refund_larger_than_any_capture_comes_out_of_several(brand: Brand, till: Till) -> None:
    order_id, parcel = await authorized(brand, till), new_id()
    await react(brand, payments.capture, shipped(order_id, 7_000, parcel), shipped(order_id, 5_000))
    await work(brand, till)
    loss = lost(order_id, 9_000, parcel)
    await react(brand, payments.refund, loss, loss)
    await work(brand, till)
    await react(brand, payments.refund, loss)
    await work(brand, till)
    assert till.amount("refund") == 9_000
    async with brand.reading() as connection:
        refunds = [
            (t.cause, t.amount_minor) for t in await payments.history(connection, order_id) if t.kind == "refund"
        ]
    assert refunds == [(f"lost:{parcel.hex}", 7_000), (f"lost:{parcel.hex}#2", 2_000)]
    await sound(brand)


async def test_a_refund_waits_for_its_capture(brand: Brand, till: Till) -> None:
    order_id, parcel = await authorized(brand, till), new_id()
    await react(brand, payments.capture, shipped(order_id, 7_000, parcel))
    await react(brand, payments.refund, lost(order_id, 7_000, parcel))
    async with brand.transaction() as tx:  # the refund's turn comes first
        await tx.execute(
            """UPDATE jobs SET due_at = due_at - interval '1 hour' WHERE subject =
            (SELECT transaction_id FROM payment_transactions WHERE kind = 'refund')"""
        )
    await work(brand, till)
    await stop_clock(brand, NOON + timedelta(minutes=5))
    await work(brand, till)
    assert (await balance(brand, order_id)).status == "refunded"
    await sound(brand)


async def test_a_declined_card_is_tried_again_and_may_succeed(brand: Brand, till: Till) -> None:
    till.declines = 1
    order_id = await authorized(brand, till)
    assert await told(brand, order_id) == ["declined"]
    await stop_clock(brand, NOON + timedelta(minutes=59))
    await work(brand, till)
    assert len(till.calls) == 1
    await stop_clock(brand, NOON + timedelta(minutes=61))
    await work(brand, till)
    assert await told(brand, order_id) == ["declined", "authorized"]
    await sound(brand)


async def test_after_the_last_decline_nobody_is_asked_again(brand: Brand, till: Till) -> None:
    till.declines = 9
    order_id = await authorized(brand, till)
    for hours in (2, 7, 30, 60):
        await stop_clock(brand, NOON + timedelta(hours=hours))
        await work(brand, till)
    async with brand.reading() as connection:
        rows = await connection.fetch("SELECT data FROM events WHERE order_id = $1 ORDER BY seq", order_id)
    assert [(row["data"]["attempt"], row["data"]["final"]) for row in rows] == [(1, False), (2, False), (3, True)]
    await sound(brand)


async def test_what_the_gateway_refuses_waits_for_a_person_who_may_say_retry(brand: Brand, till: Till) -> None:
    order_id = await authorized(brand, till)
    await react(brand, payments.capture, shipped(order_id, 12_000))
    till.faults = ["refused"]
    await work(brand, till)
    assert await exceptions(brand) == ["payment_failed"]
    await sound(brand)
    async with brand.transaction() as tx:
        failed = [t for t in await payments.history(tx, order_id) if t.status == "failed"]
        assert await payments.retry(tx, transaction_id=failed[0].transaction_id, actor="bea", now=NOON)
        assert not await payments.retry(tx, transaction_id=failed[0].transaction_id, actor="bea", now=NOON)
    await work(brand, till)
    assert till.amount("capture") == 12_000
    assert await exceptions(brand) == []
    await sound(brand)


async def test_an_authorization_the_channel_reports_counts_and_nobody_is_called(brand: Brand, till: Till) -> None:
    order_id = await authorized(brand, till, payment_token=None, payment_reference="ext_1")
    assert till.calls == []
    assert await told(brand, order_id) == ["authorized"]
    assert (await balance(brand, order_id)).status == "authorized"
    await sound(brand)


async def test_a_reported_authorization_of_a_canceled_order_is_let_go(brand: Brand, till: Till) -> None:
    order_id = await write_order(brand, payment_token=None, payment_reference="ext_1")
    await react(brand, payments.reduce, canceled(order_id, 12_000))
    await react(brand, payments.authorize, placed(order_id))
    async with brand.reading() as connection:
        kinds = [(t.kind, t.amount_minor) for t in await payments.history(connection, order_id)]
    assert kinds == [("authorize", 12_000), ("void", 12_000)]


async def test_a_free_order_is_authorized_and_one_without_means_of_payment_is_for_a_person(
    brand: Brand, till: Till
) -> None:
    free = await authorized(brand, till, total_minor=0)
    unpaid = await authorized(brand, till, payment_token=None)
    assert (await told(brand, free), await told(brand, unpaid)) == (["authorized"], [])
    assert await exceptions(brand) == ["payment_missing"]
    await sound(brand)


async def test_the_database_refuses_to_take_more_than_is_authorized(brand: Brand, till: Till) -> None:
    order_id = await authorized(brand, till)
    with pytest.raises(Exception, match="payments_captured_within_authorized"):
        async with brand.transaction() as tx:
            await tx.execute("UPDATE payments SET captured_minor = 12001 WHERE order_id = $1", order_id)


async def test_the_audit_sees_books_that_are_not_the_sums_of_their_transactions(brand: Brand, till: Till) -> None:
    order_id = await authorized(brand, till)
    async with brand.transaction() as tx:
        await tx.execute("UPDATE payments SET authorized_minor = authorized_minor - 1 WHERE order_id = $1", order_id)
        findings: Sequence[Any] = [finding for finding in await payments.audit(tx) if finding.measured]
    assert [finding.examples for finding in findings] == [(str(order_id),)]
