"""HTTP: an order's story; orders found by words and filters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import get
from litestar.params import Parameter

from doorstep.db import Brand
from doorstep.db.pool import clock_now
from doorstep.insights.search import FoundPage, Wanted, find_orders
from doorstep.insights.story import Chapter, story
from doorstep.kit.errors import Fault, Invalid
from doorstep.kit.ids import parse
from doorstep.kit.limits import PAGE_DEFAULT, PAGE_MAX, TEXT_SHORT
from doorstep.kit.paging import decode


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to an order, oldest first."""

    items: Sequence[Chapter]


@get("/v1/orders/{order_id:str}/timeline", tags=["orders"])
async def timeline(brand: Brand, order_id: str) -> Timeline:
    """What happened to an order, in plain words: its events, and what the customer was told."""
    async with brand.transaction() as tx:
        return Timeline(items=await story(tx, parse("ord", order_id)))


_Text = Annotated[str, Parameter(max_length=TEXT_SHORT)]
_Any = Annotated[str, Parameter(max_length=TEXT_SHORT, description="One or more values, comma separated: any of them.")]


@get("/v1/search", tags=["orders"])
async def search(
    brand: Brand,
    q: _Text = "",
    status: _Any = "",
    payment_status: _Any = "",
    fulfillment_status: _Any = "",
    service: _Any = "",
    channel: _Any = "",
    kind: _Any = "",
    location: _Any = "",
    hold: _Any = "",
    lane: Literal["express", "standard"] | None = None,
    gift_wrap: bool = False,
    late: bool = False,
    exception: bool = False,
    placed_from: datetime | None = None,
    placed_until: datetime | None = None,
    limit: int = Parameter(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX),
    cursor: str | None = None,
) -> FoundPage:
    """Orders by words and filters, all of which must hold, newest first.

    `q`: words, or their beginnings, of the order's number, its people, e-mail address, SKUs, titles or tracking
    numbers; accents, capitals and punctuation do not matter. Placed from, and before, by the quarter of an hour. An
    order is found some moments after it was placed or changed. When `complete` is false, go on with the cursor, however
    short the page.
    """
    for name, at in (("placed_from", placed_from), ("placed_until", placed_until)):
        if at is not None and at.tzinfo is None:
            raise Invalid([Fault(f"?{name}", "Say the offset from UTC, too: 2026-03-02T09:00:00Z.")])
    wanted = Wanted(
        text=q,
        status=_values(status),
        payment_status=_values(payment_status),
        fulfillment_status=_values(fulfillment_status),
        service=_values(service),
        channel=_values(channel),
        kind=_values(kind),
        location=_values(location),
        hold=_values(hold),
        lane=None if lane is None else 0 if lane == "express" else 1,
        gift_wrap=gift_wrap,
        late=late,
        excepted=exception,
        placed_from=placed_from,
        placed_until=placed_until,
    )
    (before,) = decode(cursor, (UUID,)) if cursor else (None,)
    async with brand.snapshot() as tx:
        return await find_orders(tx, wanted, now=await clock_now(tx), limit=limit, before=before)


def _values(text: str) -> tuple[str, ...]:
    return tuple(value.strip() for value in text.split(",") if value.strip())


HANDLERS = (timeline, search)
