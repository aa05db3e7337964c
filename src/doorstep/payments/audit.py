"""Conservation of money: the books are the sums of their transactions, and nothing is held or left lying."""

from __future__ import annotations

from doorstep.db import Tx
from doorstep.kit.findings import Area, Finding
from doorstep.payments.store import JOB, SQL

_CHECKS: tuple[tuple[Area, str, str], ...] = (
    ("money", "each order's books are the sums of its approved transactions", SQL.audit_sums),
    ("money", "due is the total less reductions, and no more was captured than is due", SQL.audit_due),
    ("money", "no capture gave back more than it took", SQL.audit_refunds),
    ("money", "once all that is due was captured, the rest of the authorization was let go", SQL.audit_held),
    ("work", "every payment that is wanted has its job, every failed one its exception", SQL.audit_idle),
)


async def audit(tx: Tx) -> list[Finding]:
    """Check the books; `measured` is the number of orders or transactions that are wrong."""
    findings = []
    for area, check, query in _CHECKS:
        rows = await tx.fetch(query, JOB) if query is SQL.audit_idle else await tx.fetch(query)
        examples = tuple(str(row[0]) for row in rows[:5])
        findings.append(Finding(area=area, check=check, measured=len(rows), examples=examples))
    return findings
