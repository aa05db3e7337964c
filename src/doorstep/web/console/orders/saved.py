"""Lists somebody keeps under a name: their own, at this brand."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Response, post

from doorstep.kit.errors import Conflict, Fault, Invalid
from doorstep.web.api.context import app_state
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.orders.filters import filters_of
from doorstep.web.console.people import SQL
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, see

_MOST: Final = 30
_NAME_MOST, _QUERY_MOST = 60, 1000


async def saved(staff: Staff) -> list[Any]:
    """Their lists, by name."""
    async with app_state().database.shared() as tx:
        return list(await tx.fetch(SQL.saved_filters, staff.user_id, staff.brand.name))


@post("/console/orders/saved", status_code=200, **needs("orders.read"))
async def save(request: Asked, staff: Staff) -> Response[bytes]:
    """Keep a list under a name; the same name again keeps the new filters."""
    fields = await form(request)
    name, query = fields.get("name", ""), _clean(fields.get("query", ""))
    if not 1 <= len(name) <= _NAME_MOST or not name.isprintable():
        raise Invalid([Fault("/name", f"A name has 1 to {_NAME_MOST} printable characters.")])
    if not 1 <= len(query) <= _QUERY_MOST:
        raise Invalid([Fault("/query", "There is nothing to keep: choose a filter first.")])
    async with app_state().database.shared() as tx:
        if await tx.execute(SQL.save_filter, staff.user_id, staff.brand.name, name, query, _MOST) != "INSERT 0 1":
            raise Conflict(f"You have {_MOST} lists already: take one away first.")
    return see(f"/console/orders?{query}")


@post("/console/orders/saved/forget", status_code=200, **needs("orders.read"))
async def forget(request: Asked, staff: Staff) -> Response[bytes]:
    """Keep a list no longer."""
    fields = await form(request)
    async with app_state().database.shared() as tx:
        await tx.execute(SQL.forget_filter, staff.user_id, staff.brand.name, fields.get("name", "")[:_NAME_MOST])
    query = _clean(fields.get("query", ""))
    return see(f"/console/orders?{query}" if query else "/console/orders")


def _clean(query: str) -> str:
    """What we know of an address's query; nothing foreign is led to later."""
    try:
        return filters_of(parse_qsl(query, max_num_fields=100)).query()
    except ValueError:
        return ""


HANDLERS = (save, forget)
