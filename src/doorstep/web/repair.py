"""Try again what failed: the same for the API and the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from doorstep import jobs, payments
from doorstep.db import Brand, Tx
from doorstep.jobs.model import SQL
from doorstep.journal import Reaction, retry_parked
from doorstep.kit.errors import Conflict


async def retry_reaction(brand: Brand, exception: Mapping[str, Any], reactions: Sequence[Reaction]) -> None:
    """If a reaction failed, let it digest the order's parked events, in transactions of its own.

    Raises Conflict with the error when it cannot. Other kinds are `retry_job`'s.
    """
    if exception["kind"] != "reaction_failed" or exception["resolved_at"] is not None:
        return
    name = exception["detail"].get("reaction")
    reaction = next((one for one in reactions if one.name == name), None)
    if reaction is None:
        raise Conflict(f"There is no reaction {name!r} any more.")
    error = await retry_parked(brand, reaction, exception["order_id"])
    if error is not None:
        raise Conflict("It failed again; nothing was changed.", extra={"error": error})


async def retry_job(tx: Tx, exception: Mapping[str, Any], *, actor: str, now: datetime) -> str:
    """Set the failed step going again, once `retry_reaction` was called: what came of it, in words.

    Raises Conflict when it is resolved, or when only a person can go on.
    """
    if exception["kind"] == "reaction_failed" and exception["resolved_at"] is not None:
        return "done"
    if exception["resolved_at"] is not None:
        raise Conflict("This exception is resolved already.")
    if exception["kind"] == "payment_failed":
        if not await payments.retry(tx, transaction_id=exception["subject"], actor=actor, now=now):
            raise Conflict("This payment did not fail, or is being retried.")
        return "set going again"
    kind = exception["detail"].get("job")
    if not kind:
        raise Conflict(f"A machine cannot retry this. {exception['next_action']}")
    if not await jobs.reawaken(tx, kind, exception["subject"], due_at=now):
        raise Conflict("Its job is waiting already, or is gone.")
    await tx.fetchrow(SQL.resolve_exception_by_id, exception["exception_id"], actor, "retried", now)
    return "set going again"
