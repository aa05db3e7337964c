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
    faults += await _kit_faults(tx, products)
    if faults:
        raise Invalid(faults)
    created, changed = await store.put(tx, products, now)
    return Stored(stored=len(products), created=created, changed=changed)


async def _kit_faults(tx: Tx, products: Sequence[ProductData]) -> list[Fault]:
    """What is wrong with kits beside what else there is: no component is missing or a kit, no kit is a component or has
    stock. Kits are written one at a time, so that two that name each other do not pass.
    """
    given = {product.sku: product for product in products}
    if not any(product.components for product in products):
        return []
    await store.lock_kits(tx)
    kits = [sku for sku, product in given.items() if product.components]
    components = {part.sku for product in products for part in product.components}
    known = {one.sku: bool(one.components) for one in await store.by_sku(tx, list(components))}
    known |= {sku: bool(given[sku].components) for sku in components & given.keys()}
    used = {sku for kit, sku in await store.used_in_kits(tx, kits) if kit not in given}
    stocked = await store.stocked(tx, kits)
    faults = []
    for i, product in enumerate(products):
        for j, part in enumerate(product.components):
            if part.sku not in known:
                faults.append(Fault(f"/{i}/components/{j}/sku", f"There is no product {part.sku!r}."))
            elif known[part.sku] and part.sku != product.sku:
                faults.append(Fault(f"/{i}/components/{j}/sku", f"{part.sku} is a kit itself: kits are not nested."))
        if product.components and product.sku in used:
            faults.append(Fault(f"/{i}/components", f"{product.sku} is a component of a kit: kits are not nested."))
        if product.components and product.sku in stocked:
            faults.append(Fault(f"/{i}/components", f"{product.sku} has stock of its own; a kit has none."))
    return faults
