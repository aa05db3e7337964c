"""The short form of `make kills`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kills.play import play


# Who is killed leaves its connections as they are, and so do the libraries that talked to it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning")
async def test_three_kills_under_load_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    told: list[str] = []
    outcome = await play(tmp_path, kills=3, seed=3, tell=told.append)
    assert outcome.faults == [], told
    assert sum(outcome.kills.values()) == 3
    assert outcome.orders > 3
    assert outcome.labels > 0
