"""Every rule on every file of the repository."""

from __future__ import annotations

import statistics
from functools import cache
from pathlib import Path

import pytest

from tests.style.rules import FILE_LINES_MAX, FUNCTION_LINES_P95, PYTHON_RULES, TEXT_RULES, Rule, length
from tests.style.source import Source

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("src", "tests", "scripts", "bench", "docs", "cartridges", ".ci")
TEXTS = {
    ".py",
    ".sql",
    ".md",
    ".toml",
    ".html",
    ".jinja",
    ".js",
    ".mjs",
    ".css",
    ".typ",
    ".po",
    ".txt",
    ".yaml",
    ".yml",
}
SKIPPED = {"node_modules", "__pycache__", "vendor"}


@cache
def texts() -> list[Source]:
    """Every text file that people wrote, with its path from the root."""
    found = [path for path in ROOT.iterdir() if path.is_file() and (path.suffix in TEXTS or path.name == "Makefile")]
    for folder in FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if path.suffix in TEXTS and not SKIPPED & set(path.parts)]
    found += [path for path in (ROOT / ".ci").glob("*") if path.is_file()]
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in sorted(set(found))]


def pythons() -> list[Source]:
    """Every Python file."""
    return [source for source in texts() if source.path.endswith(".py")]


def breaches(rule: Rule, sources: list[Source]) -> str:
    """The findings of a rule, one a line."""
    return "\n".join(str(finding) for source in sources for finding in rule(source))


@pytest.mark.parametrize("rule", PYTHON_RULES, ids=lambda rule: rule.__name__)
def test_no_python_file_breaks_the_rule(rule: Rule) -> None:
    assert pythons()
    found = breaches(rule, pythons())
    assert not found, f"\n{rule.__doc__}\n{found}"


@pytest.mark.parametrize("rule", TEXT_RULES, ids=lambda rule: rule.__name__)
def test_no_file_breaks_the_rule(rule: Rule) -> None:
    found = breaches(rule, texts())
    assert not found, f"\n{rule.__doc__}\n{found}"


def test_no_sql_file_is_long() -> None:
    # A migration is a snapshot of many schema files; those are short.
    written = [source for source in texts() if source.path.endswith(".sql") and "/migrations/" not in source.path]
    lines = {source.path: len(source.text.splitlines()) for source in written}
    assert {path: count for path, count in lines.items() if count > FILE_LINES_MAX} == {}


def test_most_functions_are_short() -> None:
    lengths = [length(function) for source in pythons() if source.within("src") for function in source.functions]
    assert statistics.quantiles(lengths, n=20)[-1] <= FUNCTION_LINES_P95
