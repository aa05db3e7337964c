"""Stock levels: told when a SKU becomes low, is out, or is back, once for each time.

Nothing is written when stock is claimed or moved. A watch looks at all of it every few seconds, and tells what stands
otherwise than was told last. So a crossing that lasts is told once, also when nobody looked while it happened; what
crosses and comes back between two looks is not told; and two who look at once tell it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from doorstep import catalog, journal
from doorstep.db import Tx
from doorstep.inventory.claim import SQL
from doorstep.inventory.locations import locations
from doorstep.inventory.model import BackInStock, StockLow, StockOut
from doorstep.journal import Event
from doorstep.kit.errors import Fault, Invalid
from doorstep.kit.limits import LEVELS_TOLD, LOW_STOCK

EVERYWHERE = 0  # where a level is that of all locations together


class Threshold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many units of a SKU, or fewer, are low: at all locations together, or at the one of this code. Null: the usual
    again, and the one location is watched no more.
    """

    sku: Annotated[str, Meta(min_length=1, max_length=100)]
    location: Annotated[str, Meta(min_length=1, max_length=40)] | None = None
    low_at: Annotated[int, Meta(ge=0, le=1_000_000)] | None


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """What was told last of a SKU that is low or out, and since when; no `location`: at all together."""

    sku: str
    location: str | None
    low_at: int
    state: Literal["low", "out"]
    since: datetime


async def tell_levels(tx: Tx, *, now: datetime) -> int:
    """Tell what stands otherwise than was told last; how many levels were noted. Nothing while another looks."""
    if not await tx.fetchval(SQL.take_watch, now):
        return 0
    rows = await tx.fetch(SQL.tell_levels, LOW_STOCK, now, LEVELS_TOLD)
    told = [event for row in rows if (event := _event(row))]
    await journal.append(tx, [(None, event) for event in told], actor="doorstep", now=now)
    return len(rows)


def _event(row: Any) -> Event | None:
    """What to tell of a level; nothing of one that is seen the first time, or was low and is not any more."""
    sku, place, units, before, state = row["sku"], row["location"], row["units"], row["before"], row["state"]
    if before is None:
        return None
    if state == "out":
        return StockOut(sku=sku, location=place)
    if before == "out":
        return BackInStock(sku=sku, location=place, units=units)
    return StockLow(sku=sku, location=place, units=units) if state == "low" else None


async def put_thresholds(tx: Tx, wanted: Sequence[Threshold]) -> None:
    """Set thresholds, all or none. Raises Invalid naming every SKU and location there is not, and what stands twice."""
    products = await catalog.load(tx, list({one.sku for one in wanted}))
    places = {one.code: place for place, one in (await locations(tx)).items()}
    faults, rows = [], {}
    for at, one in enumerate(wanted):
        product = products.get(one.sku)
        place = EVERYWHERE if one.location is None else places.get(one.location)
        if product is None:
            faults.append(Fault(f"/{at}/sku", f"There is no product {one.sku!r}."))
        if place is None:
            faults.append(Fault(f"/{at}/location", f"There is no location {one.location!r}."))
        if product is not None and place is not None:
            if (product.sku_id, place) in rows:
                faults.append(Fault(f"/{at}", "This SKU and location stand in the list twice."))
            rows[product.sku_id, place] = one.low_at
    if faults:
        raise Invalid(faults[:100])
    await tx.execute(SQL.set_thresholds, [key[0] for key in rows], [key[1] for key in rows], list(rows.values()))


async def levels(
    tx: Tx, *, states: Sequence[str], after: tuple[int, int], limit: int
) -> list[tuple[tuple[int, int], Level]]:
    """Levels that are low or out, each with its key (sku_id, location_id), in that order, those after `after`."""
    rows = await tx.fetch(SQL.list_levels, LOW_STOCK, list(states), *after, limit)
    return [
        (
            (row["sku_id"], row["location_id"]),
            Level(
                sku=row["sku"],
                location=row["location"],
                low_at=row["low_at"],
                state=row["state"],
                since=row["since"],
            ),
        )
        for row in rows
    ]
