"""A carrier may tell of a parcel while we are still writing down its label: neither transaction sees the other.

Each test holds the label's transaction open just before its commit, and lets the news come then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from doorstep import jobs
from doorstep.db import Brand, Tx
from doorstep.jobs import Work
from doorstep.shipping import store
from tests.fulfillment.floor import MONDAY, Floor
from tests.races.watch import running, until_it_waits
from tests.shipping.carriers import OwnCarrier, update


@asynccontextmanager
async def label_about_to_be_committed(
    brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Floor, asyncio.Event, asyncio.Task[Any]]]:
    """A floor whose parcel's label is written and not committed, and the event that lets it be."""
    carrier = OwnCarrier("refused")
    floor = await Floor(brand, {"Carrier:sandbox": carrier, "Carrier": carrier}).open()
    await floor.packed([("mug", 1, "north")])
    async with brand.transaction() as tx:  # a person says: try again
        await tx.execute("UPDATE jobs SET state = 'waiting' WHERE kind = 'shipping.buy_label'")
    finish, reached, go_on = jobs.finish_all, asyncio.Event(), asyncio.Event()

    async def finish_later(tx: Tx, works: Sequence[Work]) -> None:
        reached.set()
        await go_on.wait()
        await finish(tx, works)

    monkeypatch.setattr(jobs, "finish_all", finish_later)
    async with running(floor.settle()) as buying:
        await reached.wait()
        yield floor, go_on, buying


async def news(floor: Floor, number: str) -> Any:
    return await floor.tell(update(number, "e1", "in_transit", MONDAY))


async def parcel(floor: Floor) -> tuple[str | None, str]:
    async with floor.brand.reading() as tx:
        row = await tx.fetchrow("SELECT tracking_number, status FROM shipments")
    assert row is not None
    return row["tracking_number"], row["status"]


def floor_number(floor: Floor) -> str:
    """The number on the label that is not committed yet: the carrier knows it."""
    carrier = floor.ports["Carrier"]
    assert isinstance(carrier, OwnCarrier)
    (label,) = carrier.sold.values()
    return label.tracking_number


async def test_news_of_a_label_just_bought_is_missed_without_the_lock(
    brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_lock(tx: Tx, numbers: object) -> None:
        return None

    monkeypatch.setattr(store, "lock_numbers", no_lock)
    async with label_about_to_be_committed(brand, monkeypatch) as (floor, go_on, buying):
        number = floor_number(floor)
        assert (await news(floor, number)).unknown == 1
        go_on.set()
        await buying
        assert await parcel(floor) == (number, "pending")


async def test_news_of_a_label_just_bought_is_applied(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    async with label_about_to_be_committed(brand, monkeypatch) as (floor, go_on, buying):
        number = floor_number(floor)
        async with running(news(floor, number)) as telling:
            await until_it_waits(brand, telling)
            go_on.set()
            await buying
            assert (await telling).unknown == 0
        assert await parcel(floor) == (number, "in_transit")
        assert await floor.alarms() == ["label_refused"]  # from before; of an unknown number nobody is asked
