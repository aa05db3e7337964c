"""ARCHITECTURE.md is true: every folder it names is there, every folder there is named, the layers are the linter's."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src/doorstep"
NAME = re.compile(r"(?:^|\s{2,})([a-z_]+(?:/|\.py))(?=\s|$)")


def blocks() -> list[str]:
    """The code blocks of the page: the tree, then the layers."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    return re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def tree() -> dict[str, set[str]]:
    """Folder at the left margin (`docs/`) → the names below or beside it."""
    found: dict[str, set[str]] = {}
    inside = ""
    for line in blocks()[0].splitlines():
        if not line.startswith(" "):
            inside, _, line = line.partition(" ")
            found[inside] = set()
        names = re.findall(r"[a-z_]+/|[a-z_]+\.py", line) if inside != "src/doorstep/" else NAME.findall(line)
        found[inside] |= set(names)
    return found


def layers(lines: Iterable[str]) -> list[set[str]]:
    """The names on each line, whatever stands between them."""
    return [set(re.findall(r"[a-z_]+", line)) for line in lines if line.strip()]


def parts(folder: Path) -> set[str]:
    """Packages and modules of a folder, as the tree writes them."""
    packages = {f"{path.name}/" for path in folder.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    return packages | {path.name for path in folder.glob("*.py") if not path.name.startswith("__")}


def test_the_tree_names_every_part_of_the_package_and_nothing_else() -> None:
    assert tree()["src/doorstep/"] == parts(PACKAGE)


def test_the_folders_of_docs_and_tests_are_there() -> None:
    docs = {f"{path.name}/" for path in (ROOT / "docs").iterdir() if path.is_dir()}
    assert tree()["docs/"] == docs
    missing = {name for name in tree()["tests/"] if not (ROOT / "tests" / name).is_dir()}
    assert missing == set()


def test_the_layers_are_those_the_linter_enforces() -> None:
    linter = configparser.ConfigParser()
    linter.read(ROOT / ".importlinter", encoding="utf-8")
    enforced = layers(linter["importlinter:contract:one-way"]["layers"].splitlines())
    assert len(enforced) > 10
    assert layers(blocks()[1].splitlines()) == enforced


def test_every_part_has_a_place_in_the_layers() -> None:
    placed = set().union(*layers(blocks()[1].splitlines()))
    assert {name.rstrip("/").removesuffix(".py") for name in parts(PACKAGE)} - placed == set()
