"""Tell a customer something once more, because somebody asked for it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from doorstep import jobs, journal
from doorstep.db import Tx
from doorstep.journal import Event
from doorstep.kit.errors import Conflict, NotFound
from doorstep.kit.ids import new_id, show
from doorstep.updates.model import Channel
from doorstep.updates.store import JOB, SQL


class AskedAgain(Event, frozen=True, kw_only=True):
    """The message `update_id` of this kind is sent again, over this channel."""

    KIND: ClassVar[str] = "updates.asked_again"
    update_id: UUID
    kind: str
    channel: Channel


async def resend(tx: Tx, *, order_id: UUID, update_id: UUID, channel: Channel, actor: str, now: datetime) -> UUID:
    """Send a message of an order again, at once and whatever was wished, for a person wants it now; the new one's id.

    It says what is true now. Raises NotFound, or Conflict when the customer has no address for the channel, or the
    message is on its way anyway.
    """
    row = await tx.fetchrow(SQL.to_repeat, update_id, order_id)
    if row is None:
        raise NotFound(f"The order has no message {show('upd', update_id)}.")
    if row["status"] == "wanted" and row["channel"] == channel:
        raise Conflict("This message is on its way already.")
    if not row["has_email" if channel == "email" else "has_phone"]:
        raise Conflict(
            "The customer has no e-mail address." if channel == "email" else "The customer has no phone number."
        )
    event = AskedAgain(update_id=update_id, kind=row["kind"], channel=channel)
    (event_id,) = await journal.append(tx, [(order_id, event)], actor=actor, now=now)
    again: UUID = new_id()
    await tx.execute(SQL.repeat, update_id, again, event_id, channel, now)
    await jobs.enqueue(tx, JOB, [again], due_at=now, lanes=[0])
    return again
