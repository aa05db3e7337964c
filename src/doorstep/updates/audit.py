"""Conservation of messages: every event worth telling left its row, and what is wanted will be sent."""

from __future__ import annotations

from doorstep.db import Tx
from doorstep.kit.findings import Area, Finding
from doorstep.updates.model import DATE_KINDS, TELLS
from doorstep.updates.store import JOB, SQL

REACTION = "updates.tell"


async def audit(tx: Tx) -> list[Finding]:
    """Check the messages; `measured` is the number of events or updates that are wrong."""
    dates = sorted(DATE_KINDS)
    checks: tuple[tuple[Area, str, str, tuple[object, ...]], ...] = (
        ("messages", "every event worth telling left its update", SQL.audit_untold, (sorted(TELLS), REACTION)),
        ("messages", "every new date was told before the old one passed", SQL.audit_told_late, (dates,)),
        ("messages", "every version of a promise that was told says so", SQL.audit_not_marked, ()),
        ("work", "every update that is wanted has its job", SQL.audit_idle, (JOB,)),
    )
    findings = []
    for area, check, query, arguments in checks:
        rows = await tx.fetch(query, *arguments)
        examples = tuple(str(row[0]) for row in rows[:5])
        findings.append(Finding(area=area, check=check, measured=len(rows), examples=examples))
    return findings
