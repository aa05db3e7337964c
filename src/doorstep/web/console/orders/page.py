"""The page of an order, the words of its messages, and the labels of its returns."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get
from litestar.params import Parameter

from doorstep import updates
from doorstep.db import Tx
from doorstep.kit.errors import NotFound
from doorstep.kit.ids import parse
from doorstep.kit.ids import show as show_id
from doorstep.web.api.context import app_state
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import show
from doorstep.web.console.orders import reading, telling
from doorstep.web.console.orders.reading import Known
from doorstep.web.console.staff import Staff

Key = Annotated[str, Parameter(max_length=100)]


@get("/console/orders/{order_id:str}", **needs("orders.read"))
async def show_order(request: Asked, staff: Staff, order_id: Key) -> Response[bytes]:
    """One order with everything that belongs to it."""
    async with staff.brand.snapshot() as tx:
        known = await reading.read(tx, staff, order_id)
    return await show(
        staff,
        "console/orders/order.html",
        at="orders",
        said=request.query_params.get("said", ""),
        undo=request.query_params.get("undo", ""),
        whole="all" in request.query_params,
        link=customers_link(staff, known) if staff.may("orders.act") else "",
        message_id=lambda one: show_id("upd", one.update_id),
        note_id=lambda one: show_id("not", one.note_id),
        **facts(known, staff),
    )


@get("/console/orders/{order_id:str}/messages/{message_id:str}", **needs("orders.read"))
async def show_message(staff: Staff, order_id: Key, message_id: Key) -> Response[bytes]:
    """What a customer was told, in its words."""
    key = parse("upd", message_id)
    async with staff.brand.snapshot() as tx:
        known = await reading.read(tx, staff, order_id)
        message = await tx.fetchrow(reading.SQL.message_of, key, known.order_id)
        if message is None:
            raise NotFound("The order has no such message.")
        subject, text = await words_of(tx, key)
    if not staff.may("orders.act"):
        text = text.replace(customers_link(staff, known), "…")
    return await show(
        staff,
        "console/orders/message.html",
        at="orders",
        order=known.view,
        message=dict(message),
        message_id=message_id,
        subject=subject,
        text=text,
    )


def facts(known: Known, staff: Staff) -> dict[str, Any]:
    """What the templates of an order show, with what may be done."""
    return {**telling.describe(known), "not_now": telling.not_now(known, staff)}


def customers_link(staff: Staff, known: Known) -> str:
    """The order's page for its customer. Whoever has the link may do there what the customer may: it is not for those
    who only look.
    """
    settings = app_state().settings
    return f"{settings.url}/o/{updates.token(settings.secret, staff.brand.name, known.order_id)}"


async def words_of(tx: Tx, update_id: UUID) -> tuple[str, str]:
    """What a message says: subject and text."""
    settings = app_state().settings
    sender = settings.mail.sender if settings.mail else ""
    head = updates.Letterhead(base_url=settings.url, sender=sender, secret=settings.secret)
    return await updates.words(tx, update_id, head)


HANDLERS = (show_order, show_message)
