"""The guide's last steps: a storefront with its key, a test mail, and a first order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Response, get, post

from doorstep import orders
from doorstep.db import Tx
from doorstep.kit.errors import Conflict, Fault, Invalid, Malformed
from doorstep.kit.ids import parse, show
from doorstep.orders import PlaceOrder
from doorstep.orders.placing import Placing
from doorstep.updates import token
from doorstep.web.api.context import app_state
from doorstep.web.console.acting import Noted, act
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.forms import currency_choices
from doorstep.web.console.frame import faults_by_field
from doorstep.web.console.settings import api_keys, channels, test_mail
from doorstep.web.console.settings.index import SQL
from doorstep.web.console.staff import Staff
from doorstep.web.console.welcome.goods import first_location
from doorstep.web.console.welcome.progress import read, step_page
from doorstep.web.pages import form, see

_AT: Final = "/console/welcome"


@get(f"{_AT}/storefront", **needs("settings"))
async def show_storefront(staff: Staff) -> Response[bytes]:
    """Where orders come from: a channel, and the key with which it speaks to us."""
    async with staff.brand.reading() as tx:
        progress = await read(tx)
    fields = {"channel": "web", "title": "Web shop", "currency": progress.currency or "GBP", "on_short": "refuse"}
    return await _storefront_page(staff, fields)


@post(f"{_AT}/storefront", status_code=200, **needs("settings"))
async def open_storefront(request: Asked, staff: Staff) -> Response[bytes]:
    """Make the channel and its key; the key is shown in the answer, with a line to try it, and never again."""
    fields = await form(request)
    try:
        async with staff.brand.reading() as tx:
            known = {one.channel for one in await orders.channels(tx)}
        if fields.get("channel", "") not in known:
            # A form of its own for the channel and for the key: each is done once.
            await channels.put(staff, {**fields, "key": f"{fields.get('key', '')}c"}, new=True)
        secret = await api_keys.make(staff, {**fields, "name": fields.get("channel", ""), "scope": "write"})
    except Invalid as refused:
        return await _storefront_page(staff, fields, faults=faults_by_field(refused), status=422)
    async with staff.brand.reading() as tx:
        sample = await tx.fetchrow(SQL.something_to_order)
    return await _storefront_page(staff, fields, secret=secret, sample=sample)


async def _storefront_page(
    staff: Staff, fields: Mapping[str, str], *, secret: str = "", sample: Any = None, **more: Any
) -> Response[bytes]:
    async with staff.brand.reading() as tx:
        there = await orders.channels(tx)
    body = ""
    if sample and sample["service"]:
        body = msgspec.json.format(
            msgspec.json.encode(
                await _order(
                    staff, sample, channel=fields["channel"], currency=fields["currency"], number="TEST-1", email=None
                )
            )
        ).decode()
    return await step_page(
        staff,
        "storefront",
        fields=fields,
        there=there,
        secret=secret,
        body=body.replace("'", "’"),
        url=app_state().settings.url,
        currencies=currency_choices(fields.get("currency", "")),
        **more,
    )


@get(f"{_AT}/mail", **needs("settings"))
async def show_mail(staff: Staff) -> Response[bytes]:
    """Whether mails go out."""
    return await step_page(staff, "mail", fields={"to": staff.login if "@" in staff.login else ""}, result=None)


@post(f"{_AT}/mail", status_code=200, **needs("settings"))
async def try_mail(request: Asked, staff: Staff) -> Response[bytes]:
    """Send a test mail, and say what came back."""
    fields = await form(request)
    try:
        result = await test_mail.send(staff, fields)
    except Invalid as refused:
        return await step_page(staff, "mail", fields=fields, faults=faults_by_field(refused), status=422, result=None)
    return await step_page(staff, "mail", fields=fields, result=result)


@get(f"{_AT}/finish", **needs("settings"))
async def show_finish(staff: Staff) -> Response[bytes]:
    """What is missing, and a first order to try it all."""
    return await _finish_page(staff, {"email": staff.login if "@" in staff.login else ""})


@post(f"{_AT}/finish", status_code=200, **needs("settings"))
async def place_test_order(request: Asked, staff: Staff) -> Response[bytes]:
    """Place an order for one unit at no price through the intake, as a storefront does, and lead to it."""
    fields = await form(request)
    try:
        await _place(staff, fields)
    except Invalid as refused:
        faults = {"form": " ".join(fault.detail for fault in refused.faults)}
        return await _finish_page(staff, fields, faults=faults, status=422)
    except Conflict as refused:
        return await _finish_page(staff, fields, faults={"form": refused.detail}, status=409)
    return see(f"{_AT}/finish")


async def _place(staff: Staff, fields: Mapping[str, str]) -> None:
    key = fields.get("key", "")
    if not key.isalnum() or not key.isascii() or not 8 <= len(key) <= 100:
        raise Malformed("This form has no key. Load the page again.")
    async with staff.brand.reading() as tx:
        sample = await tx.fetchrow(SQL.something_to_order)
        there = await orders.channels(tx)
    if sample is None or sample["service"] is None or not there:
        raise Conflict("It takes a product in stock, a delivery service and a channel. See what is missing.")
    email = fields.get("email", "") or None
    number = f"TEST-{key[-10:].upper()}"  # of the form: sent twice it is one order
    order = await _order(
        staff, sample, channel=there[0].channel, currency=there[0].currency, number=number, email=email
    )
    intake = await app_state().intakes(staff.brand)
    outcome = await intake.submit(Placing.of(order, staff.actor))
    if outcome.answer is None:
        raise outcome.problem
    order_id = parse("ord", outcome.answer.order_id)

    async def noted(tx: Tx, now: datetime) -> Noted:
        return Noted({"sku": sample["sku"]})  # the order is placed, in a transaction of the intake's

    await act(staff, fields, noted, action="guide.test_order", subject=number, detail={}, order_id=order_id)


async def _order(
    staff: Staff, sample: Any, *, channel: str, currency: str, number: str, email: str | None
) -> PlaceOrder:
    """One unit, free, to the first location's own door. Raises Invalid for what is no e-mail address."""
    place = await first_location(staff)
    if place is None:
        raise Conflict("There is no location yet.")
    address = {name: getattr(place, name) for name in ("street", "city", "postcode", "country")}
    body = {
        "channel": channel,
        "number": number,
        "currency": currency,
        "customer": {"name": "Test order", "locale": staff.language, **({"email": email} if email else {})},
        "ship_to": {"name": "Test order", **address},
        "service": sample["service"],
        "lines": [{"sku": sample["sku"], "quantity": 1, "unit_price_minor": 0}],
        "total_minor": 0,
        "payment": {},
    }
    try:
        return msgspec.convert(body, PlaceOrder)
    except msgspec.ValidationError as error:
        raise Invalid([Fault("/form", f"{error}.")]) from None


async def _finish_page(staff: Staff, fields: Mapping[str, str], **more: Any) -> Response[bytes]:
    settings = app_state().settings
    async with staff.brand.reading() as tx:
        order = await tx.fetchrow(SQL.last_order)
        sample = await tx.fetchrow(SQL.something_to_order)
    return await step_page(
        staff,
        "finish",
        fields=fields,
        order=order,
        staff_page=f"/console/orders/{show('ord', order['order_id'])}" if order else "",
        customer_page=f"/o/{token(settings.secret, staff.brand.name, order['order_id'])}" if order else "",
        sample=sample,
        carriers=[one.code for one in settings.carriers],
        gateway=settings.gateway,
        url=settings.url,
        **more,
    )


HANDLERS = (show_storefront, open_storefront, show_mail, try_mail, show_finish, place_test_order)
