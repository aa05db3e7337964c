"""The pages as the tests read them: their text, code blocks, links and the calls they name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
_CALL = re.compile(r"\b(GET|POST|PUT|DELETE)\s+(/(?:v1|healthz|readyz|metrics|openapi)[\w./{}…-]*)")


class Page(msgspec.Struct, frozen=True):
    """One Markdown file: its path from the root (POSIX), and its text."""

    path: str
    text: str

    def blocks(self, language: str) -> Sequence[str]:
        """The code blocks of a language, in order."""
        return [body for found, body in _BLOCK.findall(self.text) if found == language]

    @property
    def prose(self) -> str:
        """The text without its code blocks."""
        return _BLOCK.sub("", self.text)

    @property
    def links(self) -> Sequence[str]:
        """Targets of links and pictures inside the repository, anchors left out."""
        found = [first or second for first, second in _LINK.findall(self.prose)]
        return [target.partition("#")[0] for target in found if "://" not in target and not target.startswith("#")]

    @property
    def calls(self) -> Sequence[tuple[str, str]]:
        """Method and path of every call the page names."""
        return _CALL.findall(self.text)


def pages() -> list[Page]:
    """Every page of the repository."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return [Page(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in sorted(found)]


def page(path: str) -> Page:
    """One page by its path from the root."""
    return Page(path, (ROOT / path).read_text(encoding="utf-8"))
