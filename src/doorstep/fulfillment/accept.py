"""Accept: the location says it will do the work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from doorstep import journal
from doorstep.db import Tx
from doorstep.fulfillment import store
from doorstep.fulfillment.model import Accepted, Outcome
from doorstep.fulfillment.take import Taken, refused, take


async def accept(tx: Tx, *, fulfillment_order_ids: Sequence[UUID], actor: str, now: datetime) -> list[Outcome]:
    """Accept many at once; each has its own outcome, in the order given. Accepting again changes nothing."""
    taken = await take(tx, fulfillment_order_ids, now=now)
    outcomes = [_judge(taken, key) for key in dict.fromkeys(fulfillment_order_ids)]
    ready = [outcome.fulfillment_order_id for outcome in outcomes if outcome.done and not outcome.already]
    await store.advance(tx, ready, "accept", now=now)
    told = [
        (
            taken.found[key].order_id,
            Accepted(fulfillment_order_id=key, location_id=taken.found[key].location_id),
        )
        for key in ready
    ]
    await journal.append(tx, told, actor=actor, now=now)
    return outcomes


def _judge(taken: Taken, key: UUID) -> Outcome:
    refusal = taken.refusal(key)
    if refusal is not None:
        return refusal
    found = taken.found[key]
    if found.request_status in ("accepted", "closed"):
        return Outcome(fulfillment_order_id=key, done=True, already=True)
    if found.status_category != "activated":
        return refused(key, f"It is {found.status}; only what is activated can be accepted.")
    return Outcome(fulfillment_order_id=key, done=True)
