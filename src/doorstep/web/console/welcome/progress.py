"""How far the guide is, and the frame around its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Response

from doorstep.db import Tx
from doorstep.web.api.context import app_state
from doorstep.web.console.frame import show
from doorstep.web.console.settings.index import SQL, overview
from doorstep.web.console.staff import Staff

STEPS: Final = ("shop", "location", "delivery", "products", "storefront", "mail", "finish")


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What was said and what is done. `country`, `currency` and `timezone` are empty until the first step."""

    title: str
    country: str
    currency: str
    timezone: str
    ended: bool
    done: Mapping[str, bool]

    @property
    def next(self) -> str:
        """The first step that is not done."""
        return next((step for step in STEPS if not self.done[step]), STEPS[-1])


async def waits(staff: Staff) -> bool:
    """Whether the guide is this person's first page."""
    if not staff.may("settings"):
        return False
    async with staff.brand.reading() as tx:
        return bool(await tx.fetchval(SQL.guide_waits))


async def read(tx: Tx) -> Progress:
    """How far it is."""
    row, found = await tx.fetchrow(SQL.guide), await overview(tx)
    assert row is not None
    return Progress(
        title=row["title"],
        country=row["country"] or "",
        currency=row["currency"] or "",
        timezone=row["timezone"] or "",
        ended=row["ended"],
        done={
            "shop": row["currency"] is not None,
            "location": found["locations"] > 0,
            "delivery": found["services"] > 0,
            "products": found["products"] > 0 and found["stocked"],
            "storefront": found["channels"] > 0 and found["keys"] > 0,
            "mail": bool(await tx.fetchval(SQL.mail_was_tried)),
            "finish": found["ordered"],
        },
    )


async def step_page(
    staff: Staff,
    step: str,
    *,
    fields: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    **facts: Any,
) -> Response[bytes]:
    """A step's page: the list of steps, and the step's own form."""
    async with staff.brand.reading() as tx:
        progress = await read(tx)
    after = STEPS[min(STEPS.index(step) + 1, len(STEPS) - 1)]
    return await show(
        staff,
        f"console/welcome/{step}.html",
        at="settings",
        status=status,
        step=step,
        steps=STEPS,
        after=after,
        progress=progress,
        fields=fields or {},
        faults=faults or {},
        mail=app_state().settings.mail,
        **facts,
    )
