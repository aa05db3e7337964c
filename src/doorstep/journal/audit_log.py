"""The audit log: what people did by hand, written in the transaction of what they did."""

from __future__ import annotations

from uuid import UUID

from doorstep.db import Tx
from doorstep.journal.append import SQL
from doorstep.kit.ids import new_id


async def record(
    tx: Tx, *, actor: str, action: str, subject: str, detail: object, order_id: UUID | None = None
) -> None:
    """Note that `actor` did `action` (`orders.cancel`) to `subject`, as people name it. `detail` holds ids and values,
    never personal data: an entry is not erased with the person it concerns.
    """
    await tx.execute(SQL.log_entry, new_id(), actor, action, subject, order_id, detail)
