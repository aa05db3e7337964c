"""Take fulfillment orders in hand: lock their orders, bring them in line with the claims, say what is in the way."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import orders
from doorstep.db import Tx
from doorstep.fulfillment import store
from doorstep.fulfillment.align import align
from doorstep.fulfillment.model import FulfillmentOrder, Outcome, WorkStep
from doorstep.kit.errors import Conflict, NotFound


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """Fulfillment orders as they are under the lock of their orders."""

    orders: Mapping[UUID, orders.OrderRow]
    found: Mapping[UUID, FulfillmentOrder]

    def refusal(self, key: UUID) -> Outcome | None:
        """Why nothing may be done with this one: it is not there, or a hold stands on its order."""
        found = self.found.get(key)
        if found is None:
            return Outcome(
                fulfillment_order_id=key, done=False, problem="There is no such fulfillment order.", missing=True
            )
        if not self.orders[found.order_id].clear:
            return refused(key, "The order is on hold.")
        return None


async def take(tx: Tx, ids: Collection[UUID], *, now: datetime) -> Taken:
    """Lock and read. Ids that do not exist are left out."""
    rows = await orders.lock(tx, await store.orders_of(tx, ids))
    await align(tx, rows, now=now)
    return Taken(orders=rows, found=await store.load(tx, ids))


async def take_step(
    tx: Tx, key: UUID, work_step_id: UUID, *, now: datetime
) -> tuple[FulfillmentOrder, WorkStep] | Outcome:
    """A fulfillment order in hand with one of its work steps; or why nothing may be done with it."""
    taken = await take(tx, [key], now=now)
    refusal = taken.refusal(key)
    if refusal is not None:
        return refusal
    found = taken.found[key]
    step = next((step for step in found.steps if step.work_step_id == work_step_id), None)
    if step is None:
        return Outcome(fulfillment_order_id=key, done=False, problem="It has no such work step.", missing=True)
    return found, step


def refused(key: UUID, problem: str) -> Outcome:
    """It was not done, and why."""
    return Outcome(fulfillment_order_id=key, done=False, problem=problem)


def only(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of a list of one. Raises NotFound or Conflict when it was not done."""
    (outcome,) = outcomes
    if outcome.missing:
        raise NotFound(outcome.problem)
    if not outcome.done:
        raise Conflict(outcome.problem)
    return outcome
