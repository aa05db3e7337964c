"""When placing wakes the workers: for few orders and for express ones; else they look by themselves."""

from __future__ import annotations

import asyncpg
import pytest

from doorstep.kit.limits import ORDERS_HINTED
from doorstep.orders.placing import Placing
from tests.orders.world import World, placing
from tests.support.waiting import eventually


def some(count: int, service: str = "standard") -> list[Placing]:
    return [placing(f"H-{n}", ("MUG", 1), service=service) for n in range(count)]


@pytest.mark.parametrize(
    ("batch", "hints"),
    [
        (some(1), ["main"]),
        (some(ORDERS_HINTED), ["main"]),
        (some(ORDERS_HINTED + 1), []),
        ([*some(ORDERS_HINTED), placing("X", ("MUG", 1), service="express")], ["main"]),
    ],
    ids=["one", "few", "many", "many, one of them express"],
)
async def test_few_orders_and_express_ones_wake_the_workers(
    world: World, dsn: str, batch: list[Placing], hints: list[str]
) -> None:
    heard: list[object] = []
    listener = await asyncpg.connect(dsn)
    try:
        await listener.add_listener("doorstep_events", lambda *told: heard.append(told[-1]))
        outcomes = await world.place(*batch)
        assert all(outcome.new for outcome in outcomes)
        await listener.execute("SELECT pg_notify('doorstep_events', 'end')")
        await eventually(lambda: "end" in heard)
    finally:
        await listener.close()
    assert heard == [*hints, "end"]
