"""Returns as the floor receives them: find the return, judge what came, see what it pays back, done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post

from doorstep import catalog, inventory, returns
from doorstep.db import Tx
from doorstep.kit.errors import Conflict, Fault, Invalid, NotFound
from doorstep.kit.ids import parse, show
from doorstep.kit.limits import PAGE_DEFAULT, UNITS_PER_LINE
from doorstep.kit.paging import cut, decode
from doorstep.returns import Item, Return
from doorstep.web.console.acting import Deed, act, rehearse
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import show as frame
from doorstep.web.console.people import SQL
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, see
from doorstep.web.shopper.view import Words

_NEWEST = UUID(int=2**128 - 1)
_LISTS = {"open": SQL.open_returns, "here": SQL.returns_here, "ended": SQL.ended_returns}
_SHOWN = tuple(_LISTS)
# What the floor may say of units: field → (acceptance, disposition, reception).
_VERDICTS: Mapping[str, tuple[Any, Any, Any]] = {
    "restock": ("accepted", "restock", "received"),
    "refurbish": ("accepted", "refurbish", "received"),
    "damaged": ("accepted", "damaged", "received"),
    "refused": ("rejected", None, "received"),
    "wrong_item": ("rejected", None, "wrong_item"),
    "manual": ("manual", None, "received"),
}
VERDICTS = tuple(_VERDICTS)


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """What comes of a judgement: what is paid back, units missing from now on, whether it ends with it, and the
    number of the order that is sent in exchange then.
    """

    refund_minor: int
    missing: int
    ends: bool
    sends: str

    @property
    def said(self) -> str:
        """What a confirmation says of what was seen."""
        return f"{self.refund_minor} {self.missing} {self.ends}"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a return as the floor looks at it. `awaited`: not here yet; `to_judge`: here, undecided."""

    line_no: int
    sku: str
    title: str
    reason: str
    quantity: int
    awaited: int
    to_judge: int
    accepted: int
    rejected: int
    missing: int
    instead: str


@get("/console/returns", **needs("floor.read"))
async def list_returns(request: Asked, staff: Staff) -> Response[bytes]:
    """Returns on their way or here, newest first; found by a number of it or the customer's code."""
    asked = request.query_params
    text, which = asked.get("q", "").strip()[:100], asked.get("show", "open")
    before = decode(asked["cursor"], (UUID,))[0] if asked.get("cursor") else _NEWEST
    which = which if which in _SHOWN else "open"
    async with staff.brand.snapshot() as tx:
        asking = (before, staff.locations, PAGE_DEFAULT + 1)
        found = await (tx.fetch(SQL.named_returns, *asking, text) if text else tx.fetch(_LISTS[which], *asking))
        ids, more = cut([row["return_id"] for row in found], PAGE_DEFAULT, lambda return_id: (return_id,))
        page = await tx.fetch(SQL.shown_returns, ids)
        zone = ZoneInfo(await tx.fetchval(SQL.timezone))
        places = await inventory.locations(tx)
    if text and len(page) == 1 and not asked.get("cursor"):
        return see(f"/console/returns/{show('ret', page[0]['return_id'])}")
    items = [
        {**row, "shown_id": show("ret", row["return_id"]), "place": places[row["location_id"]].name,
         "at": row["requested_at"].astimezone(zone)}
        for row in page
    ]  # fmt: skip
    return await frame(
        staff, "console/returns.html", at="returns", items=items, more=more, text=text, which=which, shown=_SHOWN
    )


@get("/console/returns/{return_id:str}", **needs("floor.read"))
async def show_return(return_id: str, request: Asked, staff: Staff) -> Response[bytes]:
    """One return: what is awaited, and the form to judge it."""
    return await _show(staff, parse("ret", return_id), said=request.query_params.get("said", ""))


@post("/console/returns/{return_id:str}/receive", status_code=200, **needs("floor.act"))
async def receive(return_id: str, request: Asked, staff: Staff) -> Response[bytes]:
    """Judge what came, or what waits to be judged: shown first, done when confirmed."""
    key, fields = parse("ret", return_id), await form(request)
    async with staff.brand.reading() as tx:
        one, places = await returns.read_one(tx, key), await inventory.locations(tx)
    place = next((each for each in places.values() if each.code == fields.get("location", "")), None)
    if place is None:
        raise Invalid([Fault("/location", "Choose where it is.")])
    staff.require_at(place.location_id)
    _require(staff, one)
    try:
        items = _items(fields)
        deed = _deed(staff, key, place.code, items, fields)
        if "confirmed" not in fields:
            return await _preview(staff, one, items, deed, fields)
        await act(
            staff,
            fields,
            deed,
            action="returns.receive",
            subject=one.number,
            detail={"location": place.code, "lines": [msgspec.to_builtins(item) for item in items]},
            order_id=one.order_id,
        )
    except Invalid as refused:
        return await _show(staff, key, faults=[fault.detail for fault in refused.faults], fields=fields, status=422)
    return see(f"/console/returns/{return_id}?said=received")


@post("/console/returns/{return_id:str}/decline", status_code=200, **needs("floor.act"))
async def decline(return_id: str, request: Asked, staff: Staff) -> Response[bytes]:
    """End a return of which nothing is under way, with a reason that the customer reads."""
    key, fields = parse("ret", return_id), await form(request)
    async with staff.brand.reading() as tx:
        one = await returns.read_one(tx, key)
    _require(staff, one)
    reason = fields.get("reason", "")
    if not 1 <= len(reason) <= 200:
        return await _show(staff, key, faults=["Say why, in 1 to 200 characters."], fields=fields, status=422)
    await act(
        staff,
        fields,
        lambda tx, now: returns.decline(tx, return_id=key, reason=reason, actor=staff.actor, now=now),
        action="returns.decline",
        subject=one.number,
        detail={"reason": reason},
        order_id=one.order_id,
    )
    return see(f"/console/returns/{return_id}?said=declined")


