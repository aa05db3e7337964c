"""Locations: where goods are and work is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal
from zoneinfo import available_timezones

import msgspec

from doorstep.db import Tx
from doorstep.inventory.claim import SQL
from doorstep.inventory.model import Location, StaleStock
from doorstep.kit.errors import Fault, Invalid

_TIMEZONES = available_timezones()
Capability = Literal["personalize", "gift_wrap", "fragile", "hazmat", "oversize", "cold", "returns"]
Short = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class PutLocation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A location as an integrator gives it; `code` is its natural key.

    With `feed_max_age_minutes` its stock is unknown when the last feed speaks of a moment longer ago, or none has come;
    `stale_stock` says whether it is then withheld, or sold all the same.
    """

    code: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
    name: Short
    kind: Literal["warehouse", "store", "workshop", "vendor"]
    country: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
    postcode: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    city: Short
    street: Short
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    timezone: str
    capabilities: Sequence[Capability] = ()
    enabled: bool = True
    priority: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 100
    feed_max_age_minutes: Annotated[int, msgspec.Meta(ge=1, le=525_600)] | None = None
    stale_stock: StaleStock = "withhold"


async def put_locations(tx: Tx, wanted: Sequence[PutLocation]) -> int:
    """Create or replace locations by code; returns how many. Raises Invalid for an unknown time zone."""
    faults = [
        Fault(f"/{place}/timezone", f"{location.timezone!r} is not an IANA time zone such as Europe/London.")
        for place, location in enumerate(wanted)
        if location.timezone not in _TIMEZONES
    ]
    if faults:
        raise Invalid(faults)
    await tx.executemany(
        SQL.put_location,
        [
            (
                *(location.code, location.name, location.kind, location.enabled, location.priority, location.country),
                *(location.postcode, location.city, location.street, location.latitude, location.longitude),
                *(location.timezone, sorted(set(location.capabilities)), location.feed_max_age_minutes),
                location.stale_stock,
            )
            for location in sorted(wanted, key=lambda location: location.code)
        ],
    )
    return len(wanted)


async def locations(tx: Tx) -> dict[int, Location]:
    """All locations by id, disabled ones included."""
    return {
        row["location_id"]: Location(
            **{field: row[field] for field in Location.__struct_fields__ if field != "capabilities"},
            capabilities=frozenset(row["capabilities"]),
        )
        for row in await tx.fetch(SQL.locations)
    }
