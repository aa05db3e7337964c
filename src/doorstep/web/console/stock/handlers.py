"""Every route of the stock."""

from __future__ import annotations

from doorstep.web.console.stock import counting, limits, pages, supply, transfers

HANDLERS = (*pages.HANDLERS, *transfers.HANDLERS, *supply.HANDLERS, *limits.HANDLERS, *counting.HANDLERS)
