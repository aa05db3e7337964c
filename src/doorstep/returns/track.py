"""The way back: the label is there, the parcel moves, it is handed in, it is lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hmac import compare_digest
from typing import Any
from uuid import UUID

import msgspec

from doorstep import inventory, journal, orders
from doorstep.db import Tx
from doorstep.journal import Event, Recorded
from doorstep.kit.errors import Conflict, Fault, Invalid, NotFound
from doorstep.kit.limits import RETURN_REQUEST_LIFE
from doorstep.returns import store
from doorstep.returns.close import lose
from doorstep.returns.model import BY_CARRIER, OPEN, InTransit, LabelBought, Return
from doorstep.returns.settle import hold

_MOVING = frozenset({"in_transit", "out_for_delivery", "available_for_pickup", "attempt_failed", "delivered"})


async def attach_label(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """Reaction to shipping.return_label_bought: the customer may be told, if the return still stands."""
    await orders.lock(tx, {event.order for event in events})
    found = await store.read(tx, [event.data.return_id for event in events])
    told: list[tuple[UUID | None, Event]] = []
    for event in events:
        was = found.get(event.data.return_id)
        if was is not None and was.status in OPEN and was.tracking_number is None:
            number = event.data.tracking_number
            await store.write(tx, msgspec.structs.replace(was, tracking_number=number))
            told.append(
                (event.order, LabelBought(return_id=was.return_id, tracking_number=number, collect_on=was.collect_on))
            )
    await journal.append(tx, told, actor="shipping", now=now)


async def follow(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """Reaction to shipping.return_tracked: on its way, or lost. A return that has ended stays as it is."""
    # With the orders that are sent in exchange, all at once: one after the other would lock them out of order.
    sent = await store.sent_for(tx, [event.data.return_id for event in events])
    await orders.lock(tx, sent | {event.order for event in events})
    for event in events:
        if event.data.status == "exception" and event.data.substatus == "lost":
            held = await hold(tx, event.data.return_id)
            if held.was.status in OPEN:
                await lose(tx, held, now=now)
        elif event.data.status in _MOVING:
            change = (await store.read(tx, [event.data.return_id])).get(event.data.return_id)
            if change is not None and change.status == "requested":
                await _under_way(tx, change, change.location_id, event.actor, now)


async def drop_off(
    tx: Tx, *, return_id: UUID | None, token: str | None, location: str, actor: str, now: datetime
) -> Return:
    """The customer hands it in at a location that takes returns. Dropping off again changes nothing.

    `token` is what the QR code says; it finds the return, or must fit `return_id`. A `qr` return needs it.
    Raises NotFound, Invalid, or Conflict when the return has ended or is not to be handed in.
    """
    if return_id is None:
        return_id = await store.of_token(tx, token or "")
        if return_id is None:
            raise NotFound("There is no return with this code.")
    was = (await hold(tx, return_id)).was
    place = next((one for one in (await inventory.locations(tx)).values() if one.code == location), None)
    faults = []
    if place is None or "returns" not in place.capabilities:
        faults.append(Fault("/location", f"{location[:60]!r} is no location that takes returns."))
    if token is not None and not compare_digest(token.encode(), (was.qr_token or "").encode()):
        faults.append(Fault("/token", "This code is not that of the return."))
    if token is None and was.handover == "qr":
        faults.append(Fault("/token", "Scan the customer's code: this return is handed in with it."))
    if faults or place is None:
        raise Invalid(faults)
    if was.handover in BY_CARRIER:
        raise Conflict("This return goes back with a label, by the carrier.")
    if was.status == "in_transit":
        return was
    if was.status != "requested":
        raise Conflict(f"The return is {was.status}.")
    return await _under_way(tx, was, place.location_id, actor, now)


async def _under_way(tx: Tx, was: Return, location_id: int, actor: str, now: datetime) -> Return:
    """It left the customer: from now on it has its full time again to arrive."""
    change = msgspec.structs.replace(
        was,
        status="in_transit",
        location_id=location_id,
        expires_at=max(was.expires_at, now + RETURN_REQUEST_LIFE),
        lines=tuple(
            msgspec.structs.replace(line, reception="in_transit") if line.reception == "awaiting" else line
            for line in was.lines
        ),
    )
    await store.write(tx, change)
    await journal.append(tx, [(was.order_id, InTransit(return_id=was.return_id))], actor=actor, now=now)
    return change
