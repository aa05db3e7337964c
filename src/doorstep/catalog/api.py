"""HTTP: products."""

from __future__ import annotations

import msgspec
from litestar import get, put
from litestar.params import Parameter

from doorstep.catalog.model import Product, ProductData
from doorstep.catalog.put import Stored, put_products
from doorstep.catalog.reads import load, page
from doorstep.db import Brand, Tx
from doorstep.db.pool import clock_now
from doorstep.kit.errors import NotFound
from doorstep.kit.limits import PAGE_DEFAULT, PAGE_MAX
from doorstep.kit.paging import decode, encode


class ProductPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some products, and the cursor of the next ones (null at the end)."""

    items: list[ProductData]
    next_cursor: str | None


@put("/v1/products", tags=["catalog"])
async def replace_products(brand: Brand, data: list[ProductData]) -> Stored:
    """Create or replace up to 1,000 products by their SKU, all or none. The same list again changes nothing."""

    async def act(tx: Tx) -> Stored:
        return await put_products(tx, data, now=await clock_now(tx))

    return await brand.run(act)


@get("/v1/products", tags=["catalog"])
async def list_products(
    brand: Brand,
    limit: int = Parameter(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX),
    cursor: str | None = None,
) -> ProductPage:
    """All products, in the order in which they were created."""
    (after,) = decode(cursor, (int,)) if cursor else (0,)
    after = min(max(after, 0), 2**31 - 1)
    async with brand.reading() as tx:
        found = await page(tx, after=after, limit=limit + 1)
    more = encode((found[limit - 1].sku_id,)) if len(found) > limit else None
    return ProductPage(items=[_view(product) for product in found[:limit]], next_cursor=more)


@get("/v1/products/{sku:str}", tags=["catalog"])
async def read_product(brand: Brand, sku: str) -> ProductData:
    """One product."""
    async with brand.reading() as tx:
        product = (await load(tx, [sku])).get(sku)
    if product is None:
        raise NotFound(f"There is no product {sku[:100]!r}.")
    return _view(product)


def _view(product: Product) -> ProductData:
    """Without the number that is ours alone."""
    return ProductData(**{field: getattr(product, field) for field in ProductData.__struct_fields__})


HANDLERS = (replace_products, list_products, read_product)
