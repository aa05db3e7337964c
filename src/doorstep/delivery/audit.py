"""What must hold of the ledger of promises, counted."""

from __future__ import annotations

from doorstep.db import Tx
from doorstep.delivery import store
from doorstep.kit.findings import Finding


async def audit(tx: Tx) -> list[Finding]:
    """Lines have their first promise (once the reactions caught up), versions no gaps, and told comes after made."""
    checks = (
        ("Lines without a first promise in the ledger", store.SQL.lines_without_promise),
        ("Lines whose promise versions have a gap", store.SQL.gaps_in_versions),
        ("Promises told before they were made", store.SQL.promises_told_before_made),
    )
    findings = []
    for check, statement in checks:
        wrong = await store.examples(tx, statement)
        findings.append(Finding(area="messages", check=check, measured=len(wrong), examples=wrong[:5]))
    return findings
