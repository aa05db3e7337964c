"""Products in the database."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from doorstep import catalog
from doorstep.catalog import PersonalizationField, ProductData
from doorstep.db import Brand
from doorstep.kit.errors import Invalid

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
MUG = ProductData(
    sku="MUG",
    title="Mug",
    weight_g=350,
    length_mm=120,
    width_mm=90,
    height_mm=100,
    handling=("fragile",),
    personalization=(PersonalizationField(name="name", label="Name", choices=("ADA", "BEA")),),
    return_days=14,
)


async def test_a_product_is_read_as_it_was_written(brand: Brand) -> None:
    async with brand.transaction() as tx:
        stored = await catalog.put_products(tx, [MUG], now=NOW)
        found = await catalog.load(tx, ["MUG", "NONE"])
        again = await catalog.by_id(tx, [found["MUG"].sku_id])
    assert (stored.created, stored.changed) == (1, 0)
    assert list(found) == ["MUG"]
    assert again == {found["MUG"].sku_id: found["MUG"]}
    assert {name: getattr(found["MUG"], name) for name in MUG.__struct_fields__} == msgspec.structs.asdict(MUG)


async def test_the_same_list_again_changes_nothing_and_uses_up_no_number(brand: Brand) -> None:
    tall = msgspec.structs.replace(MUG, height_mm=130, active=False)
    other = msgspec.structs.replace(MUG, sku="CUP")
    async with brand.transaction() as tx:
        await catalog.put_products(tx, [MUG], now=NOW)
        same = await catalog.put_products(tx, [MUG], now=NOW)
        changed = await catalog.put_products(tx, [tall, other], now=NOW)
        found = await catalog.load(tx, ["MUG", "CUP"])
    assert (same.created, same.changed) == (0, 0)
    assert (changed.created, changed.changed) == (1, 1)
    assert found["CUP"].sku_id == found["MUG"].sku_id + 1
    assert (found["MUG"].height_mm, found["MUG"].active) == (130, False)


async def test_a_list_with_a_fault_writes_nothing_and_tells_every_fault(brand: Brand) -> None:
    twice = msgspec.structs.replace(MUG, handling=("cold", "cold"))
    async with brand.transaction() as tx:
        with pytest.raises(Invalid) as error:
            await catalog.put_products(tx, [MUG, twice], now=NOW)
        assert await catalog.load(tx, ["MUG"]) == {}
    assert {fault.pointer for fault in error.value.faults} == {"/1/sku", "/1/handling"}


async def test_more_than_a_thousand_products_are_refused(brand: Brand) -> None:
    many = [msgspec.structs.replace(MUG, sku=f"S{i}") for i in range(1_001)]
    async with brand.transaction() as tx:
        with pytest.raises(Invalid):
            await catalog.put_products(tx, many, now=NOW)
        assert (await catalog.put_products(tx, many[:1_000], now=NOW)).created == 1_000


async def test_pages_follow_each_other_without_gap_or_overlap(brand: Brand) -> None:
    async with brand.transaction() as tx:
        await catalog.put_products(tx, [msgspec.structs.replace(MUG, sku=f"S{i}") for i in range(5)], now=NOW)
        first = await catalog.page(tx, limit=3)
        second = await catalog.page(tx, after=first[-1].sku_id, limit=3)
    assert [product.sku for product in (*first, *second)] == ["S0", "S1", "S2", "S3", "S4"]
