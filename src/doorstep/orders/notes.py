"""Notes of the staff about an order, for one another: never rewritten, taken away where they should not stand."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from doorstep.db import Tx
from doorstep.kit.errors import Fault, Invalid, NotFound
from doorstep.kit.ids import new_id, show
from doorstep.kit.limits import TEXT_LONG
from doorstep.orders.store import SQL, lock_one


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A note. One that was taken away has no text any more."""

    note_id: UUID
    text: str
    author: str
    written_at: datetime
    removed_by: str | None
    removed_at: datetime | None


async def write_note(tx: Tx, *, order_id: UUID, text: str, actor: str, now: datetime) -> UUID:
    """Note something; the note's id. Raises NotFound, or Invalid for an empty or an endless text."""
    text = text.strip()
    if not 1 <= len(text) <= TEXT_LONG:
        raise Invalid([Fault("/text", f"A note has 1 to {TEXT_LONG} characters.")])
    await lock_one(tx, order_id)
    note_id: UUID = new_id()
    await tx.execute(SQL.insert_note, note_id, order_id, text, actor, now)
    return note_id


async def remove_note(tx: Tx, *, order_id: UUID, note_id: UUID, actor: str, now: datetime) -> bool:
    """Blank a note; that it stood there stays. False when it was taken away before. Raises NotFound."""
    if await tx.execute(SQL.remove_note, note_id, order_id, actor, now) == "UPDATE 1":
        return True
    if await tx.fetchval(SQL.note_exists, note_id, order_id) is None:
        raise NotFound(f"The order has no note {show('not', note_id)}.")
    return False


async def notes(tx: Tx, order_id: UUID) -> list[Note]:
    """The notes of an order, oldest first, those taken away too."""
    return [Note(**dict(row)) for row in await tx.fetch(SQL.read_notes, order_id)]
