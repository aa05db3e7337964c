"""A person says: try a refused payment again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from doorstep import jobs
from doorstep.db import Tx
from doorstep.payments import store


async def retry(tx: Tx, *, transaction_id: UUID, actor: str, now: datetime) -> bool:
    """Make a failed intent wanted again, under the same reference, and close its exception. False: it did not fail."""
    if await store.want_again(tx, transaction_id) is None:
        return False
    await jobs.reawaken(tx, store.JOB, transaction_id, due_at=now)
    await jobs.resolve_exception(
        tx, kind="payment_failed", subject=transaction_id, by=actor, resolution="retried", now=now
    )
    return True
