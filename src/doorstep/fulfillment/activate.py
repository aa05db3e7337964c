"""Activate drafts: the location sees them, and may accept or reject. Never under an open hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from doorstep import journal, orders
from doorstep.db import Tx
from doorstep.fulfillment import store
from doorstep.fulfillment.align import align
from doorstep.fulfillment.model import Activated
from doorstep.journal import Recorded


async def activate(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """After a hold was released: activate the drafts of the orders that no hold stands on any more."""
    found = await orders.lock(tx, {event.order for event in events})
    await align(tx, found, now=now)
    await activate_clear(tx, found.values(), now=now)


async def activate_clear(tx: Tx, rows: Iterable[orders.OrderRow], *, now: datetime) -> None:
    """Activate the drafts of those orders, locked by the caller, that are clear of holds."""
    clear = [row.order_id for row in rows if row.clear]
    if not clear:
        return
    moved = await store.advance(tx, await store.drafts(tx, clear), "activate", now=now)
    opened = list((await store.load(tx, moved)).values())
    await orders.move_units(
        tx,
        [
            orders.Move(
                order_id=found.order_id,
                line_no=line.line_no,
                quantity=line.to_pick,
                source="reserved",
                target="activated",
            )
            for found in opened
            for line in found.lines
            if line.to_pick
        ],
    )
    told = [
        (
            found.order_id,
            Activated(fulfillment_order_id=found.fulfillment_order_id, location_id=found.location_id),
        )
        for found in opened
    ]
    await journal.append(tx, told, actor="fulfillment", now=now)
