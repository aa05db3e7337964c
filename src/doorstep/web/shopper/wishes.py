"""What a form asks for, as the verbs take it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time

import msgspec

from doorstep.kit.errors import Fault, Invalid
from doorstep.orders import LineQuantity, Preferences

CHANNELS = ("email", "sms", "both", "none")


def lines_of(fields: Mapping[str, str]) -> list[LineQuantity]:
    """Units to cancel: fields `line-N` with a number above nothing. What is not a number counts as nothing."""
    wanted = []
    for name, text in fields.items():
        kind, _, line_no = name.partition("-")
        if kind == "line" and number_of(line_no) and number_of(text):
            wanted.append(LineQuantity(line_no=number_of(line_no), quantity=number_of(text)))
    return sorted(wanted, key=lambda line: line.line_no)


def preferences_of(fields: Mapping[str, str], before: Preferences, *, timezone: str) -> Preferences:
    """Preferences as chosen; what the form does not show stays as it was. Raises Invalid.

    Quiet hours are on the shop's clock, `timezone`, unless the customer has one of their own.
    """
    channel = fields.get("channel", "")
    if channel not in CHANNELS:
        raise Invalid([Fault("/channel", "Choose one of the ways.")])
    return msgspec.structs.replace(
        before,
        channel=channel,
        only_if_late=fields.get("only_if_late") == "yes",
        quiet_from=_time(fields, "quiet_from"),
        quiet_until=_time(fields, "quiet_until"),
        timezone=timezone if before.timezone == "UTC" else before.timezone,
    )


def number_of(text: str) -> int:
    """A whole number of at most seven digits; what is not one counts as nothing."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0


def _time(fields: Mapping[str, str], name: str) -> time | None:
    text = fields.get(name, "")
    if not text:
        return None
    try:
        found = time.fromisoformat(text)
    except ValueError:
        raise Invalid([Fault(f"/{name}", "A time looks like 21:30.")]) from None
    return found.replace(tzinfo=None)
