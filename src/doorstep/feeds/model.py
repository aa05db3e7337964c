"""Feeds as types."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, Literal, get_args
from uuid import UUID

import msgspec

from doorstep.db import statements
from doorstep.journal import Event

SQL = statements(__package__)
JOB: Final = "feeds.work_on"

FeedKind = Literal["full", "delta"]
State = Literal["receiving", "waiting", "checking", "checked", "refused", "applying", "done", "failed", "canceled"]
# What is wrong with a row.
Reason = Literal[
    "unknown_sku", "unknown_location", "other_location", "not_a_number", "negative", "too_large", "twice", "encoding",
    "columns", "nul", "too_long", "quotes", "not_json", "no_sku",
]  # fmt: skip
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
ENDED: Final = ("done", "failed", "canceled")
MOVING: Final = ("receiving", "waiting", "checking", "applying")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender asks for. `location` is a code, None when the rows name theirs; `as_of` None: when it arrives.

    `applies`: change the book, else only compare. `strict`: one bad row, and nothing is applied; otherwise up to
    `most_bad_percent` of the rows may be bad. `allow_zeroing`: a full feed may empty any number of shelves.
    """

    reference: str
    kind: FeedKind
    location: str | None = None
    as_of: datetime | None = None
    applies: bool = True
    strict: bool = False
    most_bad_percent: int = 5
    allow_zeroing: bool = False


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed as it stands; rows are counted as the schema says."""

    feed_id: UUID
    reference: str
    kind: FeedKind
    attempt: int
    applies: bool
    strict: bool
    most_bad_percent: int
    allow_zeroing: bool
    as_of: datetime
    actor: str
    location_ids: Sequence[int]
    state: State
    problem: str | None
    digest: bytes | None
    rows_read: int
    rows_bad: int
    rows_unreadable: int
    rows_unchanged: int
    rows_changed: int
    left_out: int
    units_left_out: int
    units_before: int
    done_sku_id: int
    done_location_id: int
    rows_applied: int
    rows_skipped: int
    units_up: int
    units_down: int
    begun_at: datetime
    ended_at: datetime | None

    @property
    def moving(self) -> bool:
        """Whether it goes on by itself."""
        return self.state in MOVING


class BadRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that could not be taken: its line in the file, why, and how it begins."""

    line: int
    reason: Reason
    said: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Where feed and book differ, in units as of the feed's moment. `line` None: the feed leaves it out."""

    sku_id: int
    sku: str
    location_id: int
    location: str
    line: int | None
    theirs: int
    ours: int
    outcome: str | None


class Applied(Event, frozen=True, kw_only=True):
    """A feed is in the book: its rows are movements with the reference `feed:`, its id, `:` and its attempt."""

    KIND: ClassVar[str] = "feeds.applied"
    feed_id: UUID
    reference: str
    location_ids: Sequence[int]
    as_of: datetime
    rows_read: int
    rows_applied: int
    rows_skipped: int


def as_feed(row: Any) -> Feed:
    """The feed in a row of the table."""
    return Feed(**{field: row[field] for field in Feed.__struct_fields__})


def movement_reference(feed: Feed) -> str:
    """Under which a feed's movements stand in the ledger: once for each attempt, for one that was canceled halfway and
    is sent anew may say otherwise of the same shelf.
    """
    return f"feed:{feed.feed_id.hex}:{feed.attempt}"
