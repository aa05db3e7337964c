"""Complete work steps, one or many: instructions read, text printed, gift wrapped."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from doorstep import journal
from doorstep.db import Tx
from doorstep.fulfillment import store
from doorstep.fulfillment.model import FulfillmentOrder, Outcome, StepKind, WorkDone, WorkStep
from doorstep.fulfillment.take import refused, take, take_step


async def complete_step(
    tx: Tx, *, fulfillment_order_id: UUID, work_step_id: UUID, actor: str, now: datetime
) -> Outcome:
    """Note that a step is done. A line's steps are done in order; what is printed or wrapped must have been picked.

    Completing again changes nothing.
    """
    key = fulfillment_order_id
    taken = await take_step(tx, key, work_step_id, now=now)
    if isinstance(taken, Outcome):
        return taken
    found, step = taken
    if step.status == "done":
        return Outcome(fulfillment_order_id=key, done=True, already=True)
    problem = _problem(found, step, ())
    if problem:
        return refused(key, problem)
    await _finish(tx, found, [step], actor, now)
    return Outcome(fulfillment_order_id=key, done=True)


async def complete_steps(
    tx: Tx, *, fulfillment_order_id: UUID, kind: StepKind | None = None, actor: str, now: datetime
) -> Outcome:
    """Note that all steps of a kind (None: of every kind) that are waiting are done; all of them, or none.

    The same rules as for one step. With nothing waiting, nothing changes.
    """
    key = fulfillment_order_id
    taken = await take(tx, [key], now=now)
    refusal = taken.refusal(key)
    if refusal is not None:
        return refusal
    found = taken.found[key]
    steps = [step for step in found.steps if step.status == "waiting" and kind in (None, step.kind)]
    together = {step.work_step_id for step in steps}
    problems = {problem for step in steps if (problem := _problem(found, step, together))}
    if problems:
        return refused(key, " ".join(sorted(problems)))
    await _finish(tx, found, steps, actor, now)
    return Outcome(fulfillment_order_id=key, done=True, already=not steps)


async def _finish(tx: Tx, found: FulfillmentOrder, steps: Sequence[WorkStep], actor: str, now: datetime) -> None:
    key = found.fulfillment_order_id
    await store.finish_steps(tx, [step.work_step_id for step in steps], actor=actor, now=now)
    told = [
        (found.order_id, WorkDone(fulfillment_order_id=key, line_no=step.line_no, kind=step.kind)) for step in steps
    ]
    await journal.append(tx, told, actor=actor, now=now)


def _problem(found: FulfillmentOrder, step: WorkStep, together: Collection[UUID]) -> str:
    """Why a step cannot be done now; empty when it can. `together`: steps that are done in the same go."""
    if found.status_category != "fulfilling":
        return f"It is {found.status}; accept it before working on it."
    if step.status == "canceled":
        return f"{step.kind} of line {step.line_no} is canceled."
    for other in found.steps:
        before = other.line_no == step.line_no and other.step < step.step and other.status == "waiting"
        if before and other.work_step_id not in together:
            return f"Line {step.line_no}: {other.kind} comes before {step.kind}."
    line = next(line for line in found.lines if line.line_no == step.line_no)
    if step.kind != "acknowledge" and line.to_pick:
        return f"Line {step.line_no}: {line.to_pick} units are not picked yet."
    return ""
