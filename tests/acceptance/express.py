"""Express orders behind a mountain of standard ones: from the click to the pick list."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from math import ceil
from pathlib import Path
from time import monotonic
from uuid import UUID

from doorstep import settings as settings_of
from doorstep.kit.ids import parse
from doorstep.settings import Settings
from tests.acceptance.model import Measure, at_least, at_most
from tests.acceptance.scratch import database, folder, say
from tests.orders.world import World, placing
from tests.races.buyers import body_of, post, write_key
from tests.races.servers import serving
from tests.support.waiting import eventually

STANDARD, TOGETHER, EXPRESS = 30_000, 250, 100  # a worker gets through a third of them meanwhile
STILL_WAITING = 10_000
WITHIN_S = 5.0


def measure() -> Sequence[Measure]:
    """Standard orders placed and nothing done for them; then a worker, and express orders over HTTP; never less than
    10,000 of the others wait meanwhile.
    """
    return asyncio.run(_measure())


async def _measure() -> list[Measure]:
    async with database() as made:
        world = await World(await made.brand("main")).open({"north": {"MUG": 10 * (STANDARD + EXPRESS)}})
        say(f"{STANDARD:,} standard orders")
        for start in range(0, STANDARD, TOGETHER):
            requests = [placing(f"S-{number}", ("MUG", 1)) for number in range(start, start + TOGETHER)]
            assert all(outcome.new for outcome in await world.place(*requests))
        key = await write_key(world, made)
        with folder() as place, serving(made.dsn, place, processes=1) as (host,):
            async with _working(made.dsn, place):
                say(f"{EXPRESS} express orders, one after the other")
                waits = [await _buy(world, host, key, f"E-{number}") for number in range(EXPRESS)]
                left = await world.value(
                    "SELECT count(*) FROM orders WHERE lane = 1 AND NOT EXISTS"
                    " (SELECT FROM fulfillment_orders f WHERE f.order_id = orders.order_id)"
                )
    waits.sort()
    return [
        at_most("from click to pick list, p50", round(waits[len(waits) // 2], 2), WITHIN_S, " s"),
        at_most("from click to pick list, p99", round(waits[ceil(0.99 * len(waits)) - 1], 2), WITHIN_S, " s"),
        at_least("standard orders that still waited then", left, STILL_WAITING),
    ]


async def _buy(world: World, host: str, key: str, number: str) -> float:
    """Place an express order; seconds until a picker sees it."""
    clicked = monotonic()
    reply = await post(host, key, {**body_of(number, "MUG"), "service": "express"})
    assert reply.status == 201, reply.body
    order_id = parse("ord", reply.body["order_id"])

    listed: Callable[[], Awaitable[bool]] = partial(_listed, world, order_id)
    await eventually(listed, within_s=60)  # type: ignore[arg-type]  # of an async check mypy takes the answer for Never
    return monotonic() - clicked


async def _listed(world: World, order_id: UUID) -> bool:
    found: bool = await world.value(
        "SELECT EXISTS (SELECT FROM fulfillment_orders WHERE order_id = $1 AND status_category = 'activated')", order_id
    )
    return found


@asynccontextmanager
async def _working(dsn: str, place: Path) -> AsyncIterator[None]:
    """A worker of its own, as it runs in the field; it has no partners outside."""
    settings = Settings(database_url=dsn, secret="0" * 32, log_level="warning", data=place)
    with (place / "worker.log").open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "doorstep", "worker"],
            env={**os.environ, **settings_of.environment(settings)},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.wait, 60)
