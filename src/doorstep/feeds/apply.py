"""Work on a feed that is here: compare it with the book, then let the book follow, slice by slice, while the shop
sells.

One job a feed. Whatever ends the process, the next one goes on from the last slice that was committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from doorstep import inventory, jobs, journal
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.feeds.model import ENDED, JOB, SQL, Applied, Feed, as_feed, movement_reference
from doorstep.inventory import Fate, Told
from doorstep.jobs import Work
from doorstep.kit.errors import Conflict, NotFound
from doorstep.kit.limits import FEED_BAD_KEPT, FEED_SLICE, FEED_ZEROED_PERCENT

Key = tuple[int, int]  # (sku_id, location_id)


async def work_on(work: Work) -> None:
    """The job: wait for the feed's turn, compare, apply."""
    feed_id = work.job.subject
    feed = await work.brand.run(lambda tx: _turn(tx, work))
    if feed is None:
        return
    if feed.state == "checking":
        await work.brand.run(lambda tx: tx.execute(SQL.know_rows))
        feed = await work.brand.run(lambda tx: _compare(tx, feed_id))
    while feed.state == "applying":
        feed = await work.brand.run(lambda tx: _slice(tx, feed_id))
    if not await work.brand.run(lambda tx: _leave(tx, work)):
        await work_on(work)


async def _turn(tx: Tx, work: Work) -> Feed | None:
    """The feed, with its locations to itself; None when it ended, or waits until whoever has them gives them up."""
    feed = await _locked(tx, work.job.subject)
    if feed.state not in ("waiting", "checking", "applying"):
        await work.finish(tx)
        return None
    if not await _take_turns(tx, feed):
        await tx.execute(SQL.hold, feed.feed_id, "waiting", None)
        await work.finish(tx)  # with the turns locked: whoever ends the other feed sees that this one waits
        return None
    if feed.state == "waiting":
        await tx.execute(SQL.hold, feed.feed_id, "checking", None)
    return as_feed(await tx.fetchrow(SQL.feed, feed.feed_id))


async def _leave(tx: Tx, work: Work) -> bool:
    """End the job; not when the feed was canceled and has come anew meanwhile: it was told of this job, none other."""
    if (await _locked(tx, work.job.subject)).state in ("checking", "applying"):
        return False
    await work.finish(tx)
    return True


async def _take_turns(tx: Tx, feed: Feed) -> bool:
    await tx.execute(SQL.make_turns, feed.location_ids)
    rows = await tx.fetch(SQL.lock_turns, feed.location_ids)
    if any(row["feed_id"] not in (None, feed.feed_id) for row in rows):
        return False
    await tx.execute(SQL.take_turns, feed.location_ids, feed.feed_id)
    return True


async def _compare(tx: Tx, feed_id: UUID) -> Feed:
    """Find what differs, and say whether it may be applied."""
    feed = await _locked(tx, feed_id)
    if feed.state != "checking":
        return feed
    now = await clock_now(tx)
    here = await tx.fetchval(SQL.rows_here, feed.attempt)
    problem = await _hopeless(tx, feed, here)
    if problem:
        await _end(tx, feed, "failed", problem, now)
        return as_feed(await tx.fetchrow(SQL.feed, feed_id))
    is_full = feed.kind == "full"
    kept = "kept" if feed.rows_unreadable and not feed.allow_zeroing else None
    await tx.execute(SQL.enough_memory)
    found = await tx.fetchrow(
        SQL.compare,
        *(feed_id, feed.attempt, feed.as_of, feed.location_ids, is_full, kept),
        max(0, FEED_BAD_KEPT - feed.rows_bad),
    )
    assert found is not None
    await tx.execute(
        SQL.compared,
        *(feed_id, found["bad"], found["changed"], found["unchanged"], found["left_out"]),
        *(found["units_left_out"], found["units_before"]),
    )
    await tx.execute(SQL.forget_rows, feed.attempt)
    problem = _guard(feed, found, kept is not None)
    state = "refused" if problem else "applying" if feed.applies else "checked"
    await tx.execute(SQL.hold, feed_id, state, problem)
    if state != "applying":
        await _next(tx, feed, now)
    return as_feed(await tx.fetchrow(SQL.feed, feed_id))


async def _hopeless(tx: Tx, feed: Feed, here: int) -> str | None:
    """Why there is nothing to compare, as a word."""
    if not feed.rows_read:
        return "empty"
    if here < feed.rows_read - feed.rows_bad:
        # PostgreSQL crashed: what is not in its log is gone, or its beginning. Sent again, all is well.
        return "rows_lost"
    newer = await inventory.fed_after(tx, location_ids=feed.location_ids, as_of=feed.as_of)
    return "older" if newer else None


def _guard(feed: Feed, found: Any, kept: bool) -> str | None:
    """Why a person should look first, as a word."""
    bad = feed.rows_bad + found["bad"]
    if feed.strict and bad:
        return "bad_rows"
    if bad * 100 > feed.most_bad_percent * feed.rows_read:
        return "too_many_bad"
    if kept or feed.allow_zeroing:
        return None
    shares = ((found["units_left_out"], found["units_before"]), (found["left_out"], found["keys_before"]))
    return "too_much_left_out" if any(out * 100 > FEED_ZEROED_PERCENT * all_ for out, all_ in shares) else None


