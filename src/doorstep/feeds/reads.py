"""What is read of feeds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from doorstep.db import Tx
from doorstep.feeds.model import SQL, BadRow, Change, Feed, as_feed
from doorstep.kit.errors import NotFound

NEWEST: Final = UUID(int=2**128 - 1)


async def feed(tx: Tx, feed_id: UUID) -> Feed:
    """A feed as it stands. Raises NotFound."""
    row = await tx.fetchrow(SQL.feed, feed_id)
    if row is None:
        raise NotFound("There is no such feed.")
    return as_feed(row)


async def page(
    tx: Tx,
    *,
    before: UUID = NEWEST,
    limit: int,
    location_id: int | None = None,
    within: Collection[int] | None = None,
) -> list[Feed]:
    """Feeds, newest first, begun before `before`; of one location, and only those of no location but some `within`."""
    only = None if within is None else sorted(within)
    return [as_feed(row) for row in await tx.fetch(SQL.page, before, location_id, limit, only)]


async def bad_rows(tx: Tx, feed_id: UUID, *, after: int = 0, limit: int) -> Sequence[BadRow]:
    """Bad rows of a feed by line."""
    rows = await tx.fetch(SQL.bad_rows, feed_id, after, limit)
    return [BadRow(line=row["line"], reason=row["reason"], said=row["said"]) for row in rows]


async def changes(
    tx: Tx, feed_id: UUID, *, after: tuple[int, int] = (0, 0), limit: int, odd: bool = False
) -> Sequence[Change]:
    """Where feed and book differed, by (sku_id, location_id); with `odd` only what was not applied."""
    rows = await tx.fetch(SQL.changes, feed_id, *after, limit, odd)
    return [Change(**{field: row[field] for field in Change.__struct_fields__}) for row in rows]
