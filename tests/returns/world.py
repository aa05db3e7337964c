"""An order that was delivered, ready to be sent back: written by SQL, so that these tests need no warehouse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from doorstep import catalog, delivery, inventory, orders
from doorstep.catalog import PersonalizationField, ProductData
from doorstep.db import Tx
from doorstep.inventory import PutLocation
from doorstep.journal import Recorded
from doorstep.kit.ids import new_id

PLACED = datetime(2026, 5, 25, 9, tzinfo=UTC)
DELIVERED = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOW = datetime(2026, 6, 3, 9, tzinfo=UTC)
FEE = 495


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the order: `total_minor` is its whole price, `waiting` units have not been shipped."""

    sku: str = "MUG"
    units: int = 1
    total_minor: int = 1000
    waiting: int = 0
    personalized: bool = False


async def stock_room(tx: Tx) -> None:
    """Three products, two locations that take returns and one that does not, delivery services."""
    field = PersonalizationField(name="name", label="Name")
    box = ProductData(sku="MUG", title="Mug", weight_g=300, length_mm=100, width_mm=100, height_mm=100)
    products = [
        box,
        msgspec.structs.replace(box, sku="JERSEY", personalization=(field,)),
        msgspec.structs.replace(box, sku="SOAP", return_days=0),
    ]
    await catalog.put_products(tx, products, now=PLACED)
    place = PutLocation(
        code="LDS",
        name="Leeds",
        kind="warehouse",
        country="GB",
        postcode="LS1 1AA",
        city="Leeds",
        street="1 Mill Lane",
        latitude=53.8,
        longitude=-1.5,
        timezone="Europe/London",
        capabilities=("returns",),
    )
    shop = msgspec.structs.replace(place, code="SHOP", name="Shop", kind="store", priority=200)
    vendor = msgspec.structs.replace(place, code="VENDOR", name="Vendor", kind="vendor", capabilities=(), priority=1)
    await inventory.put_locations(tx, [place, shop, vendor])
    await delivery.seed_defaults(tx, "GBP")


async def location_id(tx: Tx, code: str) -> int:
    """The number of a location."""
    return next(place.location_id for place in (await inventory.locations(tx)).values() if place.code == code)


async def delivered(tx: Tx, *lines: Line, at: datetime = DELIVERED) -> UUID:
    """Place, pay, ship from Leeds and deliver an order."""
    order_id, shipment_id, contact_id, address_id = (new_id() for _ in range(4))
    leeds = await location_id(tx, "LDS")
    total = sum(line.total_minor for line in lines) + FEE
    await tx.execute("INSERT INTO contacts (contact_id, name) VALUES ($1, 'Ada')", contact_id)
    await tx.execute(
        "INSERT INTO addresses (address_id, name, street, city, postcode, country) VALUES ($1, '', '', '', 'M1', 'GB')",
        address_id,
    )
    await tx.execute(
        """
        INSERT INTO orders (order_id, channel_id, number, body_hash, contact_id, address_id, placed_at, service, lane,
            on_short, currency, total_minor, shipping_minor, promised_from, promised_by, decision, awaiting_payment)
        VALUES ($1, 1, $2, '', $3, $4, $5, 'standard', 1, 'accept', 'GBP', $6, $7, $5, $5, '{}', false)
        """,
        *(order_id, order_id.hex, contact_id, address_id, PLACED, total, FEE),
    )
    products = await catalog.load(tx, [line.sku for line in lines])
    for line_no, line in enumerate(lines, start=1):
        await tx.execute(
            """
            INSERT INTO order_lines (order_id, line_no, sku_id, ordered, shortfall, delivered, unit_price_minor,
                tax_minor, routing_kind)
            VALUES ($1, $2, $3, $4, $5, $6, 0, $7, 'regular')
            """,
            *(order_id, line_no, products[line.sku].sku_id, line.units, line.waiting, line.units - line.waiting),
            line.total_minor,
        )
        if line.personalized:
            await tx.execute(
                "INSERT INTO line_services (order_id, line_no, kind, detail) VALUES ($1, $2, 'personalization', '{}')",
                order_id,
                line_no,
            )
    await tx.execute(
        """
        INSERT INTO shipments (shipment_id, fulfillment_order_id, parcel_no, order_id, location_id, carrier, service,
            status, created_at, delivered_at)
        VALUES ($1, $1, 1, $2, $3, 'sandbox', 'standard', 'delivered', $4, $5)
        """,
        *(shipment_id, order_id, leeds, PLACED, at),
    )
    sent = [(shipment_id, line_no, line.units - line.waiting) for line_no, line in enumerate(lines, start=1)]
    await tx.executemany(
        "INSERT INTO package_lines (shipment_id, line_no, quantity) VALUES ($1, $2, $3)",
        [row for row in sent if row[2]],
    )
    return order_id


