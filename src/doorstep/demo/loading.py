"""Loading the shop: channels, locations, products, services, stock, and what suppliers have announced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from doorstep.demo.calls import Calls
from doorstep.demo.model import Location, Product
from doorstep.demo.places import Outcode, load_outcodes
from doorstep.demo.scenario import Scenario
from doorstep.demo.supplier import Supplier

_PRODUCTS_AT_ONCE = 1_000
RETURN_DAYS = 45

# Prices are what customers pay, costs what a parcel costs the shop; cut-offs are local time of the house.
SERVICES: tuple[dict[str, Any], ...] = (
    {
        "service": "standard", "title": "Standard delivery", "carrier": "sandbox", "lane": 1, "rank": 10,
        "price_minor": 395, "currency": "GBP", "parcel_cost_minor": 389, "kilogram_cost_minor": 22,
        "cut_off": "14:00:00",
    },
    {
        "service": "express", "title": "Express delivery", "carrier": "sandbox", "lane": 0, "rank": 20,
        "price_minor": 595, "currency": "GBP", "parcel_cost_minor": 695, "kilogram_cost_minor": 38,
        "cut_off": "16:00:00",
    },
    {
        "service": "fast-track", "title": "Fast-track, same day", "carrier": "sandbox", "lane": 0, "rank": 30,
        "price_minor": 995, "currency": "GBP", "parcel_cost_minor": 1290, "kilogram_cost_minor": 55,
        "cut_off": "11:00:00",
    },
)  # fmt: skip
TRANSIT: tuple[dict[str, Any], ...] = (
    {"service": "standard", "country": "GB", "days": 3},
    {"service": "express", "country": "GB", "days": 1},
    {"service": "fast-track", "country": "GB", "days": 0},
)
WORK_TIMES: tuple[dict[str, Any], ...] = (
    {"work": "gift_wrap", "days": 0, "fee_minor": 300},
    {"work": "personalize", "days": 1, "fee_minor": 250},
)


async def load(api: Calls, scenario: Scenario, supplier: Supplier) -> None:
    """Bring in everything that is there before the first order. Again changes nothing."""
    channels = [
        {"channel": channel.code, "title": channel.name, "currency": "GBP", "on_short": channel.on_short}
        for channel in scenario.channels
    ]
    await api.do("PUT", "/v1/channels", channels)
    await api.do("PUT", "/v1/locations", [_location(place, rank) for rank, place in enumerate(scenario.locations)])
    for start in range(0, len(scenario.products), _PRODUCTS_AT_ONCE):
        products = scenario.products[start : start + _PRODUCTS_AT_ONCE]
        await api.do("PUT", "/v1/products", [_product(product) for product in products])
    await api.do("PUT", "/v1/services", SERVICES)
    await api.do("PUT", "/v1/transit", TRANSIT)
    await api.do("PUT", "/v1/work-times", WORK_TIMES)
    outcodes = list(load_outcodes().values())
    await api.do("PUT", "/v1/postcode-areas", [_area(one) for one in outcodes])
    await api.do("PUT", "/v1/drop-off-points", [_point(one) for one in _middles(outcodes)])
    stock: defaultdict[str, list[dict[str, object]]] = defaultdict(list)
    for level in scenario.opening:
        stock[level.location].append({"sku": level.sku, "quantity": level.quantity})
    for code, lines in sorted(stock.items()):
        await api.do("POST", "/v1/stock/receipts", {"reference": "opening", "location": code, "lines": lines})
    await supplier.announce()


def _area(one: Outcode) -> dict[str, object]:
    return {"country": "GB", "prefix": one.outcode, "latitude": one.lat, "longitude": one.lon}


def _middles(outcodes: Iterable[Outcode]) -> list[Outcode]:
    """One outcode for each position: those of a large town share one in the data."""
    return list({(one.lat, one.lon): one for one in outcodes}.values())


def _point(one: Outcode) -> dict[str, object]:
    """A made-up shop that takes the carrier's parcels, in the middle of an outcode."""
    return {
        "carrier": "sandbox",
        "code": one.outcode,
        "name": f"{one.place} Parcel Shop",
        "street": "1 Market Square",
        "postcode": f"{one.outcode} 1AA",
        "city": one.place,
        "country": "GB",
        "latitude": one.lat,
        "longitude": one.lon,
        "hours": "Mon–Sat 7–20, Sun 9–17",
    }


def _location(place: Location, rank: int) -> dict[str, object]:
    return {
        "code": place.code,
        "name": place.name,
        "kind": place.kind,
        "country": place.country,
        "postcode": place.postcode,
        "city": place.city,
        "street": place.street,
        "latitude": place.lat,
        "longitude": place.lon,
        "timezone": place.timezone,
        "capabilities": place.capabilities,
        "priority": 10 * (rank + 1),
    }


def _product(product: Product) -> dict[str, object]:
    return {
        "sku": product.sku,
        "title": product.title,
        "weight_g": product.weight_g,
        "length_mm": product.length_mm,
        "width_mm": product.width_mm,
        "height_mm": product.height_mm,
        "handling": product.handling,
        "gift_wrap": product.gift_wrap,
        "personalization": product.personalization,
        "return_days": RETURN_DAYS,
    }
