"""Conservation of units: ledger = counters = open reservations."""

from __future__ import annotations

from doorstep.db import Tx
from doorstep.inventory.claim import SQL
from doorstep.inventory.counting.job import SQL as COUNTING
from doorstep.inventory.supply.audit import audit_supply
from doorstep.inventory.transfers.transfer import SQL as TRANSFERS
from doorstep.kit.findings import Finding
from doorstep.kit.ids import show


async def audit(tx: Tx) -> list[Finding]:
    """Compare counters with movements and reservations, and look for units sold twice."""
    on_hand = await tx.fetch(SQL.audit_on_hand)
    reserved = await tx.fetch(SQL.audit_reserved)
    oversold = await tx.fetchrow(SQL.audit_oversold)
    assert oversold is not None
    transfers, in_transit = await tx.fetch(TRANSFERS.audit_transfers), await tx.fetch(TRANSFERS.audit_in_transit)
    counts = await tx.fetch(COUNTING.audit_counts)
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
        *(
            Finding(
                area="units",
                check=check,
                measured=len(rows),
                expected=0,
                examples=[show("trf", row["transfer_id"]) for row in rows[:3]],
            )
            for check, rows in (
                ("what a transfer sent and brought are its movements", transfers),
                ("what is in transit is expected where it goes", in_transit),
            )
        ),
        Finding(
            area="units",
            check="a shelf of a count job is booked when its line says so",
            measured=len(counts),
            expected=0,
            examples=[show("cnt", row["count_job_id"]) for row in counts[:3]],
        ),
    ]
