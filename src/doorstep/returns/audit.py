"""What must hold of returns, counted."""

from __future__ import annotations

from doorstep.db import Tx
from doorstep.kit.findings import Area, Finding
from doorstep.returns import store


async def audit(tx: Tx) -> list[Finding]:
    """Units, refunds and open work of returns agree with orders, payments and jobs, once the reactions caught up."""
    checks: tuple[tuple[Area, str, str], ...] = (
        ("units", "return_requested and returned units of a line = its lines of returns", store.SQL.audit_units),
        ("units", "units and refunds of a line of a return = its receipts", store.SQL.audit_receipts),
        ("money", "refunds asked of payments for a return = what the return says", store.SQL.audit_refunds),
        ("money", "what goods sent in exchange are worth = what came back for them", store.SQL.audit_exchanges),
        ("work", "goods kept for an exchange wait for a return that is open", store.SQL.audit_exchange_holds),
        ("work", "an open return has a job that ends it, or a person", store.SQL.audit_work),
    )
    findings = []
    for area, check, statement in checks:
        wrong = await store.examples(tx, statement)
        findings.append(Finding(area=area, check=check, measured=len(wrong), examples=wrong[:5]))
    return findings
