"""The relay: gives every committed event its place in the line."""

from __future__ import annotations

from doorstep.db import Brand
from doorstep.journal.append import SQL
from doorstep.kit.limits import EVENTS_PER_RELAY


async def give_positions(brand: Brand) -> int:
    """Give the next gapless positions to committed events that have none; returns how many. 0 when another relay is
    at it.

    The lease is taken in a statement of its own: one statement's snapshot could predate the lock and see events
    that the previous holder has placed already.
    """
    async with brand.transaction() as tx:
        position = await tx.fetchval(SQL.take_relay)
        if position is None:
            return 0
        given: int = await tx.fetchval(SQL.give_positions, position, EVENTS_PER_RELAY)
        if given:
            await tx.execute(SQL.move_relay, position + given)
        return given
