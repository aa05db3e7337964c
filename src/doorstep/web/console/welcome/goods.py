"""The guide's step of the first products: typed one by one, or from a CSV file with a preview."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Response, get, post

from doorstep import catalog, inventory
from doorstep.catalog import ProductData
from doorstep.db import Tx
from doorstep.inventory import Location
from doorstep.kit.errors import Conflict, Fault, Invalid, Malformed
from doorstep.web import csv_rows
from doorstep.web.console.acting import act, rehearse
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.forms import typed
from doorstep.web.console.frame import faults_by_field
from doorstep.web.console.staff import Staff
from doorstep.web.console.welcome.progress import step_page
from doorstep.web.csv_rows import BadRow
from doorstep.web.pages import form, see, upload

_AT: Final = "/console/welcome/products"
_KINDS: Final = ("products", "stock")
_LINES: Final = 5
_SHOWN: Final = 20
_UNITS_MOST: Final = 1_000_000
# The outer size of a packed unit that a small parcel takes, until somebody says better.
_SIZE: Final = {"length_mm": 200, "width_mm": 150, "height_mm": 50}


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What loading a file would do: its rows, those that are good, the first of them, what is wrong with others."""

    kind: str
    rows: int
    good: int
    first: Sequence[Mapping[str, Any]]
    bad: Sequence[BadRow]
    content: str


@get(_AT, **needs("settings"))
async def show_products(request: Asked, staff: Staff) -> Response[bytes]:
    """Where the first products are typed or uploaded."""
    fields = {f"weight_g-{n}": "500" for n in range(1, _LINES + 1)}
    return await _page(staff, fields=fields, said=request.query_params.get("said", ""))


@post(_AT, status_code=200, **needs("settings"))
async def add_products(request: Asked, staff: Staff) -> Response[bytes]:
    """Add the products typed, with their stock at the first location."""
    fields = await form(request)
    try:
        products, units = _typed(fields)
        await _add(staff, fields, products, units)
    except Invalid as refused:
        return await _page(staff, fields=fields, faults=faults_by_field(refused), status=422)
    return see(f"{_AT}?said=added")


async def _add(staff: Staff, fields: Mapping[str, str], products: list[ProductData], units: Mapping[str, int]) -> None:
    place = await first_location(staff)
    if place is None:
        raise Conflict("There is no location yet to put them. Add one first.")
    reference = f"guide-{fields.get('key', '')[:60]}"

    async def deed(tx: Tx, now: datetime) -> None:
        try:
            await catalog.put_products(tx, products, now=now)
        except Invalid as error:
            raise Invalid([Fault("/form", fault.detail) for fault in error.faults]) from None
        known = await catalog.load(tx, list(units))
        counted = {known[sku].sku_id: quantity for sku, quantity in units.items()}
        if counted:
            await inventory.receive(
                tx, reference=reference, location_id=place.location_id, units=counted, actor=staff.actor, now=now
            )

    detail = {"skus": [one.sku for one in products], "units": units, "location": place.code}
    await act(staff, fields, deed, action="guide.products", subject=f"{len(products)} products", detail=detail)


def _typed(fields: Mapping[str, str]) -> tuple[list[ProductData], dict[str, int]]:
    """The lines of the form that say anything, and their units by SKU. Raises Invalid by field."""
    products: list[ProductData] = []
    units: dict[str, int] = {}
    faults: list[Fault] = []
    for n in range(1, _LINES + 1):
        line = {name: fields.get(f"{name}-{n}", "") for name in ("sku", "title", "weight_g", "units")}
        if not (line["sku"] or line["title"]):
            continue
        given: dict[str, object] = {name: line[name] for name in ("sku", "title", "weight_g") if line[name]}
        try:
            products.append(typed(ProductData, {**_SIZE, **given}))
        except Invalid as refused:
            faults += [Fault(f"{fault.pointer}-{n}", fault.detail) for fault in refused.faults]
        count = line["units"] or "0"
        if not (count.isascii() and count.isdigit() and int(count[:9]) <= _UNITS_MOST and len(count) < 9):
            faults.append(Fault(f"/units-{n}", f"A whole number up to {_UNITS_MOST:,}."))
        elif line["sku"] in units:
            faults.append(Fault(f"/sku-{n}", "This SKU stands here twice."))
        else:
            units[line["sku"]] = int(count)
    if not products and not faults:
        faults.append(Fault("/form", "One product at least: its SKU and its title."))
    if faults:
        raise Invalid(faults)
    return products, {sku: count for sku, count in units.items() if count}


