"""Write events, in the transaction of what they tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from doorstep.db import Tx, statements
from doorstep.journal.model import Event
from doorstep.kit.ids import new_id
from doorstep.kit.limits import PARTITIONS

SQL = statements(__package__)


def partition_of(order_id: UUID | None) -> int:
    """Which of the reactions' partitions an order belongs to."""
    return 0 if order_id is None else order_id.int % PARTITIONS


async def append(tx: Tx, events: Sequence[tuple[UUID | None, Event]], *, actor: str, now: datetime) -> Sequence[UUID]:
    """Append events, each with its order (None: it belongs to no order), and return their ids.

    Locks the rows of the orders (their event counters move on), so call it while holding them or before locking stock.
    """
    if not events:
        return ()
    ids = [new_id() for _ in events]
    written = await tx.execute(
        SQL.append,
        ids,
        [order_id for order_id, _ in events],
        [partition_of(order_id) for order_id, _ in events],
        [event.KIND for _, event in events],
        [event for _, event in events],
        actor,
        now,
    )
    if written != f"INSERT 0 {len(events)}":
        raise LookupError(f"an event names an order that does not exist: {[str(o) for o, _ in events][:5]}")
    return ids


def first(order_id: UUID) -> tuple[UUID, int]:
    """A new id, and the partition, for the first event of an order that is being written, with its `seq` 1."""
    return new_id(), partition_of(order_id)
