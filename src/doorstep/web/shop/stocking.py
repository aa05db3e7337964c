"""Setting the stage: this shop's channel, goods, services and stock, through the API. Again changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from doorstep.web.shop.doorstep import Doorstep, Location
from doorstep.web.shop.wares import CHANNEL, CURRENCY, VAT_PERCENT, WARES, Role, Ware

_NOTE = "shop-opening"
_FAR = 1  # working days more to another country

# Code, title, lane, place in the list, price and cost in cents, cut-off, working days at home.
_SERVICES = (
    ("standard-eur", "Standard delivery", 1, 110, 490, 389, "14:00:00", 3),
    ("express-eur", "Express delivery", 0, 120, 890, 695, "16:00:00", 1),
    ("fast-track-eur", "Fast-track delivery", 0, 130, 1490, 1290, "11:00:00", 0),
    ("pickup-eur", "Pick-up in a store", 1, 140, 0, 389, "14:00:00", 3),
)
SERVICES = tuple(row[0] for row in _SERVICES)
PICKUP = "pickup-eur"

# Only for a Doorstep that has no places yet.
_PLACES: tuple[dict[str, Any], ...] = (
    {
        "code": "hamburg", "name": "Hamburg warehouse", "kind": "warehouse", "country": "DE", "postcode": "20457",
        "city": "Hamburg", "street": "Torweg 1", "latitude": 53.54, "longitude": 9.99, "timezone": "Europe/Berlin",
        "capabilities": ["gift_wrap", "fragile", "returns"], "priority": 10,
    },
    {
        "code": "leipzig", "name": "Leipzig workshop", "kind": "workshop", "country": "DE", "postcode": "04229",
        "city": "Leipzig", "street": "Am Riegel 7", "latitude": 51.33, "longitude": 12.33,
        "timezone": "Europe/Berlin", "capabilities": ["personalize", "gift_wrap", "fragile"], "priority": 20,
    },
    {
        "code": "munich", "name": "Munich store", "kind": "store", "country": "DE", "postcode": "80331",
        "city": "München", "street": "Schwellengasse 3", "latitude": 48.14, "longitude": 11.57,
        "timezone": "Europe/Berlin", "capabilities": ["gift_wrap", "fragile", "returns"], "priority": 30,
    },
)  # fmt: skip


async def stock_up(doorstep: Doorstep, *, title: str, carrier: str = "sandbox") -> None:
    """Bring in everything this shop needs. Raises Refusal or Unreachable."""
    places = await doorstep.locations()
    if not places:
        await doorstep.put("/v1/locations", _PLACES)
        places = await doorstep.locations()
    await doorstep.put(
        "/v1/channels", [{"channel": CHANNEL, "title": title, "currency": CURRENCY, "on_short": "refuse"}]
    )
    await doorstep.put("/v1/products", [product for ware in WARES.values() for product in _products(ware)])
    await doorstep.put("/v1/services", [_service(row, carrier) for row in _SERVICES])
    homes = {place.country for place in places}
    await doorstep.put("/v1/transit", [
        {"service": row[0], "country": country, "days": row[7] + (0 if country in homes else _FAR)}
        for row in _SERVICES
        for country in sorted({*VAT_PERCENT, *homes})
        if row[0] != PICKUP or country in homes
    ])  # fmt: skip
    for code, units in _stock(_roles(places)).items():
        await doorstep.receive(_NOTE, code, units)


def _products(ware: Ware) -> list[dict[str, Any]]:
    length, width, height = ware.size_mm
    fields = [
        {"name": one.name, "label": one.label, "max_length": one.max_length, "pattern": one.pattern}
        for one in ware.fields
    ]
    return [
        {
            "sku": size.sku,
            "title": f"{ware.title}, {size.label}" if size.label else ware.title,
            "weight_g": ware.weight_g,
            "length_mm": length,
            "width_mm": width,
            "height_mm": height,
            "handling": ["fragile"] if ware.fragile else [],
            "personalization": fields,
            "style": f"SHOP-{ware.code.upper()}" if size.label else "",
            "option": size.label,
        }
        for size in ware.sizes
    ]


def _service(row: tuple[str, str, int, int, int, int, str, int], carrier: str) -> dict[str, Any]:
    code, title, lane, rank, price, cost, cut_off, _ = row
    return {
        "service": code,
        "title": title,
        "carrier": carrier,
        "lane": lane,
        "rank": rank,
        "price_minor": price,
        "currency": CURRENCY,
        "parcel_cost_minor": cost,
        "cut_off": cut_off,
    }


def _roles(places: Sequence[Location]) -> dict[Role, str]:
    """Which place plays which part; where there are too few, one plays several."""
    printing = [place for place in places if "personalize" in place.capabilities] or list(places)
    wrapping = [place for place in places if "gift_wrap" in place.capabilities and place is not printing[0]]
    wrapping = wrapping or list(places)
    return {"workshop": printing[0].code, "main": wrapping[0].code, "second": wrapping[min(1, len(wrapping) - 1)].code}


def _stock(roles: Mapping[Role, str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for ware in WARES.values():
        for size in ware.sizes:
            for role, units in size.stock.items():
                shelf = found.setdefault(roles[role], {})
                shelf[size.sku] = shelf.get(size.sku, 0) + units
    return found
