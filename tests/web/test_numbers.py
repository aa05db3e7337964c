"""Whole numbers in forms."""

from __future__ import annotations

import pytest

from doorstep.web.pages import whole


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "1e3", " 1", "²", "١", "x", "101", "9" * 5_000])
def test_what_is_no_whole_number_or_too_large_is_none(text: str) -> None:
    assert whole(text, 100) is None


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("100", 100)])
def test_a_whole_number_is_read(text: str, number: int) -> None:
    assert whole(text, 100) == number


def test_there_may_be_a_least_one() -> None:
    assert whole("0", 9, least=1) is None
    assert whole("1", 9, least=1) == 1
