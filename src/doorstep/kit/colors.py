"""A brand's color made readable: shades with the contrast WCAG 2.2 asks for (4.5 to 1), in light and in dark."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import msgspec

OURS: Final = "#1f4fd8"
CONTRAST: Final = 4.5
_COLOR: Final = re.compile(r"#[0-9a-f]{6}")
_STEPS: Final = 50
# The grounds that text in the accent stands on; they are in doorstep.css and in the mail's layout.
_LIGHT_GROUNDS: Final = ("#ffffff", "#f2f3f6")
_DARK_GROUNDS: Final = ("#1b1f29", "#12151c", "#21242b")


class Shades(msgspec.Struct, frozen=True, kw_only=True):
    """The accent, the text on it and its soft ground, in light and in dark. `changed`: it is not the color asked for,
    which was too pale to be read.
    """

    accent: str
    accent_text: str
    accent_soft: str
    dark_accent: str
    dark_text: str
    dark_soft: str
    changed: bool


def is_color(text: str) -> bool:
    """Whether it is a color as we keep it: #rrggbb in small letters."""
    return _COLOR.fullmatch(text) is not None


def contrast(one: str, other: str) -> float:
    """The contrast of two colors, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@lru_cache(maxsize=256)
def shades(color: str) -> Shades:
    """The shades of a color: itself in light if it can be read there, else darker; lighter in dark."""
    light = _until_readable(color, "#000000", _LIGHT_GROUNDS, soft_on="#ffffff", share=0.1)
    dark = _until_readable(color, "#ffffff", _DARK_GROUNDS, soft_on="#1b1f29", share=0.2)
    return Shades(
        accent=light,
        accent_text="#ffffff",
        accent_soft=_mix(light, "#ffffff", 0.1),
        dark_accent=dark,
        dark_text="#0f1420",
        dark_soft=_mix(dark, "#1b1f29", 0.2),
        changed=light != color,
    )


def _until_readable(color: str, towards: str, grounds: tuple[str, ...], *, soft_on: str, share: float) -> str:
    for step in range(_STEPS + 1):
        tried = _mix(towards, color, step / _STEPS)
        if all(contrast(tried, ground) >= CONTRAST for ground in (*grounds, _mix(tried, soft_on, share))):
            return tried
    return towards


def _mix(one: str, other: str, share: float) -> str:
    """So much of one color in the other, channel by channel."""
    mixed = (round(a * share + b * (1 - share)) for a, b in zip(_channels(one), _channels(other), strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _luminance(color: str) -> float:
    parts = (channel / 255 for channel in _channels(color))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
