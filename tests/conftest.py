"""Fixtures for all tests: a database of one's own, the twins of the outside, and a shop to play with."""

from __future__ import annotations

import pytest

from doorstep.db import embedded
from tests.support.database import brand, database, dsn, model, server, template
from tests.support.shop import shop, stocked
from tests.support.staff import hire
from tests.support.twins import (
    carrier_process,
    carrier_twin,
    gateway_process,
    gateway_twin,
    messages_process,
    messages_twin,
)

__all__ = [
    "brand",
    "carrier_process",
    "carrier_twin",
    "database",
    "dsn",
    "gateway_process",
    "gateway_twin",
    "hire",
    "messages_process",
    "messages_twin",
    "model",
    "server",
    "shop",
    "stocked",
    "template",
]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The run's own server goes with the run; workers leave that to the process that started them."""
    if hasattr(session.config, "workerinput"):
        return
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is not None and (factory.getbasetemp() / "server").exists():
        embedded.destroy(factory.getbasetemp() / "server")
