"""Receive: a feed's rows from its bytes into the staging table, in batches, each with its progress."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Final

from doorstep import inventory, jobs
from doorstep.db import Brand, Tx
from doorstep.db.pool import clock_now
from doorstep.feeds.model import JOB, SQL, Feed, Wish, as_feed
from doorstep.feeds.parse import Batch, Format, Parser, lines_of
from doorstep.kit.errors import BodyDiffers, Conflict, Fault, Invalid, Malformed
from doorstep.kit.ids import new_id
from doorstep.kit.limits import FEED_BAD_KEPT

_ROWS: Final = ("attempt", "line", "location_id", "sku", "on_hand")
_BAD: Final = ("feed_id", "line", "reason", "said")
# As long as one of these, sending the file again begins anew; after them it is only compared with what was sent.
_ANEW: Final = ("receiving", "failed", "canceled")


async def receive(
    brand: Brand, wish: Wish, chunks: AsyncIterator[bytes], *, form: Format, gzipped: bool, actor: str
) -> Feed:
    """Take a feed in and have it worked on; returns it as it stands then.

    The same reference with the same file changes nothing. Raises BodyDiffers for another file, Invalid or Malformed for
    a feed that cannot be read at all, Conflict when the same feed is sent twice at the same time.
    """
    digest = hashlib.sha256()
    lines = lines_of(chunks, gzipped=gzipped, seen=digest.update)
    feed, places = await brand.run(lambda tx: _begin(tx, wish, actor))
    if feed.state not in _ANEW:
        async for _ in lines:
            pass
        return _same(feed, digest.digest())
    parser = Parser(form, places, places[wish.location] if wish.location else None)
    named: set[int] = set(feed.location_ids)
    try:
        async for some in lines:
            batch = parser.batch(some)
            named.update(row[1] for row in batch.rows)
            await brand.run(lambda tx, batch=batch: _keep(tx, feed, batch))  # type: ignore[misc]  # the default binds this turn's
        return await brand.run(lambda tx: _received(tx, feed, digest.digest(), sorted(named)))
    except BaseException as error:
        problem = "unreadable" if isinstance(error, (Malformed, Invalid)) else "cut_short"
        await brand.run(lambda tx: _give_up(tx, feed, problem))
        raise


async def _begin(tx: Tx, wish: Wish, actor: str) -> tuple[Feed, Mapping[str, int]]:
    places = {place.code: place.location_id for place in (await inventory.locations(tx)).values()}
    now = await clock_now(tx)
    faults = []
    if wish.location is not None and wish.location not in places:
        faults.append(Fault("?location", f"There is no location {wish.location[:60]!r}."))
    if wish.as_of is not None and wish.as_of > now:
        faults.append(Fault("?as_of", "A feed cannot speak of a time to come."))
    if faults:
        raise Invalid(faults)
    await tx.execute(SQL.lock_reference, wish.reference)
    found = await tx.fetchrow(SQL.feed_by_reference, wish.reference)
    if found is not None and found["state"] not in _ANEW:
        return as_feed(found), places
    asked = (wish.kind, wish.applies, wish.strict, wish.most_bad_percent, wish.allow_zeroing)
    covers = [places[wish.location]] if wish.location else []
    as_of = wish.as_of or now
    if found is None:
        made = await tx.fetchrow(SQL.begin_feed, new_id(), wish.reference, *asked, as_of, actor, covers, now)
    else:
        await _forget(tx, as_feed(found))
        made = await tx.fetchrow(SQL.begin_again, found["feed_id"], *asked, as_of, actor, covers, now)
    return as_feed(made), places


async def _forget(tx: Tx, feed: Feed) -> None:
    """What an earlier attempt has left."""
    await tx.execute(SQL.forget_rows, feed.attempt)
    await tx.execute(SQL.forget_bad, feed.feed_id)
    await tx.execute(SQL.forget_changes, feed.feed_id)


async def _keep(tx: Tx, feed: Feed, batch: Batch) -> None:
    """Copy a batch, and count it. Raises Conflict when the feed was sent anew meanwhile."""
    read = len(batch.rows) + sum(
        1 for _, reason, _ in batch.bad if reason not in ("not_a_number", "negative", "too_large")
    )
    before = await tx.fetchval(SQL.count_read, feed.feed_id, feed.attempt, read, len(batch.bad), batch.unreadable)
    if before is None:
        raise Conflict("The same feed was sent anew meanwhile; this sending of it is over.")
    if batch.rows:
        await tx.copy_records_to_table("feed_rows", records=[(feed.attempt, *row) for row in batch.rows], columns=_ROWS)
    room = FEED_BAD_KEPT - (before - len(batch.bad))
    if batch.bad and room > 0:
        await tx.copy_records_to_table(
            "feed_bad", records=[(feed.feed_id, *bad) for bad in batch.bad[:room]], columns=_BAD
        )


async def _received(tx: Tx, feed: Feed, digest: bytes, named: list[int]) -> Feed:
    row = await tx.fetchrow(SQL.received, feed.feed_id, feed.attempt, digest, named)
    if row is None:
        raise Conflict("The same feed was sent anew meanwhile; this sending of it is over.")
    now = await clock_now(tx)
    await jobs.enqueue(tx, JOB, [feed.feed_id], due_at=now)
    await jobs.reawaken(tx, JOB, feed.feed_id, due_at=now)
    return as_feed(row)


async def _give_up(tx: Tx, feed: Feed, problem: str) -> None:
    now: datetime = await clock_now(tx)
    if await tx.fetchval(SQL.end, feed.feed_id, feed.attempt, "failed", problem, now):
        await tx.execute(SQL.forget_rows, feed.attempt)


def _same(feed: Feed, digest: bytes) -> Feed:
    if feed.digest != digest:
        raise BodyDiffers(
            f"The feed {feed.reference!r} was sent before with other rows. Another feed needs a reference of its own.",
            extra={"field": "reference"},
        )
    return feed
