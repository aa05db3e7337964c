"""Settings, first page: what there is, and what is missing."""

from __future__ import annotations

from typing import Any

from litestar import Response, get

from doorstep.db import Tx, statements
from doorstep.web.api.context import app_state
from doorstep.web.console.door import needs
from doorstep.web.console.frame import show as frame
from doorstep.web.console.staff import Staff

SQL = statements(__package__)


async def overview(tx: Tx) -> Any:
    """How much of each there is, a row: see the statement."""
    return await tx.fetchrow(SQL.overview)


@get("/console/settings", **needs("settings"))
async def show_settings(staff: Staff) -> Response[bytes]:
    """What can be set, what is set, and what comes from the environment."""
    async with staff.brand.reading() as tx:
        found = await overview(tx)
    settings = app_state().settings
    return await frame(
        staff,
        "console/settings/index.html",
        at="settings",
        found=found,
        carriers=[carrier.code for carrier in settings.carriers],
        gateway=settings.gateway.code if settings.gateway else "",
        mail=settings.mail.sender if settings.mail else "",
        sms=settings.sms is not None,
        url=settings.url,
    )


HANDLERS = (show_settings,)
