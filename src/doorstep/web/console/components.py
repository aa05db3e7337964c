"""The design system on one page: every token and piece that pages are made of, to look at in light and dark."""

from __future__ import annotations

from litestar import Response, get

from doorstep.web.console.door import needs
from doorstep.web.console.frame import show
from doorstep.web.console.staff import Staff

# Names of the colors in doorstep.css: grounds, words and edges, then what a color tells.
GROUNDS = ("ground", "card", "accent-soft", "good-soft", "warn-soft", "bad-soft")
WORDS = ("text", "quiet", "accent", "good", "warn", "bad", "control-edge", "edge")


@get("/console/components", **needs("self"))
async def show_components(staff: Staff) -> Response[bytes]:
    """What there is to build a page from."""
    return await show(staff, "console/components.html", at="components", grounds=GROUNDS, inks=WORDS)


HANDLERS = (show_components,)
