"""STYLE.md keeps its word: every check it names exists, and every rule there is stands on it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.style.rules import PYTHON_RULES, TEXT_RULES

ROOT = Path(__file__).resolve().parents[2]


def named(kind: str) -> set[str]:
    """The checks of a kind (rule, test, tool) in the second column."""
    text = (ROOT / "STYLE.md").read_text(encoding="utf-8")
    return set(re.findall(rf"{kind} `([^`]+)`", text))


def test_every_rule_stands_on_the_page_and_no_other() -> None:
    assert named("rule") == {rule.__name__ for rule in (*PYTHON_RULES, *TEXT_RULES)}


def test_every_test_the_page_names_exists() -> None:
    defined: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        defined |= set(re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    assert named("test") - defined == set()


def test_make_check_runs_every_tool_the_page_names() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile[makefile.index("\ncheck:") :].partition("\n\n")[0]
    assert len(named("tool")) >= 4
    assert {tool for tool in named("tool") if tool not in recipe} == set()
