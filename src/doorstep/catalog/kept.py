"""Products in the memory of a process that reads the same ones again and again, each as it stands all the same."""

from __future__ import annotations

from collections.abc import Iterable

from doorstep.catalog import store
from doorstep.catalog.model import Product
from doorstep.db import Tx
from doorstep.kit.limits import PRODUCTS_KEPT


class Kept:
    """Remembers products by their SKU. Each time it asks whether their rows were written since, and reads those that
    were anew: asking costs a third of reading.
    """

    def __init__(self, most: int = PRODUCTS_KEPT) -> None:
        self._most = most
        self._known: dict[str, tuple[int, Product]] = {}  # with the version of the row

    async def load_whole(self, tx: Tx, skus: Iterable[str]) -> dict[str, Product]:
        """The products of these SKUs, and the components of those that are kits, as `catalog.load_whole` finds them."""
        found = await self._load(tx, set(skus))
        parts = {part.sku for product in found.values() for part in product.components} - found.keys()
        return found | await self._load(tx, parts) if parts else found

    async def _load(self, tx: Tx, skus: set[str]) -> dict[str, Product]:
        known = {sku: self._known[sku] for sku in skus if sku in self._known}
        versions = await store.versions(tx, [product.sku_id for _, product in known.values()]) if known else {}
        found = {sku: product for sku, (version, product) in known.items() if versions.get(product.sku_id) == version}
        if len(found) < len(skus):
            read = await store.with_versions(tx, [sku for sku in skus if sku not in found])
            if len(self._known) + len(read) > self._most:
                self._known.clear()
            self._known |= read
            found |= {sku: product for sku, (_, product) in read.items()}
        return found
