"""Products in the memory of a process that reads the same ones again and again, each as it stands all the same."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

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
        wanted = set(skus)
        known = self.remembered(wanted)
        versions = await store.versions(tx, [product.sku_id for product in known.values()]) if known else {}
        return await self.confirmed(tx, wanted, versions)

    def remembered(self, skus: Collection[str]) -> dict[str, Product]:
        """What it knows of these SKUs, and of the components of kits among them, as it was when last looked at."""
        found = {sku: self._known[sku][1] for sku in skus if sku in self._known}
        parts = {part.sku for product in found.values() for part in product.components} - found.keys()
        return found | {sku: self._known[sku][1] for sku in parts if sku in self._known}

    async def confirmed(self, tx: Tx, skus: Collection[str], versions: Mapping[int, int]) -> dict[str, Product]:
        """The products of these SKUs with their components. `versions`: those of the rows of all `remembered`, by their
        numbers, as just read; what is remembered otherwise, or not at all, is read anew.
        """
        found = await self._confirmed(tx, skus, versions)
        parts = {part.sku for product in found.values() for part in product.components} - found.keys()
        return found | await self._confirmed(tx, parts, versions) if parts else found

    async def _confirmed(self, tx: Tx, skus: Collection[str], versions: Mapping[int, int]) -> dict[str, Product]:
        found = {}
        for sku in skus:
            known = self._known.get(sku)
            if known and versions.get(known[1].sku_id) == known[0]:
                found[sku] = known[1]
        if len(found) < len(skus):
            read = await store.with_versions(tx, [sku for sku in skus if sku not in found])
            if len(self._known) + len(read) > self._most:
                self._known.clear()
            self._known |= read
            found |= {sku: product for sku, (_, product) in read.items()}
        return found