async def buckets(tx: Tx, order_id: UUID) -> list[tuple[int, int, int]]:
    """By line: units delivered, return_requested, returned."""
    lines = (await orders.lines(tx, [order_id]))[order_id]
    return [(line.delivered, line.return_requested, line.returned) for line in lines]


async def kept_minor(tx: Tx, order_id: UUID) -> int:
    """What the goods cost that the customer still has."""
    return sum(line.value(0, line.kept) for line in (await orders.lines(tx, [order_id]))[order_id])


async def stock(tx: Tx, code: str) -> tuple[int, int, int]:
    """on_hand, damaged and quality_control of mugs at a location."""
    row = await tx.fetchrow(
        """
        SELECT coalesce(sum(on_hand), 0)::integer, coalesce(sum(damaged), 0)::integer,
            coalesce(sum(quality_control), 0)::integer
        FROM stock JOIN locations USING (location_id) WHERE code = $1
        """,
        code,
    )
    assert row is not None
    return row[0], row[1], row[2]


async def told(tx: Tx, kind: str) -> list[dict[str, Any]]:
    """The data of the events of a kind, oldest first."""
    return [row["data"] for row in await tx.fetch("SELECT data FROM events WHERE kind = $1 ORDER BY event_id", kind)]


def recorded(order_id: UUID, data: object) -> Recorded[Any]:
    """An event as a reaction gets it."""
    return Recorded(event_id=new_id(), position=1, order_id=order_id, lane=1, actor="test", occurred_at=NOW, data=data)


AREAS = [
    {"country": "GB", "prefix": "SW1Y", "latitude": 51.507, "longitude": -0.134},
    {"country": "GB", "prefix": "M1", "latitude": 53.478, "longitude": -2.234},
    {"country": "GB", "prefix": "M11", "latitude": 53.477, "longitude": -2.181},
    {"country": "DE", "prefix": "1", "latitude": 52.5, "longitude": 13.4},
    {"country": "DE", "prefix": "101", "latitude": 52.52, "longitude": 13.39},
]


def point(code: str, latitude: float, longitude: float, **more: Any) -> dict[str, Any]:
    """A drop-off point of the sandbox carrier."""
    there = {
        "street": "1 Pall Mall",
        "postcode": "SW1Y 5NP",
        "city": "London",
        "country": "GB",
        "hours": "Mon–Sat 8–20",
    }
    return {"carrier": "sandbox", "code": code, "name": f"Shop {code}", "latitude": latitude, "longitude": longitude,
            **there, **more}  # fmt: skip


POINTS = [
    point("far", 51.60, -0.20),
    point("near", 51.508, -0.135),
    point("middle", 51.52, -0.12),
    point("gone", 51.507, -0.134, enabled=False),
    point("theirs", 51.507, -0.134, carrier="other"),
    point("manchester", 53.48, -2.23),
    point("abroad", 51.507, -0.134, country="FR"),
]
