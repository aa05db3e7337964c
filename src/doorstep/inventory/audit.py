"""Conservation of units: ledger = counters = open reservations."""

from __future__ import annotations

from doorstep.db import Tx
from doorstep.inventory.claim import SQL
from doorstep.inventory.supply.audit import audit_supply
from doorstep.kit.findings import Finding


async def audit(tx: Tx) -> list[Finding]:
    """Compare counters with movements and reservations, and look for units sold twice."""
    on_hand = await tx.fetch(SQL.audit_on_hand)
    reserved = await tx.fetch(SQL.audit_reserved)
    oversold = await tx.fetchrow(SQL.audit_oversold)
    assert oversold is not None
    return [
        *await audit_supply(tx),
        Finding(
            area="units",
            check="on_hand, damaged and quality_control are the sums of their movements",
            measured=len(on_hand),
            expected=0,
            examples=[str(dict(row)) for row in on_hand[:3]],
        ),
        Finding(
            area="units",
            check="reserved = open claims of orders and carts, and units set aside = claimed less given back or gone",
            measured=len(reserved),
            expected=0,
            examples=[str(dict(row)) for row in reserved[:3]],
        ),
        Finding(area="units", check="units sold twice", measured=int(oversold["units"]), expected=0),
    ]