def _require(staff: Staff, one: Return) -> None:
    """Raises NotFound for a return that is not expected at one of their locations."""
    if not staff.may_at(one.location_id):
        raise NotFound("There is no such return.")


def _items(fields: Mapping[str, str]) -> list[Item]:
    """What the form says of the units: fields `restock-1`, `refused-2` … Raises Invalid."""
    found = []
    for name, text in fields.items():
        verdict, _, line_no = name.partition("-")
        if verdict not in _VERDICTS or not text or text == "0":
            continue
        if not (line_no.isascii() and line_no.isdigit() and text.isascii() and text.isdigit() and len(text) < 8):
            raise Invalid([Fault(f"/{name}", "Units are whole numbers.")])
        if int(text) > UNITS_PER_LINE or len(line_no) > 4:
            raise Invalid([Fault(f"/{name}", "That are too many.")])
        acceptance, disposition, reception = _VERDICTS[verdict]
        found.append(
            Item(
                line_no=int(line_no),
                quantity=int(text),
                acceptance=acceptance,
                disposition=disposition,
                reception=reception,
            )
        )
    return found


def _deed(staff: Staff, key: UUID, code: str, items: Sequence[Item], fields: Mapping[str, str]) -> Deed:
    async def do(tx: Tx, now: datetime) -> Meaning:
        before = await returns.read_one(tx, key)
        if fields.get("of") == "judge":
            after = await returns.decide(tx, return_id=key, items=items, actor=staff.actor, now=now)
        else:
            last = "last" in fields
            after = await returns.receive(
                tx, return_id=key, location=code, items=items, last=last, actor=staff.actor, now=now
            )
        meaning = _meaning(before, after)
        if fields.get("seen", meaning.said) != meaning.said:
            raise Conflict("Somebody has received or judged some of it since you looked. Look at what it means again.")
        return meaning

    return do


def _meaning(before: Return, after: Return) -> Meaning:
    return Meaning(
        refund_minor=after.refund_minor - before.refund_minor,
        missing=sum(line.missing for line in after.lines) - sum(line.missing for line in before.lines),
        ends=after.closed_at is not None,
        sends=after.exchanges[0].exchange_number
        if after.exchanges and any(line.accepted for line in after.lines)
        else "",
    )


async def _preview(
    staff: Staff, one: Return, items: Sequence[Item], deed: Deed, fields: Mapping[str, str]
) -> Response[bytes]:
    meaning: Meaning = (await rehearse(staff, deed)).result
    async with staff.brand.snapshot() as tx:
        lines, (_, words) = await _lines(tx, one), await _head(tx, staff, one)
    titles = {line.line_no: line.title for line in lines}
    told = [(item, titles[item.line_no], _verdict(item)) for item in items]
    return await frame(
        staff,
        "console/return_preview.html",
        at="returns",
        one=one,
        shown_id=show("ret", one.return_id),
        told=told,
        refund=words.money(meaning.refund_minor) if meaning.refund_minor > 0 else "",
        meaning=meaning,
        fields=fields,
    )


def _verdict(item: Item) -> str:
    said = (item.acceptance, item.disposition, item.reception)
    return next(name for name, verdict in _VERDICTS.items() if verdict == said)


async def _show(
    staff: Staff,
    key: UUID,
    *,
    said: str = "",
    faults: Sequence[str] = (),
    fields: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response[bytes]:
    async with staff.brand.snapshot() as tx:
        one = await returns.read_one(tx, key)
        _require(staff, one)
        lines, (number, words) = await _lines(tx, one), await _head(tx, staff, one)
        places = await inventory.locations(tx)
    takes = [each for each in places.values() if "returns" in each.capabilities and staff.may_at(each.location_id)]
    return await frame(
        staff,
        "console/return.html",
        at="returns",
        status=status,
        one=one,
        shown_id=show("ret", one.return_id),
        order_id=show("ord", one.order_id),
        number=number,
        exchange_id=show("ord", one.exchanges[0].exchange_order_id) if one.exchanges else "",
        lines=lines,
        words=words,
        place=places[one.location_id],
        takes=takes,
        verdicts=VERDICTS,
        said=said,
        faults=faults,
        fields=fields or {},
    )


async def _lines(tx: Tx, one: Return) -> list[Line]:
    instead = {each.line_no: each.sku_id for each in one.exchanges}
    products = await catalog.by_id(tx, {line.sku_id for line in one.lines} | set(instead.values()))
    named = ("line_no", "reason", "quantity", "awaited", "to_judge", "accepted", "rejected", "missing")
    return [
        Line(
            sku=products[line.sku_id].sku,
            title=products[line.sku_id].title,
            instead=products[instead[line.line_no]].title if line.line_no in instead else "",
            **{name: getattr(line, name) for name in named},
        )
        for line in one.lines
    ]


async def _head(tx: Tx, staff: Staff, one: Return) -> tuple[str, Words]:
    """The order's number, and how to write its amounts and dates."""
    row = await tx.fetchrow(SQL.head_of_order, one.order_id)
    assert row is not None
    zone = await tx.fetchval(SQL.timezone)
    return row["number"], Words({"locale": staff.language, "currency": row["currency"], "timezone": zone})


HANDLERS = (list_returns, show_return, receive, decline)
