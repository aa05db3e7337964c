"""Does the index say of the orders what they say themselves? Those whose events are on their way are left out."""

from __future__ import annotations

from doorstep.db import Tx, statements
from doorstep.insights.terms import Facts, facets, named
from doorstep.kit.findings import Finding
from doorstep.kit.ids import show

SQL = statements(__package__)
_NEWEST = 5_000  # looked at word by word; the statuses of all
_TELL = "an order is found by what it is (else: doorstep search rebuild)"


async def audit(tx: Tx) -> list[Finding]:
    """Compare the statuses of all orders, all terms of the newest, and how many terms and places there are."""
    behind = [row["order_id"] for row in await tx.fetch(SQL.undigested)]
    wrong = [row["order_id"] for row in await tx.fetch(SQL.audit_axes, behind)]
    known = {row["order_id"]: frozenset(row["terms"]) for row in await tx.fetch(SQL.audit_terms, behind, _NEWEST)}
    strange = []
    for row in await tx.fetch(SQL.order_facts, list(known)):
        facts = Facts.of(row)
        has = known[row["order_id"]]
        # Words of titles are left out: products may have been renamed since.
        if {term for term in has if term.startswith("=")} != facets(facts) or not named(facts) <= has:
            strange.append(row["order_id"])
    sets = await tx.fetchrow(SQL.audit_sets)
    assert sets is not None
    return [
        Finding(
            area="work", check=f"{_TELL}: status", measured=len(wrong), examples=[show("ord", one) for one in wrong[:3]]
        ),
        Finding(
            area="work",
            check=f"{_TELL}: all words and filters of the newest",
            measured=len(strange),
            examples=[show("ord", one) for one in strange[:3]],
        ),
        Finding(
            area="work", check="the index has as many places as terms", measured=sets["places"], expected=sets["terms"]
        ),
    ]
