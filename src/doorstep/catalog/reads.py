"""Read products."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from doorstep.catalog import store
from doorstep.catalog.model import VARIANTS, Product
from doorstep.db import Tx


async def load(tx: Tx, skus: Sequence[str]) -> dict[str, Product]:
    """The products of these SKUs, in one statement. A SKU that does not exist is missing; inactive ones are there."""
    return {product.sku: product for product in await store.by_sku(tx, skus)}


async def load_whole(tx: Tx, skus: Sequence[str]) -> dict[str, Product]:
    """The same, and the components of those that are kits."""
    found = await load(tx, skus)
    parts = {part.sku for product in found.values() for part in product.components}
    return found | await load(tx, list(parts - found.keys())) if parts else found


def sold(product: Product, products: Mapping[str, Product]) -> bool:
    """Whether it is sold; a kit is when all of its components are. `products` has these by their SKUs."""
    parts = [products.get(part.sku) for part in product.components]
    return product.active and all(part is not None and part.active and not part.components for part in parts)


def pieces(product: Product, products: Mapping[str, Product]) -> list[tuple[Product, int]]:
    """What is taken from the shelf for one of it: the product itself; of a kit its components, each with its units."""
    return [(products[part.sku], part.quantity) for part in product.components] or [(product, 1)]


async def by_id(tx: Tx, sku_ids: Iterable[int]) -> dict[int, Product]:
    """The products of these numbers, in one statement."""
    return {product.sku_id: product for product in await store.by_id(tx, list(sku_ids))}


async def variants(tx: Tx, styles: Iterable[str]) -> dict[str, list[Product]]:
    """The products of each style that are sold, in the order in which they were created; a few hundred at most."""
    found: dict[str, list[Product]] = {}
    for product in await store.variants(tx, sorted({style for style in styles if style}), VARIANTS):
        if product.active:
            found.setdefault(product.style, []).append(product)
    return found


async def page(tx: Tx, *, after: int = 0, limit: int) -> list[Product]:
    """The next `limit` products in the order in which they were created; `after` is the last `sku_id` seen."""
    return await store.page(tx, after, limit)
