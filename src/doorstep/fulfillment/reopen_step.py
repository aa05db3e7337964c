"""Reopen a work step that was called done by mistake."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from doorstep import journal
from doorstep.db import Tx
from doorstep.fulfillment import store
from doorstep.fulfillment.model import FulfillmentOrder, Outcome, WorkReopened, WorkStep
from doorstep.fulfillment.take import refused, take_step


async def reopen_step(tx: Tx, *, fulfillment_order_id: UUID, work_step_id: UUID, actor: str, now: datetime) -> Outcome:
    """Let a step wait again, as long as nothing is packed and nothing was done on the line after it.

    Reopening again changes nothing.
    """
    key = fulfillment_order_id
    taken = await take_step(tx, key, work_step_id, now=now)
    if isinstance(taken, Outcome):
        return taken
    found, step = taken
    if step.status == "waiting":
        return Outcome(fulfillment_order_id=key, done=True, already=True)
    problem = _problem(found, step)
    if problem:
        return refused(key, problem)
    await store.reopen_step(tx, work_step_id)
    event = WorkReopened(fulfillment_order_id=key, line_no=step.line_no, kind=step.kind)
    await journal.append(tx, [(found.order_id, event)], actor=actor, now=now)
    return Outcome(fulfillment_order_id=key, done=True)


def _problem(found: FulfillmentOrder, step: WorkStep) -> str:
    """Why a step cannot wait again; empty when it can."""
    if found.status_category != "fulfilling" or found.status == "packed":
        return f"It is {found.status}; only before packing can work be done again."
    if step.status == "canceled":
        return f"{step.kind} of line {step.line_no} is canceled."
    for other in found.steps:
        if other.line_no == step.line_no and other.step > step.step and other.status == "done":
            return f"Line {step.line_no}: {other.kind} was done after {step.kind}; reopen it first."
    line = next(line for line in found.lines if line.line_no == step.line_no)
    if step.kind == "acknowledge" and line.picked:
        return f"Line {step.line_no}: units are picked already; its instructions were read."
    return ""
