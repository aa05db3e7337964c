"""Reconciliation: where our counters, our ledgers, our orders and a location's own books differ, why, and what to do.

Invariants: it finds without changing anything; what is repaired is repaired by movements, under the same locks as any
other change, and only where the difference is still there. Every night of a location is looked at once.
"""

from doorstep.reconciliation.find import find
from doorstep.reconciliation.model import CAUSES, Cause, Difference, Figure
from doorstep.reconciliation.nightly import latest, nights, reconcile
from doorstep.reconciliation.repair import Repaired, repair

__all__ = [
    "CAUSES",
    "Cause",
    "Difference",
    "Figure",
    "Repaired",
    "find",
    "latest",
    "nights",
    "reconcile",
    "repair",
]
