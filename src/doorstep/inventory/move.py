"""Claims that end: given back, gone out of the door, or never there. And goods that come back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from doorstep import journal
from doorstep.db import Tx
from doorstep.inventory.claim import SQL, columns, lock_stock, merge
from doorstep.inventory.model import Claim, Disposition, Received, Restock
from doorstep.inventory.supply.turn import serve_waiting
from doorstep.kit.errors import Conflict

# What a returned unit does to (damaged, quality_control) besides on_hand; None: it never becomes stock again.
_EFFECT: dict[Disposition, tuple[int, int] | None] = {
    "restock": (0, 0),
    "refurbish": (0, 1),
    "damaged": (1, 0),
    "scrap": None,
    "return_to_vendor": None,
}


async def claims_of(tx: Tx, order_ids: Iterable[UUID]) -> list[Claim]:
    """The open claims of orders, by order, line and location."""
    rows = await tx.fetch(SQL.claims_of, list(set(order_ids)))
    return [Claim(**{field: row[field] for field in Claim.__struct_fields__}) for row in rows]


async def release(
    tx: Tx,
    *,
    claims: Sequence[Claim],
    reason: str,
    reference: str,
    actor: str,
    now: datetime,
    kind: str = "released",
    serve: bool = True,
) -> None:
    """Give claimed units back to the stock they came from. Raises Conflict when a claim does not hold that many.

    `kind` is the movement's: released, or moved when the claim goes to another location; where it was, units are free
    either way. `serve` as in `tell_received`.
    """
    await _give_back(tx, claims, kind, reason, 0, reference, actor, now)
    keys = {(claim.sku_id, claim.location_id) for claim in claims}
    await tell_received(tx, keys, arrived=False, actor=actor, now=now, serve=serve)


async def tell_received(
    tx: Tx,
    keys: Iterable[tuple[int, int]],
    *,
    arrived: bool,
    actor: str,
    now: datetime,
    deliveries: Mapping[UUID, int] | None = None,
    serve: bool = True,
) -> None:
    """Tell that units may be sold again at these (sku_id, location_id), one event a location: orders may be waiting.

    Who waits is served at once, before anybody else sees the units; the rows must be locked. Not with `serve` false:
    when the caller wants the units itself, and whoever waits gets what is left, by the event. `deliveries`: those of
    which a part arrives, and how many units each still brings.
    """
    free = sorted(keys)
    if serve:
        await serve_waiting(tx, free, came=arrived, arrived=deliveries, now=now)
    by_location: dict[int, list[int]] = {}
    for sku_id, location_id in free:
        by_location.setdefault(location_id, []).append(sku_id)
    events = [(None, Received(location_id=place, sku_ids=skus, arrived=arrived)) for place, skus in by_location.items()]
    await journal.append(tx, events, actor=actor, now=now)


async def ship(tx: Tx, *, claims: Sequence[Claim], reference: str, actor: str, now: datetime) -> None:
    """Claimed units leave the house: off the claim and off on_hand. Raises Conflict when a claim does not hold that
    many.
    """
    await _give_back(tx, claims, "shipped", "handed over", 1, reference, actor, now)


async def correct_shelf(
    tx: Tx, *, claims: Sequence[Claim], reason: str, reference: str, actor: str, now: datetime
) -> None:
    """The picker found fewer units than the book says: the missing ones lose their claim and leave on_hand.

    `reference` must be new for each call: the same correction is not booked twice.
    """
    await _give_back(tx, claims, "adjusted", reason, 1, reference, actor, now)


async def restock(tx: Tx, *, items: Sequence[Restock], reference: str, actor: str, now: datetime) -> None:
    """Returned units become stock again, by disposition: sellable, in quality control, damaged, or not at all.

    The same reference counts once for a (sku, location).
    """
    sums: dict[tuple[int, int], list[int]] = {}
    for item in items:
        effect = _EFFECT[item.disposition]
        if effect is not None:
            entry = sums.setdefault((item.sku_id, item.location_id), [0, 0, 0])
            for place, units in enumerate((1, *effect)):
                entry[place] += units * item.quantity
    added = await add_stock(
        tx, sums, kind="returned", reason="returned goods", reference=reference, actor=actor, now=now
    )
    sellable = {(item.sku_id, item.location_id) for item in items if item.disposition == "restock"}
    await tell_received(tx, sellable.intersection(added), arrived=True, actor=actor, now=now)


async def add_stock(
    tx: Tx,
    sums: dict[tuple[int, int], list[int]],
    *,
    kind: str,
    reason: str,
    reference: str,
    actor: str,
    now: datetime,
) -> list[tuple[int, int]]:
    """Change on_hand, damaged and quality_control by a movement each; the keys that were not told before under the
    reference.
    """
    if not sums:
        return []
    keys = sorted(sums)
    skus, places = [key[0] for key in keys], [key[1] for key in keys]
    await tx.execute(SQL.make_stock_rows, skus, places)
    await lock_stock(tx, keys=keys)
    deltas = [[sums[key][place] for key in keys] for place in range(3)]
    rows = await tx.fetch(SQL.add_stock, skus, places, [kind] * len(keys), *deltas, reason, reference, actor, now)
    return [(row["sku_id"], row["location_id"]) for row in rows]


async def _give_back(
    tx: Tx,
    claims: Sequence[Claim],
    kind: str,
    reason: str,
    leaves: int,
    reference: str,
    actor: str,
    now: datetime,
) -> None:
    if not claims:
        return
    merged = merge(claims)
    await lock_stock(tx, keys=((claim.sku_id, claim.location_id) for claim in merged))
    row = await tx.fetchrow(SQL.give_back, *columns(merged), kind, reason, leaves, reference, actor, now)
    assert row is not None
    if row["claims"] != len(merged) or row["counters"] != row["keys"]:
        raise Conflict("A claim does not hold that many units any more.")
