"""What a form asks for, as the verbs take it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import Any, get_args

import msgspec

from doorstep.kit.errors import Fault, Invalid
from doorstep.orders import LineQuantity, Preferences
from doorstep.returns import Reason, WishLine

CHANNELS = ("email", "sms", "both", "none")


def units_of(fields: Mapping[str, str]) -> list[tuple[int, int]]:
    """(line number, units) of the fields `line-N` with a number above nothing, by line."""
    named = [(name.partition("-"), text) for name, text in fields.items()]
    units = [(number_of(line_no), number_of(text)) for (kind, _, line_no), text in named if kind == "line"]
    return sorted((line_no, quantity) for line_no, quantity in units if line_no and quantity)


def lines_of(fields: Mapping[str, str]) -> list[LineQuantity]:
    """Units to cancel."""
    return [LineQuantity(line_no=line_no, quantity=quantity) for line_no, quantity in units_of(fields)]


def returns_of(fields: Mapping[str, str]) -> list[WishLine]:
    """Units to send back, each with its `reason-N`; a reason we do not know is another one. For an exchange, each with
    the SKU wanted instead, `instead-N`.
    """
    exchange = fields.get("outcome") == "exchange"
    wanted = []
    for line_no, quantity in units_of(fields):
        reason: Any = fields.get(f"reason-{line_no}", "")
        if reason not in get_args(Reason):
            reason = "other"
        instead = fields.get(f"instead-{line_no}", "")[:100] or None if exchange else None
        wanted.append(WishLine(line_no=line_no, quantity=quantity, reason=reason, exchange_sku=instead))
    return wanted


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


def day_of(text: str) -> date | None:
    """A day written as 2026-03-05; None for what is none."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _time(fields: Mapping[str, str], name: str) -> time | None:
    text = fields.get(name, "")
    if not text:
        return None
    try:
        found = time.fromisoformat(text)
    except ValueError:
        raise Invalid([Fault(f"/{name}", "A time looks like 21:30.")]) from None
    return found.replace(tzinfo=None)
