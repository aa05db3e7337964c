"""What placing looks at, in one statement, is what the statements of catalog and stock say."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from doorstep import catalog, inventory
from doorstep.catalog import Component, Kept, ProductData
from doorstep.db import Brand
from doorstep.orders.look import Seen, look, terms
from tests.carts.holding import hold, set_minute
from tests.orders.world import MONDAY, World


@pytest.fixture
def kept() -> Kept:
    """A memory that knows nothing yet."""
    return Kept()


async def seen(brand: Brand, kept: Kept, *skus: str, statements: int) -> Seen:
    """What is seen, compared with what each noun says; in so many statements."""
    asked: list[str] = []
    async with brand.transaction() as tx:
        tx.add_query_logger(lambda record: asked.append(record.query))
        found = await look(tx, kept, set(skus))
        await asyncio.sleep(0)  # the last is told when the loop has its turn
        # Of a type that a connection meets for the first time its driver asks the catalog of types, once.
        assert len([one for one in asked if "typeinfo" not in one and "'jit'" not in one]) == statements, asked
        products = await catalog.load_whole(tx, skus)
        ids = {product.sku_id for product in products.values()}
        assert found.products == products
        assert (found.now, found.channels) == await terms(tx)
        stock = await inventory.read_stock(tx, ids, now=found.now)
        assert {key: units for key, units in found.available.items() if key[0] in ids} == stock
    return found


async def put(brand: Brand, sku: str, **more: object) -> None:
    """Write a product."""
    async with brand.transaction() as tx:
        before = (await catalog.load(tx, [sku])).get(sku)
        data = ProductData(sku=sku, title=sku, weight_g=100, length_mm=1, width_mm=1, height_mm=1)
        if before:
            data = msgspec.convert(
                {field: getattr(before, field) for field in ProductData.__struct_fields__}, ProductData
            )
        await catalog.put_products(tx, [msgspec.structs.replace(data, **more)], now=MONDAY)


async def test_nothing_known_is_read_and_then_remembered(world: World, kept: Kept) -> None:
    found = await seen(world.brand, kept, "MUG", "CARD", "NOTHING", statements=3)
    assert set(found.channels) == {"web"}
    assert set(found.products) == {"MUG", "CARD"}
    assert {units for (sku_id, _), units in found.available.items() if sku_id == world.skus["MUG"]} == {10, 4}
    await seen(world.brand, kept, "MUG", "CARD", statements=1)


async def test_what_was_written_since_is_seen(world: World, kept: Kept) -> None:
    await seen(world.brand, kept, "MUG", "CARD", statements=3)
    await put(world.brand, "MUG", active=False)
    await world.fill({"south": {"CARD": 7}})
    found = await seen(world.brand, kept, "MUG", "CARD", statements=2)
    assert not found.products["MUG"].active


async def test_components_of_kits_are_looked_at_too(world: World, kept: Kept) -> None:
    await put(world.brand, "SET", components=(Component(sku="MUG", quantity=2),))
    await seen(world.brand, kept, "SET", statements=4)
    await seen(world.brand, kept, "SET", statements=1)
    # Another component, which nobody has asked for yet.
    await put(world.brand, "SET", components=(Component(sku="CARD", quantity=1),))
    assert set((await seen(world.brand, kept, "SET", statements=4)).products) == {"SET", "CARD"}


async def test_what_has_expired_in_carts_counts_and_what_is_held_does_not(world: World, kept: Kept) -> None:
    await seen(world.brand, kept, "MUG", statements=3)
    before = (await seen(world.brand, kept, "MUG", statements=1)).available
    await hold(world, ("MUG", 2), minutes=15)
    held = (await seen(world.brand, kept, "MUG", statements=1)).available
    await set_minute(world, 16)
    assert (await seen(world.brand, kept, "MUG", statements=1)).available == before != held


async def test_nothing_asked_is_nothing_seen(world: World, kept: Kept) -> None:
    found = await seen(world.brand, kept, statements=1)
    assert (found.products, found.available) == ({}, {})


async def test_a_brand_without_channels_has_none(world: World, kept: Kept) -> None:
    async with world.brand.transaction() as tx:
        await tx.execute("DELETE FROM channels")
    assert (await seen(world.brand, kept, "NOTHING", statements=2)).channels == {}
