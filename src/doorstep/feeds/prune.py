"""Forget the rows of feeds that nobody will look at any more."""

from __future__ import annotations

from doorstep.db import Brand, Tx
from doorstep.db.pool import clock_now
from doorstep.feeds.apply import forget
from doorstep.feeds.model import SQL
from doorstep.kit.limits import FEED_SILENCE, KEEP_FEED_ROWS


async def prune(brand: Brand) -> None:
    """End what fell silent; forget differences and bad rows of long ago. The feeds and their movements stay."""
    await brand.run(_prune)


async def _prune(tx: Tx) -> None:
    now = await clock_now(tx)
    silent = await tx.fetch(SQL.silent, FEED_SILENCE)
    await forget(tx, feed_ids=[row["feed_id"] for row in silent], now=now)
    await tx.execute(SQL.prune_changes, now - KEEP_FEED_ROWS)
    await tx.execute(SQL.prune_bad, now - KEEP_FEED_ROWS)
    await tx.execute(SQL.prune_rows)
