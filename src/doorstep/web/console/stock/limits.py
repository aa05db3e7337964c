"""Limits of many shelves at once: what a location keeps back of each SKU, and how far it may oversell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post

from doorstep import catalog, inventory, orders
from doorstep.catalog import Product
from doorstep.db import Tx
from doorstep.inventory import Limits, Location
from doorstep.kit.errors import Conflict
from doorstep.web.console.acting import act, rehearse
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import show
from doorstep.web.console.scope import place_named, places_of
from doorstep.web.console.staff import Staff
from doorstep.web.console.stock import reads
from doorstep.web.console.stock.reads import Counters, Loss
from doorstep.web.pages import form, see, whole

_MOST: Final = 1_000_000
_SEARCH_MOST: Final = 100


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Limits that shall be others; what is no number, by the name of its field."""

    limits: Mapping[int, Limits]
    wrong: frozenset[str]


@get("/console/stock/limits", **needs("stock.read"))
async def show_limits(request: Asked, staff: Staff) -> Response[bytes]:
    """The limits at one location, to be set for a page of SKUs."""
    return await _page(staff, request.query_params)


@get("/console/stock/limits/preview", **needs("stock.act"))
async def show_preview(request: Asked, staff: Staff) -> Response[bytes]:
    """What would be another, and who would have to give way."""
    return await _preview(staff, request.query_params)


@post("/console/stock/limits/do", status_code=200, **needs("stock.act"))
async def set_limits(request: Asked, staff: Staff) -> Response[bytes]:
    """Set them; the same form again changes nothing."""
    fields = await form(request)
    async with staff.brand.reading() as tx:
        place = await place_named(tx, staff, fields.get("location", ""))
        wish = _wish(fields)
        known = await catalog.by_id(tx, wish.limits)
    if wish.wrong or not wish.limits or known.keys() != wish.limits.keys():
        return await _preview(staff, fields)

    async def deed(tx: Tx, now: datetime) -> None:
        await _set(tx, place, wish, staff, now)

    detail = {known[sku_id].sku: [one.safety_stock, one.oversell_limit] for sku_id, one in wish.limits.items()}
    try:
        await act(staff, fields, deed, action="stock.limits", subject=place.code, detail=detail)
    except Conflict:
        return await _preview(staff, fields)
    return see(f"/console/stock/limits?{urlencode({'location': place.code, 'said': 'set'})}")


async def _set(tx: Tx, place: Location, wish: Wish, staff: Staff, now: datetime) -> Sequence[Loss]:
    claimants = orders.Claimants()
    limits = {(sku_id, place.location_id): one for sku_id, one in wish.limits.items()}
    await inventory.set_limits(tx, limits=limits, claimants=claimants, actor=staff.actor, now=now)
    return await reads.losses(tx, claimants.moved)


def _wish(fields: Mapping[str, str]) -> Wish:
    """From fields `safety-<sku_id>` and `oversell-<sku_id>`; one that is empty leaves its limit as it is."""
    limits: dict[int, Limits] = {}
    wrong = set()
    for name, text in fields.items():
        kind, _, digits = name.partition("-")
        if kind not in ("safety", "oversell") or not text.strip():
            continue
        sku_id, units = whole(digits, 2**31 - 1), whole(text.strip(), _MOST)
        if sku_id is None or units is None:
            wrong.add(name)
            continue
        named = {"safety_stock" if kind == "safety" else "oversell_limit": units}
        limits[sku_id] = msgspec.structs.replace(limits.get(sku_id, Limits()), **named)
    return Wish(limits=limits, wrong=frozenset(wrong))


async def _preview(staff: Staff, fields: Mapping[str, str]) -> Response[bytes]:
    wish = _wish(fields)
    async with staff.brand.reading() as tx:
        place = await place_named(tx, staff, fields.get("location", ""))
        products = await catalog.by_id(tx, wish.limits)
        before = await _counters(tx, place, list(products))
    wish = msgspec.structs.replace(
        wish, limits={key: one for key, one in wish.limits.items() if key in products and _differs(before[key], one)}
    )
    if wish.wrong or not wish.limits:
        return await _page(staff, fields, status=422 if wish.wrong else 200, wrong=wish.wrong, same=not wish.wrong)

    async def deed(tx: Tx, now: datetime) -> tuple[Mapping[int, Counters], Sequence[Loss]]:
        losses = await _set(tx, place, wish, staff, now)
        return await _counters(tx, place, list(wish.limits)), losses

    try:
        after, losses = (await rehearse(staff, deed)).result
    except Conflict as error:
        return await _page(staff, fields, status=409, problem=error.detail)
    return await show(
        staff,
        "console/stock/limits_preview.html",
        at="stock",
        place=place,
        rows=_rows(wish, products, before, after),
        losses=losses,
        fields={name: text for name, text in fields.items() if name.startswith(("safety-", "oversell-")) and text},
    )


def _rows(
    wish: Wish, products: Mapping[int, Product], before: Mapping[int, Counters], after: Mapping[int, Counters]
) -> list[tuple[Product, Counters, Counters]]:
    keys = sorted(wish.limits, key=lambda key: products[key].sku)
    return [(products[key], before[key], after[key]) for key in keys]


def _differs(now: Counters, wish: Limits) -> bool:
    return (wish.safety_stock not in (None, now.safety_stock)) or (
        wish.oversell_limit not in (None, now.oversell_limit)
    )


async def _counters(tx: Tx, place: Location, sku_ids: Sequence[int]) -> dict[int, Counters]:
    found = await reads.shelves(tx, {place.location_id: place}, sku_ids)
    return {key: found[key][0].counters if key in found else Counters() for key in sku_ids}


async def _page(staff: Staff, asked: Mapping[str, str], *, status: int = 200, **facts: Any) -> Response[bytes]:
    words = asked.get("q", "").replace("\0", "").strip()[:_SEARCH_MOST]
    async with staff.brand.reading() as tx:
        theirs = await places_of(tx, staff)
        choices = sorted(theirs.values(), key=lambda one: (one.priority, one.code))
        code = asked.get("location") or (choices[0].code if choices else "")
        place = await place_named(tx, staff, code) if code else None
        here = {place.location_id: place} if place else {}
        rows, more = await reads.listed(
            tx, here, everywhere=False, words=words, low=False, cursor=asked.get("cursor", "")
        )
    kept = {"q": words, "location": code}
    return await show(
        staff,
        "console/stock/limits.html",
        at="stock",
        status=status,
        rows=rows,
        choices=choices,
        place=place,
        kept=kept,
        fields=asked,
        said=asked.get("said", ""),
        next_page=f"/console/stock/limits?{urlencode({**kept, 'cursor': more})}" if more else "",
        **{"wrong": frozenset(), "same": False, "problem": "", **facts},
    )


HANDLERS = (show_limits, show_preview, set_limits)
