"""Keep fulfillment orders in line with the order's claims: what lost its claim is taken back before anyone picks it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import inventory, jobs, orders
from doorstep.db import Tx
from doorstep.fulfillment import store
from doorstep.fulfillment.model import OPEN
from doorstep.fulfillment.store import Standing
from doorstep.inventory import Claim

# Where units are taken back first: where nobody works yet.
_FIRST = {"rejected": 0, "draft": 1, "activated": 2, "fulfilling": 3}

Place = tuple[UUID, int, int]
"""(order_id, line_no, location_id)"""


async def align(tx: Tx, order_ids: Collection[UUID], *, now: datetime) -> list[Claim]:
    """Take back units whose claim is gone, and return the claimed units that no fulfillment order stands for yet.

    Call it with the orders locked. Units of a rejected fulfillment order stand for their claim until it has moved.
    """
    claims = await inventory.claims_of(tx, order_ids)
    standing = await store.standing(tx, order_ids)
    claimed: dict[Place, int] = {(claim.order_id, claim.line_no, claim.location_id): claim.quantity for claim in claims}
    stands: dict[Place, list[Standing]] = defaultdict(list)
    for row in standing:
        stands[row.order_id, row.line_no, row.location_id].append(row)
    missing = []
    for claim in claims:
        place = (claim.order_id, claim.line_no, claim.location_id)
        units = claim.quantity - sum(row.standing for row in stands.get(place, ()))
        if units > 0:
            missing.append(msgspec.structs.replace(claim, quantity=units))
    taken: dict[tuple[UUID, int], int] = {}
    for place, rows in stands.items():
        excess = sum(row.standing for row in rows) - claimed.get(place, 0)
        if excess > 0:
            taken |= await _take_back(tx, rows, excess, now)
    if taken:
        await _settle(tx, taken, standing, now)
    return missing


async def _take_back(tx: Tx, rows: Iterable[Standing], excess: int, now: datetime) -> dict[tuple[UUID, int], int]:
    """What to withdraw, by fulfillment order and line; an exception when units without a claim are picked already."""
    taken = {}
    first = None
    for row in sorted(rows, key=lambda row: _FIRST.get(row.status_category, 9)):
        first = first or row
        units = min(excess, row.to_pick)
        if units:
            taken[row.fulfillment_order_id, row.line_no] = units
            excess -= units
    if excess and first is not None:
        await jobs.open_exception(
            tx,
            kind="picked_without_claim",
            subject=first.fulfillment_order_id,
            order_id=first.order_id,
            owner="warehouse",
            next_action="Put the units back on the shelf and cancel them by hand, or ship them and correct the order",
            detail={"line_no": first.line_no, "units": excess},
            now=now,
        )
    return taken


async def _settle(tx: Tx, taken: Mapping[tuple[UUID, int], int], standing: Iterable[Standing], now: datetime) -> None:
    """Write the withdrawals, end what is empty, and let the lines' buckets follow."""
    await store.change_lines(tx, "withdraw", [(*key, units) for key, units in sorted(taken.items())])
    touched = {fulfillment_order_id for fulfillment_order_id, _ in taken}
    await store.cancel_steps(tx, touched)
    await store.advance(tx, await store.those(tx, "without_lines", touched), "cancel", now=now)
    active: dict[tuple[UUID, int], int] = defaultdict(int)
    affected = set()
    for row in standing:
        units = taken.get((row.fulfillment_order_id, row.line_no), 0)
        if units:
            affected.add((row.order_id, row.line_no))
        if row.status_category in OPEN:
            active[row.order_id, row.line_no] += row.to_pick - units
    moves = []
    for order_id, lines in (await orders.lines(tx, {order_id for order_id, _ in affected})).items():
        for line in lines:
            if (order_id, line.line_no) in affected:
                moves += _follow(line, active[order_id, line.line_no])
    await orders.move_units(tx, moves)


def _follow(line: orders.LineRow, active: int) -> list[orders.Move]:
    """Bring the line's `activated` to the units that live fulfillment orders have still to pick.

    Canceling takes units by bucket, we by claim: of a line that is in both states they may choose different units.
    """
    source: orders.Bucket = "activated" if line.activated > active else "reserved"
    target: orders.Bucket = "reserved" if line.activated > active else "activated"
    units = line.activated - active if line.activated > active else min(active - line.activated, line.reserved)
    if not units:
        return []
    return [orders.Move(order_id=line.order_id, line_no=line.line_no, quantity=units, source=source, target=target)]
