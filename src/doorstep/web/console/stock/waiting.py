"""What waits for what: products sold beyond their stock, the deliveries on their way, who waits for them; the terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post

from doorstep import inventory
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.inventory import BeyondStockTerms, BeyondStockView, Location
from doorstep.kit.errors import Conflict, Fault, Invalid
from doorstep.kit.ids import show as shown
from doorstep.kit.paging import cut, decode
from doorstep.web.console.acting import Noted, act, rehearse
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.forms import typed
from doorstep.web.console.frame import faults_by_field, show, zone
from doorstep.web.console.scope import places_of
from doorstep.web.console.staff import Staff
from doorstep.web.console.stock import reads
from doorstep.web.console.stock.reads import SQL
from doorstep.web.pages import form, see

_PAGE: Final = 25
_WAITING_MOST: Final = 100
_COUNTED_MOST: Final = 10_000
_KINDS: Final = ("none", "backorder", "preorder")


class Coming(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery on its way to one of the reader's locations, its date on that location's clock."""

    reference: str
    place: Location
    quantity: int
    promised: int
    expected_at: datetime
    overdue: bool

    @property
    def left(self) -> int:
        """Units that nobody was promised."""
        return self.quantity - self.promised


class Waiter(msgspec.Struct, frozen=True, kw_only=True):
    """Units that an order waits for, in the order in which they are served. `reference` empty: of whichever comes."""

    order: str
    number: str
    units: int
    express: bool
    reference: str
    placed_at: datetime


class Waited(msgspec.Struct, frozen=True, kw_only=True):
    """A product that is sold beyond its stock, or waited for. `undated`: units that no delivery is known for."""

    sku_id: int
    sku: str
    title: str
    units: int
    undated: int
    orders: int
    kind: str
    cap: int
    promised: int
    coming: Sequence[Coming]


async def coming(tx: Tx, here: Mapping[int, Location], sku_ids: Sequence[int]) -> dict[int, list[Coming]]:
    """Deliveries on their way to these locations, the nearest first, by sku_id."""
    found: dict[int, list[Coming]] = {}
    now = await clock_now(tx)
    for row in await tx.fetch(SQL.incoming, list(sku_ids), sorted(here), 500):
        place = here[row["location_id"]]
        found.setdefault(row["sku_id"], []).append(
            Coming(
                reference=row["reference"],
                place=place,
                quantity=row["quantity"],
                promised=row["promised"],
                expected_at=row["expected_at"].astimezone(ZoneInfo(place.timezone)),
                overdue=row["expected_at"] + inventory.LATE_AFTER < now,
            )
        )
    return found


async def waiters(tx: Tx, staff: Staff, sku_id: int, clock: ZoneInfo) -> list[Waiter]:
    """Who waits for a product, the first to be served first: for deliveries to the reader's locations, or for any."""
    return [
        Waiter(
            order=shown("ord", row["order_id"]),
            number=row["number"],
            units=row["units"],
            express=row["lane"] == 0,
            reference=row["reference"] or "",
            placed_at=row["placed_at"].astimezone(clock),
        )
        for row in await tx.fetch(SQL.waiters, sku_id, staff.locations, _WAITING_MOST)
    ]


@get("/console/stock/waiting", **needs("stock.read"))
async def show_waiting(request: Asked, staff: Staff) -> Response[bytes]:
    """Products that orders wait for, or that are sold beyond their stock, each with the deliveries on their way."""
    cursor = request.query_params.get("cursor", "")
    (after,) = decode(cursor, (str,)) if cursor else ("",)
    async with staff.brand.reading() as tx:
        here = await places_of(tx, staff)
        found = await tx.fetch(SQL.waited_for, after, staff.locations, _PAGE + 1)
        page, more = cut(found, _PAGE, lambda row: (row["sku"],))
        on_their_way = await coming(tx, here, [row["sku_id"] for row in page])
    rows = [Waited(**dict(row), coming=on_their_way.get(row["sku_id"], ())) for row in page]
    return await show(
        staff,
        "console/stock/waiting.html",
        at="stock",
        rows=rows,
        next_page=f"/console/stock/waiting?{urlencode({'cursor': more})}" if more else "",
        first_page=not cursor,
    )


