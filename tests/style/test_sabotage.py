"""What `make sabotage` would take away is still there, and so is the test that should notice: it runs seldom."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sabotage.case import Case
from tests.sabotage.cases import CASES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_taken_away_is_there(case: Case) -> None:
    gone = [edit for edit in case.edits if edit.old not in (ROOT / edit.path).read_text(encoding="utf-8")]
    assert gone == []
    path, _, name = case.test.partition("::")
    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


def test_no_two_sabotages_have_one_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
