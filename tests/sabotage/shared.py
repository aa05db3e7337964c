"""A pytest plugin for the copies: all of them use one server, each with a template database of its own."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support import database

SERVER = "DOORSTEP_SABOTAGE_SERVER"
TEMPLATE = "DOORSTEP_SABOTAGE_TEMPLATE"


def pytest_configure() -> None:
    """Lead the fixtures to the server that is there, whatever folder the run would choose."""
    folder = Path(os.environ[SERVER])
    database.server_folder = lambda factory, worker_id: folder
    database.TEMPLATE = os.environ[TEMPLATE]
