"""Drop a return's label, when the return is over without it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from doorstep import jobs
from doorstep.db import Tx
from doorstep.shipping import store
from doorstep.shipping.model import CANCEL_LABEL


async def drop_return_label(tx: Tx, *, return_id: UUID, by: str, now: datetime) -> None:
    """A label that is not bought yet will not be, and nobody is asked about its refusal any more; one that was bought
    and not used is given back to the carrier. Again changes nothing. Call it with the order locked.
    """
    label_id = await store.drop_label(tx, return_id)
    if label_id is not None:
        await jobs.resolve_exception(
            tx, kind="label_refused", subject=label_id, by=by, resolution="The return is over without it.", now=now
        )
    unused = await store.unused_label(tx, return_id)
    if unused is not None:
        await jobs.enqueue(tx, CANCEL_LABEL, [unused], due_at=now)
