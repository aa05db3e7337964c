"""Give money back, and take goods back on behalf of the customer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, cast, get_args
from uuid import UUID

import msgspec
from litestar import Response, get

from doorstep import inventory, orders, returns, shipping
from doorstep.db import Tx
from doorstep.kit.errors import Fault, Invalid, NotFound
from doorstep.kit.ids import parse
from doorstep.kit.limits import GOODWILL_AGENT_PERCENT
from doorstep.kit.money import digits
from doorstep.orders import GoodwillReason
from doorstep.returns import Handover, WishLine
from doorstep.returns.model import REASONS
from doorstep.web.console.door import needs
from doorstep.web.console.orders import reading
from doorstep.web.console.orders.deed import Deed, Fields, Outcome, routes_of
from doorstep.web.console.orders.page import Key
from doorstep.web.console.orders.reading import Known
from doorstep.web.console.staff import Staff
from doorstep.web.pages import HEADERS
from doorstep.web.shopper.wishes import day_of, returns_of

_NUMBER: Final = re.compile(r"[0-9]{1,9}([.,][0-9]{1,4})?")  # as people write it: 1e999999 takes a minute to count with


class GoodwillWish(msgspec.Struct, frozen=True, kw_only=True):
    """An amount in the order's currency, or a percentage of what was paid."""

    amount: Decimal | None
    percent: Decimal | None
    reason: GoodwillReason


def _goodwill_wish(fields: Fields) -> GoodwillWish:
    faults = []
    amount, percent = _decimal(fields.get("amount", "")), _decimal(fields.get("percent", ""))
    if fields.get("reason") not in get_args(GoodwillReason):
        faults.append(Fault("/reason", "Choose a reason."))
    if (amount is None) == (percent is None):
        faults.append(Fault("/amount", "Give an amount or a percentage, one of the two."))
    if percent is not None and percent > 100:
        faults.append(Fault("/percent", "A percentage is at most 100."))
    if faults:
        raise Invalid(faults)
    return GoodwillWish(amount=amount, percent=percent, reason=cast(GoodwillReason, fields["reason"]))


