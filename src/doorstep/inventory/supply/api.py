"""HTTP: how products are sold beyond their stock, and what waits for which delivery."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from litestar import get, put
from litestar.params import Parameter

from doorstep.db import Brand, Tx
from doorstep.inventory.supply.terms import BeyondStockTerms, BeyondStockView, put_terms, read_terms, terms_page
from doorstep.kit.limits import PAGE_DEFAULT, PAGE_MAX
from doorstep.kit.paging import decode, encode


class TermsChanged(msgspec.Struct, frozen=True, kw_only=True):
    """How many products have other terms than before."""

    changed: int


class TermsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some products' terms, and the cursor of the next ones (null at the end)."""

    items: Sequence[BeyondStockView]
    next_cursor: str | None


@put("/v1/beyond-stock", tags=["inventory"])
async def replace_beyond_stock(brand: Brand, data: list[BeyondStockTerms]) -> TermsChanged:
    """Set how products are sold beyond their stock, all or none. The same list again changes nothing; 409 when a cap
    would be below what is promised already. Orders follow a release that moved: they get a new date and are told.
    """

    async def act(tx: Tx) -> TermsChanged:
        return TermsChanged(changed=await put_terms(tx, data))

    return await brand.run(act)


@get("/v1/beyond-stock", tags=["inventory"])
async def list_beyond_stock(
    brand: Brand,
    sku: list[str] | None = None,
    limit: int = Parameter(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX),
    cursor: str | None = None,
) -> TermsPage:
    """Products that are sold beyond their stock, with what is promised; or those asked for by `sku`, whatever they
    are.
    """
    (after,) = decode(cursor, (int,)) if cursor else (0,)
    async with brand.reading() as tx:
        if sku:
            return TermsPage(items=await read_terms(tx, sku[:PAGE_MAX]), next_cursor=None)
        items, last = await terms_page(tx, after=min(max(after, 0), 2**31 - 1), limit=limit)
    return TermsPage(items=items, next_cursor=encode((last,)) if last is not None else None)


HANDLERS = (replace_beyond_stock, list_beyond_stock)
