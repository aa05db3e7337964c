"""HTTP: send a feed, follow it, look at what was bad and what differed, decide, stop it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from doorstep import inventory
from doorstep.db import Brand, Tx
from doorstep.feeds.apply import apply_anyway, cancel
from doorstep.feeds.model import Feed, FeedKind, Wish
from doorstep.feeds.parse import Format
from doorstep.feeds.reads import NEWEST, bad_rows, changes, feed, page
from doorstep.feeds.receive import receive
from doorstep.journal import Command
from doorstep.journal.commands import Answer
from doorstep.kit.errors import Fault, Invalid, Malformed, SenderSilent
from doorstep.kit.ids import parse, show
from doorstep.kit.limits import BODY_IDLE_S, PAGE_DEFAULT, PAGE_MAX
from doorstep.kit.paging import cut, decode

_FORMS: Final[Mapping[str, Format]] = {
    "text/csv": "csv",
    "application/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
}
_Limit = Annotated[int, Parameter(ge=1, le=PAGE_MAX)]
_Text = Annotated[str, Parameter(min_length=1, max_length=100)]


class FeedView(msgspec.Struct, frozen=True, kw_only=True):
    """A feed and how far it is. `rows_*` count rows of the file; `left_out` counts SKUs at locations that a full feed
    does not name though units are there; `rows_skipped` those that came out otherwise than applied.
    """

    feed_id: str
    reference: str
    kind: str
    state: str
    problem: str | None
    locations: Sequence[str]
    as_of: datetime
    applies: bool
    rows_read: int
    rows_bad: int
    rows_unchanged: int
    rows_changed: int
    left_out: int
    units_left_out: int
    rows_applied: int
    rows_skipped: int
    units_up: int
    units_down: int
    actor: str
    begun_at: datetime
    ended_at: datetime | None


class FeedPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some feeds, the newest first, and the cursor of the next."""

    items: Sequence[FeedView]
    next_cursor: str | None


class BadRowView(msgspec.Struct, frozen=True, kw_only=True):
    """A row that could not be taken: its line, why, and how it begins."""

    line: int
    reason: str
    said: str


class BadRowPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some bad rows by line, and the cursor of the next."""

    items: Sequence[BadRowView]
    next_cursor: str | None


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """Where a feed and the book differ, in units as of the feed's moment. `line` null: the feed leaves it out.
    `outcome` null: applied, or to be; else why not: counted_since, below_claims, below_zero, too_large, kept (left out,
    but rows could not be read), or equal meanwhile.
    """

    sku: str
    location: str
    line: int | None
    theirs: int
    ours: int
    outcome: str | None


class ChangePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some differences, and the cursor of the next."""

    items: Sequence[ChangeView]
    next_cursor: str | None


@post(
    "/v1/stock/feeds",
    status_code=202,
    tags=["inventory"],
    request_max_body_size=None,
    opt={"body": ["text/csv", "application/x-ndjson"]},
)
async def send_feed(
    brand: Brand,
    actor: str,
    request: Request[Any, Any, Any],
    reference: _Text,
    kind: FeedKind,
    location: _Text | None = None,
    as_of: datetime | None = None,
    applies: bool = True,
    strict: bool = False,
    most_bad_percent: Annotated[int, Parameter(ge=0, le=100)] = 5,
    allow_zeroing: bool = False,
) -> FeedView:
    """Send a file that says what is on the shelves: CSV or NDJSON, perhaps gzipped, up to five million rows.

    Rows are sku, on_hand (units on the shelf, claimed ones included) and location, unless the feed is of one location.
    `full` speaks of every SKU at its locations, and empties what it leaves out; `delta` only of those it names. The
    answer comes when the file is here; follow the feed until it is done. The same reference again changes nothing.
    """
    if as_of is not None and as_of.tzinfo is None:
        raise Invalid([Fault("?as_of", "A time needs its offset, such as 2026-01-05T08:00:00Z.")])
    if not reference.isprintable():
        raise Invalid([Fault("?reference", "A reference is 1 to 100 printable characters.")])
    wish = Wish(
        reference=reference,
        kind=kind,
        location=location,
        as_of=as_of,
        applies=applies,
        strict=strict,
        most_bad_percent=most_bad_percent,
        allow_zeroing=allow_zeroing,
    )
    form, gzipped = _form_of(request)
    taken = await receive(brand, wish, _arriving(request.stream()), form=form, gzipped=gzipped, actor=actor)
    async with brand.reading() as tx:
        return (await _views(tx, [taken]))[0]