async def _slice(tx: Tx, feed_id: UUID) -> Feed:
    """The next keys in the order of the locks, in a transaction of their own."""
    feed = await _locked(tx, feed_id)
    if feed.state != "applying":
        return feed
    now = await clock_now(tx)
    rows = await tx.fetch(SQL.next_changes, feed_id, feed.done_sku_id, feed.done_location_id, FEED_SLICE)
    if not rows:
        await _done(tx, feed, now)
        return as_feed(await tx.fetchrow(SQL.feed, feed_id))
    told = [
        Told(sku_id=one["sku_id"], location_id=one["location_id"], on_hand=one["theirs"])
        for one in rows
        if one["outcome"] is None
    ]
    fates = await _correct(tx, feed, told, movement_reference(feed), now)
    await _note(tx, feed, {key: one for key, one in fates.items() if one[0] != "applied"})
    applied = sum(fate == "applied" for fate, _ in fates.values())
    up, down = (sum(max(0, sign * delta) for _, delta in fates.values()) for sign in (1, -1))
    last = rows[-1]["sku_id"], rows[-1]["location_id"]
    await tx.execute(SQL.slice_done, feed_id, *last, applied, len(rows) - applied, up, down)
    return feed


async def _done(tx: Tx, feed: Feed, now: datetime) -> None:
    event = Applied(
        feed_id=feed.feed_id,
        reference=feed.reference,
        location_ids=feed.location_ids,
        as_of=feed.as_of,
        rows_read=feed.rows_read,
        rows_applied=feed.rows_applied,
        rows_skipped=feed.rows_skipped,
    )
    await journal.append(tx, [(None, event)], actor=feed.actor, now=now)
    await inventory.fed(tx, location_ids=feed.location_ids, as_of=feed.as_of)
    await _end(tx, feed, "done", None, now)


async def _end(tx: Tx, feed: Feed, state: str, problem: str | None, now: datetime) -> None:
    """End a feed whose row is locked; whoever waits for its locations goes on."""
    await tx.execute(SQL.end, feed.feed_id, feed.attempt, state, problem, now)
    await tx.execute(SQL.forget_rows, feed.attempt)
    await _next(tx, feed, now)


async def _next(tx: Tx, feed: Feed, now: datetime) -> None:
    """Give the locations up, and wake the feeds that wait for one of them; the first of them gets it."""
    await tx.fetch(SQL.lock_turns, feed.location_ids)
    await tx.execute(SQL.end_turns, feed.feed_id)
    for row in await tx.fetch(SQL.waiting, feed.location_ids):
        await jobs.reawaken(tx, JOB, row["feed_id"], due_at=now)


async def apply_anyway(tx: Tx, *, feed_id: UUID, now: datetime) -> Feed:
    """A person has looked at what was only compared, or was refused: it is applied now.

    Raises Conflict when there is nothing to decide, when a newer feed came, or when another is under way there.
    """
    feed = await _locked(tx, feed_id)
    if feed.state not in ("checked", "refused"):
        raise Conflict(f"This feed is {feed.state}: there is nothing to decide.")
    newer = await inventory.fed_after(tx, location_ids=feed.location_ids, as_of=feed.as_of)
    if newer:
        raise Conflict(f"A newer feed of {newer} was taken since: this one would set the book back.")
    if not await _take_turns(tx, feed):
        raise Conflict("Another feed of the same location is under way. Try again when it is done.")
    await tx.execute(SQL.apply_anyway, feed_id)
    await jobs.enqueue(tx, JOB, [feed_id], due_at=now)
    await jobs.reawaken(tx, JOB, feed_id, due_at=now)
    return as_feed(await tx.fetchrow(SQL.feed, feed_id))


async def follow(tx: Tx, *, feed_id: UUID, told: Sequence[Told], reference: str, now: datetime) -> Mapping[Key, Fate]:
    """Apply some rows of a feed, which a person chose; what became of each key (sku_id, location_id). `reference` is
    new for each call: the feed itself may have moved a part of what it says.
    """
    feed = await _locked(tx, feed_id)
    fates = await _correct(tx, feed, told, reference, now)
    await _note(tx, feed, {key: ("equal", 0) if one[0] == "applied" else one for key, one in fates.items()})
    return {key: fate for key, (fate, _) in fates.items()}


async def _correct(
    tx: Tx, feed: Feed, told: Sequence[Told], reference: str, now: datetime
) -> Mapping[Key, tuple[Fate, int]]:
    """Put what a feed told into the book; what became of each key, and by how many units it changed."""
    return await inventory.correct(
        tx,
        told=told,
        as_of=feed.as_of,
        reference=reference,
        reason=f"feed {feed.reference}",
        actor=feed.actor,
        now=now,
    )


async def _note(tx: Tx, feed: Feed, outcomes: Mapping[Key, tuple[str, int]]) -> None:
    """Keep what became of these keys of a feed, and by how many units the book went along."""
    if outcomes:
        skus, places = [key[0] for key in outcomes], [key[1] for key in outcomes]
        words, deltas = [one[0] for one in outcomes.values()], [one[1] for one in outcomes.values()]
        await tx.execute(SQL.note_outcomes, feed.feed_id, skus, places, words, deltas)


async def cancel(tx: Tx, *, feed_id: UUID, now: datetime) -> Feed:
    """Stop a feed where it stands: what is in the book already stays. Raises Conflict when it has ended."""
    feed = await _locked(tx, feed_id)
    if feed.state in ENDED:
        raise Conflict(f"This feed is {feed.state} already.")
    await _end(tx, feed, "canceled", None, now)
    return as_feed(await tx.fetchrow(SQL.feed, feed_id))


async def forget(tx: Tx, *, feed_ids: Sequence[UUID], now: datetime) -> None:
    """Give up feeds that began to arrive and stopped."""
    for feed_id in feed_ids:
        feed = await _locked(tx, feed_id)
        if feed.state == "receiving":
            await _end(tx, feed, "failed", "cut_short", now)


async def _locked(tx: Tx, feed_id: UUID) -> Feed:
    row = await tx.fetchrow(SQL.lock_feed, feed_id)
    if row is None:
        raise NotFound("There is no such feed.")
    return as_feed(row)
