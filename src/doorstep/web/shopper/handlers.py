"""The shopper's pages over HTTP. GET shows and changes nothing: scanners and previews open links, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, cast, get_args
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import Parameter

from doorstep import orders, updates
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.delivery import DelayAnswer
from doorstep.journal import Command
from doorstep.kit.errors import Conflict, Fault, Invalid
from doorstep.kit.ids import new_id
from doorstep.kit.limits import LINES_PER_ORDER
from doorstep.kit.templates import language_of
from doorstep.orders.changes import change_address
from doorstep.orders.requests import ShipTo
from doorstep.updates import token as make_token
from doorstep.web.api.context import app_state
from doorstep.web.look import look
from doorstep.web.pages import form, page, see
from doorstep.web.shopper import door, giving_back, view
from doorstep.web.shopper.paths import ACTOR, PUBLIC, Asked, Token
from doorstep.web.shopper.wishes import lines_of, number_of, preferences_of

_REASON = "changed mind"
_MOST_ITEMS = 50  # of a long order the page shows so many at first, to stay light on a phone


@get("/o/{token:str}", **PUBLIC)
async def show_order(request: Asked, token: Token) -> Response[bytes]:
    """An order, to whoever holds its link."""
    asked = request.query_params
    return await _show(await door.guest(request, token), said=asked.get("said", ""), whole="all" in asked)


@get("/o/{token:str}/version", **PUBLIC)
async def show_version(request: Asked, token: Token) -> Response[bytes]:
    """A number that moves on when anything happens to the order; what the open page asks for."""
    guest = await door.guest(request, token)
    async with guest.brand.reading() as tx:
        version = await tx.fetchval(door.SQL.version, guest.order_id)
    return Response(str(version).encode(), media_type="text/plain", headers={"cache-control": "no-store"})


@get(
    [
        "/o/{token:str}/known",
        "/o/{token:str}/preferences",
        "/o/{token:str}/address",
        "/o/{token:str}/cancel",
        "/o/{token:str}/delay",
    ],
    **PUBLIC,
)
async def show_instead(request: Asked, token: Token) -> Response[bytes]:
    """Where a form was sent to there is nothing to see: back to the order."""
    return see((await door.guest(request, token)).path)


@post("/o/{token:str}/known", status_code=200, **PUBLIC)
async def step_up(request: Asked, token: Token) -> Response[bytes]:
    """The postcode, before anything that hurts may be done. Asked for on the return page, it leads on there."""
    guest, fields = await door.guest(request, token), await form(request)
    async with guest.brand.transaction() as tx:
        known = await door.knows_order(tx, guest.order_id, fields.get("postcode", "")[:254])
    if not known:
        return await _show(guest, faults={"known": "wrong"}, opened="known", status=422)
    on = f"{guest.path}/return" if fields.get("next") == "return" else f"{guest.path}?said=known#change"
    return see(on, cookies=(door.known_cookie(guest),))


@post("/o/{token:str}/preferences", status_code=200, **PUBLIC)
async def set_preferences(request: Asked, token: Token) -> Response[bytes]:
    """On whose terms we write."""
    guest, fields = await door.guest(request, token), await form(request)

    async def act(tx: Tx) -> None:
        before = await updates.preferences(tx, guest.order_id)
        head = await tx.fetchrow(door.SQL.head, guest.order_id)
        wish = preferences_of(fields, before, timezone=head["timezone"] if head else "UTC")
        await updates.put_preferences(tx, order_id=guest.order_id, preferences=wish)

    try:
        await guest.brand.run(act)
    except Invalid as refused:
        return await _show(guest, faults=_by_field(refused.faults), fields=fields, opened="preferences", status=422)
    return see(f"{guest.path}?said=preferences")


@post("/o/{token:str}/address", status_code=200, **PUBLIC)
async def move(request: Asked, token: Token) -> Response[bytes]:
    """Send it elsewhere; needs the step-up."""
    guest, fields = await door.guest(request, token), await form(request)
    if not guest.known:
        return await _show(guest, faults={"known": "needed"}, opened="known", status=403)

    async def act(tx: Tx) -> None:
        before = (await orders.addresses(tx, [guest.order_id]))[guest.order_id]
        named = ("name", "street", "city", "region", "postcode")
        wish = {name: fields.get(name, getattr(before, name)) for name in named} | {"country": before.country}
        await change_address(tx, guest.order_id, msgspec.convert(wish, ShipTo), actor=ACTOR)

    try:
        await guest.brand.run(act)
    except Invalid as refused:
        return await _show(guest, faults=_by_field(refused.faults), fields=fields, opened="address", status=422)
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].strip("`") or "street"
        return await _show(guest, faults={name: "unfit"}, fields=fields, opened="address", status=422)
    except Conflict:
        return await _show(guest, faults={"address": "too_late"}, status=409)
    return see(f"{guest.path}?said=moved")


@post("/o/{token:str}/cancel", status_code=200, **PUBLIC)
async def cancel(request: Asked, token: Token) -> Response[bytes]:
    """Cancel units; first shown what that means, then done when it is confirmed. Needs the step-up."""
    guest, fields = await door.guest(request, token), await form(request)
    if not guest.known:
        return await _show(guest, faults={"known": "needed"}, opened="known", status=403)
    wanted = lines_of(fields)
    if not wanted:
        return await _show(guest, faults={"cancel": "nothing"}, status=422)
    try:
        seq = number_of(fields.get("delay", ""))
        if "confirmed" not in fields:
            return await _preview(guest, wanted, seq=seq)
        await _cancel(guest, wanted, fields["confirmed"], seq)
    except (Conflict, Invalid):
        return await _show(guest, faults={"cancel": "too_late"}, status=409)
    return see(f"{guest.path}?said=canceled")


@post("/o/{token:str}/delay", status_code=200, **PUBLIC)
async def answer(request: Asked, token: Token) -> Response[bytes]:
    """What the customer wants after a delay. To wait takes the link only; the rest the postcode, which the same form
    may give. A cancel is shown first.
    """
    guest, fields = await door.guest(request, token), await form(request)
    wish, seq = fields.get("answer", ""), number_of(fields.get("delay", ""))
    if wish not in get_args(DelayAnswer):
        return await _show(guest, faults={"delay": "nothing"}, status=422)
    cookies: tuple[Cookie, ...] = ()
    if wish != "wait" and not guest.known:
        async with guest.brand.transaction() as tx:
            known = bool(fields.get("postcode")) and await door.knows_order(
                tx, guest.order_id, fields["postcode"][:254]
            )
        if not known:
            fault = "wrong" if fields.get("postcode") else "needed"
            return await _show(guest, faults={"known": fault}, status=422 if fault == "wrong" else 403)
        guest, cookies = msgspec.structs.replace(guest, known=True), (door.known_cookie(guest),)
    try:
        if wish == "cancel":
            return await _preview(guest, await _not_left(guest), seq=seq, cookies=cookies)
        await guest.brand.run(lambda tx: _answer(tx, guest, seq, cast(DelayAnswer, wish)))
    except (Conflict, Invalid):
        return await _show(guest, faults={"delay": "moved"}, status=409)
    return see(f"{guest.path}?said={wish}#delay", cookies=cookies)


@get("/find/{brand_name:str}", **PUBLIC)
async def ask_for_order(brand_name: Annotated[str, Parameter(max_length=40)], request: Asked) -> Response[bytes]:
    """Where somebody without a link looks their order up."""
    return await _find_page(brand_name, request)


@post("/find/{brand_name:str}", status_code=200, **PUBLIC)
async def find_order(brand_name: Annotated[str, Parameter(max_length=40)], request: Asked) -> Response[bytes]:
    """From a number and an e-mail address or postcode to the order. A wrong pair and an unknown number look alike."""
    state, fields = app_state(), await form(request)
    number = fields.get("number", "")[:64]
    brand = await state.database.brand(brand_name)
    async with brand.transaction() as tx:
        order_id: UUID | None = await door.look_up(tx, number, fields.get("proof", "")[:254])
    if order_id is None:
        return await _find_page(brand_name, request, number=number, tried=True, status=422)
    return see(f"/o/{make_token(state.settings.secret, brand_name, order_id)}")


async def _show(
    guest: door.Guest,
    *,
    said: str = "",
    whole: bool = False,
    faults: Mapping[str, str] | None = None,
    fields: Mapping[str, str] | None = None,
    opened: str = "",
    status: int = 200,
) -> Response[bytes]:
    async with guest.brand.snapshot() as tx:
        known = await view.read(tx, guest.order_id)
        preferences = await updates.preferences(tx, guest.order_id)
    facts = view.describe(known)
    return page(
        "shopper/order.html",
        language=facts["words"].language,
        status=status,
        guest=guest,
        preferences=preferences,
        said=said,
        most=LINES_PER_ORDER if whole else _MOST_ITEMS,
        opened=opened,
        faults=faults or {},
        fields=fields or {},
        **facts,
    )


async def _answer(
    tx: Tx, guest: door.Guest, seq: int, wish: DelayAnswer, wanted: list[orders.LineQuantity] | None = None
) -> None:
    now = await clock_now(tx)
    await orders.answer_delay(tx, order_id=guest.order_id, seq=seq, answer=wish, wanted=wanted, actor=ACTOR, now=now)


async def _not_left(guest: door.Guest) -> list[orders.LineQuantity]:
    """What is late and has not left. Raises Conflict when that is nothing."""
    async with guest.brand.reading() as tx:
        asked = await orders.question(tx, guest.order_id)
    if asked is None or not asked.cancelable:
        raise Conflict("All that is late is on its way.")
    return list(asked.cancelable)


async def _preview(
    guest: door.Guest, wanted: list[orders.LineQuantity], *, seq: int = 0, cookies: tuple[Cookie, ...] = ()
) -> Response[bytes]:
    """What a cancel would do, found out by doing it and taking it back. `seq`: of the delay it answers, 0 for none."""

    class Seen(Exception):  # no error: it takes the transaction back
        def __init__(self, event: Any) -> None:
            self.event = event

    async def act(tx: Tx) -> None:
        now = await clock_now(tx)
        raise Seen(
            await orders.cancel(tx, order_id=guest.order_id, wanted=wanted, reason=_REASON, actor=ACTOR, now=now)
        )

    event = None
    try:
        await guest.brand.run(act)
    except Seen as seen:
        event = seen.event
    async with guest.brand.snapshot() as tx:
        facts = view.describe(await view.read(tx, guest.order_id))
    return page(
        "shopper/cancel.html",
        language=facts["words"].language,
        guest=guest,
        event=event,
        wanted=wanted,
        seq=seq,
        cookies=cookies,
        key=new_id().hex,
        **facts,
    )


async def _cancel(guest: door.Guest, wanted: list[orders.LineQuantity], key: str, seq: int) -> None:
    """Once for each confirmation, however often its button is pressed; as the answer to a delay, if it is one."""
    command = Command(brand=guest.brand, key=f"page:{key[:100]}", route="POST /o/cancel", actor=ACTOR)

    async def act(tx: Tx, now: Any) -> Any:
        if seq:
            await _answer(tx, guest, seq, "cancel", wanted)
            return {"done": True}
        event = await orders.cancel(tx, order_id=guest.order_id, wanted=wanted, reason=_REASON, actor=ACTOR, now=now)
        return {"done": event is not None}

    # The order, not its link: what is kept here must open nothing.
    await command.run([guest.order_id.hex, [[line.line_no, line.quantity] for line in wanted], seq], act)


async def _find_page(
    brand_name: str, request: Asked, *, number: str = "", tried: bool = False, status: int = 200
) -> Response[bytes]:
    brand = await app_state().database.brand(brand_name)
    async with brand.reading() as tx:
        shop, seen = await tx.fetchval(door.SQL.shop), await look(tx)
    language = language_of(request.headers.get("accept-language", "en"))
    return page(
        "shopper/find.html",
        language=language,
        status=status,
        shop=shop,
        look=seen,
        brand_name=brand_name,
        number=number,
        tried=tried,
    )


def _by_field(faults: tuple[Fault, ...]) -> dict[str, str]:
    return {fault.pointer.strip("/") or "form": fault.detail for fault in faults}


HANDLERS = (
    show_order,
    show_version,
    show_instead,
    step_up,
    set_preferences,
    move,
    cancel,
    answer,
    ask_for_order,
    find_order,
    *giving_back.HANDLERS,
)
