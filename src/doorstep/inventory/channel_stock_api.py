"""HTTP: what a channel sells of the stock."""

from __future__ import annotations

from litestar import get, put

from doorstep.db import Brand, Tx
from doorstep.inventory.channel_stock import ChannelStockData, put_channel_stock, read_channel_stock


@get("/v1/channels/{channel:str}/stock", tags=["inventory"])
async def show_channel_stock(brand: Brand, channel: str) -> ChannelStockData:
    """What a channel sells of the stock, and how it shows it."""
    async with brand.reading() as tx:
        return await read_channel_stock(tx, channel)


@put("/v1/channels/{channel:str}/stock", tags=["inventory"])
async def replace_channel_stock(brand: Brand, channel: str, data: ChannelStockData) -> ChannelStockData:
    """Which locations a channel sells from, what is kept back from it, and how it shows the rest. It counts within a
    second, in every process.
    """

    async def act(tx: Tx) -> ChannelStockData:
        await put_channel_stock(tx, channel, data)
        return await read_channel_stock(tx, channel)

    return await brand.run(act)


HANDLERS = (show_channel_stock, replace_channel_stock)
