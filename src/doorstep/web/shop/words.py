"""Amounts, days and countries, as the reader writes them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency

from doorstep.kit.templates import language_of, locale_of
from doorstep.web.shop.wares import CURRENCY, VAT_PERCENT

LOCALES = {"en": "en_IE", "de": "de_DE"}  # English as it is written where people pay in euro


class Words:
    """One language."""

    def __init__(self, language: str) -> None:
        self.language = language_of(language)
        self._locale: Locale = locale_of(LOCALES[self.language], CURRENCY)

    def money(self, amount_minor: int) -> str:
        """An amount with its currency."""
        return str(format_currency(Decimal(amount_minor).scaleb(-2), CURRENCY, locale=self._locale))

    def day(self, moment: datetime, timezone: str) -> str:
        """`Tuesday 24 November`, without a year; in the zone of the place that sends it."""
        local = moment.astimezone(ZoneInfo(timezone))
        pattern = "EEEE, d. MMMM" if self.language == "de" else "EEEE d MMMM"
        return str(format_date(local, pattern, locale=self._locale))

    def countries(self) -> list[tuple[str, str]]:
        """Codes and names of where we deliver, by name."""
        names = self._locale.territories
        return sorted(((code, names[code]) for code in VAT_PERCENT), key=lambda one: one[1])
