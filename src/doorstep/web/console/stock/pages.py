"""The list of stock, a product's stock with its movements, and changes by hand: shown first, then done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import Response, get, post

from doorstep import inventory
from doorstep.db import Tx
from doorstep.inventory import Location
from doorstep.kit.errors import Conflict, Invalid
from doorstep.kit.ids import new_id
from doorstep.web.console.acting import act, rehearse
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import faults_by_field, show
from doorstep.web.console.people import SQL
from doorstep.web.console.scope import in_order, place_named, places_of
from doorstep.web.console.staff import Staff
from doorstep.web.console.stock import reads, waiting
from doorstep.web.console.stock.deeds import REASONS, STATES, Wish, do, said_of, wish_of
from doorstep.web.console.stock.reads import Counters
from doorstep.web.pages import form, see

_SEARCH_MOST = 100
_FIELDS = (
    "deed",
    "location",
    "units",
    "reason",
    "note",
    "counted_at",
    "oversell",
    "reference",
    "source",
    "target",
    "to",
    "movement",
)


@get("/console/stock", **needs("stock.read"))
async def show_stock(request: Asked, staff: Staff) -> Response[bytes]:
    """Products with where they are; found by words of SKU and title, at one location, or the scarcest first."""
    asked = request.query_params
    words, low = asked.get("q", "").replace("\0", "").strip()[:_SEARCH_MOST], asked.get("sort") == "low"
    async with staff.brand.reading() as tx:
        here = theirs = await places_of(tx, staff)
        if asked.get("location"):
            place = await place_named(tx, staff, asked["location"])
            here = {place.location_id: place}
        everywhere = staff.location_ids is None and here is theirs
        rows, more = await reads.listed(
            tx, here, everywhere=everywhere, words=words, low=low, cursor=asked.get("cursor", "")
        )
    kept = {"q": words, "location": asked.get("location", ""), "sort": "low" if low else ""}
    return await show(
        staff,
        "console/stock/list.html",
        at="stock",
        rows=rows,
        locations=sorted(theirs.values(), key=lambda place: (place.priority, place.code)),
        kept=kept,
        next_page=f"/console/stock?{urlencode({**kept, 'cursor': more})}" if more else "",
        first_page=not asked.get("cursor"),
    )


@get("/console/stock/{sku_id:int}", **needs("stock.read"))
async def show_sku(request: Asked, staff: Staff, sku_id: int) -> Response[bytes]:
    """A product's stock: where it is, what is coming, who holds it, and how it came about."""
    asked = request.query_params
    async with staff.brand.reading() as tx:
        product = await reads.product(tx, sku_id)
        here = await places_of(tx, staff)
        shelves = (await reads.shelves(tx, here, [sku_id])).get(sku_id, [])
        movements, more = await reads.movements(tx, here, sku_id, asked.get("cursor", ""))
        standing = await reads.standing(tx, here, sku_id)
        in_carts = await reads.in_carts(tx, here, sku_id)
        clock = ZoneInfo(await tx.fetchval(SQL.timezone))
        on_their_way = (await waiting.coming(tx, here, [sku_id])).get(sku_id, [])
        waiters = await waiting.waiters(tx, staff, sku_id, clock)
        (terms,) = await inventory.read_terms(tx, [product.sku])
    return await show(
        staff,
        "console/stock/sku.html",
        at="stock",
        product=product,
        here=in_order(here),
        shelves=shelves,
        movements=movements,
        next_page=f"/console/stock/{sku_id}?{urlencode({'cursor': more})}#movements" if more else "",
        standing=standing,
        in_carts=in_carts,
        on_their_way=on_their_way,
        waiters=waiters,
        terms=terms,
        said=asked.get("said", ""),
    )


@get("/console/stock/{sku_id:int}/change", **needs("stock.act"))
async def show_change(request: Asked, staff: Staff, sku_id: int) -> Response[bytes]:
    """What may be changed at a location."""
    async with staff.brand.reading() as tx:
        place = await place_named(tx, staff, request.query_params.get("location", ""))
    return await _change(staff, sku_id, place, {})


@get("/console/stock/{sku_id:int}/preview", **needs("stock.act"))
async def show_preview(request: Asked, staff: Staff, sku_id: int) -> Response[bytes]:
    """What a change would mean: the counters before and after it."""
    return await _preview(staff, sku_id, request.query_params)


