"""Withdraw canceled units from the work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from doorstep import orders
from doorstep.db import Tx
from doorstep.fulfillment.align import align
from doorstep.journal import Recorded


async def withdraw(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """After units were canceled: lower the lines whose claims are gone, cancel their steps, end what is left empty.

    Every verb does the same before it acts, so a picker cannot be faster than this reaction.
    """
    found = await orders.lock(tx, {event.order for event in events})
    await align(tx, found, now=now)
