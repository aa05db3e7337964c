"""The only file that runs the catalog's SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from doorstep.catalog.model import Product, ProductData
from doorstep.db import Tx, statements

SQL = statements(__package__)


async def put(tx: Tx, products: Sequence[ProductData], now: datetime) -> tuple[int, int]:
    """Write products by their SKU; returns how many were new and how many changed."""
    row = await tx.fetchrow(SQL.put_products, [_data(product) for product in products], now)
    assert row is not None
    return row["created"], row["changed"]


async def by_sku(tx: Tx, skus: Sequence[str]) -> list[Product]:
    """The products of these SKUs that exist."""
    return [product for _, product in (await with_versions(tx, skus)).values()]


async def with_versions(tx: Tx, skus: Sequence[str]) -> dict[str, tuple[int, Product]]:
    """The products of these SKUs that exist, by SKU, each with its row's version: another one once it is written."""
    found = {}
    for row in await tx.fetch(SQL.by_sku, list(skus)):
        fields = dict(row)
        version = fields.pop("version")
        found[row["sku"]] = version, msgspec.convert(fields, Product)
    return found


async def versions(tx: Tx, sku_ids: Sequence[int]) -> dict[int, int]:
    """The versions of these products' rows, by their numbers."""
    return {row["sku_id"]: row["version"] for row in await tx.fetch(SQL.versions, list(sku_ids))}


async def by_id(tx: Tx, sku_ids: Sequence[int]) -> list[Product]:
    """The products of these numbers."""
    return [_product(row) for row in await tx.fetch(SQL.by_id, list(sku_ids))]


async def variants(tx: Tx, styles: Sequence[str], limit: int) -> list[Product]:
    """The products of these styles, inactive ones too, in the order of their numbers."""
    return [_product(row) for row in await tx.fetch(SQL.variants, list(styles), limit)]


async def page(tx: Tx, after: int, limit: int) -> list[Product]:
    """Products in the order of their numbers, those after `after`."""
    return [_product(row) for row in await tx.fetch(SQL.page, after, limit)]


async def lock_kits(tx: Tx) -> None:
    """Wait until no other transaction writes kits."""
    await tx.execute(SQL.lock_kits)


async def used_in_kits(tx: Tx, skus: Sequence[str]) -> list[tuple[str, str]]:
    """Which of these SKUs are components, and of which kits: (kit, component)."""
    return [(row["kit"], row["component"]) for row in await tx.fetch(SQL.used_in_kits, list(skus))]


async def stocked(tx: Tx, skus: Sequence[str]) -> set[str]:
    """Which of these SKUs have units on a shelf, or claimed."""
    return {row["sku"] for row in await tx.fetch(SQL.stocked, list(skus))}


async def set_release(tx: Tx, sku_id: int, release_at: datetime | None) -> bool:
    """Set when a product may leave; False when that is so already."""
    done: str = await tx.execute(SQL.set_release, sku_id, release_at)
    return done == "UPDATE 1"


def _data(product: ProductData) -> dict[str, Any]:
    """The product without its number, should it have one."""
    return {field: getattr(product, field) for field in ProductData.__struct_fields__}


def _product(row: Any) -> Product:
    return msgspec.convert(dict(row), Product)
