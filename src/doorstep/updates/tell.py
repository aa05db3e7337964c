"""Turn events into messages to be sent, on each customer's terms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from doorstep import jobs
from doorstep.db import Tx
from doorstep.journal import Recorded
from doorstep.kit.ids import new_id
from doorstep.updates import store
from doorstep.updates.model import TELLS, Planned, Told, plan
from doorstep.updates.store import JOB, Who


async def tell(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """Reaction: one row for each event and channel, with the job that sends it; what stays unsaid keeps its reason.

    Three statements whatever the size of the batch. Events that are told by another one (a lateness, by the new date
    in the ledger) leave no row.
    """
    telling = [event for event in events if event.data.KIND in TELLS]
    if not telling:
        return
    whom = await store.whom(tx, {event.order for event in telling})
    rows: list[store.Row] = []
    due: dict[datetime, list[tuple[UUID, int]]] = {}
    for event in telling:
        told, who = TELLS[event.data.KIND](msgspec.to_builtins(event.data)), whom[event.order]
        for planned in plan(told, who.terms, now):
            update_id = new_id()
            rows.append(_row(update_id, event, told, who, planned))
            if planned.suppressed_because is None:
                # Bad news overtakes everything else that waits to be said.
                due.setdefault(planned.due_at, []).append((update_id, 0 if told.bad_news else event.lane))
    new = await store.want(tx, rows, now=now)
    for due_at, subjects in sorted(due.items()):
        fresh = [(subject, lane) for subject, lane in subjects if subject in new]
        await jobs.enqueue(tx, JOB, [subject for subject, _ in fresh], due_at=due_at, lanes=[lane for _, lane in fresh])


def _row(update_id: UUID, event: Recorded[Any], told: Told, who: Who, planned: Planned) -> store.Row:
    return (
        update_id,
        event.order,
        who.contact_id,
        event.event_id,
        told.kind,
        planned.channel,
        who.locale,
        told.data,
        told.bad_news,
        planned.suppressed_because,
    )
