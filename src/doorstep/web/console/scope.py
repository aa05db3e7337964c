"""The locations where somebody may look and act."""

from __future__ import annotations

from collections.abc import Mapping

from doorstep import inventory
from doorstep.db import Tx
from doorstep.inventory import Location
from doorstep.kit.errors import NotFound
from doorstep.web.console.staff import Staff


async def places_of(tx: Tx, staff: Staff) -> dict[int, Location]:
    """The locations that are theirs, by id."""
    return {key: place for key, place in (await inventory.locations(tx)).items() if staff.may_at(key)}


def in_order(places: Mapping[int, Location]) -> list[Location]:
    """Those in use, as people see them: by priority."""
    return sorted((place for place in places.values() if place.enabled), key=lambda place: (place.priority, place.code))


async def place_named(tx: Tx, staff: Staff, code: str) -> Location:
    """The location with this code. Raises NotFound, or Forbidden when it is not theirs."""
    for place in (await inventory.locations(tx)).values():
        if place.code == code:
            staff.require_at(place.location_id)
            return place
    raise NotFound("There is no such location.")
