"""Claims on supply: as many as the lines wait for, no more than the deliveries bring and the caps allow."""

from __future__ import annotations

from doorstep.db import Tx
from doorstep.inventory.supply.books import SQL
from doorstep.kit.findings import Finding
from doorstep.kit.ids import show


async def audit_supply(tx: Tx) -> list[Finding]:
    """Compare deliveries, caps and lines with the claims on supply; meant for a moment when all reactions are done."""
    promised = await tx.fetch(SQL.audit_promised)
    sold = await tx.fetch(SQL.audit_sold)
    lines = await tx.fetch(SQL.audit_lines)
    return [
        Finding(
            area="units",
            check="what is promised of a delivery = the claims on it, at most what it brings, none once it has come",
            measured=len(promised),
            examples=[str(dict(row)) for row in promised[:3]],
        ),
        Finding(
            area="units",
            check="what is sold beyond the stock = its claims on supply, at most the cap",
            measured=len(sold),
            examples=[str(dict(row)) for row in sold[:3]],
        ),
        Finding(
            area="units",
            check="no line has more claims on supply and units set aside than it waits for",
            measured=len(lines),
            examples=[f"{show('ord', row['order_id'])} line {row['line_no']}" for row in lines[:3]],
        ),
    ]
