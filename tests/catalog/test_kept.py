"""What a process remembers of the catalog is what the catalog says."""

from __future__ import annotations

import contextlib

import msgspec
import pytest

from doorstep import catalog
from doorstep.catalog import Component, Kept, Product, store
from doorstep.db import Brand, Tx
from tests.catalog.test_products import MUG, NOW

CUP = msgspec.structs.replace(MUG, sku="CUP")
SET = msgspec.structs.replace(
    MUG, sku="SET", handling=(), personalization=(), components=(Component(sku="CUP", quantity=2),)
)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The SKUs that were read whole, in order."""
    read: list[str] = []
    with_versions = store.with_versions

    async def noting(tx: Tx, skus: list[str]) -> dict[str, tuple[int, Product]]:
        read.extend(sorted(skus))
        return await with_versions(tx, skus)

    monkeypatch.setattr(store, "with_versions", noting)
    return read


async def put(brand: Brand, *products: catalog.ProductData) -> None:
    async with brand.transaction() as tx:
        await catalog.put_products(tx, products, now=NOW)


async def load(brand: Brand, kept: Kept, *skus: str) -> dict[str, Product]:
    async with brand.transaction() as tx:
        found = await kept.load_whole(tx, skus)
        stored = await catalog.by_id(tx, [product.sku_id for product in found.values()])
        assert found == {product.sku: product for product in stored.values()}
    return found


async def test_a_product_is_read_once_and_again_when_it_was_written(brand: Brand, read: list[str]) -> None:
    kept = Kept()
    await put(brand, MUG, CUP)
    assert await load(brand, kept, "MUG", "CUP") == await load(brand, kept, "CUP", "MUG")
    assert read == ["CUP", "MUG"]
    await put(brand, msgspec.structs.replace(MUG, active=False))
    assert not (await load(brand, kept, "MUG", "CUP"))["MUG"].active
    assert read == ["CUP", "MUG", "MUG"]


async def test_what_was_written_and_taken_back_is_not_read_again(brand: Brand, read: list[str]) -> None:
    kept = Kept()
    await put(brand, MUG)
    await load(brand, kept, "MUG")
    with contextlib.suppress(LookupError):
        async with brand.transaction() as tx:
            await catalog.put_products(tx, [msgspec.structs.replace(MUG, active=False)], now=NOW)
            raise LookupError
    assert (await load(brand, kept, "MUG"))["MUG"].active
    assert read == ["MUG"]


async def test_a_sku_that_is_not_there_is_looked_for_each_time(brand: Brand, read: list[str]) -> None:
    kept = Kept()
    assert await load(brand, kept, "MUG") == {}
    await put(brand, MUG)
    assert list(await load(brand, kept, "MUG")) == ["MUG"]
    assert read == ["MUG", "MUG"]


async def test_the_components_of_kits_come_along_and_are_as_they_are_now(brand: Brand, read: list[str]) -> None:
    kept = Kept()
    await put(brand, CUP)
    await put(brand, SET)
    read.clear()  # who writes a kit reads its components
    assert set(await load(brand, kept, "SET")) == {"SET", "CUP"}
    await put(brand, msgspec.structs.replace(CUP, active=False))
    assert not (await load(brand, kept, "SET"))["CUP"].active
    assert read == ["SET", "CUP", "CUP"]


async def test_it_remembers_no_more_than_it_may(brand: Brand, read: list[str]) -> None:
    kept = Kept(most=1)
    await put(brand, MUG, CUP)
    for sku in ("MUG", "CUP", "CUP", "MUG"):
        assert list(await load(brand, kept, sku)) == [sku]
    assert read == ["MUG", "CUP", "MUG"]
