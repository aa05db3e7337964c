"""The tracking canon without a database: forward only, whatever the order of telling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import get_args
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from doorstep.adapters.carriers.sandbox.adapter import _STATUS
from doorstep.shipping import Shipment, TrackingStatus, TrackingUpdate
from doorstep.shipping.canon import RANK, follow, forward, rank, working_days_later
from tests.shipping.carriers import update

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def parcel() -> Shipment:
    return Shipment(
        shipment_id=UUID(int=1),
        fulfillment_order_id=UUID(int=2),
        parcel_no=1,
        order_id=UUID(int=3),
        location_id=1,
        carrier="sandbox",
        service="standard",
        status="pending",
        substatus="",
        status_at=None,
        tracking_number="TN1",
        promised_by=START + timedelta(days=3),
        expected_by=None,
        amount_minor=100,
        created_at=START,
        handed_over_at=START,
        last_heard_at=None,
        delivered_at=None,
        late_at=None,
        lost_at=None,
        came_back_at=None,
    )


statuses = st.sampled_from([(status, "") for status in RANK] + [("exception", "delay"), ("exception", "lost")])
tales = st.lists(st.tuples(statuses, st.integers(0, 500)), min_size=1, max_size=8).map(
    lambda tale: [
        update("TN1", f"e{place}", status, START + timedelta(hours=hours, minutes=place), substatus=substatus or None)
        for place, ((status, substatus), hours) in enumerate(tale)
    ]
)


def told_one_by_one(updates: list[TrackingUpdate]) -> Shipment:
    shipment = parcel()
    for one in updates:
        shipment = follow(shipment, [one], promised_by=None).after
    return shipment


@given(tales, st.randoms(use_true_random=False))
def test_the_final_status_does_not_depend_on_the_order_of_telling(tale: list[TrackingUpdate], random: Random) -> None:
    shuffled = random.sample(tale, len(tale))
    at_once = follow(parcel(), tale, promised_by=None).after
    mixed = told_one_by_one(shuffled)
    assert (mixed.status, mixed.substatus, mixed.status_at) == (at_once.status, at_once.substatus, at_once.status_at)


@given(tales)
def test_no_update_lowers_the_rank(tale: list[TrackingUpdate]) -> None:
    shipment = parcel()
    for one in tale:
        after = follow(shipment, [one], promised_by=None).after
        assert rank(after.status, after.substatus) >= rank(shipment.status, shipment.substatus)
        shipment = after


def test_every_status_has_a_rank_and_the_sandbox_uses_only_the_canon() -> None:
    assert set(RANK) == set(get_args(TrackingStatus))
    assert set(_STATUS.values()) <= set(RANK)


def test_a_word_we_do_not_know_moves_nothing() -> None:
    assert not forward(("in_transit", "", START), ("pending", "unmapped", START + timedelta(days=1)))


def test_an_old_delay_told_after_the_driver_left_changes_nothing() -> None:
    out = follow(parcel(), [update("TN1", "e1", "out_for_delivery", START + timedelta(hours=9))], promised_by=None)
    promise = START + timedelta(hours=10)
    old = update("TN1", "e2", "exception", START + timedelta(hours=5), substatus="delay")
    after = follow(out.after, [old], promised_by=promise)
    assert after.after.status == "out_for_delivery"
    assert after.late is None


def test_a_delay_within_the_promise_is_not_late() -> None:
    promise = START + timedelta(days=3)
    within = update("TN1", "e1", "exception", START, substatus="delay", expected_at=promise)
    beyond = update("TN1", "e2", "exception", START, substatus="delay", expected_at=promise + timedelta(days=1))
    assert follow(parcel(), [within], promised_by=promise).late is None
    late = follow(parcel(), [within, beyond], promised_by=promise).late
    assert late is not None
    assert late.expected_by == promise + timedelta(days=1)


def test_the_same_delay_is_told_once() -> None:
    promise = START + timedelta(days=3)
    first = follow(parcel(), [update("TN1", "e1", "exception", START, substatus="delay")], promised_by=promise)
    assert first.late is not None
    again = update("TN1", "e2", "exception", START, substatus="delay", expected_at=first.late.expected_by)
    assert follow(first.after, [again], promised_by=promise).late is None


def test_nobody_is_late_in_the_evening_of_a_weekend() -> None:
    friday = datetime(2026, 3, 6, 12, tzinfo=UTC)
    assert working_days_later(friday, 1) == datetime(2026, 3, 9, 18, tzinfo=UTC)
    assert working_days_later(friday + timedelta(days=1), 1) == datetime(2026, 3, 9, 18, tzinfo=UTC)
    assert working_days_later(friday, 2) == datetime(2026, 3, 10, 18, tzinfo=UTC)
