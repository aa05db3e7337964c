"""Conservation of parcels: what left is what was packed, paid for and taken off stock; and nothing is out of sight."""

from __future__ import annotations

from doorstep.db import Tx
from doorstep.kit.findings import Area, Finding
from doorstep.kit.ids import show
from doorstep.shipping import store

_CHECKS: tuple[tuple[Area, str, str], ...] = (
    ("units", "without_label", "every parcel handed over has its bought label"),
    ("units", "units", "units in parcels handed over = units shipped on fulfillment lines"),
    ("units", "movements", "units in parcels handed over = units that left in the stock ledger, by location"),
    ("units", "arrivals", "units in parcels delivered are with the customer or coming back"),
    ("work", "unprepared", "everything packed has become a shipment"),
    ("work", "idle_labels", "every label wanted has a job or an exception"),
    ("work", "unwatched", "every parcel on the road is watched"),
)
_PREFIX = {"order_id": "ord", "fulfillment_order_id": "ful", "shipment_id": "shp", "label_id": "lbl"}


async def audit(tx: Tx) -> list[Finding]:
    """Run the checks; meant for a moment when all reactions have caught up."""
    findings = []
    for area, name, sentence in _CHECKS:
        rows = await store.audit_rows(tx, name)
        examples = [
            ", ".join(
                show(_PREFIX[field], value) if field in _PREFIX else f"{field} {value}" for field, value in row.items()
            )
            for row in rows[:3]
        ]
        findings.append(Finding(area=area, check=sentence, measured=len(rows), examples=examples))
    return findings
