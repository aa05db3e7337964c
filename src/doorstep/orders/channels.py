"""Channels: storefronts and marketplaces, and on which terms they sell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from doorstep.db import Tx
from doorstep.orders.model import OnShort
from doorstep.orders.requests import Shape
from doorstep.orders.store import SQL


class ChannelData(Shape, frozen=True, kw_only=True):
    """A storefront or marketplace. `on_short`: refuse an order that cannot be served, or accept it and owe the rest."""

    channel: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,39}$")]
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    on_short: OnShort = "refuse"
    priority: Annotated[int, Meta(ge=0, le=10_000)] = 100
    risk_limit: Annotated[int, Meta(ge=0, le=100)] = 75


async def put_channels(tx: Tx, rows: Sequence[ChannelData]) -> None:
    """Create or replace channels by their name."""
    for one in sorted(rows, key=lambda one: one.channel):
        await tx.execute(
            SQL.put_channel, one.channel, one.title, one.currency, one.on_short, one.priority, one.risk_limit
        )


async def channels(tx: Tx) -> list[ChannelData]:
    """All channels by name."""
    return [ChannelData(**dict(row)) for row in await tx.fetch(SQL.list_channels)]
