"""Weeks of locations and days off: what is kept, what is refused, what a promise makes of it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import asyncpg
import pytest

from doorstep import delivery, inventory
from doorstep.db import Tx
from doorstep.delivery import Day, DaysOff, OpeningWeek
from doorstep.kit.errors import Invalid
from tests.support.shop import Shop

NEW_YEAR = Day(day=date(2027, 1, 1), reason="New Year's Day")
EPIPHANY = Day(day=date(2027, 1, 6), reason="Epiphany")


async def kept(tx: Tx) -> list[tuple[str | None, str]]:
    return [(one.country, str(one.day)) for one in (await delivery.calendars(tx)).off]


async def test_days_off_are_replaced_by_whose_they_are_and_others_stay(shop: Shop) -> None:
    async with shop.brand.transaction() as tx:
        north = DaysOff(location="north", days=[EPIPHANY])
        await delivery.put_days_off(tx, [DaysOff(country="GB", days=[NEW_YEAR, EPIPHANY]), north])
        await delivery.put_days_off(tx, [DaysOff(country="GB", days=[NEW_YEAR])])
        assert await kept(tx) == [("GB", "2027-01-01"), (None, "2027-01-06")]
        await delivery.put_days_off(tx, [DaysOff(country="GB", days=[]), north])
        assert await kept(tx) == [(None, "2027-01-06")]


async def test_a_day_is_added_twice_as_one_and_taken_away_once(shop: Shop) -> None:
    async with shop.brand.transaction() as tx:
        for _ in range(2):
            await delivery.add_days_off(tx, location=None, country="GB", days=[NEW_YEAR])
        assert await kept(tx) == [("GB", "2027-01-01")]
        forget = [await delivery.forget_day_off(tx, location=None, country="GB", day=NEW_YEAR.day) for _ in range(2)]
        assert forget == ["New Year's Day", None]


async def test_every_fault_of_a_calendar_is_told_and_nothing_is_kept(shop: Shop) -> None:
    async with shop.brand.transaction() as tx:
        with pytest.raises(Invalid) as error:
            await delivery.put_days_off(
                tx,
                [
                    DaysOff(location="nowhere", days=[NEW_YEAR]),
                    DaysOff(days=[NEW_YEAR]),
                    DaysOff(location="north", country="GB", days=[]),
                    DaysOff(country="DE", days=[NEW_YEAR, NEW_YEAR]),
                    DaysOff(country="DE", days=[]),
                ],
            )
        places = {fault.pointer for fault in error.value.faults}
        assert places == {"/0/location", "/1", "/2", "/3/days/1/day", "/4"}
        weeks = [OpeningWeek(location="north", weekdays=["sat"]), OpeningWeek(location="x", weekdays=["mon"])]
        with pytest.raises(Invalid) as error:
            await delivery.put_opening(tx, weeks)
        assert {fault.pointer for fault in error.value.faults} == {"/0/weekdays", "/1/location"}
        assert (await delivery.calendars(tx)).weeks == {}
        assert await kept(tx) == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO days_off (day, reason) VALUES ('2027-01-01', 'of nobody')",
        "INSERT INTO days_off (country, location_id, day, reason) VALUES ('GB', 1, '2027-01-01', 'of two')",
        "INSERT INTO days_off (country, day, reason) SELECT 'GB', '2027-01-01', r FROM unnest('{a,b}'::text[]) r",
        "INSERT INTO opening_weeks VALUES (1, '{sat}')",
        "INSERT INTO opening_weeks VALUES (1, '{mon,sun}')",
    ],
)
async def test_the_database_refuses_a_calendar_that_makes_no_sense(shop: Shop, statement: str) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await shop.value(statement)


async def test_a_promise_keeps_the_week_and_the_days_off(shop: Shop) -> None:
    async with shop.brand.transaction() as tx:
        await delivery.put_opening(tx, [OpeningWeek(location="north", weekdays=["wed", "mon"])])
        await delivery.put_days_off(tx, [DaysOff(country="GB", days=[Day(day=date(2026, 6, 3), reason="A feast")])])
        planner = await delivery.planner(tx)
        north = next(one for one in (await inventory.locations(tx)).values() if one.code == "north")
    dated = planner.promise(
        "standard",
        origin=north,
        ready_from=datetime(2026, 6, 2, 9, tzinfo=UTC),  # a Tuesday
        destination=("GB", "SW1A 1AA"),
        work_days=0,
    )
    assert dated is not None
    assert dated.hand_over_by.date() == date(2026, 6, 8)


def test_public_holidays_are_those_of_the_whole_country() -> None:
    days = {str(one.day): one.reason for one in delivery.public_holidays("DE", [2026, 2027])}
    assert {"2026-10-03", "2026-12-25", "2027-01-01"} <= days.keys()
    assert "2026-08-15" not in days, "Assumption Day is a holiday in two states only"
    assert delivery.public_holidays("XX", [2026]) == []
