"""Repair: what can be put right without a walk to the shelf, by movements; only where the difference is still there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from doorstep import feeds, inventory, orders
from doorstep.db import Tx
from doorstep.inventory import Claim, Told, Trust
from doorstep.reconciliation.model import SQL, Difference


class Repaired(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the differences were put right, how many were gone already, and how many need a person."""

    repaired: int
    gone: int
    left: int


async def repair(
    tx: Tx,
    *,
    differences: Sequence[Difference],
    trust: Trust,
    reference: str,
    actor: str,
    now: datetime,
    location_ids: Collection[int] | None = None,
) -> Repaired:
    """Put differences right, all of one kind: claims without a line, counters and ledgers, or what a feed says.

    Claims are given back (`released`), counters and ledgers brought together (`reconciled`, see `inventory.mend`), and
    the book follows the location's (`counted`). `reference` is new for each call. A line's claims may stand at several
    locations: only those at `location_ids` are given back (None: everywhere).
    """
    wanted = [one for one in differences if one.repairable]
    claims = [one for one in wanted if one.order_id is not None]
    books = [one for one in wanted if one.feed_id is not None]
    own = {(one.sku_id, one.location_id) for one in wanted if one.order_id is None and one.feed_id is None}
    kinds = sum(bool(part) for part in (claims, books, own))
    assert kinds <= 1, "one kind at a time: each locks stock once"
    left = len(differences) - len(wanted)
    done = failed = 0
    if claims:
        done = await _give_back(tx, claims, location_ids, reference, actor, now)
    elif books:
        done, failed = await _follow(tx, books, reference, now)
    elif own:
        keys = {(sku_id, place) for sku_id, place in own if place is not None}
        mended, cannot = await inventory.mend(tx, keys=keys, trust=trust, reference=reference, actor=actor, now=now)
        done, failed = len(mended), len(cannot)
    return Repaired(repaired=done, gone=len(wanted) - done - failed, left=left + failed)


async def _give_back(
    tx: Tx,
    lines: Sequence[Difference],
    location_ids: Collection[int] | None,
    reference: str,
    actor: str,
    now: datetime,
) -> int:
    """Claims that no line needs go back to where they came from."""
    named = [(one.order_id, one.line_no) for one in lines if one.order_id is not None]
    await orders.lock(tx, [order_id for order_id, _ in named])
    rows = await tx.fetch(SQL.excess, [order_id for order_id, _ in named], [line_no for _, line_no in named])
    held: dict[tuple[object, int], int] = {}
    for row in rows:
        held[row["order_id"], row["line_no"]] = held.get((row["order_id"], row["line_no"]), 0) + row["open"]
    claims = []
    for row in rows:
        key = row["order_id"], row["line_no"]
        units = min(row["open"], held[key] - row["units"])
        if units > 0 and (location_ids is None or row["location_id"] in location_ids):
            held[key] -= units
            fields = ("order_id", "line_no", "sku_id", "location_id")
            claims.append(Claim(**{field: row[field] for field in fields}, quantity=units))
    await inventory.release(tx, claims=claims, reason="reconciled", reference=reference, actor=actor, now=now)
    return len({(claim.order_id, claim.line_no) for claim in claims})


async def _follow(tx: Tx, books: Sequence[Difference], reference: str, now: datetime) -> tuple[int, int]:
    """The book follows what the feed said; how many did, and how many could not."""
    done = failed = 0
    (feed_id,) = {one.feed_id for one in books if one.feed_id is not None}
    told = [
        Told(sku_id=one.sku_id, location_id=one.location_id, on_hand=one.theirs)
        for one in books
        if one.location_id is not None
    ]
    for fate in (await feeds.follow(tx, feed_id=feed_id, told=told, reference=reference, now=now)).values():
        done += fate == "applied"
        failed += fate not in ("applied", "equal", "counted_since")
    return done, failed
