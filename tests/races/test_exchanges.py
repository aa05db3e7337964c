"""Two exchanges for the last unit, and one exchange asked for twice at once."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, nullcontext
from uuid import UUID

import msgspec
import pytest

from doorstep import catalog, inventory, returns
from doorstep.catalog import ProductData
from doorstep.db import Tx
from doorstep.kit.errors import Short
from doorstep.returns import WishLine
from tests.orders.world import MONDAY, World
from tests.races.test_last_unit import NO_CHECK, without
from tests.races.watch import until_it_waits
from tests.returns.world import NOW, Line, delivered, stock_room


@pytest.fixture
async def last(world: World) -> World:
    """One lamp of the larger size, and whatever else `stock_room` has."""
    size = ProductData(sku="LAMP", title="Lamp", weight_g=1, length_mm=1, width_mm=1, height_mm=1, style="LAMP")
    async with world.brand.transaction() as tx:
        await stock_room(tx)
        sizes = [size, msgspec.structs.replace(size, sku="SMALL")]
        await catalog.put_products(tx, sizes, now=MONDAY)
        sku_id = (await catalog.load(tx, ["LAMP"]))["LAMP"].sku_id
        world.skus["LAMP"] = sku_id
        place = world.places["north"]
        await inventory.receive(tx, reference="lamps", location_id=place, units={sku_id: 1}, actor="test", now=MONDAY)
    return world


async def arrived(world: World) -> UUID:
    """An order of the smaller size that was delivered."""
    async with world.brand.transaction() as tx:
        return await delivered(tx, Line(sku="SMALL"))


async def exchange(tx: Tx, order_id: UUID, number: str = "R-1") -> returns.Return:
    """Ask for the larger size."""
    wish = WishLine(line_no=1, quantity=1, reason="too_small", exchange_sku="LAMP")
    return await returns.request(
        tx, order_id=order_id, wanted=[wish], handover="qr", outcome="exchange", number=number, actor="test", now=NOW
    )


async def two_ask_at_once(world: World, missing: AbstractContextManager[None]) -> BaseException | returns.Return:
    """The second asks while the first has not committed; what it gets."""
    one, two = await arrived(world), await arrived(world)

    async def second() -> returns.Return:
        async with world.brand.transaction() as tx:
            return await exchange(tx, two)

    with missing:
        async with world.brand.transaction() as tx:
            await exchange(tx, one)
            task = asyncio.ensure_future(second())
            await until_it_waits(world.brand, task)
        return (await asyncio.gather(task, return_exceptions=True))[0]


async def test_the_last_unit_is_exchanged_twice_without_lock_guard_and_check(last: World) -> None:
    async with last.brand.transaction() as tx:
        await tx.execute(NO_CHECK)
    got = await two_ask_at_once(last, without(lock=True, guard=True))
    assert isinstance(got, returns.Return)
    assert (await last.stock("LAMP"))["reserved"] == 2


async def test_the_last_unit_is_exchanged_once(last: World) -> None:
    got = await two_ask_at_once(last, nullcontext())
    assert isinstance(got, Short)
    assert (await last.stock("LAMP"))["reserved"] == 1
    assert await last.value("SELECT count(*) FROM returns") == await last.value("SELECT count(*) FROM exchanges") == 1


async def test_an_exchange_asked_for_twice_at_once_is_opened_once(last: World) -> None:
    order_id = await arrived(last)

    async def again() -> returns.Return:
        async with last.brand.transaction() as tx:
            return await exchange(tx, order_id)

    async with last.brand.transaction() as tx:
        first = await exchange(tx, order_id)
        task = asyncio.ensure_future(again())
        await until_it_waits(last.brand, task)
    assert await task == first
    assert await last.value("SELECT count(*) FROM exchanges") == 1
