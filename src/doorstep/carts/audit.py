"""What a cart's row and its claims must agree on."""

from __future__ import annotations

from doorstep.carts.store import SQL
from doorstep.db import Tx
from doorstep.kit.findings import Finding
from doorstep.kit.ids import show


async def audit(tx: Tx) -> list[Finding]:
    """Holds that ended hold nothing, and the claims of the others are theirs."""
    checks = (
        ("a cart hold that was released or became an order holds no stock", await tx.fetch(SQL.audit_ended)),
        (
            "what a cart has claimed is the cart's, no more than it asked for, and expires with it",
            await tx.fetch(SQL.audit_claims),
        ),
    )
    return [
        Finding(
            area="units",
            check=sentence,
            measured=len(rows),
            examples=[show("cht", row["hold_id"]) for row in rows[:3]],
        )
        for sentence, rows in checks
    ]
