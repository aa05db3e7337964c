"""HTTP: what is low or out, and what counts as low."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from litestar import get, put
from litestar.params import Parameter
from msgspec import Meta

from doorstep.db import Brand, Tx
from doorstep.inventory.api import Booked
from doorstep.inventory.levels import Level, Threshold, levels, put_thresholds
from doorstep.kit.limits import PAGE_DEFAULT, PAGE_MAX
from doorstep.kit.paging import cut, decode


class LevelPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some levels, and the cursor of the next."""

    items: Sequence[Level]
    next_cursor: str | None


@put("/v1/stock/thresholds", tags=["inventory"])
async def replace_thresholds(brand: Brand, data: Annotated[list[Threshold], Meta(max_length=5_000)]) -> Booked:
    """Say what counts as low for SKUs, everywhere or at one location. Others stay as they are."""

    async def act(tx: Tx) -> Booked:
        await put_thresholds(tx, data)
        return Booked(changed=len(data))

    return await brand.run(act)


@get("/v1/stock/levels", tags=["inventory"])
async def list_levels(
    brand: Brand,
    level: Literal["low", "out"] | None = None,
    limit: int = Parameter(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX),
    cursor: str | None = None,
) -> LevelPage:
    """What is low or out, as it was last told by `inventory.low` and `inventory.out`."""
    after = decode(cursor, (int, int)) if cursor else (0, -1)
    async with brand.reading() as tx:
        found = await levels(
            tx, states=[level] if level else ["low", "out"], after=(after[0], after[1]), limit=limit + 1
        )
    page, more = cut(found, limit, lambda entry: entry[0])
    return LevelPage(items=[level for _, level in page], next_cursor=more)


HANDLERS = (replace_thresholds, list_levels)
