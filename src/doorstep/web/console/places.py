"""Countries a shop may be in: what is usual there, and where their places are."""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec
from babel import Locale

from doorstep import returns
from doorstep.db import Tx
from doorstep.demo.places import load_outcodes


class Country(msgspec.Struct, frozen=True):
    """What is usual in a country, and where its capital is, in degrees."""

    currency: str
    timezone: str
    latitude: float
    longitude: float


COUNTRIES: Final = {
    "AT": Country("EUR", "Europe/Vienna", 48.21, 16.37),
    "AU": Country("AUD", "Australia/Sydney", -33.87, 151.21),
    "BE": Country("EUR", "Europe/Brussels", 50.85, 4.35),
    "BR": Country("BRL", "America/Sao_Paulo", -23.55, -46.63),
    "CA": Country("CAD", "America/Toronto", 43.65, -79.38),
    "CH": Country("CHF", "Europe/Zurich", 47.38, 8.54),
    "CZ": Country("CZK", "Europe/Prague", 50.08, 14.44),
    "DE": Country("EUR", "Europe/Berlin", 52.52, 13.41),
    "DK": Country("DKK", "Europe/Copenhagen", 55.68, 12.57),
    "ES": Country("EUR", "Europe/Madrid", 40.42, -3.7),
    "FI": Country("EUR", "Europe/Helsinki", 60.17, 24.94),
    "FR": Country("EUR", "Europe/Paris", 48.86, 2.35),
    "GB": Country("GBP", "Europe/London", 51.51, -0.13),
    "GR": Country("EUR", "Europe/Athens", 37.98, 23.73),
    "HU": Country("HUF", "Europe/Budapest", 47.5, 19.04),
    "IE": Country("EUR", "Europe/Dublin", 53.35, -6.26),
    "IN": Country("INR", "Asia/Kolkata", 28.61, 77.21),
    "IT": Country("EUR", "Europe/Rome", 41.9, 12.5),
    "JP": Country("JPY", "Asia/Tokyo", 35.68, 139.69),
    "LU": Country("EUR", "Europe/Luxembourg", 49.61, 6.13),
    "MX": Country("MXN", "America/Mexico_City", 19.43, -99.13),
    "NL": Country("EUR", "Europe/Amsterdam", 52.37, 4.9),
    "NO": Country("NOK", "Europe/Oslo", 59.91, 10.75),
    "NZ": Country("NZD", "Pacific/Auckland", -36.85, 174.76),
    "PL": Country("PLN", "Europe/Warsaw", 52.23, 21.01),
    "PT": Country("EUR", "Europe/Lisbon", 38.72, -9.14),
    "RO": Country("RON", "Europe/Bucharest", 44.43, 26.1),
    "SE": Country("SEK", "Europe/Stockholm", 59.33, 18.07),
    "SG": Country("SGD", "Asia/Singapore", 1.35, 103.82),
    "US": Country("USD", "America/New_York", 40.71, -74.01),
    "ZA": Country("ZAR", "Africa/Johannesburg", -26.2, 28.05),
}
CURRENCIES: Final = tuple(sorted({country.currency for country in COUNTRIES.values()}))


@cache
def country_names(language: str) -> tuple[tuple[str, str], ...]:
    """(code, name in a language) of every country, by name."""
    names = Locale(language).territories
    return tuple(sorted(((code, str(names[code])) for code in COUNTRIES), key=lambda one: one[1]))


def usual(accept_language: str) -> str:
    """The country whose customs to suggest to a browser that asks for these languages."""
    for part in accept_language.split(","):
        language, _, region = part.partition(";")[0].strip().partition("-")
        if region.upper() in COUNTRIES:
            return region.upper()
        if language.upper() in COUNTRIES and language != "en":
            return language.upper()
    return "GB"


async def middle(tx: Tx, country: str, postcode: str) -> tuple[float, float] | None:
    """Latitude and longitude of a postcode's area, of those loaded, or of Great Britain's; None where nobody knows."""
    loaded = await returns.position(tx, country, postcode)
    if loaded is not None:
        return loaded
    outcode = postcode.strip().upper().partition(" ")[0]
    if country != "GB" or not outcode:
        return None
    known = _outcodes()
    spelled = "".join(postcode.upper().split())
    found = known.get(outcode) or known.get(spelled[:-3])
    return (found.lat, found.lon) if found else None


_outcodes = cache(load_outcodes)