@get("/console/stock/{sku_id:int}/beyond", **needs("settings"))
async def show_terms(staff: Staff, sku_id: int) -> Response[bytes]:
    """How a product is sold beyond its stock."""
    async with staff.brand.reading() as tx:
        (terms,) = await inventory.read_terms(tx, [(await reads.product(tx, sku_id)).sku])
    return await _page(staff, sku_id, _fields(terms, await zone(staff)), promised=terms.promised)


@post("/console/stock/{sku_id:int}/beyond", status_code=200, **needs("settings"))
async def change_terms(request: Asked, staff: Staff, sku_id: int) -> Response[bytes]:
    """Say how many orders the change would give another date; then, on the word, do it."""
    fields = await form(request)
    async with staff.brand.reading() as tx:
        (before,) = await inventory.read_terms(tx, [(await reads.product(tx, sku_id)).sku])
    try:
        wanted = _wanted(before, fields, await zone(staff))

        async def deed(tx: Tx, now: datetime) -> Noted:
            (was,) = await inventory.read_terms(tx, [before.sku])
            await inventory.put_terms(tx, [wanted])
            moved = len(await inventory.orders_with_news(tx, [sku_id], _COUNTED_MOST))
            return Noted({"before": msgspec.to_builtins(was), "after": msgspec.to_builtins(wanted), "orders": moved})

        if fields.get("do") != "save":
            noted = (await rehearse(staff, deed)).result
            return await _page(staff, sku_id, fields, promised=before.promised, moved=noted.detail["orders"])
        await act(staff, fields, deed, action="stock.beyond", subject=before.sku, detail=msgspec.to_builtins(wanted))
    except Invalid as refused:
        return await _page(staff, sku_id, fields, promised=before.promised, faults=faults_by_field(refused), status=422)
    except Conflict as refused:
        faults = {"form": refused.detail}
        return await _page(staff, sku_id, fields, promised=before.promised, faults=faults, status=409)
    return see(f"/console/stock/{sku_id}?said=terms")


def _wanted(before: BeyondStockView, fields: Mapping[str, str], clock: ZoneInfo) -> BeyondStockTerms:
    """The terms of a form; channels keep theirs, which the API sets. Raises Invalid by field."""
    values: dict[str, Any] = {name: fields[name] for name in ("kind", "cap") if fields.get(name)}
    faults = []
    for name in ("release_at", "sold_until"):
        text = fields.get(name, "")
        try:
            values[name] = datetime.fromisoformat(text).replace(tzinfo=clock) if text else None
        except ValueError:
            faults.append(Fault(f"/{name}", "A day and a time, such as 2026-03-09 08:00."))
    try:
        terms = typed(BeyondStockTerms, {**values, "sku": before.sku, "channels": before.channels})
    except Invalid as refused:
        raise Invalid([*refused.faults, *faults]) from None
    if (terms.release_at is not None) != (terms.kind == "preorder"):
        faults.append(Fault("/release_at", "A pre-order needs its release, and only a pre-order has one."))
    if faults:
        raise Invalid(faults)
    return msgspec.structs.replace(terms, sells=fields.get("sells") == "on")


def _fields(terms: BeyondStockView, clock: ZoneInfo) -> dict[str, str]:
    """The terms as their form has them."""
    dates = {
        name: at.astimezone(clock).strftime("%Y-%m-%dT%H:%M")
        for name, at in (("release_at", terms.release_at), ("sold_until", terms.sold_until))
        if at is not None
    }
    return {"kind": terms.kind, "cap": str(terms.cap), "sells": "on" if terms.sells else "", **dates}


async def _page(
    staff: Staff,
    sku_id: int,
    fields: Mapping[str, str],
    *,
    promised: int,
    moved: int | None = None,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response[bytes]:
    async with staff.brand.reading() as tx:
        product = await reads.product(tx, sku_id)
        (terms,) = await inventory.read_terms(tx, [product.sku])
    return await show(
        staff,
        "console/stock/beyond.html",
        at="stock",
        status=status,
        product=product,
        fields=fields,
        kinds=_KINDS,
        promised=promised,
        shares=terms.channels,
        moved=moved,
        faults=faults or {},
    )


HANDLERS = (show_waiting, show_terms, change_terms)
