"""Every route of the console."""

from __future__ import annotations

from doorstep.web.console import entrance, exceptions, home
from doorstep.web.console.floor import handlers as floor

HANDLERS = (
    *entrance.HANDLERS,
    *home.HANDLERS,
    *exceptions.HANDLERS,
    *floor.HANDLERS,
)
