"""From "the goods are here now" to a dated promise: examples one can check by hand, and properties that always hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorstep.delivery import (
    ANYWHERE,
    WEEKDAYS,
    Calendar,
    Dated,
    DayOff,
    Sender,
    Service,
    Transit,
    TransitDays,
    Weekday,
    promise,
)
from doorstep.delivery.calendar import ANY_DAY, LATEST_CUT_OFF

LONDON = ZoneInfo("Europe/London")
ZONES = ("Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo")
DAYS = st.integers(0, 6)


def service(cut_off: time = time(14), *, handling_days: int = 0, saturday: bool = False) -> Service:
    return Service(
        service="standard",
        title="Standard",
        carrier="van",
        price_minor=395,
        currency="GBP",
        parcel_cost_minor=300,
        cut_off=cut_off,
        handling_days=handling_days,
        saturday=saturday,
    )


def transit(days: int) -> Transit:
    return Transit([TransitDays(service="standard", country="GB", days=days)])


def dated(
    ready_from: datetime,
    of: Service | None = None,
    *,
    days: int = 3,
    work_days: int = 0,
    zone: str = "Europe/London",
    calendar: Calendar = ANY_DAY,
) -> Dated:
    found = promise(
        of or service(),
        origin=Sender(location_id=1, country="DE", timezone=zone),
        calendar=calendar,
        ready_from=ready_from,
        destination=("GB", "SW1A 1AA"),
        work_days=work_days,
        transit=transit(days),
    )
    assert found is not None
    return found


def london(day: date, hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute, second), tzinfo=LONDON)


MONDAY = date(2026, 6, 1)
THURSDAY, FRIDAY, SATURDAY, SUNDAY = (MONDAY + timedelta(days=days) for days in (3, 4, 5, 6))
NEXT_MONDAY = MONDAY + timedelta(days=7)


def test_before_the_cut_off_it_leaves_the_same_day() -> None:
    answer = dated(london(MONDAY, 13, 59, 59))
    assert answer.hand_over_by == london(MONDAY, 18)
    assert answer.promised_from == london(MONDAY + timedelta(days=1), 8)
    assert answer.promised_by == london(THURSDAY, 20)


def test_at_the_cut_off_to_the_second_it_leaves_the_next_day() -> None:
    assert dated(london(MONDAY, 14)).hand_over_by == london(MONDAY + timedelta(days=1), 18)


def test_after_the_cut_off_of_friday_it_leaves_on_monday() -> None:
    assert dated(london(FRIDAY, 15)).hand_over_by == london(NEXT_MONDAY, 18)


def test_on_saturday_night_it_is_too_early_for_mondays_cut_off_to_have_passed() -> None:
    assert dated(london(SATURDAY, 23)).hand_over_by == london(NEXT_MONDAY, 18)


def test_a_weekend_is_no_transit() -> None:
    assert dated(london(FRIDAY, 9), days=1).promised_by == london(NEXT_MONDAY, 20)


def test_a_saturday_service_leaves_and_arrives_on_saturday() -> None:
    of = service(saturday=True)
    assert dated(london(FRIDAY, 9), of, days=1).promised_by == london(SATURDAY, 20)
    assert dated(london(SATURDAY, 9), of, days=1).hand_over_by == london(SATURDAY, 18)
    assert dated(london(SATURDAY, 9), of, days=1).promised_by == london(NEXT_MONDAY, 20)


def test_handling_and_work_are_working_days_before_it_leaves() -> None:
    answer = dated(london(THURSDAY, 9), service(handling_days=1), days=1, work_days=2)
    assert answer.hand_over_by == london(NEXT_MONDAY + timedelta(days=1), 18)
    assert answer.promised_by == london(NEXT_MONDAY + timedelta(days=2), 20)


def test_the_same_day_is_promised_only_before_the_cut_off() -> None:
    of = service(time(11))
    assert dated(london(MONDAY, 10, 59, 59), of, days=0).promised_by == london(MONDAY, 20)
    assert dated(london(MONDAY, 10, 59, 59), of, days=0).hand_over_by == london(MONDAY, 15)
    assert dated(london(MONDAY, 11), of, days=0).promised_by == london(MONDAY + timedelta(days=1), 20)


@pytest.mark.parametrize(
    ("friday", "hours_between"),
    [(date(2026, 3, 27), 71), (date(2026, 10, 23), 73)],
    ids=["clocks go forward", "clocks go back"],
)
def test_local_times_stay_local_when_clocks_change_over_the_weekend(friday: date, hours_between: int) -> None:
    monday = friday + timedelta(days=3)
    before, after = dated(london(friday, 13)), dated(london(friday, 15))
    assert before.hand_over_by == london(friday, 18)
    assert after.hand_over_by == london(monday, 18)
    assert after.hand_over_by - before.hand_over_by == timedelta(hours=hours_between)


def test_on_the_day_the_clocks_change_the_cut_off_is_local() -> None:
    sunday = date(2026, 3, 29)
    cairo_friday = date(2026, 4, 24)  # clocks jump from 00:00 to 01:00 on a working day
    assert dated(london(sunday, 3), service(saturday=True)).hand_over_by == london(sunday + timedelta(days=1), 18)
    cut_off = datetime.combine(cairo_friday, time(14), tzinfo=ZoneInfo("Africa/Cairo"))
    second = timedelta(seconds=1)
    early, late = (dated(at, days=1, zone="Africa/Cairo") for at in (cut_off - second, cut_off))
    assert early.hand_over_by == datetime(2026, 4, 24, 15, tzinfo=UTC)
    assert late.hand_over_by == datetime(2026, 4, 27, 15, tzinfo=UTC)


def test_the_longest_prefix_wins_then_the_country_then_anywhere() -> None:
    table = Transit(
        TransitDays(service="standard", country=country, postcode_prefix=prefix, days=days)
        for country, prefix, days in (("GB", "", 3), ("GB", "TR", 4), ("GB", "TR 21", 6), (ANYWHERE, "", 10))
    )
    asked = (("GB", "M1 1AA"), ("GB", "tr1 1aa"), ("GB", "TR210AA"), ("GB", ""), ("FR", "75001"))
    assert [table.days("standard", *place) for place in asked] == [3, 4, 6, 3, 10]
    assert table.days("express", "GB", "M1 1AA") is None


def test_a_place_the_service_does_not_go_to_has_no_date() -> None:
    assert (
        promise(
            service(),
            origin=Sender(location_id=1, country="GB", timezone="Europe/London"),
            ready_from=london(MONDAY, 9),
            destination=("US", "10001"),
            work_days=0,
            transit=transit(1),
        )
        is None
    )


cut_offs = st.times(max_value=LATEST_CUT_OFF).map(lambda at: at.replace(microsecond=0))
instants = st.integers(0, 3 * 365 * 86_400).map(
    lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def _off(location: set[date], origin: set[date], destination: set[date]) -> list[DayOff]:
    """Days off of the location, of its country, and of the country it goes to."""
    return [
        *(DayOff(location_id=1, day=day, reason="stocktaking") for day in location),
        *(DayOff(country="DE", day=day, reason="holiday") for day in origin),
        *(DayOff(country="GB", day=day, reason="bank holiday") for day in destination),
    ]


WEEKS = st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True).filter(lambda week: set(week) != {"sat"})
SOME_DAYS = st.sets(st.dates(date(2025, 1, 1), date(2028, 2, 1)), max_size=40) | st.builds(
    lambda first, days: {first + timedelta(days=n) for n in range(days)},
    st.dates(date(2025, 1, 1), date(2028, 1, 1)),
    st.integers(1, 30),
)


@given(
    instants, cut_offs, st.sampled_from(ZONES), DAYS, DAYS, DAYS, st.booleans(), WEEKS, SOME_DAYS, SOME_DAYS, SOME_DAYS
)
def test_a_promise_is_never_earlier_than_possible_and_skips_no_day_without_reason(
    ready: datetime,
    cut_off: time,
    zone: str,
    handling: int,
    work: int,
    days: int,
    saturday: bool,
    week: list[Weekday],
    closed: set[date],
    at_home: set[date],
    abroad: set[date],
) -> None:
    answer = dated(
        ready,
        service(cut_off, handling_days=handling, saturday=saturday),
        days=days,
        work_days=work,
        zone=zone,
        calendar=Calendar({1: week}, _off(closed, at_home, abroad)),
    )

    def leaves_on(day: date) -> bool:
        return arrives_on(day, closed | at_home) and WEEKDAYS[day.weekday()] in week

    def arrives_on(day: date, off: set[date] = abroad) -> bool:
        return day.weekday() <= (5 if saturday else 4) and day not in off

    def counted(first: date, last: date, counts: Callable[[date], bool]) -> int:
        """Days that count after `first`, up to and including `last`, one by one."""
        return sum(counts(first + timedelta(days=n)) for n in range(1, (last - first).days + 1))

    tz = ZoneInfo(zone)
    leaves = (answer.hand_over_by.astimezone(tz)).date()
    arrives = answer.promised_by.astimezone(tz).date()
    closes = datetime.combine(leaves, cut_off, tzinfo=tz)
    assert ready < closes.astimezone(UTC), "it leaves on a day whose cut-off was still ahead"
    assert ready <= answer.promised_from <= answer.promised_by
    assert answer.hand_over_by <= answer.promised_by
    assert leaves_on(leaves)
    assert arrives_on(arrives)
    today = ready.astimezone(tz).date()
    missed = ready >= datetime.combine(today, cut_off, tzinfo=tz).astimezone(UTC)
    first = today if missed else today - timedelta(days=1)
    assert counted(first, leaves, leaves_on) == 1 + handling + work
    assert counted(leaves, arrives, arrives_on) == (days or int(not arrives_on(leaves)))


def test_nothing_leaves_on_a_day_off_and_nothing_arrives_on_a_holiday_of_the_country_it_goes_to() -> None:
    tuesday, wednesday = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)
    closed = Calendar({}, _off({MONDAY}, set(), set()))
    assert dated(london(MONDAY, 9), calendar=closed).hand_over_by == london(tuesday, 18)
    holiday = Calendar({}, _off(set(), {MONDAY}, set()))
    assert dated(london(MONDAY, 9), calendar=holiday).hand_over_by == london(tuesday, 18)
    abroad = Calendar({}, _off(set(), set(), {tuesday}))
    answer = dated(london(MONDAY, 9), days=1, calendar=abroad)
    assert (answer.promised_from, answer.promised_by) == (london(wednesday, 8), london(wednesday, 20))


def test_a_location_leaves_on_the_days_of_its_week() -> None:
    thursdays = Calendar({1: ["thu"], 2: ["mon"]}, ())
    assert dated(london(MONDAY, 9), calendar=thursdays).hand_over_by == london(THURSDAY, 18)


def test_the_same_day_is_another_day_when_nothing_arrives_on_it() -> None:
    holiday = Calendar({}, _off(set(), set(), {MONDAY}))
    answer = dated(london(MONDAY, 9), service(time(11)), days=0, calendar=holiday)
    tuesday = MONDAY + timedelta(days=1)
    assert (answer.promised_from, answer.promised_by) == (london(tuesday, 8), london(tuesday, 20))


@given(
    instants,
    st.timedeltas(timedelta(0), timedelta(days=9)),
    cut_offs,
    st.sampled_from(ZONES),
    DAYS,
    SOME_DAYS,
    SOME_DAYS,
)
def test_whoever_orders_later_never_gets_an_earlier_date(
    ready: datetime, later: timedelta, cut_off: time, zone: str, days: int, closed: set[date], abroad: set[date]
) -> None:
    of, calendar = service(cut_off), Calendar({}, _off(closed, set(), abroad))
    one = dated(ready, of, days=days, work_days=1, zone=zone, calendar=calendar)
    two = dated(ready + later, of, days=days, work_days=1, zone=zone, calendar=calendar)
    assert one.hand_over_by <= two.hand_over_by
    assert one.promised_from <= two.promised_from
    assert one.promised_by <= two.promised_by


@given(instants, cut_offs, DAYS, DAYS)
def test_more_work_or_a_longer_way_never_makes_it_earlier(ready: datetime, cut_off: time, work: int, days: int) -> None:
    of = service(cut_off)
    base = dated(ready, of, days=days, work_days=work)
    assert base.promised_by < dated(ready, of, days=days, work_days=work + 1).promised_by
    assert base.promised_by < dated(ready, of, days=days + 1, work_days=work).promised_by
