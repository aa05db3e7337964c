"""What is on the shelf, asked every few seconds however many look; a page without an answer shows no numbers."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import structlog

from doorstep.web.shop.doorstep import Doorstep, Location, Refusal, Unreachable
from doorstep.web.shop.wares import BY_SKU

log = structlog.get_logger()

_FRESH_S = 3.0
_PLACES_FRESH_S = 60.0


class Shelf:
    """Stock and places as they were a moment ago. To know is nice, to be sure is the hold's business."""

    def __init__(self, doorstep: Doorstep) -> None:
        self._doorstep = doorstep
        self._units: Mapping[str, int] | None = None
        self._units_at = -_FRESH_S
        self._places: Sequence[Location] = ()
        self._places_at = -_PLACES_FRESH_S

    async def units(self) -> Mapping[str, int] | None:
        """Units that may be sold, by SKU, at all places together; None when nobody can tell."""
        if time.monotonic() - self._units_at >= _FRESH_S:
            self._units_at = time.monotonic()
            try:
                rows = await self._doorstep.stock(list(BY_SKU))
            except (Unreachable, Refusal) as error:
                log.warning("stock_unknown", error=str(error)[:200])
                self._units = None
            else:
                self._units = dict.fromkeys(BY_SKU, 0)
                for row in rows:
                    self._units[row.sku] += max(0, row.available)
        return self._units

    async def places(self) -> Mapping[str, Location]:
        """All places by their codes. Raises Unreachable."""
        if time.monotonic() - self._places_at >= _PLACES_FRESH_S:
            self._places = await self._doorstep.locations()
            self._places_at = time.monotonic()
        return {place.code: place for place in self._places}