def _decimal(text: str) -> Decimal | None:
    """A positive number as people write it, with a point or a comma; None for nothing or for no such number."""
    found = Decimal(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None
    return found if found else None


def _within(staff: Staff) -> int:
    return 100 if staff.role == "admin" else GOODWILL_AGENT_PERCENT


async def _goodwill(tx: Tx, staff: Staff, key: UUID, wish: GoodwillWish, now: datetime) -> Outcome:
    order = await orders.lock_one(tx, key)
    room = await orders.goodwill_room(tx, key, within_percent=_within(staff))
    if wish.amount is not None:
        exact = wish.amount.scaleb(digits(order.currency))
        if exact != int(exact):
            raise Invalid([Fault("/amount", f"{order.currency} has {digits(order.currency)} digits after the point.")])
        amount = int(exact)
    else:
        assert wish.percent is not None
        amount = int(room.paid_minor * wish.percent / 100)
    await orders.give_goodwill(
        tx,
        order_id=key,
        amount_minor=amount,
        reason=wish.reason,
        within_percent=_within(staff),
        actor=staff.actor,
        now=now,
    )
    return {"amount_minor": amount, "paid_minor": room.paid_minor, "given_minor": room.given_minor}


async def _goodwill_more(tx: Tx, staff: Staff, known: Known, fields: Fields) -> Mapping[str, Any]:
    room = await orders.goodwill_room(tx, known.order_id, within_percent=_within(staff))
    return {"room": room, "reasons": get_args(GoodwillReason), "percent": _within(staff)}


def _lines_wish(fields: Fields) -> list[WishLine]:
    wanted = returns_of(fields)
    if not wanted:
        raise Invalid([Fault("/lines", "Say how many units of which line.")])
    return wanted


async def _refund(tx: Tx, staff: Staff, key: UUID, wish: list[WishLine], now: datetime) -> Outcome:
    made = await returns.waive(tx, order_id=key, wanted=wish, actor=staff.actor, now=now)
    return {
        "lines": [[line.line_no, line.quantity, line.refund_minor] for line in made.lines],
        "refund_minor": made.refund_minor,
        "shipping_minor": made.refund_minor - sum(line.refund_minor for line in made.lines),
    }


async def _refund_more(tx: Tx, staff: Staff, known: Known, fields: Fields) -> Mapping[str, Any]:
    there = [(no, known.goods[no][1], line.delivered) for no, line in sorted(known.lines.items()) if line.delivered]
    return {"there": there, "reasons": REASONS}


class ReturnWish(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back and how; `store` is a location's code, for what is brought to one, `collect_on` the day on which
    the carrier comes for it.
    """

    lines: list[WishLine]
    handover: Handover
    store: str | None
    collect_on: date | None


def _return_wish(fields: Fields) -> ReturnWish:
    lines, handover = _lines_wish(fields), fields.get("handover", "")
    if handover not in get_args(Handover):
        raise Invalid([Fault("/handover", "Choose how it comes back.")])
    store = fields.get("store", "") if handover == "store" else None
    collect_on = day_of(fields.get("collect_on", "")) if handover == "collection" else None
    return ReturnWish(lines=lines, handover=cast(Handover, handover), store=store, collect_on=collect_on)


async def _return(tx: Tx, staff: Staff, key: UUID, wish: ReturnWish, now: datetime) -> Outcome:
    made = await returns.request(
        tx,
        order_id=key,
        wanted=wish.lines,
        handover=wish.handover,
        location=wish.store,
        collect_on=wish.collect_on,
        actor=staff.actor,
        now=now,
    )
    place = (await inventory.locations(tx))[made.location_id]
    return {
        "lines": [[line.line_no, line.quantity, line.reason] for line in made.lines],
        "handover": made.handover,
        "place": place.name,
        "collect_on": wish.collect_on.isoformat() if wish.collect_on else "",
        "expires_on": made.expires_at.date().isoformat(),
        "refund_by": made.refund_by.date().isoformat(),
    }


async def _return_more(tx: Tx, staff: Staff, known: Known, fields: Fields) -> Mapping[str, Any]:
    takers = [place for place in known.places.values() if place.enabled and "returns" in place.capabilities]
    takers.sort(key=lambda place: (place.kind != "store", place.priority, place.name))
    days = await returns.collection_days(tx, order_id=known.order_id, now=known.figures.now) if takers else []
    return {"returnable": known.returnable, "stores": takers, "days": days, "handovers": get_args(Handover)}


def _withdraw_wish(fields: Fields) -> UUID:
    return parse("ret", fields.get("return", ""))


async def _withdraw(tx: Tx, staff: Staff, key: UUID, return_id: UUID, now: datetime) -> Outcome:
    mine = {one.return_id: one for one in (await returns.of_orders(tx, [key]))[key]}
    if return_id not in mine:
        raise NotFound("The order has no such return.")
    await returns.decline(tx, return_id=return_id, reason="withdrawn", actor=staff.actor, now=now)
    one = mine[return_id]
    return {"number": one.number, "lines": [[line.line_no, line.quantity] for line in one.lines]}


GOODWILL: Final = Deed(
    name="goodwill",
    action="orders.goodwill",
    permission="money",
    wish=_goodwill_wish,
    do=_goodwill,
    told=lambda wish: {
        "amount": str(wish.amount or ""),
        "percent": str(wish.percent or ""),
        "reason": wish.reason,
    },
    extra=_goodwill_more,
)
REFUND: Final = Deed(
    name="refund",
    action="returns.waive",
    permission="money",
    wish=_lines_wish,
    do=_refund,
    told=lambda wish: {"lines": [[line.line_no, line.quantity, line.reason] for line in wish]},
    extra=_refund_more,
)
RETURN: Final = Deed(
    name="return",
    action="returns.request",
    wish=_return_wish,
    do=_return,
    told=lambda wish: {
        "lines": [[line.line_no, line.quantity, line.reason] for line in wish.lines],
        "handover": wish.handover,
    },
    extra=_return_more,
    anchor="#returns",
)
WITHDRAW: Final = Deed(
    name="withdraw",
    action="returns.decline",
    wish=_withdraw_wish,
    do=_withdraw,
    told=lambda return_id: {"return": return_id.hex},
    ready=lambda _: True,
    anchor="#returns",
)


async def _of_order(tx: Tx, staff: Staff, order_id: str, return_id: str) -> returns.Return:
    key, wanted = await reading.visible(tx, staff, order_id), parse("ret", return_id)
    for one in (await returns.of_orders(tx, [key]))[key]:
        if one.return_id == wanted:
            return one
    raise NotFound("The order has no such return.")


_RETURN = "/console/orders/{order_id:str}/returns/{return_id:str}"


@get(f"{_RETURN}/label.pdf", media_type="application/pdf", **needs("orders.act"))
async def show_label(staff: Staff, order_id: Key, return_id: Key) -> Response[bytes]:
    """The label of a return, to print or to send."""
    async with staff.brand.snapshot() as tx:
        pdf = await shipping.label_pdf(tx, (await _of_order(tx, staff, order_id, return_id)).return_id)
    if pdf is None:
        raise NotFound("There is no label yet.")
    return Response(pdf, media_type="application/pdf", headers=HEADERS)


@get(f"{_RETURN}/qr.svg", media_type="image/svg+xml", **needs("orders.act"))
async def show_code(staff: Staff, order_id: Key, return_id: Key) -> Response[bytes]:
    """The code a return is handed in with."""
    async with staff.brand.snapshot() as tx:
        one = await _of_order(tx, staff, order_id, return_id)
    if one.qr_token is None:
        raise NotFound("This return has no code.")
    return Response(returns.qr_svg(one.qr_token).encode(), media_type="image/svg+xml", headers=HEADERS)


HANDLERS = (
    *routes_of(GOODWILL),
    *routes_of(REFUND),
    *routes_of(RETURN),
    *routes_of(WITHDRAW),
    show_label,
    show_code,
)
