"""Where the demo's stock is: seven places in Great Britain, at real outcodes, and the outcodes customers live at."""

from __future__ import annotations

import csv
import gzip
import io
from importlib import resources

import msgspec

from doorstep.demo.model import Capability, Location

OUTCODES_FILE = "gb_outcodes.csv.gz"

# The two large warehouses take what is hazardous or oversize; only the workshop personalizes.
MAIN = "DAV"
SECOND = "WAR"
WORKSHOP = "SHF"

_MON_TO_FRI = (0, 1, 2, 3, 4)
_MON_TO_SAT = (0, 1, 2, 3, 4, 5)
_ALL_WEEK = (0, 1, 2, 3, 4, 5, 6)


class Outcode(msgspec.Struct, frozen=True, kw_only=True):
    """The first half of a postcode, with the place nearest to its centroid, and the centroid in degrees."""

    outcode: str
    place: str
    nation: str
    lat: float
    lon: float


def load_outcodes() -> dict[str, Outcode]:
    """Read the outcodes of the United Kingdom that ship with the package, sorted by code."""
    packed = resources.files("doorstep.demo").joinpath("data").joinpath(OUTCODES_FILE).read_bytes()
    with gzip.open(io.BytesIO(packed), "rt", encoding="utf-8", newline="") as text:
        rows = csv.reader(text)
        next(rows)
        return {
            code: Outcode(outcode=code, place=place, nation=nation, lat=float(lat), lon=float(lon))
            for code, place, nation, lat, lon in rows
        }


def locations(outcodes: dict[str, Outcode]) -> tuple[Location, ...]:
    """The demo's seven locations: three warehouses, three stores, and the workshop. Hours are local."""

    def place(
        code: str, name: str, street: str, city: str, postcode: str, can: tuple[Capability, ...], days: tuple[int, ...]
    ) -> Location:
        store = name.endswith("store")
        outcode = outcodes[postcode.split()[0]]
        return Location(
            code=code,
            name=name,
            kind="store" if store else "workshop" if code == WORKSHOP else "warehouse",
            street=street,
            city=city,
            postcode=postcode,
            outcode=outcode.outcode,
            lat=outcode.lat,
            lon=outcode.lon,
            timezone="Europe/London",
            capabilities=can,
            weekdays=days,
            opens="09:00" if store else "06:00",
            cutoff="13:00" if store else "16:00",
            closes="19:00" if store else "22:00",
        )

    heavy: tuple[Capability, ...] = ("gift_wrap", "fragile", "hazmat", "oversize", "returns")
    shop: tuple[Capability, ...] = ("gift_wrap", "fragile", "returns")
    return (
        place(MAIN, "Daventry warehouse", "1 Gatepost Way", "Daventry", "NN11 8ZZ", heavy, _ALL_WEEK),
        place(SECOND, "Warrington warehouse", "20 Lintel Road", "Warrington", "WA2 8ZZ", heavy, _MON_TO_SAT),
        place("LIV", "Livingston warehouse", "3 Threshold Park", "Livingston", "EH54 8ZZ", ("fragile",), _MON_TO_SAT),
        place("LON", "London store", "11 Porch Street", "London", "WC2E 8ZZ", shop, _ALL_WEEK),
        place("BRS", "Bristol store", "5 Knocker Lane", "Bristol", "BS1 8ZZ", ("returns",), _ALL_WEEK),
        place("EDI", "Edinburgh store", "7 Fanlight Close", "Edinburgh", "EH1 8ZZ", shop, _MON_TO_SAT),
        place(
            WORKSHOP,
            "Sheffield workshop",
            "9 Hinge Yard",
            "Sheffield",
            "S3 8ZZ",
            ("personalize", "gift_wrap", "fragile"),
            _MON_TO_FRI,
        ),
    )
