"""Pick: units leave the shelf; some now, the rest later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from doorstep import journal, orders
from doorstep.db import Tx
from doorstep.fulfillment import store
from doorstep.fulfillment.model import FulfillmentOrder, Outcome, Pick, Picked
from doorstep.fulfillment.take import Taken, refused, take

Units = dict[int, int]
"""line_no → quantity"""


async def pick(tx: Tx, *, picks: Sequence[Pick], actor: str, now: datetime) -> list[Outcome]:
    """Note what was picked for many fulfillment orders; each has its own outcome, in the order given.

    A pick whose lines do not fit is refused as a whole. Picking "everything" again changes nothing.
    """
    taken = await take(tx, [pick.fulfillment_order_id for pick in picks], now=now)
    chosen: dict[UUID, Units] = {}
    outcomes = []
    for wanted in picks:
        key = wanted.fulfillment_order_id
        if key in chosen:
            outcome = refused(key, "It stands twice in the list.")
        else:
            outcome, units = _judge(taken, wanted)
            if units:
                chosen[key] = units
        outcomes.append(outcome)
    await _write(tx, taken.found, chosen, actor, now)
    return outcomes


def open_problem(found: FulfillmentOrder, wanted: Sequence[orders.LineQuantity]) -> str:
    """Why these units cannot be taken from the shelf; empty when they can."""
    lines = {line.line_no: line for line in found.lines}
    problems = []
    if len({line.line_no for line in wanted}) < len(wanted):
        problems.append("A line stands twice.")
    for line in wanted:
        there = lines.get(line.line_no)
        if there is None:
            problems.append(f"Line {line.line_no} is not on it.")
        elif not 1 <= line.quantity <= there.to_pick:
            problems.append(f"Line {line.line_no}: {there.to_pick} still to pick, not {line.quantity}.")
    return " ".join(problems)


def _judge(taken: Taken, wanted: Pick) -> tuple[Outcome, Units]:
    key = wanted.fulfillment_order_id
    refusal = taken.refusal(key)
    if refusal is not None:
        return refusal, {}
    found = taken.found[key]
    if found.status in ("picked", "packed", "handed_over") and wanted.lines is None:
        return Outcome(fulfillment_order_id=key, done=True, already=True), {}
    if found.status_category != "fulfilling":
        return refused(key, f"It is {found.status}; accept it before picking."), {}
    lines = wanted.lines
    if lines is None:
        lines = [orders.LineQuantity(line_no=one.line_no, quantity=one.to_pick) for one in found.lines if one.to_pick]
    problem = open_problem(found, lines)
    unread = {step.line_no for step in found.steps if step.kind == "acknowledge" and step.status == "waiting"}
    for line in lines:
        if line.line_no in unread:
            problem += f" Line {line.line_no} has special instructions; acknowledge them first."
    if problem:
        return refused(key, problem.strip()), {}
    return Outcome(fulfillment_order_id=key, done=True), {line.line_no: line.quantity for line in lines}


async def _write(
    tx: Tx, found: Mapping[UUID, FulfillmentOrder], chosen: Mapping[UUID, Units], actor: str, now: datetime
) -> None:
    units = [(key, line_no, quantity) for key in sorted(chosen) for line_no, quantity in sorted(chosen[key].items())]
    if not units:
        return
    await store.change_lines(tx, "pick", units)
    await orders.move_units(
        tx,
        [
            orders.Move(
                order_id=found[key].order_id, line_no=line_no, quantity=quantity, source="activated", target="picked"
            )
            for key, line_no, quantity in units
        ],
    )
    done = await store.those(tx, "all_picked", list(chosen))
    await store.advance(tx, done, "pick_all", now=now)
    await store.advance(tx, chosen.keys() - done, "pick_some", now=now)
    told = [
        (
            found[key].order_id,
            Picked(
                fulfillment_order_id=key,
                lines=[orders.LineQuantity(line_no=line_no, quantity=quantity) for line_no, quantity in lines.items()],
            ),
        )
        for key, lines in chosen.items()
    ]
    await journal.append(tx, told, actor=actor, now=now)
