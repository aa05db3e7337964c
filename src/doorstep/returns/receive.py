"""Receive and decide: what came is judged; goods go back to stock, units leave the order, the refund is exact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import inventory
from doorstep.db import Tx
from doorstep.kit.errors import Conflict, Fault, Invalid
from doorstep.kit.limits import REFUND_WITHIN
from doorstep.returns.model import Item, Received, ReceivedLine, Reception, Return, ReturnLine
from doorstep.returns.settle import Held, Worth, hold, judged, must_be_open, settle, worth


async def receive(
    tx: Tx,
    *,
    return_id: UUID,
    location: str,
    items: Sequence[Item],
    last: bool = False,
    actor: str,
    now: datetime,
) -> Return:
    """Take in units of a return at a location (its code) and judge them; a line may stand several times.

    Accepted units are restocked by their disposition and refunded; rejected ones stay the customer's; `manual` ones
    wait for `decide`. `last`: nothing more will come, what is missing is short and stays the customer's.
    Raises NotFound, Invalid with all that is wrong, or Conflict (ended already, or more units than announced).
    """
    held = await hold(tx, return_id)
    must_be_open(held.was)
    place = next((one for one in (await inventory.locations(tx)).values() if one.code == location), None)
    faults = _item_faults(items, held.was)
    if place is None or "returns" not in place.capabilities:
        faults.insert(0, Fault("/location", f"{location[:60]!r} is no location that takes returns."))
    if not items and not last:
        faults.append(Fault("/lines", "At least one line is needed."))
    if faults or place is None:
        raise Invalid(faults)
    _refuse_more(items, {line.line_no: line.awaited for line in held.was.lines}, "announced and not here yet")
    value = worth(held, items)
    arrived = _units(items)
    lines = [_taken_in(line, arrived[line.line_no], items, last) for line in held.was.lines]
    change = msgspec.structs.replace(
        held.was,
        location_id=place.location_id,
        received_at=held.was.received_at or now,
        refund_by=min(held.was.refund_by, now + REFUND_WITHIN),
    )
    return await _judge(tx, held, change, lines, items, value, actor, now)


async def decide(tx: Tx, *, return_id: UUID, items: Sequence[Item], actor: str, now: datetime) -> Return:
    """Judge units that were received as `manual`. Raises NotFound, Invalid, or Conflict (no such units wait)."""
    held = await hold(tx, return_id)
    must_be_open(held.was)
    faults = _item_faults(items, held.was)
    for at, item in enumerate(items):
        if item.acceptance == "manual":
            faults.append(Fault(f"/lines/{at}/acceptance", "Here it is decided: accepted or rejected."))
    if not items:
        faults.append(Fault("/lines", "At least one line is needed."))
    if faults:
        raise Invalid(faults)
    _refuse_more(items, {line.line_no: line.to_judge for line in held.was.lines}, "here and not judged yet")
    value = worth(held, items)
    return await _judge(tx, held, held.was, held.was.lines, items, value, actor, now)


async def _judge(
    tx: Tx,
    held: Held,
    change: Return,
    lines: Sequence[ReturnLine],
    items: Sequence[Item],
    value: Worth,
    actor: str,
    now: datetime,
) -> Return:
    refunds: Counter[int] = Counter()
    for item, amount_minor in zip(items, value.items, strict=True):
        refunds[item.line_no] += amount_minor
    change = msgspec.structs.replace(
        change,
        status="received",
        receipts=held.was.receipts + 1,
        refund_minor=held.was.refund_minor + value.total_minor,
        lines=tuple(judged(line, items, refunds[line.line_no]) for line in lines),
    )
    event = Received(
        return_id=change.return_id,
        location_id=change.location_id,
        refund_minor=value.total_minor,
        cause=held.was.cause,
        exchanged_minor=value.exchanged_minor,
        lines=[
            ReceivedLine(
                line_no=item.line_no,
                quantity=item.quantity,
                acceptance=item.acceptance,
                disposition=item.disposition,
            )
            for item in items
        ],
    )
    return await settle(tx, held, change, items, value, event, actor=actor, now=now)


def _taken_in(line: ReturnLine, units: int, items: Sequence[Item], last: bool) -> ReturnLine:
    """The line after its units arrived, before they are judged."""
    missing = line.awaited - units if last else 0
    reception: Reception = line.reception
    if any(item.reception == "wrong_item" for item in items if item.line_no == line.line_no):
        reception = "wrong_item"
    elif missing:
        reception = "short"
    elif units and reception in ("awaiting", "in_transit"):
        reception = "received"
    return msgspec.structs.replace(
        line, received=line.received + units, missing=line.missing + missing, reception=reception
    )


def _item_faults(items: Sequence[Item], was: Return) -> list[Fault]:
    known = {line.line_no for line in was.lines}
    faults = []
    for at, item in enumerate(items):
        if item.line_no not in known:
            faults.append(Fault(f"/lines/{at}/line_no", f"The return has no line {item.line_no}."))
        if item.acceptance == "accepted" and item.disposition is None:
            faults.append(Fault(f"/lines/{at}/disposition", "What becomes of accepted units must be said."))
        if item.acceptance != "accepted" and item.disposition is not None:
            faults.append(Fault(f"/lines/{at}/disposition", "Only accepted units get a disposition."))
        if item.acceptance == "accepted" and item.reception == "wrong_item":
            faults.append(Fault(f"/lines/{at}/acceptance", "Another article cannot be accepted: reject, or manual."))
    return faults


def _units(items: Sequence[Item]) -> Counter[int]:
    units: Counter[int] = Counter()
    for item in items:
        units[item.line_no] += item.quantity
    return units


def _refuse_more(items: Sequence[Item], most: Mapping[int, int], are: str) -> None:
    for line_no, units in _units(items).items():
        if units > most[line_no]:
            raise Conflict(
                f"Of line {line_no} only {most[line_no]} units are {are}, not {units}.",
                extra={"line_no": line_no, "most": most[line_no]},
            )
