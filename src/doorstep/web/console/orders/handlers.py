"""Every route of the console's orders."""

from __future__ import annotations

from doorstep.web.console.orders import changing, giving, keeping, listing, page, saved

HANDLERS = (
    *listing.HANDLERS,
    *page.HANDLERS,
    *saved.HANDLERS,
    *keeping.HANDLERS,
    *changing.HANDLERS,
    *giving.HANDLERS,
)
