"""The ways of delivery as the page shows them: to the door, and to each store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from doorstep.web.shop.cart import Cart, quoted_lines
from doorstep.web.shop.doorstep import Location, Option
from doorstep.web.shop.stocking import PICKUP, SERVICES
from doorstep.web.shop.visiting import Shop
from doorstep.web.shop.words import Words

_STORES = 3  # to choose from


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One way. `day` is empty when not everything is there; `origins` are names of towns, one a parcel.

    `value` is all that was promised: when any of it has changed by the time somebody buys, they are asked again.
    """

    code: str
    service: str
    price_minor: int
    promised_by: datetime | None
    day: str
    within_minutes: int
    origins: Sequence[str]
    store: Location | None = None

    @property
    def value(self) -> str:
        """Code, price and date."""
        date = self.promised_by.isoformat() if self.promised_by else ""
        return f"{self.code}|{self.price_minor}|{date}"


async def find(shop: Shop, cart: Cart, country: str, postcode: str, words: Words) -> list[Offer]:
    """All ways for a cart to a place, and to the stores of its country, else to the first of all.

    Raises Unreachable or Refusal.
    """
    places = await shop.shelf.places()
    stores = [one for one in places.values() if one.kind == "store"]
    stores = [one for one in stores if one.country == country][:_STORES] or stores[:1]
    lines = quoted_lines(cart.lines)
    home, *near = await asyncio.gather(
        shop.doorstep.options(country, postcode, lines, cart.hold_id),
        *(shop.doorstep.options(one.country, one.postcode, lines, cart.hold_id) for one in stores),
    )
    found = [_offer(option, places, None, words) for option in home if option.service in SERVICES[:-1]]
    for store, options in zip(stores, near, strict=True):
        found += [_offer(option, places, store, words) for option in options if option.service == PICKUP]
    return found


def _offer(option: Option, places: Mapping[str, Location], store: Location | None, words: Words) -> Offer:
    origins = [places[code] for code in option.origins if code in places]
    zone = origins[0].timezone if origins else "UTC"
    return Offer(
        code=f"{option.service}:{store.code}" if store else option.service,
        service=option.service,
        price_minor=option.price_minor,
        promised_by=option.promised_by,
        day=words.day(option.promised_by, zone) if option.promised_by else "",
        within_minutes=(option.order_within_s or 0) // 60,
        origins=[place.city for place in origins],
        store=store,
    )
