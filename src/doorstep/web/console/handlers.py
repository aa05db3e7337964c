"""Every route of the console."""

from __future__ import annotations

from doorstep.web.console import entrance, home

HANDLERS = (
    *entrance.HANDLERS,
    *home.HANDLERS,
)
