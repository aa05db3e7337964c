"""What a channel sells of the stock: which locations, what is kept back from it, and how it shows the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from doorstep.db import Tx
from doorstep.inventory.claim import SQL, Key
from doorstep.inventory.locations import locations
from doorstep.kit.errors import Fault, Invalid, NotFound

Units = Annotated[int, Meta(ge=0, le=1_000_000)]
Shown = Annotated[int, Meta(ge=1, le=1_000_000)]


class ChannelStockData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a channel sells of the stock. `locations`: codes; null: all, those too that come later. Of each SKU at each
    location `buffer_units` are kept back from it, or `buffer_percent` of what is available, whichever is more.

    It is shown no more than `show_at_most`; or `bands`, which end at these numbers: [5, 20] are 1-5, 6-20, and more.
    """

    locations: Annotated[Sequence[Annotated[str, Meta(max_length=40)]], Meta(max_length=1_000)] | None = None
    buffer_units: Units = 0
    buffer_percent: Annotated[int, Meta(ge=0, le=100)] = 0
    show_at_most: Shown | None = None
    bands: Annotated[Sequence[Shown], Meta(max_length=10)] = ()


class ChannelStock(msgspec.Struct, frozen=True, kw_only=True):
    """A channel's part of the stock. `location_ids` None: all locations. The buffer is kept back from it of each SKU at
    each location: units, or percent of what is available, whichever is more.

    `show_at_most`, or `bands` (where each ends), is what the channel shows instead of the units themselves.
    """

    channel_id: int
    channel: str
    location_ids: frozenset[int] | None = None
    buffer_units: int = 0
    buffer_percent: int = 0
    show_at_most: int | None = None
    bands: Sequence[int] = ()

    @property
    def binds(self) -> bool:
        """Whether it sells less than everything everywhere."""
        return self.keeps_back or self.location_ids is not None

    @property
    def keeps_back(self) -> bool:
        """Whether units are kept back from it."""
        return self.buffer_units > 0 or self.buffer_percent > 0

    def sees(self, location_id: int) -> bool:
        """Whether it sells from there."""
        return self.location_ids is None or location_id in self.location_ids

    def room(self, units: int, own: int = 0) -> int:
        """What it may take where so many are available to all, and `own` more are held by the cart that asks.

        What a cart has is not kept back from it; what is claimed beyond the stock is.
        """
        if units <= 0:
            return units + own
        return own + max(0, units - max(self.buffer_units, -(-units * self.buffer_percent // 100)))


async def channel_stock(tx: Tx) -> dict[str, ChannelStock]:
    """Every channel's part of the stock, by the channel's name."""
    found = {}
    for row in await tx.fetch(SQL.channel_stock):
        places = row["location_ids"]
        seen = None if places is None else frozenset(places)
        found[row["channel"]] = ChannelStock(**{**dict(row), "location_ids": seen})
    return found


async def read_channel_stock(tx: Tx, channel: str) -> ChannelStockData:
    """A channel's part of the stock, locations by their codes. Raises NotFound."""
    found = (await channel_stock(tx)).get(channel)
    if found is None:
        raise NotFound(f"There is no channel {channel[:60]!r}.")
    codes = {place: one.code for place, one in (await locations(tx)).items()}
    seen = found.location_ids
    return ChannelStockData(
        locations=None if seen is None else sorted(codes[place] for place in seen),
        buffer_units=found.buffer_units,
        buffer_percent=found.buffer_percent,
        show_at_most=found.show_at_most,
        bands=found.bands,
    )


async def put_channel_stock(tx: Tx, channel: str, wanted: ChannelStockData) -> None:
    """Say what a channel sells of the stock, from now on: what it has claimed stays. Raises NotFound, or Invalid naming
    all that is wrong.
    """
    channel_id = await tx.fetchval(SQL.channel_id, channel)
    if channel_id is None:
        raise NotFound(f"There is no channel {channel[:60]!r}.")
    by_code = {one.code: place for place, one in (await locations(tx)).items()}
    faults = [
        Fault(f"/locations/{at}", f"There is no location {code!r}.")
        for at, code in enumerate(wanted.locations or ())
        if code not in by_code
    ]
    if list(wanted.bands) != sorted(set(wanted.bands)):
        faults.append(Fault("/bands", "Where bands end must go up."))
    if wanted.bands and wanted.show_at_most is not None:
        faults.append(Fault("/show_at_most", "A channel shows bands or numbers, not both."))
    if faults:
        raise Invalid(faults[:100])
    places = None if wanted.locations is None else sorted({by_code[code] for code in wanted.locations})
    await tx.execute(
        SQL.put_channel_stock,
        *(channel_id, places, wanted.buffer_units, wanted.buffer_percent, wanted.show_at_most, list(wanted.bands)),
    )


class StockSeen:
    """Stock of some SKUs at one moment: `now` on the brand's clock, `held` false when the hold asked for was never.

    `sku_ids` has those that are sold, and the components of kits; `kits` what one of each kit takes, as (SKU, units).
    """

    def __init__(self, row: Any) -> None:
        self._row = row
        self.now: datetime = row["now"]
        self.held: bool = row["held"]
        self.sku_ids: dict[str, int] = dict(zip(row["skus"] or (), row["sku_ids"] or (), strict=True))
        self.kits: dict[str, list[tuple[str, int]]] = {
            kit: [(part["sku"], part["quantity"]) for part in parts]
            for kit, parts in zip(row["kits"] or (), row["kit_components"] or (), strict=True)
        }
        self.handling: dict[int, frozenset[str]] = {
            sku_id: frozenset(handling.split())
            for sku_id, handling in zip(row["handled_skus"] or (), row["handling"] or (), strict=True)
        }

    def stock(self) -> Iterator[tuple[int, int, int]]:
        """(sku_id, location_id, units available), what is in carts left out."""
        return self._triples("stock")

    def expired(self) -> dict[Key, int]:
        """What has expired in other carts: it is taken back when it is needed."""
        return self._added_up("expired")

    def own(self) -> dict[Key, int]:
        """What the cart's hold has."""
        return self._added_up("own")

    def coming(self) -> Iterator[tuple[int, int, datetime, int]]:
        """(sku_id, location_id, when, units) on their way."""
        row = self._row
        columns = (row["coming_skus"], row["coming_places"], row["coming_at"], row["coming_units"])
        return zip(*(column or () for column in columns), strict=True)

    def waiting(self) -> dict[int, int]:
        """Units that orders wait for, by sku_id, of what is coming."""
        return dict(zip(self._row["waiting_skus"], self._row["waiting_units"], strict=True))

    def _triples(self, kind: str) -> Iterator[tuple[int, int, int]]:
        row = self._row
        return zip(*(row[f"{kind}_{column}"] or () for column in ("skus", "places", "units")), strict=True)

    def _added_up(self, kind: str) -> dict[Key, int]:
        units: dict[Key, int] = {}
        for sku_id, place, more in self._triples(kind):
            units[sku_id, place] = units.get((sku_id, place), 0) + more
        return units


async def look(tx: Tx, skus: Sequence[str], *, cart: UUID | None = None) -> StockSeen:
    """The stock of SKUs as a claim would find it, in one statement; SKUs that are not sold are left out."""
    return StockSeen(await tx.fetchrow(SQL.stock_for_channels, skus, cart))