async def _arriving(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body, as long as its sender goes on. Raises SenderSilent."""
    while True:
        try:
            async with asyncio.timeout(BODY_IDLE_S):
                piece = await anext(pieces, None)
        except TimeoutError as error:
            raise SenderSilent(
                f"Nothing came for {BODY_IDLE_S:.0f} s. Send the feed again, by the same name."
            ) from error
        if piece is None:
            return
        yield piece


def _form_of(request: Request[Any, Any, Any]) -> tuple[Format, bool]:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if media not in _FORMS:
        raise Malformed("A feed is sent as Content-Type text/csv or application/x-ndjson.")
    if coding not in ("identity", "gzip", ""):
        raise Malformed("A feed is sent plain, or with Content-Encoding gzip.")
    return _FORMS[media], coding == "gzip"


@get("/v1/stock/feeds", tags=["inventory"])
async def list_feeds(
    brand: Brand, location: _Text | None = None, limit: _Limit = PAGE_DEFAULT, cursor: str | None = None
) -> FeedPage:
    """Feeds, the newest first; with `location` those that speak of it."""
    before: UUID = decode(cursor, (UUID,))[0] if cursor else NEWEST
    async with brand.reading() as tx:
        place = await _place(tx, location) if location else None
        found = await page(tx, before=before, limit=limit + 1, location_id=place)
        rows, more = cut(found, limit, lambda one: (one.feed_id,))
        return FeedPage(items=await _views(tx, rows), next_cursor=more)


async def _place(tx: Tx, code: str) -> int:
    for one in (await inventory.locations(tx)).values():
        if one.code == code:
            return one.location_id
    raise Invalid([Fault("?location", f"There is no location {code[:60]!r}.")])


@get("/v1/stock/feeds/{feed_id:str}", tags=["inventory"])
async def read_feed(brand: Brand, feed_id: str) -> FeedView:
    """A feed and how far it is."""
    async with brand.reading() as tx:
        return (await _views(tx, [await feed(tx, parse("fed", feed_id))]))[0]


@get("/v1/stock/feeds/{feed_id:str}/bad-rows", tags=["inventory"])
async def list_bad_rows(
    brand: Brand, feed_id: str, limit: _Limit = PAGE_DEFAULT, cursor: str | None = None
) -> BadRowPage:
    """The rows that could not be taken, by line, with the reason."""
    (after,) = decode(cursor, (int,)) if cursor else (0,)
    async with brand.reading() as tx:
        found = await feed(tx, parse("fed", feed_id))
        rows = await bad_rows(tx, found.feed_id, after=min(max(after, 0), 2**31 - 1), limit=limit + 1)
    kept, more = cut(
        [BadRowView(line=one.line, reason=one.reason, said=one.said) for one in rows], limit, lambda one: (one.line,)
    )
    return BadRowPage(items=kept, next_cursor=more)


@get("/v1/stock/feeds/{feed_id:str}/changes", tags=["inventory"])
async def list_changes(
    brand: Brand, feed_id: str, odd: bool = False, limit: _Limit = PAGE_DEFAULT, cursor: str | None = None
) -> ChangePage:
    """Where the feed and the book differed; with `odd` only what came out otherwise than applied."""
    after = decode(cursor, (int, int)) if cursor else (0, 0)
    if not all(0 <= part < 2**31 for part in after):
        after = (0, 0)
    async with brand.reading() as tx:
        found = await feed(tx, parse("fed", feed_id))
        rows = await changes(tx, found.feed_id, after=(after[0], after[1]), limit=limit + 1, odd=odd)
    kept, more = cut(rows, limit, lambda one: (one.sku_id, one.location_id))
    items = [ChangeView(**{field: getattr(one, field) for field in ChangeView.__struct_fields__}) for one in kept]
    return ChangePage(items=items, next_cursor=more)


@post(
    "/v1/stock/feeds/{feed_id:str}/apply",
    status_code=200,
    tags=["inventory"],
    responses={200: ResponseSpec(FeedView)},
)
async def apply_feed(command: Command, feed_id: str) -> Answer:
    """Apply a feed that was only compared, or that a guard refused: a person has looked at it."""

    async def act(tx: Tx, now: datetime) -> FeedView:
        return (await _views(tx, [await apply_anyway(tx, feed_id=parse("fed", feed_id), now=now)]))[0]

    return await command.run(None, act)


@post(
    "/v1/stock/feeds/{feed_id:str}/cancel",
    status_code=200,
    tags=["inventory"],
    responses={200: ResponseSpec(FeedView)},
)
async def cancel_feed(command: Command, feed_id: str) -> Answer:
    """Stop a feed where it stands; what is in the book already stays there."""

    async def act(tx: Tx, now: datetime) -> FeedView:
        return (await _views(tx, [await cancel(tx, feed_id=parse("fed", feed_id), now=now)]))[0]

    return await command.run(None, act)


async def _views(tx: Tx, found: Sequence[Feed]) -> list[FeedView]:
    codes = {one.location_id: one.code for one in (await inventory.locations(tx)).values()}
    same = [field for field in FeedView.__struct_fields__ if field not in ("feed_id", "locations")]
    return [
        FeedView(
            feed_id=show("fed", one.feed_id),
            locations=[codes[place] for place in one.location_ids],
            **{field: getattr(one, field) for field in same},
        )
        for one in found
    ]


HANDLERS = (send_feed, list_feeds, read_feed, list_bad_rows, list_changes, apply_feed, cancel_feed)
