"""Dates on the shop's clock and amounts in an order's currency, as the reader of the console writes them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_skeleton, format_time
from babel.numbers import format_currency, format_decimal

from doorstep.kit.money import digits
from doorstep.kit.templates import locale_of


class Figures:
    """How one reader sees dates and amounts. `now` is the brand's time; moments are aware."""

    def __init__(self, *, language: str, timezone: str, now: datetime) -> None:
        # Who chose English reads dates as in Europe: the day stands before the month.
        self._locale: Locale = locale_of(language, "GBP")
        self.zone = ZoneInfo(timezone)
        self.now = now.astimezone(self.zone)

    def day(self, moment: datetime | str | None) -> str:
        """`Tue 24 Nov`, with the year when it is not this one; empty for no moment."""
        if not moment:
            return ""
        local = self.local(moment)
        skeleton = "MMMEd" if local.year == self.now.year else "yMMMd"
        return str(format_skeleton(skeleton, local, locale=self._locale))

    def time(self, moment: datetime | str) -> str:
        """`14:30`."""
        return str(format_time(self.local(moment), "short", locale=self._locale))

    def when(self, moment: datetime | str | None) -> str:
        """`14:30` today, else `Tue 24 Nov, 14:30`."""
        if not moment:
            return ""
        if self.local(moment).date() == self.now.date():
            return self.time(moment)
        return f"{self.day(moment)}, {self.time(moment)}"

    def money(self, amount_minor: int, currency: str) -> str:
        """An amount with its currency."""
        amount = Decimal(amount_minor).scaleb(-digits(currency))
        return str(format_currency(amount, currency, locale=self._locale, currency_digits=False))

    def number(self, count: int) -> str:
        """`1,234`."""
        return str(format_decimal(count, locale=self._locale))

    def local(self, moment: datetime | str) -> datetime:
        """On the shop's clock."""
        return (moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)).astimezone(self.zone)
