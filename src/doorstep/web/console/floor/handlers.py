"""Every route of the floor."""

from __future__ import annotations

from doorstep.web.console.floor import board, parcels, setbacks, slip, work

HANDLERS = (*board.HANDLERS, *parcels.HANDLERS, *work.HANDLERS, *setbacks.HANDLERS, *slip.HANDLERS)
