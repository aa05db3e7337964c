"""Acting by hand: once for each form however often it is sent, with an entry in the audit log; or only rehearsed."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.insights import Moment
from doorstep.journal import Command
from doorstep.journal.audit_log import record
from doorstep.kit.errors import BodyDiffers, Conflict, Malformed
from doorstep.web.api.context import app_state
from doorstep.web.console.people import SQL
from doorstep.web.console.staff import Staff

Deed = Callable[[Tx, datetime], Awaitable[Any]]


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """What an act would do: its result, and the events it would write into the order's story."""

    result: Any
    moments: Sequence[Moment]


class Noted(msgspec.Struct, frozen=True):
    """A deed's result that says what the audit log should hold, for what is only known while doing it."""

    detail: object


async def act(
    staff: Staff,
    fields: Mapping[str, str],
    deed: Deed,
    *,
    action: str,
    subject: str,
    detail: object,
    order_id: UUID | None = None,
) -> bool:
    """Do it in one transaction with its entry in the audit log; False when this very form was acted on before.

    `action` such as `orders.cancel`; `subject` what people call the thing; `detail` holds ids and values, no personal
    data, and tells apart two files that a form brings. Raises what the deed raises, and Conflict when the form was sent
    before with something else in it: then nothing is changed.
    """
    key = fields.get("key", "")
    if not 1 <= len(key) <= 100 or not key.isalnum() or not key.isascii():
        raise Malformed("This form has no key. Load the page again.")

    async def once(tx: Tx, now: datetime) -> Any:
        result = await deed(tx, now)
        told = result.detail if isinstance(result, Noted) else detail
        await record(tx, actor=staff.actor, action=action, subject=subject, detail=told, order_id=order_id)
        return {"done": True}

    command = Command(
        brand=staff.brand, key=f"console:{staff.user_id.hex}:{key}", route=f"POST {action}", actor=staff.actor
    )
    filled_in = sorted((name, text) for name, text in fields.items() if name != "csrf")
    try:
        return not (await command.run([subject, detail, filled_in], once)).replayed
    except BodyDiffers:
        raise Conflict("This form was sent before with something else in it. Load the page again.") from None


def drawn(staff: Staff, fields: Mapping[str, str]) -> bytes:
    """32 random-looking bytes of this very form: for a secret that is shown once, and must be the same one when an
    impatient person sends the form twice. Of the form's key, the session's own secret and the server's.
    """
    of = f"drawn\0{staff.csrf}\0{fields.get('key', '')}".encode()
    return hmac.digest(app_state().settings.secret.encode(), of, "sha256")


class _Seen(Exception):
    """No error: it takes the rehearsal's transaction back."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal


async def rehearse(staff: Staff, deed: Deed, *, order_id: UUID | None = None) -> Rehearsal:
    """What the deed would do, found out by doing it and taking it back. Raises what the deed raises."""

    async def tried(tx: Tx) -> None:
        before = await tx.fetchval(SQL.version_of_order, order_id) if order_id else 0
        result = await deed(tx, await clock_now(tx))
        rows = await tx.fetch(SQL.events_since, order_id, before) if order_id else []
        moments = [Moment(kind=row["kind"], at=row["occurred_at"], data=row["data"]) for row in rows]
        raise _Seen(Rehearsal(result=result, moments=moments))

    try:
        await staff.brand.run(tried)
    except _Seen as seen:
        return seen.rehearsal
    raise AssertionError("unreachable")
