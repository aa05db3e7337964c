"""The console's first page."""

from __future__ import annotations

from litestar import Response, get

from doorstep.web.console.door import needs
from doorstep.web.console.frame import PLACES, show
from doorstep.web.console.staff import Staff
from doorstep.web.pages import see


@get("/console", **needs("self"))
async def show_home(staff: Staff) -> Response[bytes]:
    """How the shop does; who works on the floor goes straight there."""
    if not staff.may("orders.read"):
        return see(next(address for name, address, permission, _ in PLACES if staff.may(permission)))
    return await show(staff, "console/home.html", at="home")


HANDLERS = (show_home,)
