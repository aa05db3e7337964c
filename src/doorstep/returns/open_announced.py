"""What the customer said they would send back gets its return, and so its label, in the moment it arrives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from doorstep import delivery, jobs, orders
from doorstep.db import Tx
from doorstep.journal import Recorded
from doorstep.kit.errors import Conflict
from doorstep.kit.ids import show
from doorstep.orders import LineQuantity
from doorstep.returns.eligible import eligible
from doorstep.returns.model import WishLine
from doorstep.returns.request import request


async def open_announced(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """Reaction to shipping.delivered: where the last answer to a delay was `send_back`, open a return by label for what
    it was about and has arrived. The return is numbered after the parcel: again changes nothing.
    """
    await orders.lock(tx, {event.order for event in events})
    answers = await delivery.last_answers(tx, {event.order for event in events})
    for event in events:
        said = answers.get(event.order)
        if said is not None and said.answer == "send_back":
            late = [line for line in event.data.lines if line.line_no in said.line_nos]
            await _open(tx, event, late, said.answered_by, now)


async def _open(tx: Tx, event: Recorded[Any], late: Sequence[LineQuantity], actor: str, now: datetime) -> None:
    may = {line.line_no: line for line in await eligible(tx, order_id=event.order, now=now)}
    wanted = [
        WishLine(line_no=line.line_no, quantity=min(line.quantity, may[line.line_no].quantity), reason="arrived_late")
        for line in late
        if "arrived_late" in may[line.line_no].reasons
    ]
    if not wanted:
        return
    number = f"R-{event.data.shipment_id.hex[-10:].upper()}"
    try:
        await request(tx, order_id=event.order, wanted=wanted, handover="label", number=number, actor=actor, now=now)
    except Conflict as refused:  # nothing was written: no location takes returns, for example
        await jobs.open_exception(
            tx,
            kind="announced_return_refused",
            subject=event.data.shipment_id,
            order_id=event.order,
            owner="customer service",
            next_action="The customer said they would send it back: open the return with them",
            detail={"shipment": show("shp", event.data.shipment_id), "reason": refused.detail},
            now=now,
        )
