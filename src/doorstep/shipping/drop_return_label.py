"""Drop the wish for a return's label, when the return is over without it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from doorstep import jobs
from doorstep.db import Tx
from doorstep.shipping import store


async def drop_return_label(tx: Tx, *, return_id: UUID, by: str, now: datetime) -> None:
    """A label that is not bought yet will not be, and nobody is asked about its refusal any more. Again changes
    nothing.

    One that was bought stays. Call it with the order locked.
    """
    label_id = await store.drop_label(tx, return_id)
    if label_id is not None:
        await jobs.resolve_exception(
            tx, kind="label_refused", subject=label_id, by=by, resolution="The return is over without it.", now=now
        )