@post("/console/stock/{sku_id:int}/do", status_code=200, **needs("stock.act"))
async def change(request: Asked, staff: Staff, sku_id: int) -> Response[bytes]:
    """Do what was shown, with its movement; again changes nothing."""
    fields = await form(request)
    try:
        async with staff.brand.reading() as tx:
            product = await reads.product(tx, sku_id)
            wish = await wish_of(tx, staff, sku_id, fields)
    except Invalid:
        return await _preview(staff, sku_id, fields)

    async def deed(tx: Tx, now: datetime) -> None:
        reference = f"console:{new_id().hex}"
        await do(tx, wish, sku_id=sku_id, reference=reference, actor=staff.actor, now=now)

    try:
        await act(staff, fields, deed, action=f"stock.{wish.deed}", subject=product.sku, detail=said_of(wish))
    except (Conflict, Invalid):
        return await _preview(staff, sku_id, fields)
    return see(f"/console/stock/{sku_id}?said={wish.deed}")


async def _preview(staff: Staff, sku_id: int, fields: Mapping[str, str]) -> Response[bytes]:
    place: Location | None = None
    try:
        async with staff.brand.reading() as tx:
            await reads.product(tx, sku_id)
            if fields.get("deed") != "undo":
                place = await place_named(tx, staff, fields.get("location", ""))
            wish = await wish_of(tx, staff, sku_id, fields)
            before = await _counters(tx, sku_id, wish.places)
    except Invalid as error:
        assert place is not None
        return await _change(staff, sku_id, place, fields, status=422, faults=faults_by_field(error))

    async def deed(tx: Tx, now: datetime) -> tuple[Sequence[Counters], Sequence[reads.Loss]]:
        reference = f"console:{new_id().hex}"
        moved = await do(tx, wish, sku_id=sku_id, reference=reference, actor=staff.actor, now=now)
        return await _counters(tx, sku_id, wish.places), await reads.losses(tx, moved)

    try:
        after, losses = (await rehearse(staff, deed)).result
    except Conflict as refused:
        return await _refused(staff, sku_id, wish, before[0], refused)
    except Invalid as error:  # of a time to come, known once the clock is read
        assert place is not None
        return await _change(staff, sku_id, place, fields, status=422, faults=faults_by_field(error))
    async with staff.brand.reading() as tx:
        product = await reads.product(tx, sku_id)
    return await show(
        staff,
        "console/stock/preview.html",
        at="stock",
        product=product,
        wish=wish,
        steps=list(zip(wish.places, before, after, strict=True)),
        losses=losses,
        fields={name: fields[name] for name in _FIELDS if fields.get(name)},
    )


async def _refused(staff: Staff, sku_id: int, wish: Wish, counters: Counters, refused: Conflict) -> Response[bytes]:
    """Why not, with those who hold what would have to go."""
    async with staff.brand.reading() as tx:
        product = await reads.product(tx, sku_id)
        here = {wish.place.location_id: wish.place}
        standing = await reads.standing(tx, here, sku_id)
        in_carts = await reads.in_carts(tx, here, sku_id)
    return await show(
        staff,
        "console/stock/refused.html",
        at="stock",
        status=409,
        product=product,
        wish=wish,
        counters=counters,
        problem=refused.detail,
        claimed="orders" in refused.extra,
        standing=standing,
        in_carts=in_carts,
    )


async def _change(
    staff: Staff,
    sku_id: int,
    place: Location,
    fields: Mapping[str, str],
    *,
    status: int = 200,
    faults: Mapping[str, str] | None = None,
) -> Response[bytes]:
    async with staff.brand.reading() as tx:
        product = await reads.product(tx, sku_id)
        others = [one for one in in_order(await places_of(tx, staff)) if one.location_id != place.location_id]
        (counters,) = await _counters(tx, sku_id, [place])
    return await show(
        staff,
        "console/stock/change.html",
        at="stock",
        status=status,
        product=product,
        place=place,
        others=others,
        counters=counters,
        reasons=REASONS,
        states=STATES,
        fields=fields,
        faults=faults or {},
    )


async def _counters(tx: Tx, sku_id: int, wanted: Sequence[Location]) -> list[Counters]:
    found = await reads.counters(tx, sku_id, [place.location_id for place in wanted])
    return [found.get(place.location_id, Counters()) for place in wanted]


HANDLERS = (show_stock, show_sku, show_change, show_preview, change)
