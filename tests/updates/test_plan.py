"""When and how a customer is told: pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorstep.kit.ids import new_id
from doorstep.updates.links import read_token, token
from doorstep.updates.model import TELLS, Terms, Told, after_quiet, plan

NIGHT = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
QUIET = {"quiet_from": time(21), "quiet_until": time(8), "timezone": "Europe/London"}
GOOD = Told(kind="shipped", data={})
BAD = Told(kind="late", data={"was_promised_by": "2026-03-05T18:00:00Z"}, bad_news=True)


def planned(told: Told, **terms: Any) -> list[tuple[str, datetime, str | None]]:
    rows = plan(told, Terms(**{"has_phone": True, **terms}), NIGHT)
    return [(row.channel, row.due_at, row.suppressed_because) for row in rows]


MORNING = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "terms", "rows"),
    [
        (GOOD, {}, [("email", NIGHT, None)]),
        (GOOD, {"channel": "both"}, [("email", NIGHT, None), ("sms", NIGHT, None)]),
        (GOOD, {"channel": "sms", "has_phone": False}, [("email", NIGHT, None)]),
        (GOOD, {"has_email": False}, [("sms", NIGHT, None)]),
        (GOOD, {"has_email": False, "has_phone": False}, [("email", NIGHT, "no_address")]),
        (GOOD, {"channel": "none"}, [("email", NIGHT, "no_messages_wanted")]),
        (BAD, {"channel": "none"}, [("email", NIGHT, "no_messages_wanted")]),
        (GOOD, {"only_if_late": True}, [("email", NIGHT, "only_if_late")]),
        (BAD, {"only_if_late": True}, [("email", NIGHT, None)]),
        (GOOD, {"events": ("delivered",)}, [("email", NIGHT, "kind_not_wanted")]),
        (GOOD, {"events": ("shipped",)}, [("email", NIGHT, None)]),
        (BAD, {"events": ("delivered",)}, [("email", NIGHT, None)]),
        (GOOD, QUIET, [("email", MORNING, None)]),
        (BAD, QUIET, [("email", NIGHT, None)]),
        (BAD, QUIET | {"channel": "both"}, [("email", NIGHT, None), ("sms", MORNING, None)]),
        (BAD, QUIET | {"channel": "sms"}, [("sms", MORNING, None)]),
        (BAD, QUIET | {"timezone": "Nowhere/Land"}, [("email", NIGHT, None)]),
    ],
)
def test_messages_follow_the_customers_terms(told: Told, terms: dict[str, Any], rows: list[Any]) -> None:
    assert planned(told, **terms) == rows


def test_news_that_quiet_hours_would_hold_beyond_the_old_date_also_goes_by_mail() -> None:
    told = Told(kind="late", data={"was_promised_by": "2026-03-03T07:00:00Z"}, bad_news=True)
    assert planned(told, **QUIET, channel="sms") == [("sms", MORNING, None), ("email", NIGHT, None)]


@given(
    st.integers(0, 366 * 24 * 60).map(lambda minutes: NIGHT + timedelta(minutes=minutes)),
    st.times(),
    st.times(),
    st.sampled_from(["UTC", "Europe/London", "America/New_York", "Asia/Kolkata"]),
)
def test_quiet_hours_end_within_a_day_and_never_in_quiet_hours(
    now: datetime, start: time, end: time, timezone: str
) -> None:
    due = after_quiet(now, Terms(quiet_from=start, quiet_until=end, timezone=timezone))
    assert now <= due <= now + timedelta(hours=25)  # the night the clocks go back is an hour longer
    if due > now:
        local = due.astimezone(ZoneInfo(timezone))
        skipped = datetime.combine(local.date(), end, ZoneInfo(timezone))
        assert local.time() == end or skipped.astimezone(UTC) == due  # the hour that the clocks skip


def test_suspicion_is_never_told() -> None:
    for reason in ("high_risk_of_fraud", "awaiting_payment", "other"):
        told = TELLS["orders.hold_placed"]({"hold_id": "-", "reason": reason})
        assert [row.suppressed_because for row in plan(told, Terms(), NIGHT)] == ["not_for_customers"]


def test_the_last_decline_is_told_by_the_cancellation_that_follows() -> None:
    data = {"attempt": 3, "final": True, "next_at": None}
    assert plan(TELLS["payments.declined"](data), Terms(), NIGHT)[0].suppressed_because == "told_by_cancellation"


def test_a_first_date_is_no_bad_news_and_a_later_or_lost_one_is() -> None:
    facts = {"version": 2, "cause": "carrier_delay", "line_nos": [1]}
    a, b = "2026-03-05T18:00:00Z", "2026-03-09T18:00:00Z"
    dates: list[tuple[str | None, str | None]] = [(None, b), (a, b), (a, None), (b, a)]
    told = [TELLS["delivery.repromised"](facts | {"was_promised_by": was, "promised_by": now}) for was, now in dates]
    assert [(one.kind, one.bad_news) for one in told] == [
        ("date_known", False), ("late", True), ("late", True), ("sooner", False)
    ]  # fmt: skip


def test_a_link_shows_its_own_order_of_its_own_brand_only() -> None:
    order_id = new_id()
    made = token("secret", "main", order_id)
    assert read_token("secret", made) == ("main", order_id)
    assert len(made) == len("main.") + 36
    forged = [
        read_token("other", made),
        read_token("", token("", "main", order_id)),
        read_token("secret", made.replace("main", "other")),
        read_token("secret", made[:-1] + ("A" if made[-1] != "A" else "B")),
        read_token("secret", made[:-4]),
        read_token("secret", "main.ö"),
        read_token("secret", ""),
    ]
    assert forged == [None] * 7
