"""Arrays as arguments: lists and tuples, and no abstract class is asked about what is in them (see db/pool.py)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

import asyncpg
import pytest

from doorstep.db import Brand

SUM = "SELECT count(*), sum(a), string_agg(b, ',') FROM unnest($1::integer[], $2::text[]) AS x (a, b)"


@pytest.mark.parametrize("kind", [list, tuple])
async def test_lists_and_tuples_are_arrays(brand: Brand, kind: type[Sequence[Any]]) -> None:
    async with brand.reading() as connection:
        row = await connection.fetchrow(SUM, kind([1, None, 3]), kind(["a", "", None]))  # type: ignore[call-arg]  # both take one
        nested = await connection.fetchval("SELECT $1::integer[]", [[1, 2], [3, 4]])
    assert row is not None
    assert tuple(row) == (3, 4, "a,")
    assert nested == [[1, 2], [3, 4]]


async def test_a_text_is_no_array(brand: Brand) -> None:
    async with brand.reading() as connection:
        with pytest.raises(asyncpg.DataError):
            await connection.fetchrow(SUM, [1], "abc")


async def test_no_abstract_class_is_asked_about_the_elements(brand: Brand) -> None:
    asked = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal asked
        asked += event == "call" and frame.f_code.co_name == "__instancecheck__"

    async with brand.reading() as connection:
        numbers, texts = [1] * 5_000, ["a"] * 5_000
        await connection.fetchrow(SUM, numbers, texts)
        sys.setprofile(count)
        try:
            await connection.fetchrow(SUM, numbers, texts)
        finally:
            sys.setprofile(None)
    assert asked < 100
