"""Exceptions: what failed, as work items with an owner, a due time and a next action. Nothing is swallowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from doorstep.db import Tx
from doorstep.jobs.model import SQL
from doorstep.kit.ids import new_id

# How soon a person must have looked, by priority: 0 hurts a customer now … 3 can wait for the week.
DUE_WITHIN = (timedelta(hours=1), timedelta(hours=4), timedelta(days=1), timedelta(days=5))


async def open_exception(
    tx: Tx,
    *,
    kind: str,
    subject: UUID,
    order_id: UUID | None,
    owner: str,
    next_action: str,
    detail: Mapping[str, object],
    now: datetime,
    priority: int = 1,
) -> None:
    """Open a work item; the same trouble (kind and subject) is open once."""
    await tx.execute(
        SQL.open_exception,
        new_id(),
        kind,
        subject,
        order_id,
        priority,
        owner,
        next_action,
        now + DUE_WITHIN[priority],
        dict(detail),
        now,
    )


async def resolve_exception(tx: Tx, *, kind: str, subject: UUID, by: str, resolution: str, now: datetime) -> bool:
    """Close the open item of this kind and subject; False when there is none."""
    done: str = await tx.execute(SQL.resolve_exception, kind, subject, by, resolution, now)
    return done == "UPDATE 1"


async def assign_exceptions(tx: Tx, exception_ids: Sequence[UUID], to: str | None) -> int:
    """Give open items to somebody of the staff (a login), or to nobody; how many were still open."""
    return len(await tx.fetch(SQL.assign_exceptions, list(exception_ids), to))
