"""Feeds in the console: sent as a file and looked at first, followed, applied or stopped; bad rows to take away."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, get, post

from doorstep import feeds
from doorstep.db import Tx
from doorstep.feeds import Feed, Wish
from doorstep.kit.errors import Fault, Invalid, Malformed, NotFound
from doorstep.kit.ids import parse
from doorstep.kit.ids import show as shown
from doorstep.kit.limits import FEED_BAD_KEPT
from doorstep.kit.paging import cut, decode
from doorstep.web.console.acting import Noted, act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import show, zone
from doorstep.web.console.scope import in_order, place_named, places_of
from doorstep.web.console.staff import Staff
from doorstep.web.pages import HEADERS, form, see, upload

_AT: Final = "/console/stock/feeds"
_BYTES: Final = 32_000_000  # a million rows, or many more when gzipped; kept in memory once, by a person of the staff
_PAGE, _ROWS = 25, 50
_GZIP: Final = b"\x1f\x8b"


@get(_AT, **needs("stock.read"))
async def show_feeds(request: Asked, staff: Staff) -> Response[bytes]:
    """Feeds, the newest first, and where to send one."""
    cursor = request.query_params.get("cursor", "")
    return await _list(staff, cursor=cursor)


async def _list(staff: Staff, *, cursor: str = "", problem: str = "", status: int = 200) -> Response[bytes]:
    before = {"before": decode(cursor, (UUID,))[0]} if cursor else {}
    async with staff.brand.reading() as tx:
        here = await places_of(tx, staff)
        within = None if staff.location_ids is None else set(here)
        rows, more = cut(
            await feeds.page(tx, limit=_PAGE + 1, within=within, **before), _PAGE, lambda one: (one.feed_id,)
        )
    fed = in_order(here)
    return await show(
        staff,
        "console/stock/feeds.html",
        at="stock",
        status=status,
        feeds=[(shown("fed", one.feed_id), one) for one in rows],
        here=here,
        fed=fed,
        zone=await zone(staff),
        problem=problem,
        next_page=f"{_AT}?{urlencode({'cursor': more})}" if more else "",
        first_page=not cursor,
    )


@post(_AT, status_code=200, request_max_body_size=_BYTES, **needs("stock.act", upload_bytes=_BYTES))
async def send_feed(request: Asked, staff: Staff) -> Response[bytes]:
    """Take a file in, compared only; it is applied on its page, once somebody has looked."""
    fields = await form(request)
    content = await upload(request, "file")
    if not content:
        return await _list(staff, problem="Choose a file first.", status=422)
    kind = fields.get("kind", "")
    if kind not in ("full", "delta"):
        raise Invalid([Fault("/kind", "full or delta.")])
    async with staff.brand.reading() as tx:
        place = await place_named(tx, staff, fields.get("location", ""))
    of = hashlib.sha256(f"{staff.user_id.hex} {fields.get('key', '')}".encode()).hexdigest()
    reference = f"console-{of[:12]}"
    wish = Wish(reference=reference, kind=kind, location=place.code, applies=False)  # type: ignore[arg-type]  # looked at above
    gzipped = content.startswith(_GZIP)
    ndjson = not gzipped and content.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"{")
    try:
        taken = await feeds.receive(
            staff.brand,
            wish,
            _once(content),
            form="ndjson" if ndjson else "csv",
            gzipped=gzipped,
            actor=staff.actor,
        )
    except (Malformed, Invalid) as refused:
        return await _list(staff, problem=refused.detail, status=422)
    detail = {"kind": kind, "location": place.code, "digest": hashlib.sha256(content).hexdigest()[:16]}

    async def taken_in(tx: Tx, now: datetime) -> Noted:
        return Noted(detail)  # it is in already, once for its reference: only the audit log is to hear of it

    await act(staff, fields, taken_in, action="stock.feed", subject=reference, detail=detail)
    return see(f"{_AT}/{shown('fed', taken.feed_id)}")


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


@get(f"{_AT}/{{feed_id:str}}", **needs("stock.read"))
async def show_feed(request: Asked, staff: Staff, feed_id: str) -> Response[bytes]:
    """A feed: how far it is, what differs, what is bad."""
    found = await _mine(staff, feed_id)
    asked = request.query_params
    after = decode(asked["cursor"], (int, int)) if asked.get("cursor") else (0, 0)
    if not all(0 <= part < 2**31 for part in after):
        raise NotFound("There is no such page.")
    odd = asked.get("odd") == "1"
    async with staff.brand.reading() as tx:
        here = await places_of(tx, staff)
        bad = await feeds.bad_rows(tx, found.feed_id, limit=_ROWS)
        rows = await feeds.changes(tx, found.feed_id, after=(after[0], after[1]), limit=_ROWS + 1, odd=odd)
    changes, more = cut(rows, _ROWS, lambda one: (one.sku_id, one.location_id))
    address = f"{_AT}/{feed_id}"
    return await show(
        staff,
        "console/stock/feed.html",
        at="stock",
        feed=found,
        address=address,
        here=here,
        zone=await zone(staff),
        bad=bad,
        changes=changes,
        odd=odd,
        next_page=f"{address}?{urlencode({'cursor': more, 'odd': '1' if odd else ''})}#differences" if more else "",
        said=asked.get("said", ""),
        may=staff.may("stock.act"),
    )


@get(f"{_AT}/{{feed_id:str}}/bad.csv", **needs("stock.read"))
async def download_bad(staff: Staff, feed_id: str) -> Response[bytes]:
    """The bad rows as a file for a table; what looks like a formula there is made plain text."""
    found = await _mine(staff, feed_id)
    async with staff.brand.reading() as tx:
        rows = await feeds.bad_rows(tx, found.feed_id, limit=FEED_BAD_KEPT)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("line", "reason", "row"))
    writer.writerows((one.line, one.reason, f"'{one.said}" if one.said[:1] in "=+-@\t\r" else one.said) for one in rows)
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{feed_id}-bad-rows.csv"'}
    return Response(text.getvalue().encode(), media_type="text/csv", headers=headers)


@post(f"{_AT}/{{feed_id:str}}/apply", status_code=200, **needs("stock.act"))
async def apply_feed(request: Asked, staff: Staff, feed_id: str) -> Response[bytes]:
    """The book follows the feed, as its page shows."""
    return await _decide(request, staff, feed_id, "apply")


@post(f"{_AT}/{{feed_id:str}}/cancel", status_code=200, **needs("stock.act"))
async def cancel_feed(request: Asked, staff: Staff, feed_id: str) -> Response[bytes]:
    """Stop it, or put it aside."""
    return await _decide(request, staff, feed_id, "cancel")


async def _decide(request: Asked, staff: Staff, feed_id: str, what: str) -> Response[bytes]:
    fields, found = await form(request), await _mine(staff, feed_id)
    verb = feeds.apply_anyway if what == "apply" else feeds.cancel

    async def deed(tx: Tx, now: datetime) -> Noted:
        await verb(tx, feed_id=found.feed_id, now=now)
        return Noted({"changes": found.rows_changed, "left_out": found.left_out, "problem": found.problem})

    await act(staff, fields, deed, action=f"stock.feed_{what}", subject=found.reference, detail=None)
    return see(f"{_AT}/{feed_id}?said={what}")


async def _mine(staff: Staff, feed_id: str) -> Feed:
    """Raises NotFound for one that is not there, or that speaks of a location that is not theirs."""
    async with staff.brand.reading() as tx:
        found = await feeds.feed(tx, parse("fed", feed_id))
    if staff.location_ids is not None and not (
        found.location_ids and staff.location_ids.issuperset(found.location_ids)
    ):
        raise NotFound("There is no such feed.")
    return found


HANDLERS = (show_feeds, send_feed, show_feed, download_bad, apply_feed, cancel_feed)
