"""The pure part of money: never more than is authorized, due or captured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorstep.kit.ids import new_id
from doorstep.kit.limits import PAYMENT_DECLINES
from doorstep.payments import Balance
from doorstep.payments.model import Book, Capture, next_attempt, spread

FIRST = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
AMOUNTS = st.integers(0, 10_000)


def book(authorized: int, due: int) -> Book:
    return Book(
        order_id=new_id(), currency="GBP", total_minor=max(authorized, due), due_minor=due, authorized_minor=authorized,
        captured_minor=0, refunded_minor=0, voided_minor=0, capturing_minor=0, voiding_minor=0,
        authorization_id=new_id(),
    )  # fmt: skip


def capture(parcel: str, left: int) -> Capture:
    return Capture(transaction_id=new_id(), cause=f"shipment:{parcel}", left_minor=left)


@given(AMOUNTS, AMOUNTS, st.lists(AMOUNTS, max_size=8))
def test_captures_of_one_batch_never_exceed_the_authorization_or_what_is_due(
    authorized: int, due: int, earned: list[int]
) -> None:
    money = book(authorized, due)
    taken = [money.take(amount) for amount in earned]
    assert sum(taken) == min(sum(earned), authorized, due)
    assert all(took <= amount for took, amount in zip(taken, earned, strict=True))


@given(AMOUNTS, AMOUNTS)
def test_nothing_is_let_go_while_a_capture_is_open_or_on_its_way(authorized: int, due: int) -> None:
    money = book(authorized, due)
    if due:
        assert money.let_go() == 0
    taken = money.take(due)
    if taken:
        assert money.let_go() == 0  # on its way: a void now would take it away
    money.captured_minor, money.capturing_minor = taken, 0
    expected = authorized - taken if taken == due else 0
    assert money.let_go() == expected
    assert money.let_go() == 0


@given(st.lists(st.integers(1, 1000), max_size=6), st.integers(1, 5000))
def test_a_refund_is_spread_over_captures_to_the_cent(lefts: list[int], amount: int) -> None:
    captures = [capture(str(number), left) for number, left in enumerate(lefts)]
    parts = spread(captures, amount, "return:x")
    assert sum(part for _, part in parts) == min(amount, sum(lefts))
    assert sum(capture.left_minor for capture in captures) == sum(lefts) - sum(part for _, part in parts)
    assert all(part > 0 for _, part in parts)


def test_a_lost_parcel_is_refunded_from_its_own_capture() -> None:
    captures = [capture(name, 500) for name in "abc"]
    parts = spread(captures, 300, "lost:b")
    assert [(capture.cause, part) for capture, part in parts] == [("shipment:b", 300)]


def test_a_declined_card_is_tried_again_within_a_day_and_only_so_often() -> None:
    attempts = [next_attempt(FIRST, attempt) for attempt in range(1, PAYMENT_DECLINES + 2)]
    assert attempts[:2] == [FIRST + timedelta(hours=1), FIRST + timedelta(hours=6)]
    assert attempts[PAYMENT_DECLINES - 1 :] == [None, None]


@pytest.mark.parametrize(
    ("amounts", "status"),
    [
        ({"due_minor": 100}, "awaiting"),
        ({"due_minor": 100, "declines": 1}, "awaiting"),
        ({"due_minor": 0, "declines": 3}, "failed"),
        ({"due_minor": 0}, "voided"),
        ({"due_minor": 0, "total_minor": 0}, "captured"),
        ({"due_minor": 100, "authorized_minor": 100}, "authorized"),
        ({"due_minor": 0, "authorized_minor": 100, "voided_minor": 100}, "voided"),
        ({"due_minor": 100, "authorized_minor": 100, "captured_minor": 40}, "partially_captured"),
        ({"due_minor": 40, "authorized_minor": 100, "captured_minor": 40, "voided_minor": 60}, "captured"),
        ({"due_minor": 100, "authorized_minor": 100, "captured_minor": 100, "refunded_minor": 1}, "partially_refunded"),
        ({"due_minor": 100, "authorized_minor": 100, "captured_minor": 100, "refunded_minor": 100}, "refunded"),
    ],
)
def test_the_payment_axis_follows_the_money(amounts: dict[str, int], status: str) -> None:
    nothing = {
        "total_minor": 100, "authorized_minor": 0, "captured_minor": 0, "refunded_minor": 0, "voided_minor": 0,
        "declines": 0,
    }  # fmt: skip
    assert Balance(currency="GBP", **{**nothing, **amounts}).status == status
