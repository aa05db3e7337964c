"""Orders that get more than is in stock: from supply on its way, on the product's terms; or, when the channel has
confirmed them already, whatever comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from doorstep import inventory
from doorstep.db import Tx
from doorstep.inventory import Aside, Wait
from doorstep.orders.draft import Draft
from doorstep.orders.model import Backordered, Bucket, WaitingLine
from doorstep.routing import Beyond, Network

Key = tuple[int, int]  # (sku_id, location_id)


class BeyondStock:
    """What the drafts of a batch may get beyond the stock. Nothing is read before the first of them comes up short;
    then the supply of all their products is locked, after their stock, so that the next draft sees what this one took.
    """

    def __init__(self, tx: Tx, network: Network, drafts: Sequence[Draft], now: datetime) -> None:
        self._tx = tx
        self._network = network
        self._drafts = drafts
        self._now = now
        self._beyond: Beyond | None = None

    async def cover(self, made: Draft, available: Mapping[Key, int]) -> dict[Key, int]:
        """Serve what the draft's decision left short, as far as it may be. What a refused draft could have had stays in
        its `pieces`; it takes nothing. Returns the units it takes off shelves, for products not released yet.
        """
        beyond = await self._read()
        accept = made.on_short == "accept"
        channel = made.channel.channel
        covered = beyond.cover(
            made.request, made.request.demands, made.decided, available, channel=channel, accept=accept
        )
        made.pieces = covered.pieces
        if covered.decision.short and not accept:
            return {}
        made.decide(covered.decision)
        return beyond.take(covered.pieces, channel)

    async def _read(self) -> Beyond:
        if self._beyond is None:
            skus = {one.sku_id for made in self._drafts for one in made.request.demands}
            accepted = {
                one.sku_id for made in self._drafts if made.on_short == "accept" for one in made.request.demands
            }
            supply = await inventory.lock_supply(self._tx, skus, make=accepted)
            self._beyond = Beyond(self._network, supply, now=self._now)
        return self._beyond


async def claim_beyond(tx: Tx, drafts: Sequence[Draft]) -> None:
    """Write what the pieces of drafts mean: claims on supply, and units set aside on the shelf."""
    if not drafts:
        return
    waits, asides = [], []
    for made in drafts:
        for piece in made.pieces:
            at = (made.placing.order_id, piece.demand.line_no, piece.demand.sku_id)
            if piece.incoming_id is None and piece.location_id is not None:
                asides.append(
                    Aside(order_id=at[0], line_no=at[1], sku_id=at[2], location_id=piece.location_id, units=piece.units)
                )
            else:
                waits.append(
                    Wait(
                        order_id=at[0],
                        line_no=at[1],
                        sku_id=at[2],
                        incoming_id=piece.incoming_id,
                        units=piece.units,
                        sold=piece.sold,
                        needs=piece.demand.needs,
                    )
                )
    await inventory.wait(tx, waits)
    await inventory.set_aside(tx, asides)


def owed(made: Draft) -> list[Backordered]:
    """What came up short against the product's terms, of an order that was confirmed already: what has a date, and what
    has none.
    """
    dated: Counter[int] = Counter()
    ready_at = None
    for piece in made.pieces:
        if piece.incoming_id is not None and not piece.sold:
            dated[piece.demand.line_no] += piece.units
            ready_at = max(piece.ready_at, ready_at) if piece.ready_at and ready_at else piece.ready_at or ready_at
    return [
        Backordered(
            cause="short at placing",
            lines=[WaitingLine(line_no=no, quantity=units, bucket=bucket) for no, units in lines],
            expected_at=date,
        )
        for bucket, lines, date in _buckets(sorted(dated.items()), ready_at, made.decided.short)
        if lines
    ]


def _buckets(
    dated: Sequence[tuple[int, int]], ready_at: datetime | None, short: Sequence[tuple[int, int]]
) -> tuple[tuple[Bucket, Sequence[tuple[int, int]], datetime | None], ...]:
    return ("backordered", dated, ready_at), ("shortfall", short, None)


def to_be_had(made: Draft, line_no: int) -> dict[str, object]:
    """What a refused draft could have had `later` of a line: units, and from when they could be sent; or nothing."""
    found: Counter[datetime] = Counter()
    for piece in made.pieces:
        if piece.demand.line_no == line_no and piece.ready_at is not None:
            found[piece.ready_at] += piece.units
    later = [{"quantity": units, "ready_at": ready_at} for ready_at, units in sorted(found.items())]
    return {"later": later} if later else {}
