"""HTTP: availability, for product pages, lists and carts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from litestar import post
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Meta

from doorstep.db import Brand
from doorstep.journal.commands import Answer
from doorstep.kit.ids import parse
from doorstep.kit.limits import SKUS_PER_AVAILABILITY
from doorstep.routing.availability import Available, availability
from doorstep.routing.network import shared

Sku = Annotated[str, Meta(min_length=1, max_length=100)]


class AskAvailability(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """SKUs of a channel. What its `cart_hold` has counts as available: the shopper's own hold does not stand in the
    way.
    """

    channel: Annotated[str, Meta(min_length=1, max_length=40)]
    skus: Annotated[Sequence[Sku], Meta(min_length=1, max_length=SKUS_PER_AVAILABILITY)]
    cart_hold: Annotated[str, Meta(pattern="^cht_[0-9a-f]{32}$")] | None = None


_encode = msgspec.json.Encoder().encode


@post("/v1/availability", status_code=200, tags=["routing"], responses={200: ResponseSpec(Available)})
async def ask_availability(brand: Brand, data: AskAvailability) -> Answer:
    """What may be sold now of each SKU, and promised by later dates. Not from a cache: what an order would find at this
    moment. A SKU that is switched off, or unknown, is `not_sold`.
    """
    return Answer(status=200, content=await answered(brand, data), replayed=False)


async def answered(brand: Brand, asked: AskAvailability) -> bytes:
    """The answer as JSON."""
    cart = parse("cht", asked.cart_hold) if asked.cart_hold else None
    async with brand.reading() as tx:
        found = await availability(tx, shared(brand), channel=asked.channel, skus=asked.skus, cart=cart)
    return _encode(found)


HANDLERS = (ask_availability,)
