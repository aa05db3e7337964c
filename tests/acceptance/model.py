"""What is measured, and what it must be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

Verdict = Literal["yes", "NO", "skipped"]


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure: what was looked at, what came out, what it had to be. `ok` is None when it was left out."""

    what: str
    value: str
    threshold: str
    ok: bool | None

    @property
    def verdict(self) -> Verdict:
        """In a word."""
        if self.ok is None:
            return "skipped"
        return "yes" if self.ok else "NO"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of "Done when", and the function that measures it."""

    number: int
    text: str
    measure: Callable[[], Sequence[Measure]]


def at_most(what: str, value: float, ceiling: float, unit: str = "") -> Measure:
    """A figure that must not be exceeded."""
    return Measure(what=what, value=f"{value:g}{unit}", threshold=f"<= {ceiling:g}{unit}", ok=value <= ceiling)


def at_least(what: str, value: float, floor: float, unit: str = "") -> Measure:
    """A figure that must be reached."""
    return Measure(what=what, value=f"{value:g}{unit}", threshold=f">= {floor:g}{unit}", ok=value >= floor)


def exactly(what: str, value: object, wanted: object) -> Measure:
    """A figure that must be just that."""
    return Measure(what=what, value=str(value), threshold=f"= {wanted}", ok=value == wanted)


def note(what: str, value: object) -> Measure:
    """A figure for the reader; nothing hangs on it."""
    return Measure(what=what, value=str(value), threshold="printed", ok=True)
