"""Cursors: what we made comes back typed, anything else is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorstep.kit.errors import Invalid
from doorstep.kit.paging import cut, decode, encode

aware = st.datetimes(timezones=st.just(UTC))
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@given(st.tuples(st.integers(-(2**62), 2**62), aware, st.uuids(), texts))
def test_a_cursor_comes_back_as_it_went(values: tuple[int, datetime, UUID, str]) -> None:
    assert decode(encode(values), (int, datetime, UUID, str)) == values


@given(st.text(max_size=60))
def test_a_made_up_cursor_is_refused_and_nothing_else_happens(cursor: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode(cursor, (int, UUID))
    assert [fault.pointer for fault in caught.value.faults] == ["?cursor"]


@pytest.mark.parametrize(
    "values", [(), (1,), (1, 2), ("1", "2"), (1, "nobody"), (1, None), (1, UUID(int=1), 3)], ids=str
)
def test_a_cursor_of_another_list_is_refused(values: tuple[object, ...]) -> None:
    with pytest.raises(Invalid):
        decode(encode(values), (int, UUID))


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00", "yesterday"])
def test_a_time_without_its_zone_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        decode(encode((text,)), (datetime,))


def test_a_text_with_nul_is_refused() -> None:
    with pytest.raises(Invalid):
        decode(encode(("a\0b",)), (str,))


def test_a_time_keeps_its_instant_whatever_its_zone() -> None:
    there = datetime(2026, 3, 29, 1, 30, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    assert decode(encode((there,)), (datetime,)) == (there,)


@pytest.mark.parametrize(
    ("rows", "page", "more"), [([], [], False), ([1, 2], [1, 2], False), ([1, 2, 3], [1, 2], True)]
)
def test_one_row_more_than_asked_tells_that_there_is_more(rows: list[int], page: list[int], more: bool) -> None:
    found, cursor = cut(rows, 2, lambda row: (row,))
    assert list(found) == page
    assert (cursor is not None) == more
    if cursor:
        assert decode(cursor, (int,)) == (page[-1],)
