"""Small charts as shapes in a box, drawn by the templates as SVG: no script, sharp at any size, read out as a table."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

WIDTH, HEIGHT, FOOT = 640, 160, 18  # units of the SVG; the foot holds the labels
_GAP = 0.25  # of a bar's share of the width


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A bar: its box, what stands under it (not under each), and what it says."""

    x: float
    y: float
    width: float
    height: float
    value: float
    label: str
    shown: bool


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """A chart of bars. `top` is the value at the upper edge, `lines` are (y, value) of the grid."""

    bars: Sequence[Bar]
    lines: Sequence[tuple[float, float]]
    width: int = WIDTH
    height: int = HEIGHT
    foot: int = FOOT


def bars(values: Sequence[tuple[str, float]], *, top: float | None = None, every: int = 1) -> Bars:
    """Bars of labelled values from nought up; `every` so-manieth label is written under its bar."""
    highest = top or _nice(max((value for _, value in values), default=0))
    share = WIDTH / max(1, len(values))
    room = HEIGHT - FOOT
    made = [
        Bar(
            x=round(place * share + share * _GAP / 2, 1),
            y=round(room - room * value / highest, 1),
            width=round(share * (1 - _GAP), 1),
            height=round(room * value / highest, 1),
            value=value,
            label=label,
            shown=place % every == 0,
        )
        for place, (label, value) in enumerate(values)
    ]
    return Bars(bars=made, lines=[(round(room - room * part, 1), highest * part) for part in (0.5, 1.0)])


def _nice(value: float) -> float:
    """The next round number above: 1, 2, 4, 6, 10, 20 …, all of which have a whole half but the first."""
    step = 1.0
    while True:
        for factor in (2, 4, 6, 10):
            if value <= factor * step:
                return factor * step
        step *= 10
