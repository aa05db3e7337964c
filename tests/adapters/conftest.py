"""The twins, for tests that look at them directly."""

from __future__ import annotations

from tests.support.twins import (
    carrier_process,
    carrier_twin,
    gateway_process,
    gateway_twin,
    messages_process,
    messages_twin,
)

__all__ = [
    "carrier_process",
    "carrier_twin",
    "gateway_process",
    "gateway_twin",
    "messages_process",
    "messages_twin",
]
