"""Conservation over lines: what a line says is claimed is claimed; every order's story is complete."""

from __future__ import annotations

from doorstep.db import Tx
from doorstep.kit.findings import Area, Finding
from doorstep.kit.ids import show
from doorstep.orders.store import SQL


async def audit(tx: Tx) -> list[Finding]:
    """Compare lines with reservations, counters of holds with holds, and counters of events with events."""
    checks: tuple[tuple[Area, str, str], ...] = (
        ("units", "reserved, activated, picked and packed units = open reservations of the line", SQL.audit_claims),
        ("work", "open_holds of an order = its open holds", SQL.audit_holds),
        ("work", "an order's story has no gap: events = its counter", SQL.audit_stories),
    )
    findings = []
    for area, check, sql in checks:
        rows = await tx.fetch(sql)
        examples = [show("ord", row["order_id"]) for row in rows[:3]]
        findings.append(Finding(area=area, check=check, measured=len(rows), expected=0, examples=examples))
    return findings
