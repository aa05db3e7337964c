"""What a batch of orders is decided by, read in one statement where nothing is new: time, channels, products, stock."""

from __future__ import annotations

from datetime import datetime

import msgspec

from doorstep import inventory
from doorstep.catalog import Kept, Product
from doorstep.db import Tx
from doorstep.orders.placing import Channel
from doorstep.orders.store import SQL


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The brand's time; channels by name; products by SKU, components of kits too; units available by (sku_id,
    location_id), with what has expired in carts: unlocked, so only a guess by the time it is used.
    """

    now: datetime
    channels: dict[str, Channel]
    products: dict[str, Product]
    available: dict[tuple[int, int], int]


async def terms(tx: Tx) -> tuple[datetime, dict[str, Channel]]:
    """The brand's time, read once per transaction, and all channels by name."""
    row = await tx.fetchrow(SQL.terms)
    assert row is not None
    return row["now"], _channels(row["channels"])


async def look(tx: Tx, products: Kept, skus: set[str]) -> Seen:
    """Look at what orders of these SKUs are decided by. Products that nobody remembers, or that were written since, are
    read in statements of their own, and their stock.
    """
    known = [product.sku_id for product in products.remembered(skus).values()]
    row = await tx.fetchrow(SQL.look, known)
    assert row is not None
    found = await products.confirmed(tx, skus, dict(zip(row["sku_ids"], row["versions"], strict=True)))
    available = dict(zip(zip(row["stock_skus"], row["stock_places"], strict=True), row["stock_units"], strict=True))
    for sku_id, location_id, units in zip(row["cart_skus"], row["cart_places"], row["cart_units"], strict=True):
        available[sku_id, location_id] = available.get((sku_id, location_id), 0) + units
    more = {product.sku_id for product in found.values()}.difference(known)
    if more:
        available |= await inventory.read_stock(tx, more, now=row["now"])
    return Seen(now=row["now"], channels=_channels(row["channels"]), products=found, available=available)


def _channels(rows: object) -> dict[str, Channel]:
    return {channel.channel: channel for channel in msgspec.convert(rows, list[Channel])}
