"""Hold an order and let it go on, note something, tell the customer again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast, get_args
from uuid import UUID

from litestar import Response, post

from doorstep import orders, updates
from doorstep.db import Tx
from doorstep.kit.errors import Fault, Invalid, NotFound
from doorstep.kit.ids import parse
from doorstep.kit.limits import TEXT_SHORT
from doorstep.orders.model import HoldReason
from doorstep.orders.notes import remove_note, write_note
from doorstep.updates.model import Channel
from doorstep.web.console.acting import act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.orders import reading
from doorstep.web.console.orders.deed import Deed, Fields, Outcome, routes_of
from doorstep.web.console.orders.page import Key, words_of
from doorstep.web.console.orders.reading import Known
from doorstep.web.console.staff import Staff
from doorstep.web.pages import form, see

_BY_THEMSELVES = ("awaiting_payment", "awaiting_return")
REASONS: Final = tuple(reason for reason in get_args(HoldReason) if reason not in _BY_THEMSELVES)


def _hold_wish(fields: Fields) -> tuple[HoldReason, str]:
    reason, note, faults = fields.get("reason", ""), fields.get("note", ""), []
    if reason not in REASONS:
        faults.append(Fault("/reason", "Choose a reason."))
    if len(note) > TEXT_SHORT:
        faults.append(Fault("/note", f"A note to a hold has at most {TEXT_SHORT} characters."))
    if faults:
        raise Invalid(faults)
    return cast(HoldReason, reason), note


async def _hold(tx: Tx, staff: Staff, key: UUID, wish: tuple[HoldReason, str], now: datetime) -> Outcome:
    reason, note = wish
    was = await orders.lock_one(tx, key)
    open_before = await tx.fetchval(reading.SQL.open_hold, key, reason)
    await orders.place_hold(tx, order_id=key, reason=reason, note=note, actor=staff.actor, now=now)
    return {"reason": reason, "already": open_before is not None, "was_clear": was.clear}


async def _hold_more(tx: Tx, staff: Staff, known: Known, fields: Fields) -> Mapping[str, Any]:
    return {"reasons": REASONS}


def _release_wish(fields: Fields) -> UUID:
    return parse("hld", fields.get("hold", ""))


async def _release(tx: Tx, staff: Staff, key: UUID, hold_id: UUID, now: datetime) -> Outcome:
    released = await orders.release_hold(tx, order_id=key, hold_id=hold_id, actor=staff.actor, now=now)
    order = await orders.lock_one(tx, key)
    return {"released": released, "clear": order.clear, "payment": order.awaiting_payment, "holds": order.open_holds}


async def _release_more(tx: Tx, staff: Staff, known: Known, fields: Fields) -> Mapping[str, Any]:
    row = await tx.fetchrow(reading.SQL.hold_of, _release_wish(fields), known.order_id)
    if row is None:
        raise NotFound("The order has no such hold.")
    return {"hold": dict(row)}


def _resend_wish(fields: Fields) -> tuple[UUID, Channel]:
    channel = fields.get("channel", "email")
    if channel not in get_args(Channel):
        raise Invalid([Fault("/channel", "Choose e-mail or text message.")])
    return parse("upd", fields.get("message", "")), cast(Channel, channel)


async def _resend(tx: Tx, staff: Staff, key: UUID, wish: tuple[UUID, Channel], now: datetime) -> Outcome:
    update_id, channel = wish
    await updates.resend(tx, order_id=key, update_id=update_id, channel=channel, actor=staff.actor, now=now)
    return {"channel": channel}


async def _resend_more(tx: Tx, staff: Staff, known: Known, fields: Fields) -> Mapping[str, Any]:
    update_id = parse("upd", fields.get("message", ""))
    row = await tx.fetchrow(reading.SQL.message_of, update_id, known.order_id)
    if row is None:
        raise NotFound("The order has no such message.")
    subject, text = await words_of(tx, update_id)
    return {"message": dict(row), "subject": subject, "text": text}


HOLD: Final = Deed(
    name="hold",
    action="orders.hold",
    wish=_hold_wish,
    do=_hold,
    told=lambda wish: {"reason": wish[0]},
    extra=_hold_more,
)
RELEASE: Final = Deed(
    name="release",
    action="orders.release",
    wish=_release_wish,
    do=_release,
    told=lambda hold_id: {"hold": hold_id.hex},
    ready=lambda _: True,
    extra=_release_more,
)
RESEND: Final = Deed(
    name="resend",
    action="orders.resend",
    wish=_resend_wish,
    do=_resend,
    told=lambda wish: {"message": wish[0].hex, "channel": wish[1]},
    extra=_resend_more,
    anchor="#messages",
)


@post("/console/orders/{order_id:str}/notes", status_code=200, **needs("orders.act"))
async def note(request: Asked, staff: Staff, order_id: Key) -> Response[bytes]:
    """Note something for the others."""
    fields = await form(request)
    async with staff.brand.snapshot() as tx:
        key = await reading.visible(tx, staff, order_id)
        number: str = await tx.fetchval(reading.SQL.number, key)

    async def deed(tx: Tx, now: datetime) -> UUID:
        return await write_note(tx, order_id=key, text=fields.get("text", ""), actor=staff.actor, now=now)

    await act(staff, fields, deed, action="orders.note", subject=number, detail={}, order_id=key)
    return see(f"/console/orders/{order_id}?said=note#notes")


@post("/console/orders/{order_id:str}/notes/{note_id:str}/remove", status_code=200, **needs("orders.act"))
async def take_note_away(request: Asked, staff: Staff, order_id: Key, note_id: Key) -> Response[bytes]:
    """Blank a note; who did it stays written."""
    fields, note_key = await form(request), parse("not", note_id)
    async with staff.brand.snapshot() as tx:
        key = await reading.visible(tx, staff, order_id)
        number: str = await tx.fetchval(reading.SQL.number, key)

    async def deed(tx: Tx, now: datetime) -> bool:
        return await remove_note(tx, order_id=key, note_id=note_key, actor=staff.actor, now=now)

    detail = {"note": note_key.hex}
    await act(staff, fields, deed, action="orders.remove_note", subject=number, detail=detail, order_id=key)
    return see(f"/console/orders/{order_id}?said=note_removed#notes")


HANDLERS = (*routes_of(HOLD), *routes_of(RELEASE), *routes_of(RESEND), note, take_note_away)
