"""Faults are seeded: the same run goes wrong in the same places."""

from __future__ import annotations

from collections import Counter

import pytest

from doorstep.adapters.twin.faults import CALL, Faults, digits, parse, roll


def test_a_draw_depends_on_the_seed_the_reference_and_the_attempt_only() -> None:
    faults = Faults(seed=1, rates=dict.fromkeys(CALL, 0.1))
    drawn = [faults.draw_call(f"ref_{number}", 1) for number in range(100)]
    assert drawn == [faults.draw_call(f"ref_{number}", 1) for number in range(100)]
    assert drawn != [faults.draw_call(f"ref_{number}", 2) for number in range(100)]
    other = Faults(seed=2, rates=faults.rates)
    assert drawn != [other.draw_call(f"ref_{number}", 1) for number in range(100)]


def test_each_fault_strikes_as_often_as_its_rate_says() -> None:
    faults = Faults(rates={"error_500": 0.05, "garbage": 0.2})
    struck = Counter(faults.draw_call(f"ref_{number}", 1) for number in range(4_000))
    assert set(struck) == {None, "error_500", "garbage"}
    assert 150 < struck["error_500"] < 250
    assert 700 < struck["garbage"] < 900


def test_faults_end_after_the_attempts_allowed() -> None:
    faults = Faults(rates={"garbage": 1.0}, attempts=2)
    assert [faults.draw_call("ref", attempt) for attempt in (1, 2, 3)] == ["garbage", "garbage", None]


def test_names_are_not_glued_together() -> None:
    assert roll(1, "ab", "c") != roll(1, "a", "bc")
    assert len(digits(1, "x", count=13)) == 13


def test_rates_are_read_from_the_command_line() -> None:
    assert parse(" garbage=0.1, error_500=1 ,", CALL) == {"garbage": 0.1, "error_500": 1.0}


@pytest.mark.parametrize("text", ["garbge=0.1", "garbage=2", "garbage=-0.1", "garbage", "garbage=x", "garbage=nan"])
def test_a_fault_that_could_never_strike_as_meant_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text, CALL)