@post(f"{_AT}/file", status_code=200, **needs("settings"))
async def preview_file(request: Asked, staff: Staff) -> Response[bytes]:
    """What a file would do; nothing is written."""
    fields = await form(request)
    content = await upload(request, "file")
    if not content:
        return await _page(staff, faults={"file": "Choose a CSV file first."}, status=422)
    try:
        preview = await _preview(staff, fields.get("kind", ""), content)
    except (Malformed, Invalid) as refused:
        return await _page(staff, faults={"file": refused.detail}, status=422)
    return await _page(staff, preview=preview)


@post(f"{_AT}/load", status_code=200, **needs("settings"))
async def load_file(request: Asked, staff: Staff) -> Response[bytes]:
    """Load what the preview showed: everything, or with `skip_bad` the good rows."""
    fields = await form(request)
    kind, content = _kind(fields.get("kind", "")), fields.get("content", "").encode()
    good, bad = csv_rows.read(kind, content)

    async def deed(tx: Tx, now: datetime) -> None:
        await csv_rows.load(tx, kind, content, good, bad, actor=staff.actor)
        if bad and not fields.get("skip_bad"):
            raise Invalid([Fault("/file", f"Line {bad[0].line}: {bad[0].reason}")])

    digest = hashlib.sha256(content).hexdigest()[:16]
    detail = {"kind": kind, "rows": len(good) + len(bad), "digest": digest}
    try:
        await act(staff, fields, deed, action="guide.load", subject=f"{kind}.csv", detail=detail)
    except Invalid as refused:
        return await _page(staff, faults=faults_by_field(refused), status=422)
    return see(f"{_AT}?said=loaded")


async def _preview(staff: Staff, kind: str, content: bytes) -> Preview:
    kind = _kind(kind)
    if b"\0" in content:
        raise Malformed("The file is no text: it holds a NUL character.")
    good, bad = csv_rows.read(kind, content)
    found = list(bad)

    async def tried(tx: Tx, now: datetime) -> int:
        del found[len(bad) :]  # the database may ask to try again
        return await csv_rows.load(tx, kind, content, good, found, actor=staff.actor)

    written = (await rehearse(staff, tried)).result
    wrong = {one.line for one in found}
    first = [msgspec.to_builtins(row) for line, row in good if line not in wrong][:_SHOWN]
    return Preview(
        kind=kind,
        rows=len(good) + len(bad),
        good=written,
        first=first,
        bad=sorted(found, key=lambda one: one.line),
        content=content.decode("utf-8-sig"),
    )


def _kind(kind: str) -> str:
    if kind not in _KINDS:
        raise Invalid([Fault("/kind", f"A file holds one of: {', '.join(_KINDS)}.")])
    return kind


async def first_location(staff: Staff) -> Location | None:
    """The location that routing prefers; None when there is none in use."""
    async with staff.brand.reading() as tx:
        found = [one for one in (await inventory.locations(tx)).values() if one.enabled]
    return min(found, key=lambda one: (one.priority, one.location_id), default=None)


async def _page(staff: Staff, *, preview: Preview | None = None, said: str = "", **more: Any) -> Response[bytes]:
    async with staff.brand.reading() as tx:
        there = await catalog.page(tx, after=0, limit=6)
    place = await first_location(staff)
    return await step_page(
        staff, "products", preview=preview, said=said, there=there, place=place, lines=range(1, _LINES + 1), **more
    )


HANDLERS = (show_products, add_products, preview_file, load_file)
