"""Write products."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from doorstep.catalog import store
from doorstep.catalog.model import PRODUCTS_PER_PUT, ProductData, product_faults
from doorstep.db import Tx
from doorstep.kit.errors import Fault, Invalid


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """How many products came, and how many of them were new or different."""

    stored: int
    created: int
    changed: int


async def put_products(tx: Tx, products: Sequence[ProductData], *, now: datetime) -> Stored:
    """Create or replace products by their SKU, all or none. The same list again changes nothing.

    Raises Invalid with all that is wrong: a SKU twice, more than 1,000 products, patterns and choices that cannot be.
    """
    if not 1 <= len(products) <= PRODUCTS_PER_PUT:
        raise Invalid([Fault("", f"A list of 1 to {PRODUCTS_PER_PUT} products is needed, not {len(products)}.")])
    first: dict[str, int] = {}
    faults: list[Fault] = []
    for i, product in enumerate(products):
        faults += product_faults(product, f"/{i}")
        if first.setdefault(product.sku, i) != i:
            faults.append(Fault(f"/{i}/sku", f"{product.sku} stands in the list twice."))
    if faults:
        raise Invalid(faults)
    created, changed = await store.put(tx, products, now)
    return Stored(stored=len(products), created=created, changed=changed)
