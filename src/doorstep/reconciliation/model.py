"""Differences as types, each with its cause."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Literal, get_args
from uuid import UUID

import msgspec

from doorstep.db import statements

SQL = statements(__package__)

# Within our own books; then between them and a location's. See docs/operate/reconciliation.md.
Cause = Literal[
    "counter_drift",
    "lost_movement",
    "claim_without_line",
    "line_without_claim",
    "shipped_not_theirs",
    "received_not_theirs",
    "received_not_ours",
    "claims_unknown_there",
    "claims_taken_off",
    "count_difference",
]
CAUSES: Final[tuple[Cause, ...]] = get_args(Cause)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Where two books differ, in units: `ours` and `theirs` (the ledger, the line, the location), off by `units`.

    `order_id` and `line_no` are of a claim and its line; `feed_id` of what a location's own book says.
    """

    cause: Cause
    sku_id: int
    sku: str
    location_id: int | None
    location: str | None
    ours: int
    theirs: int
    units: int
    order_id: UUID | None = None
    number: str | None = None
    line_no: int | None = None
    feed_id: UUID | None = None

    @property
    def repairable(self) -> bool:
        """Whether a movement can put it right without a person going to the shelf."""
        return self.cause in ("counter_drift", "lost_movement", "claim_without_line") or (
            self.feed_id is not None and self.cause != "claims_unknown_there"
        )


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What a night found of one cause at one location: stock rows (or lines), and units they are off."""

    location_id: int
    location: str
    day: date
    cause: Cause
    keys: int
    units: int
    looked_at: datetime
