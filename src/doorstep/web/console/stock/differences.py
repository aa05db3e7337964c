"""Differences in the console: what last night found, what there is now, and repairs: shown first, then done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Response, get, post

from doorstep import reconciliation
from doorstep.db import Tx
from doorstep.inventory import Trust
from doorstep.kit.errors import Conflict, Fault, Invalid
from doorstep.kit.ids import new_id
from doorstep.reconciliation import Difference, Figure, Repaired
from doorstep.web.console.acting import Noted, act, rehearse
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import show, zone
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, see

_AT: Final = "/console/stock/differences"
_MOST: Final = 50  # shown at once of each source; who puts these right sees the next
_TRUST: Final[dict[str, Trust]] = {"ledger": "ledger", "counter": "counter"}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A difference in the list, by the name its checkbox has. `group` is what may be put right together."""

    name: str
    group: str
    one: Difference


@get(_AT, **needs("stock.read"))
async def show_differences(request: Asked, staff: Staff) -> Response[bytes]:
    """What last night found, by location and cause; with `look`, every difference as it is now."""
    asked = request.query_params
    return await _page(staff, look=asked.get("look") == "1", said=asked.get("said", ""))


async def _page(staff: Staff, *, look: bool, said: str = "", problem: str = "", status: int = 200) -> Response[bytes]:
    async with staff.brand.snapshot() as tx:
        figures = await reconciliation.latest(tx, location_ids=staff.location_ids)
        rows = await _rows(tx, staff) if look else []
    return await show(
        staff,
        "console/stock/differences.html",
        at="stock",
        status=status,
        nights=_by_place(figures),
        rows=rows,
        most=_MOST,
        look=look,
        zone=await zone(staff),
        said=said,
        problem=problem,
        may=staff.may("stock.act"),
        orders=staff.may("orders.read"),
    )


async def _rows(tx: Tx, staff: Staff) -> list[Row]:
    found = await reconciliation.find(tx, location_ids=staff.location_ids, limit=_MOST)
    return [Row(name=_name(one), group=_group(one), one=one) for one in found]


def _name(one: Difference) -> str:
    order = f"{one.order_id.hex}-{one.line_no}" if one.order_id else ""
    return f"d-{one.cause}-{one.sku_id}-{one.location_id}-{order}{one.feed_id.hex if one.feed_id else ''}"


def _group(one: Difference) -> str:
    if one.feed_id is not None:
        return f"feed-{one.feed_id.hex}"
    return "claims" if one.order_id is not None else "own"


def _by_place(figures: Sequence[Figure]) -> list[tuple[str, datetime, list[Figure]]]:
    """Location, when it was looked at, and the causes of which there was something."""
    places: dict[str, tuple[datetime, list[Figure]]] = {}
    for one in figures:
        _, some = places.setdefault(one.location, (one.looked_at, []))
        if one.keys:
            some.append(one)
    return [(place, at, some) for place, (at, some) in places.items()]


@post(_AT, status_code=200, **needs("stock.act"))
async def repair_differences(request: Asked, staff: Staff) -> Response[bytes]:
    """Put the chosen ones right: shown first, by doing it and taking it back; done when confirmed."""
    fields = await form(request)
    trust = _TRUST.get(fields.get("trust", "ledger"), "ledger")
    names = sorted(name for name in fields if name.startswith("d-"))
    async with staff.brand.snapshot() as tx:
        chosen = [row for row in await _rows(tx, staff) if row.name in names and row.one.repairable]
    if len({row.group for row in chosen}) > 1:
        raise Invalid([Fault("/d", "Put right one kind at a time: claims, our own books, or one feed.")])
    deed = _deed(staff, [row.one for row in chosen], trust)
    if "confirmed" in fields and names:
        subject = f"{len(names)} differences"
        if await _done(staff, fields, deed, chosen, subject):
            return see(f"{_AT}?look=1&said=repaired")
    elif chosen:
        return await _preview(staff, chosen, deed, trust)
    problem = "Tick those to put right; what is gone meanwhile is not there."
    return await _page(staff, look=True, problem=problem, status=422)


async def _done(staff: Staff, fields: Mapping[str, str], deed: Any, chosen: Sequence[Row], subject: str) -> bool:
    """Whether it was done, now or when the same form came before. What is gone by now cannot be chosen."""

    async def noted(tx: Tx, now: datetime) -> Noted:
        if not chosen:
            raise Conflict("All of it is gone by now.")
        await deed(tx, now)
        return Noted({"trust": fields.get("trust", ""), "differences": [_detail(row.one) for row in chosen]})

    try:
        await act(staff, fields, noted, action="stock.reconcile", subject=subject, detail=None)
    except Conflict:
        return False
    return True


def _deed(staff: Staff, differences: Sequence[Difference], trust: Trust) -> Any:
    async def deed(tx: Tx, now: datetime) -> Repaired:
        reference = f"console:{new_id().hex}"
        return await reconciliation.repair(
            tx,
            differences=differences,
            trust=trust,
            reference=reference,
            actor=staff.actor,
            now=now,
            location_ids=staff.location_ids,
        )

    return deed


async def _preview(staff: Staff, chosen: Sequence[Row], deed: Any, trust: Trust) -> Response[bytes]:
    problem, result = "", Repaired(repaired=0, gone=0, left=len(chosen))
    try:
        result = (await rehearse(staff, deed)).result
    except Conflict as refused:
        problem = refused.detail
    return await show(
        staff,
        "console/stock/differences_preview.html",
        at="stock",
        rows=chosen,
        result=result,
        trust=trust,
        own=chosen[0].group == "own",
        problem=problem,
    )


def _detail(one: Difference) -> Mapping[str, object]:
    return {"cause": one.cause, "sku": one.sku, "location": one.location, "ours": one.ours, "theirs": one.theirs}


HANDLERS = (show_differences, repair_differences)
