"""The return page: what goes back and why, how it is handed over, and what is needed for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, cast, get_args
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import Parameter

from doorstep import delivery, returns, shipping
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.inventory import Location
from doorstep.kit.errors import Conflict, Forbidden, Invalid, NotFound, Short
from doorstep.kit.ids import new_id, parse
from doorstep.returns import Handover
from doorstep.web.pages import HEADERS, form, page, see
from doorstep.web.shopper import door, view
from doorstep.web.shopper.paths import ACTOR, PUBLIC, Asked, Token
from doorstep.web.shopper.wishes import day_of, returns_of

_POINTS_SHOWN = 5
ReturnId = Annotated[str, Parameter(max_length=100)]


@get("/o/{token:str}/return", **PUBLIC)
async def show_return(request: Asked, token: Token) -> Response[bytes]:
    """What may be sent back, how, and where to bring it; near another postcode, when one is typed in."""
    return await _show(await door.guest(request, token), near=request.query_params.get("near", ""))


@post("/o/{token:str}/return", status_code=200, **PUBLIC)
async def ask_return(request: Asked, token: Token) -> Response[bytes]:
    """Open the return; the number in the form makes it once, however often the button is pressed."""
    guest, fields = await door.guest(request, token), await form(request)
    if not guest.known:
        return await _show(guest, status=403)
    wanted = returns_of(fields)
    if not wanted:
        return await _show(guest, fields=fields, fault="nothing", status=422)
    handover = fields.get("handover", "")
    if handover not in get_args(Handover):
        return await _show(guest, fields=fields, fault="handover", status=422)

    async def act(tx: Tx) -> None:
        await returns.request(
            tx,
            order_id=guest.order_id,
            wanted=wanted,
            handover=cast(Handover, handover),
            outcome="exchange" if fields.get("outcome") == "exchange" else "refund",
            number=fields.get("number", "")[:40] or None,
            location=fields.get("store") if handover == "store" else None,
            collect_on=day_of(fields.get("collect_on", "")) if handover == "collection" else None,
            actor=ACTOR,
            now=await clock_now(tx),
        )

    try:
        await guest.brand.run(act)
    except Invalid as refused:
        return await _show(guest, fields=fields, fault=_fault(refused), status=422)
    except Short:
        return await _show(guest, fields=fields, fault="sold", status=409)
    except Conflict:
        return await _show(guest, fields=fields, fault="gone", status=409)
    return see(f"{guest.path}?said=return#returns")


@get("/o/{token:str}/returns/{return_id:str}/label.pdf", media_type="application/pdf", **PUBLIC)
async def show_label(request: Asked, token: Token, return_id: ReturnId) -> Response[bytes]:
    """The label to print, once it is bought."""
    guest = await door.guest(request, token)
    async with guest.brand.reading() as tx:
        one = await _mine(tx, guest, return_id)
        pdf = await shipping.label_pdf(tx, one.return_id)
    if pdf is None:
        raise NotFound("There is no label yet.")
    return Response(pdf, media_type="application/pdf", headers=HEADERS)


@get("/o/{token:str}/returns/{return_id:str}/qr.svg", media_type="image/svg+xml", **PUBLIC)
async def show_code(request: Asked, token: Token, return_id: ReturnId) -> Response[bytes]:
    """The code to show at the drop-off."""
    guest = await door.guest(request, token)
    async with guest.brand.reading() as tx:
        one = await _mine(tx, guest, return_id)
    if one.qr_token is None:
        raise NotFound("This return goes back with a label.")
    return Response(returns.qr_svg(one.qr_token).encode(), media_type="image/svg+xml", headers=HEADERS)


def _fault(refused: Invalid) -> str:
    pointers = {one.pointer for one in refused.faults}
    if any(pointer.endswith(("/exchange_sku", "/outcome")) for pointer in pointers):
        return "instead"
    return "store" if "/location" in pointers else "day" if "/collect_on" in pointers else "reason"


async def _mine(tx: Tx, guest: door.Guest, return_id: str) -> returns.Return:
    """A return of the guest's own order. Raises NotFound for any other, and Forbidden without the step-up: a label says
    where its sender lives.
    """
    if not guest.known:
        raise Forbidden("Give the postcode first.")
    key: UUID = parse("ret", return_id)
    mine = {one.return_id: one for one in (await returns.of_orders(tx, [guest.order_id]))[guest.order_id]}
    if key not in mine:
        raise NotFound("There is no such return.")
    return mine[key]


async def _show(
    guest: door.Guest, *, fields: Mapping[str, str] | None = None, fault: str = "", status: int = 200, near: str = ""
) -> Response[bytes]:
    async with guest.brand.snapshot() as tx:
        known = await view.read(tx, guest.order_id)
        lines = await returns.eligible(tx, order_id=guest.order_id, now=known.head["now"])
        where = await _where(tx, known, near)
        instead = await returns.alternatives(tx, order_id=guest.order_id, now=known.head["now"])
        days = await returns.collection_days(tx, order_id=guest.order_id, now=known.head["now"])
    facts = view.describe(known)
    return page(
        "shopper/return.html",
        language=facts["words"].language,
        status=status,
        guest=guest,
        lines=lines,
        instead=_in_stock(lines, instead),
        stores=[store for store, _ in where.stores],
        where=where,
        days=days,
        fields=fields or {},
        fault=fault,
        return_number=f"R-{new_id().hex[-10:].upper()}",
        **facts,
    )


def _in_stock(
    lines: Sequence[returns.Eligibility], instead: Mapping[int, Sequence[returns.Alternative]]
) -> dict[int, list[returns.Alternative]]:
    """What each line that may come back may be exchanged for and is there; another size first. Where there is no other
    size there is nothing to choose.
    """
    found = {}
    for line in lines:
        there = [one for one in instead.get(line.line_no, ()) if one.available] if line.quantity else []
        if any(one.sku != line.sku for one in there):
            found[line.line_no] = sorted(there, key=lambda one: one.sku == line.sku)
    return found


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """Where to bring a return: drop-off points of the order's carrier, and stores with their distance, nearest first.

    `near` is the postcode they are near to. `known`: somebody told us where it lies; else there are no distances.
    """

    near: str
    known: bool
    points: Sequence[returns.Near]
    stores: Sequence[tuple[Location, float | None]]


async def _where(tx: Tx, known: view.Known, near: str) -> Where:
    # Whoever only has the link must not learn from distances where the customer lives; the page asks before it shows.
    postcode = near.replace("\0", "").strip()[:20] or known.address.postcode
    at = await returns.position(tx, known.address.country, postcode)
    service = (await delivery.services(tx)).get(known.head["service"])
    points: Sequence[returns.Near] = ()
    if at is not None and service is not None:
        points = await returns.nearest(
            tx, country=known.address.country, at=at, carrier=service.carrier, limit=_POINTS_SHOWN
        )
    stores = _stores(known.places, postcode, at)
    return Where(near=postcode, known=at is not None, points=points, stores=stores)


def _stores(
    places: Mapping[int, Location], postcode: str, at: tuple[float, float] | None
) -> list[tuple[Location, float | None]]:
    """Where goods are taken back over the counter: stores, where there are any; nearest first, or, where nobody knows
    how far, first whose postcode begins like the customer's.
    """
    takers = [place for place in places.values() if place.enabled and "returns" in place.capabilities]
    takers = [place for place in takers if place.kind == "store"] or takers
    if at is not None:
        far = [(place, returns.kilometers(at, (place.latitude, place.longitude))) for place in takers]
        return [(place, away) for place, away in sorted(far, key=lambda one: (one[1], one[0].name))]
    takers.sort(key=lambda place: (-_alike(place.postcode, postcode), place.priority, place.name))
    return [(place, None) for place in takers]


def _alike(one: str, other: str) -> int:
    """How many characters two postcodes begin with in common."""
    one, other = one.replace(" ", "").upper(), other.replace(" ", "").upper()
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


HANDLERS = (show_return, ask_return, show_label, show_code)
