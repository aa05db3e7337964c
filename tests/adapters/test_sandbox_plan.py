"""What the sandbox carrier makes of a parcel: on time unless its fate says otherwise, and always the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorstep.adapters.carriers.sandbox.plan import FATES, Journey, due_at, plan
from doorstep.adapters.carriers.sandbox.wire import PRODUCTS
from doorstep.adapters.twin.faults import Faults

MONDAY = datetime(2010, 1, 4, 16, tzinfo=UTC)

numbers = st.integers(0, 10**13).map(lambda value: f"DS{value:014d}")
moments = st.integers(0, 3 * 366 * 86_400).map(
    lambda second: datetime(2009, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
)


def journey(number: str = "DS1", product: str = "STD", at: datetime = MONDAY, *, is_return: bool = False) -> Journey:
    return Journey(
        tracking_number=number,
        product=product,
        origin="Daventry",
        destination="Edinburgh",
        is_return=is_return,
        handed_over_at=at,
    )


def working_days_between(start: datetime, end: datetime) -> int:
    days = (end.date() - start.date()).days
    return sum((start + timedelta(days=day)).weekday() < 5 for day in range(1, days + 1))


@given(numbers, st.sampled_from(sorted(PRODUCTS)), moments)
@settings(deadline=None)
def test_an_ordinary_parcel_is_never_later_than_its_service_says(number: str, product: str, at: datetime) -> None:
    events = [telling.event for telling in plan(journey(number, product, at), Faults())]
    assert events[-1].code == "DELIVERED"
    assert events[-1].at > at - timedelta(seconds=1)
    transit_days = PRODUCTS[product].transit_days
    if transit_days:
        assert working_days_between(at, events[-1].at) <= transit_days
    else:
        assert events[-1].at - at <= timedelta(hours=4)


@given(numbers, st.sampled_from(sorted(PRODUCTS)), moments, st.sampled_from([None, *FATES]), st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_story_has_an_order_and_an_end(
    number: str, product: str, at: datetime, fate: str | None, is_return: bool
) -> None:
    tellings = plan(journey(number, product, at, is_return=is_return), Faults(rates={fate: 1.0} if fate else {}))
    events = [telling.event for telling in tellings]
    times = [event.at for event in events]
    assert all(earlier < later for earlier, later in pairwise(times))
    assert events[0].code == "PRE_ADVISED"
    assert events[-1].code == ("LOST" if fate == "lost" else "DELIVERED")
    assert len({event.id for event in events}) == len(events)
    assert [telling.tell_at for telling in tellings] == times


@given(numbers, st.sampled_from(sorted(PRODUCTS)), moments)
@settings(deadline=None)
def test_a_delay_is_known_before_the_old_date_and_names_the_new_one(number: str, product: str, at: datetime) -> None:
    late = journey(number, product, at)
    old_date = due_at(late, 1)
    events = {telling.event.code: telling.event for telling in plan(late, Faults(rates={"late": 1.0}))}
    assert events["DELAYED"].at < old_date
    assert events["DELAYED"].eta == events["DELIVERED"].at.replace(microsecond=0)
    assert timedelta(hours=20) < events["DELIVERED"].at - old_date < timedelta(days=7)


@given(numbers)
@settings(deadline=None)
def test_what_is_told_late_or_twice_is_still_told_in_full(number: str) -> None:
    rates = {"duplicate": 0.5, "out_of_order": 0.5}
    plain = [telling.event for telling in plan(journey(number), Faults())]
    tellings = plan(journey(number), Faults(rates=rates))
    assert {telling.event.id for telling in tellings} == {event.id for event in plain}
    assert all(telling.tell_at >= telling.event.at for telling in tellings), "nothing is told before it happened"
    assert [telling.tell_at for telling in tellings] == sorted(telling.tell_at for telling in tellings)


@pytest.mark.parametrize(("fate", "code"), [("late", "DELAYED"), ("lost", "LOST"), ("pickup", "READY_FOR_PICKUP")])
def test_a_rate_is_met_over_many_parcels(fate: str, code: str) -> None:
    faults = Faults(seed=5, rates={fate: 0.1})
    struck = sum(
        any(telling.event.code == code for telling in plan(journey(f"DS{number}"), faults)) for number in range(2_000)
    )
    assert 150 < struck < 250
