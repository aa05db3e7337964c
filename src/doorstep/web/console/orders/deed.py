"""Acts on an order: first a form, then what would come of it, then, once, the act itself.

What was shown is what is done: the confirmation carries a digest of the outcome that was seen, and when the act would
come out otherwise, because the order has moved on meanwhile, nothing is done and the new outcome is shown.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post

from doorstep.db import Tx
from doorstep.kit.errors import Conflict, Invalid
from doorstep.web.console.acting import act, rehearse
from doorstep.web.console.door import Asked, needs
from doorstep.web.console.frame import faults_by_field, show
from doorstep.web.console.orders import reading
from doorstep.web.console.orders.page import Key, facts
from doorstep.web.console.orders.reading import Known
from doorstep.web.console.staff import Permission, Staff
from doorstep.web.pages import form, see

Fields = Mapping[str, str]
Outcome = Mapping[str, Any]
_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_OURS = ("csrf", "key", "confirmed", "again")


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that may be done to an order.

    `name` is the last part of its address and the name of its template. `wish` reads the form, whatever state the order
    is in (raises Invalid); `do` does it and says what came of it, without ids or moments that differ each time; `told`
    is what the audit log keeps of the wish: values, no personal data. `extra`: more facts for the form; `found`: those
    that take a transaction of their own, asked for while no other connection is held.
    """

    name: str
    action: str
    permission: Permission = "orders.act"
    wish: Callable[[Fields], Any]
    do: Callable[[Tx, Staff, UUID, Any, datetime], Awaitable[Outcome]]
    told: Callable[[Any], Any]
    ready: Callable[[Fields], bool] = lambda _: False
    extra: Callable[[Tx, Staff, Known, Fields], Awaitable[Mapping[str, Any]]] | None = None
    found: Callable[[Staff, UUID], Awaitable[Mapping[str, Any]]] | None = None
    anchor: str = ""

    @property
    def path(self) -> str:
        """Its address."""
        return f"/console/orders/{{order_id:str}}/{self.name}"


class Moved(Conflict):
    """409: it would come out otherwise than was shown."""

    kind, title = "moved", "The order has moved on"


def routes_of(deed: Deed) -> tuple[Any, Any]:
    """The form of a deed, and what it is sent to."""

    @get(deed.path, name=f"ask_{deed.name}", **needs(deed.permission))
    async def ask(request: Asked, staff: Staff, order_id: Key) -> Response[bytes]:
        fields = dict(request.query_params.multi_items())
        return await _page(deed, staff, order_id, fields, preview=deed.ready(fields))

    @post(deed.path, status_code=200, name=f"do_{deed.name}", **needs(deed.permission))
    async def do(request: Asked, staff: Staff, order_id: Key) -> Response[bytes]:
        fields = await form(request)
        if "again" in fields or "confirmed" not in fields:
            return await _page(deed, staff, order_id, fields, preview="again" not in fields)
        try:
            await _confirm(deed, staff, order_id, fields)
        except Moved:
            return await _page(deed, staff, order_id, fields, preview=True, moved=True)
        except (Invalid, Conflict) as refused:
            return await _page(deed, staff, order_id, fields, refused=refused)
        return see(f"/console/orders/{order_id}?said={deed.name}{deed.anchor}")

    return ask, do


async def _confirm(deed: Deed, staff: Staff, order_id: str, fields: Fields) -> None:
    async with staff.brand.snapshot() as tx:
        key = await reading.visible(tx, staff, order_id)
        number: str = await tx.fetchval(reading.SQL.number, key)
    wish = deed.wish(fields)

    async def done(tx: Tx, now: datetime) -> Outcome:
        outcome = await deed.do(tx, staff, key, wish, now)
        if digest(outcome) != fields["confirmed"]:
            raise Moved("The order has moved on since you looked.")
        return outcome

    await act(staff, fields, done, action=deed.action, subject=number, detail=deed.told(wish), order_id=key)


def digest(outcome: Outcome) -> str:
    """What a confirmation says of the outcome that was seen."""
    return hashlib.sha256(_ENCODE(outcome)).hexdigest()[:32]


async def _page(
    deed: Deed,
    staff: Staff,
    order_id: str,
    fields: Fields,
    *,
    preview: bool = False,
    moved: bool = False,
    refused: Invalid | Conflict | None = None,
) -> Response[bytes]:
    """The form, or what would come of it. A refusal is told on the form."""
    outcome = None
    if preview and refused is None:
        try:
            outcome = await _rehearsed(deed, staff, order_id, fields)
        except (Invalid, Conflict) as error:
            refused = error
    found = await _found(deed, staff, order_id)
    async with staff.brand.snapshot() as tx:
        known = await reading.read(tx, staff, order_id)
        extra = await deed.extra(tx, staff, known, fields) if deed.extra else {}
    told = facts(known, staff)
    return await show(
        staff,
        f"console/orders/{deed.name}.html",
        at="orders",
        status=refused.status if refused else 409 if moved else 200,
        deed=deed.name,
        fields=defaultdict(str, fields),
        kept={name: text for name, text in fields.items() if name not in _OURS},
        outcome=outcome,
        seen=digest(outcome) if outcome is not None else "",
        moved=moved,
        faults=faults_by_field(refused) if isinstance(refused, Invalid) else {},
        conflict=refused.detail if isinstance(refused, Conflict) else "",
        blocked=told["not_now"].get(deed.name, ""),
        **{**told, **found, **extra},
    )


async def _found(deed: Deed, staff: Staff, order_id: str) -> Mapping[str, Any]:
    if deed.found is None:
        return {}
    async with staff.brand.snapshot() as tx:
        key = await reading.visible(tx, staff, order_id)
    return await deed.found(staff, key)


async def _rehearsed(deed: Deed, staff: Staff, order_id: str, fields: Fields) -> Outcome:
    async with staff.brand.snapshot() as tx:
        key = await reading.visible(tx, staff, order_id)
    wish = deed.wish(fields)

    async def tried(tx: Tx, now: datetime) -> Outcome:
        return await deed.do(tx, staff, key, wish, now)

    result: Outcome = (await rehearse(staff, tried)).result
    return result
