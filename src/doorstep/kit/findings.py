"""What an audit looks at: checks, each with what was measured and what it must be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

Area = Literal["units", "money", "messages", "work"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One check of an audit and how it came out; those that hold are reported too, so that one sees what was looked at.

    `check` is a sentence that must hold. `measured` and `expected` are counts (or minor units of money);
    `examples` are a handful of ids or rows to start looking at, without personal data.
    """

    area: Area
    check: str
    measured: int
    expected: int = 0
    detail: str = ""
    examples: Sequence[str] = ()

    @property
    def ok(self) -> bool:
        """Whether the check came out as it must."""
        return self.measured == self.expected

    @property
    def holds(self) -> bool:
        """The same, said of the check: it holds."""
        return self.ok
