"""HTTP: what delivery could be, before the purchase."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from litestar import post

from doorstep.db import Brand, Tx
from doorstep.db.pool import clock_now
from doorstep.routing.quote import Option, QuoteRequest, quote


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What can be offered, in the shop's order; empty when nothing delivers there."""

    options: Sequence[Option]


@post("/v1/delivery-options", status_code=200, tags=["routing"])
async def delivery_options(brand: Brand, data: QuoteRequest) -> Options:
    """Every service that delivers there, with cost and dated promise, computed by the same engine that routes the
    order.
    """

    async def act(tx: Tx) -> Options:
        return Options(options=await quote(tx, data, now=await clock_now(tx)))

    return await brand.run(act)


HANDLERS = (delivery_options,)
