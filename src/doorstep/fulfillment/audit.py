"""Conservation of work: buckets, claims and fulfillment orders tell the same story, and nothing lies about unowned."""

from __future__ import annotations

from doorstep.db import Tx
from doorstep.fulfillment import store
from doorstep.kit.findings import Area, Finding
from doorstep.kit.ids import show

_CHECKS: tuple[tuple[Area, str, str], ...] = (
    ("units", "buckets", "activated, picked and packed units of a line are those of its fulfillment orders"),
    ("units", "claims", "every claim stands on a fulfillment order at its location, and the other way round"),
    ("work", "empty", "no open fulfillment order is without units"),
    ("units", "closed", "a closed fulfillment order has shipped all it kept"),
    ("work", "undone_work", "nothing is packed with work left undone"),
    ("work", "asleep", "no draft waits on an order without holds"),
)


async def audit(tx: Tx) -> list[Finding]:
    """Run the checks; meant for a moment when all reactions have caught up."""
    findings = []
    for area, name, sentence in _CHECKS:
        rows = await store.audit_rows(tx, name)
        findings.append(
            Finding(area=area, check=sentence, measured=len(rows), examples=[_words(row) for row in rows[:3]])
        )
    return findings


def _words(row: dict[str, object]) -> str:
    prefixes = {"order_id": "ord", "fulfillment_order_id": "ful"}
    words = []
    for field, value in row.items():
        prefix = prefixes.get(field)
        words.append(show(prefix, value) if prefix else f"{field} {value}")  # type: ignore[arg-type]  # ids are UUIDs
    return ", ".join(words)
