"""Kits: a line of a kit becomes one line of each component, with its share of the money, to the cent.

From then on they are lines like others: claimed, picked, sent, canceled, returned and paid each for itself. The kit's
own line is kept beside them (`order_kits`), to be shown and to be canceled as what was bought.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from doorstep import catalog
from doorstep.catalog import Product
from doorstep.db import Tx
from doorstep.kit.errors import Fault
from doorstep.kit.limits import UNITS_PER_LINE
from doorstep.kit.money import prorate
from doorstep.orders.requests import PlaceLine
from doorstep.orders.store import SQL


class KitLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line that was a kit. `parts`: (line number of a component, its units in one kit). Amounts as they were ordered,
    in minor units; `discount_minor` includes its share of the order's discount.
    """

    line_no: int
    sku_id: int
    quantity: int
    unit_price_minor: int
    tax_minor: int
    discount_minor: int
    parts: Sequence[tuple[int, int]]


class Exploded(msgspec.Struct, frozen=True, kw_only=True):
    """A component's line: what it would have been had it been ordered so. `discount_minor` as in KitLine."""

    product: Product
    line: PlaceLine
    discount_minor: int


def kit_faults(line: PlaceLine, kit: Product, products: Mapping[str, Product], at: str) -> list[Fault]:
    """Why a kit cannot be sold as asked. `products` has its components, by their SKUs."""
    faults = [] if kit.active else [Fault(f"{at}/sku", f"{line.sku} is not sold any more.")]
    if line.personalization:
        faults.append(Fault(f"{at}/personalization", f"{line.sku} is a kit: it cannot be personalized."))
    if line.gift_wrap:
        faults.append(Fault(f"{at}/gift_wrap", f"{line.sku} is a kit: it cannot be gift-wrapped."))
    most = max(part.quantity for part in kit.components) * line.quantity
    if most > UNITS_PER_LINE:
        faults.append(Fault(f"{at}/quantity", f"That would be {most} units of a component: {UNITS_PER_LINE} at most."))
    if kit.active and not catalog.sold(kit, products):
        faults.append(Fault(f"{at}/sku", f"{line.sku} is a kit, and a component of it is not sold any more."))
    return faults


def explode(line: PlaceLine, kit: Product, products: Mapping[str, Product], discount_minor: int) -> list[Exploded]:
    """The components' lines. Goods, tax and discount are each divided by what the components are worth, and add up.

    A component's units must cost the same each: its price is rounded up, and the cents that are too many are discount.
    """
    units = [part.quantity * line.quantity for part in kit.components]
    goods = line.unit_price_minor * line.quantity
    shares = prorate(goods, [part.share * count for part, count in zip(kit.components, units, strict=True)])
    weights = shares if goods else units
    taxes, discounts = prorate(line.tax_minor, weights), prorate(discount_minor, weights)
    found = []
    for part, count, share, tax, discount in zip(kit.components, units, shares, taxes, discounts, strict=True):
        price = -(-share // count)
        component = PlaceLine(
            sku=part.sku,
            quantity=count,
            unit_price_minor=price,
            tax_minor=tax,
            instructions=line.instructions,
        )
        whole = discount + price * count - share
        found.append(Exploded(product=products[part.sku], line=component, discount_minor=whole))
    return found


async def kits_of(tx: Tx, order_id: UUID) -> list[KitLine]:
    """The kits of an order, by line number."""
    return [_kit(row) for row in await tx.fetch(SQL.order_kits, order_id)]


def _kit(row: Any) -> KitLine:
    parts = sorted((int(line_no), units) for line_no, units in row["parts"].items())
    return KitLine(**{**dict(row), "parts": parts})
