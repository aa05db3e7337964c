"""Orders written straight into the database, for tests of nouns that only need one to be there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from doorstep.db import Brand
from doorstep.journal import Event, Recorded
from doorstep.kit.ids import new_id

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


async def stop_clock(brand: Brand, now: datetime = NOON) -> None:
    """Stop the brand's clock at a time."""
    async with brand.transaction() as tx:
        await tx.execute("UPDATE clock SET wall_from = clock_timestamp(), clock_from = $1, rate = 0", now)


async def write_order(brand: Brand, **changes: Any) -> UUID:
    """One order of a customer with e-mail and phone, one line of a mug, 120.00 GBP to be authorized with `tok_ok`.

    `changes` go to the row of the order, except `email`, `phone` and `locale`, which go to the contact.
    """
    order_id, contact_id, address_id = new_id(), new_id(), new_id()
    email = changes.pop("email", "ada@example.test")
    phone = changes.pop("phone", "+447700900123")
    locale = changes.pop("locale", "en")
    row: dict[str, Any] = {
        "order_id": order_id, "channel_id": 1, "number": f"W-{order_id.hex[-8:]}", "body_hash": b"-",
        "contact_id": contact_id, "address_id": address_id, "placed_at": NOON, "service": "standard", "lane": 1,
        "on_short": "refuse", "currency": "GBP", "total_minor": 12_000, "shipping_minor": 0, "payment_token": "tok_ok",
        "promised_from": NOON, "promised_by": datetime(2026, 3, 5, 18, 0, tzinfo=UTC), "decision": {},
    } | changes  # fmt: skip
    async with brand.transaction() as tx:
        await tx.execute(
            "INSERT INTO contacts (contact_id, name, email, phone, locale) VALUES ($1, 'Ada <Lovelace>', $2, $3, $4)",
            contact_id, email, phone, locale,
        )  # fmt: skip
        places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
        await tx.execute(f"INSERT INTO orders ({', '.join(row)}) VALUES ({places})", *row.values())
        sku_id = await tx.fetchval(
            """INSERT INTO products (sku, title, weight_g, length_mm, width_mm, height_mm)
            VALUES ('MUG', 'A mug & saucer', 350, 100, 100, 110)
            ON CONFLICT (sku) DO UPDATE SET title = excluded.title RETURNING sku_id"""
        )
        await tx.execute(
            """INSERT INTO order_lines (order_id, line_no, sku_id, ordered, reserved, unit_price_minor, routing_kind)
            VALUES ($1, 1, $2, 3, 3, 4000, 'regular')""",
            order_id, sku_id,
        )  # fmt: skip
    return order_id


def recorded(order_id: UUID, data: Event, *, lane: int = 1) -> Recorded[Any]:
    """An event as a reaction gets it."""
    return Recorded(
        event_id=new_id(), position=1, order_id=order_id, lane=lane, actor="test", occurred_at=NOON, data=data
    )
