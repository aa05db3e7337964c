"""Every night, location by location: look, and keep the figures, so that one sees what gets better or worse."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Any, Final

from doorstep.db import Brand, Tx
from doorstep.db.pool import clock_now
from doorstep.reconciliation.find import find
from doorstep.reconciliation.model import CAUSES, SQL, Figure

AFTER: Final = timedelta(hours=3)  # past midnight at the location, when nobody works and nothing is on its way
_MOST: Final = 100_000


async def reconcile(brand: Brand) -> int:
    """Look at every location whose night has come; how many. Figures are kept once a night."""
    async with brand.snapshot() as tx:
        due = await tx.fetch(SQL.due, AFTER)
        if not due:
            return 0
        now = await clock_now(tx)
        found = await find(tx, location_ids=[row["location_id"] for row in due], limit=_MOST)
    sums: dict[tuple[int, str], tuple[int, int]] = {}
    for one in found:
        if one.location_id is not None:
            keys, units = sums.get((one.location_id, one.cause), (0, 0))
            sums[one.location_id, one.cause] = keys + 1, units + one.units
    rows = [
        (row["location_id"], row["day"], cause, *sums.get((row["location_id"], cause), (0, 0)), now)
        for row in due
        for cause in CAUSES
    ]
    async with brand.transaction() as tx:
        await tx.execute(SQL.keep, *map(list, zip(*rows, strict=True)))
    return len(due)


async def latest(tx: Tx, *, location_ids: Collection[int] | None = None) -> list[Figure]:
    """What the last night found, by location and cause; causes of which there was nothing included."""
    return _figures(await tx.fetch(SQL.latest, None if location_ids is None else sorted(location_ids)))


async def nights(tx: Tx, *, since: date, location_ids: Collection[int] | None = None) -> list[Figure]:
    """What the nights after `since` found, the newest first."""
    return _figures(await tx.fetch(SQL.nights, None if location_ids is None else sorted(location_ids), since))


def _figures(rows: Sequence[Any]) -> list[Figure]:
    return [Figure(**{field: row[field] for field in Figure.__struct_fields__}) for row in rows]
