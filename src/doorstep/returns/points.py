"""Drop-off points: where a carrier takes parcels, kept from a list and found by the customer's postcode."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from doorstep.db import Tx
from doorstep.delivery import plain_postcode
from doorstep.kit.errors import Fault, Invalid
from doorstep.returns.store import SQL

EARTH_RADIUS_KM = 6_371.0
Text = Annotated[str, Meta(min_length=1, max_length=200)]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$")]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]


class DropOffPoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place where a carrier takes parcels; `carrier` and `code` are its natural key. Position in degrees (WGS 84).

    `hours` is text for people. A point that is gone is switched off by `enabled`, never deleted.
    """

    carrier: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    code: Annotated[str, Meta(min_length=1, max_length=60)]
    name: Text
    street: Text
    postcode: Annotated[str, Meta(min_length=1, max_length=20)]
    city: Text
    country: Country
    latitude: Latitude
    longitude: Longitude
    hours: Annotated[str, Meta(max_length=500)] = ""
    enabled: bool = True


class PostcodeArea(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The middle of the postcodes that begin with `prefix` (a whole postcode is one, too). Position in degrees."""

    country: Country
    prefix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9 -]{0,12}[A-Za-z0-9])?$")]
    latitude: Latitude
    longitude: Longitude


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """A drop-off point, and how far it is from the middle of the customer's postcode area, in a straight line."""

    point: DropOffPoint
    distance_km: float


async def put_points(tx: Tx, wanted: Sequence[DropOffPoint]) -> int:
    """Create or replace points; how many. The same list again changes nothing. Raises Invalid naming every bad one."""
    _refuse([(one.latitude, one.longitude) for one in wanted], [(one.carrier, one.code) for one in wanted])
    await tx.execute(SQL.put_points, list(wanted))
    return len(wanted)


async def put_areas(tx: Tx, wanted: Sequence[PostcodeArea]) -> int:
    """Create or replace areas; how many. Raises Invalid naming every bad one."""
    plain = [msgspec.structs.replace(one, prefix=plain_postcode(one.prefix)) for one in wanted]
    faults = [
        Fault(f"/{place}/prefix", "At most 10 letters and digits.")
        for place, one in enumerate(plain)
        if len(one.prefix) > 10
    ]
    if faults:
        raise Invalid(faults)
    _refuse([(one.latitude, one.longitude) for one in plain], [(one.country, one.prefix) for one in plain])
    await tx.execute(SQL.put_areas, plain)
    return len(plain)


def _refuse(positions: Sequence[tuple[float, float]], keys: Sequence[tuple[str, str]]) -> None:
    faults = []
    seen: set[tuple[str, str]] = set()
    for place, (position, key) in enumerate(zip(positions, keys, strict=True)):
        if not all(math.isfinite(degrees) for degrees in position):
            faults.append(Fault(f"/{place}/latitude", "A position is two numbers of degrees."))
        elif key in seen:
            faults.append(Fault(f"/{place}", f"{' '.join(key)[:100]} stands twice."))
        seen.add(key)
    if faults:
        raise Invalid(faults)


async def position(tx: Tx, country: str, postcode: str) -> tuple[float, float] | None:
    """The middle of the area of a postcode, (latitude, longitude) in degrees; None where nobody knows."""
    row = await tx.fetchrow(SQL.position, country, _prefixes(country, postcode))
    return (row["latitude"], row["longitude"]) if row else None


def _prefixes(country: str, postcode: str) -> list[str]:
    """What a postcode may be known by, the most exact first.

    A British postcode ends in three characters whose first may be taken for the end of the outcode before it: M1 1AA
    is in M1, not in M11. So there the outcode counts, and only a text too short for both parts is one itself.
    """
    plain = plain_postcode(postcode)[:20]
    if country == "GB" and len(plain) >= 5:
        return [plain, plain[:-1], plain[:-2], plain[:-3]]
    return [plain[:length] for length in range(len(plain), 0, -1)]


async def nearest(tx: Tx, *, country: str, at: tuple[float, float], carrier: str | None, limit: int) -> list[Near]:
    """The points of a country nearest to a position, of one carrier or of all."""
    rows = await tx.fetch(SQL.nearest_points, country, carrier, *at, limit)
    found = [DropOffPoint(**row) for row in rows]
    return [Near(point=one, distance_km=kilometers(at, (one.latitude, one.longitude))) for one in found]


def kilometers(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The distance between two positions in degrees, along a great circle (the haversine formula)."""
    (lat, lon), (lat2, lon2) = [tuple(map(math.radians, place)) for place in (one, other)]
    half = math.sin((lat2 - lat) / 2) ** 2 + math.cos(lat) * math.cos(lat2) * math.sin((lon2 - lon) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, half)))
