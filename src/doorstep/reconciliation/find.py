"""Find: every difference, with its cause. Only reads."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final

from doorstep import inventory
from doorstep.db import Tx
from doorstep.inventory import Drift
from doorstep.reconciliation.model import SQL, Cause, Difference

# Of two books that are told of a parcel or a delivery, the slower one is this late at most.
LATE: Final = timedelta(days=2)


async def find(tx: Tx, *, location_ids: Collection[int] | None = None, limit: int) -> list[Difference]:
    """Differences at these locations (None: everywhere), up to `limit` of each source: our counters, our orders, and
    the locations' last full feeds. Call it in one snapshot, or what moves meanwhile is taken for a difference.
    """
    places = None if location_ids is None else sorted(location_ids)
    own = [of_drift(one) for one in await inventory.drift(tx, location_ids=places, limit=limit)]
    lines = [_of_line(row) for row in await tx.fetch(SQL.lines, places, limit)]
    books = [_of_book(row) for row in await tx.fetch(SQL.books, places, LATE, limit)]
    return [*own, *lines, *books]


def of_drift(one: Drift) -> Difference:
    """A stock row that does not add up. `ours` is the counter that is off, `theirs` what ledger or claims say."""
    ours, theirs = one.reserved, one.open
    for state in ("quality_control", "damaged", "on_hand"):
        if getattr(one, state) != getattr(one, f"ledger_{state}"):
            ours, theirs = getattr(one, state), getattr(one, f"ledger_{state}")
    if ours == theirs:
        ours, theirs = one.open, one.ledger_reserved
    return Difference(
        cause="counter_drift" if one.counter else "lost_movement",
        sku_id=one.sku_id,
        sku=one.sku,
        location_id=one.location_id,
        location=one.location,
        ours=ours,
        theirs=theirs,
        units=one.units,
    )


def _of_line(row: Any) -> Difference:
    return Difference(
        cause="claim_without_line" if row["open"] > row["units"] else "line_without_claim",
        sku_id=row["sku_id"],
        sku=row["sku"],
        location_id=row["location_id"],
        location=row["location"],
        ours=row["open"],
        theirs=row["units"],
        units=abs(row["open"] - row["units"]),
        order_id=row["order_id"],
        number=row["number"],
        line_no=row["line_no"],
    )


def _of_book(row: Any) -> Difference:
    return Difference(
        cause=_cause(row),
        sku_id=row["sku_id"],
        sku=row["sku"],
        location_id=row["location_id"],
        location=row["location"],
        ours=row["ours"],
        theirs=row["theirs"],
        units=abs(row["theirs"] - row["ours"]),
        feed_id=row["feed_id"],
    )


def _cause(row: Any) -> Cause:
    """The nearest explanation of what a location's own book says."""
    more = row["theirs"] - row["ours"]
    if row["outcome"] == "below_claims" and row["theirs"] < (row["reserved"] or 0):
        return "claims_unknown_there"
    if more > 0:
        if more <= row["shipped"]:
            return "shipped_not_theirs"
        return "received_not_ours" if more <= row["coming"] else "count_difference"
    if -more <= row["received"]:
        return "received_not_theirs"
    return "claims_taken_off" if -more <= (row["reserved"] or 0) else "count_difference"
