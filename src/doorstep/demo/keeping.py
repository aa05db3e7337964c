"""A kept run goes on living: the carrier's van takes what was handed over, and its clock follows the brand's.

People hand parcels over in the console and let time pass there; nobody plays the carrier's people any more but this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from doorstep.db import Brand, statements
from doorstep.db.pool import GONE, clock_now
from doorstep.demo.calls import Calls, CarrierDesk, GivenUp
from doorstep.demo.stage import Stage
from doorstep.kit.errors import Unavailable

SQL = statements(__package__)
_LOOK_AGAIN_S = 0.5


async def keep_alive(stage: Stage) -> None:
    """Play the carrier's people until canceled."""
    calls = Calls(stage.carrier_url)
    carrier = CarrierDesk(calls)
    known: set[UUID] = set()
    try:
        while True:
            try:
                now, parcels = await _handed_over(stage.brand, known)
                for shipment_id, number in parcels:
                    # A refusal (its label was canceled meanwhile) must not keep the van from the other parcels.
                    await calls.ask("POST", "/sandbox/hand-over", {"tracking_number": number, "at": now})
                    known.add(shipment_id)
                await carrier.advance(now)
            except (*GONE, Unavailable, GivenUp):
                pass  # somebody was killed and comes back, or is slow: the next look does it
            await asyncio.sleep(_LOOK_AGAIN_S)
    finally:
        await calls.aclose()


async def _handed_over(brand: Brand, known: set[UUID]) -> tuple[datetime, Sequence[tuple[UUID, str]]]:
    """The brand's time, and the parcels on the road that the carrier was not shown yet."""
    async with brand.reading() as tx:
        rows = await tx.fetch(SQL.on_the_road, list(known))
        return await clock_now(tx), [(row["shipment_id"], row["tracking_number"]) for row in rows]
