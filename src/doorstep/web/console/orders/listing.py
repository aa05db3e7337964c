"""The list of orders: words, filters, pages. It works as a plain form; a script makes it answer while one types."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get

from doorstep import insights
from doorstep.db import statements
from doorstep.kit.paging import decode
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.figures import Figures
from doorstep.web.console.frame import show
from doorstep.web.console.orders import filters, saved
from doorstep.web.console.staff import Staff

SQL = statements(__package__)
_ROWS = 50


@get("/console/orders", **needs("orders.read"))
async def list_orders(request: Asked, staff: Staff) -> Response[bytes]:
    """Orders, newest first, by words and filters."""
    pairs = list(request.query_params.multi_items())
    chosen, cursor = filters.filters_of(pairs), dict(pairs).get("cursor")
    before: UUID | None = None
    if cursor:
        (before,) = decode(cursor, (UUID,))
    async with staff.brand.snapshot() as tx:
        scene = await tx.fetchrow(SQL.scene)
        choices = await tx.fetchrow(SQL.choices, staff.locations)
        assert scene is not None
        assert choices is not None
        known: dict[str, Any] = {
            name: msgspec.json.decode(choices[name]) for name in ("services", "channels", "locations")
        }
        codes = None if staff.location_ids is None else [code for code, _ in known["locations"]]
        wanted = chosen.wanted(scene["timezone"], codes)
        now = scene["now"]
        found = await insights.find_orders(tx, wanted, now=now, limit=_ROWS, before=before)
        counted = (await insights.count_orders(tx, wanted, ["status"], now=now))["status"]
    numbers = dict(counted.values)
    numbers["live"] = numbers.get("open", 0) + numbers.get("on_hold", 0)
    return await show(
        staff,
        "console/orders/list.html",
        at="orders",
        figures=Figures(language=staff.language, timezone=scene["timezone"], now=now),
        filters=chosen,
        saved=await saved.saved(staff),
        known=filters.KNOWN,
        statuses=filters.STATUSES,
        found=found,
        numbers=numbers,
        total=counted.total,
        at_least=counted.at_least,
        first=before is None,
        **known,
    )


HANDLERS = (list_orders,)
