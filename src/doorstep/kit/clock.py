"""The wall clock. Business time is the brand's clock row in the database (`Brand.now`); this is for leases and logs
only.
"""

from __future__ import annotations

from datetime import UTC, datetime


def wall_now() -> datetime:
    """The machine's time, aware, in UTC."""
    return datetime.now(UTC)
