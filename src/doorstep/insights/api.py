"""HTTP: an order's story."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from litestar import get

from doorstep.db import Brand
from doorstep.insights.story import Chapter, story
from doorstep.kit.ids import parse


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to an order, oldest first."""

    items: Sequence[Chapter]


@get("/v1/orders/{order_id:str}/timeline", tags=["orders"])
async def timeline(brand: Brand, order_id: str) -> Timeline:
    """What happened to an order, in plain words: its events, and what the customer was told."""
    async with brand.transaction() as tx:
        return Timeline(items=await story(tx, parse("ord", order_id)))


HANDLERS = (timeline,)
