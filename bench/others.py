"""Parts d to h: availability, carts, feeds, intake among a million orders, and the whole journey."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx2

from bench import flow
from bench.intake import Intake, measured
from bench.load import drive
from bench.measure import Sample, median, sample
from bench.plan import Plan
from bench.stage import PLACES, SQL, Shop, Stage, Use
from doorstep.db.migrate import create_brand, migrate

CLIENTS = 32
PROCESSES = 2


class NotHere(Exception):
    """This version cannot do it yet; the text says what is missing."""


async def availability(stage: Stage, plan: Plan, cores: int) -> dict[str, Any]:
    """Part d: availability of fifty SKUs a request."""
    return {"requests": await _script(stage, plan, cores, "availability", "/v1/availability")}


async def carts(stage: Stage, plan: Plan, cores: int) -> dict[str, Any]:
    """Part e: carts held and released, a pair of requests each."""
    return {"carts": await _script(stage, plan, cores, "hold", "/v1/cart-holds", pair=2)}


async def _script(stage: Stage, plan: Plan, cores: int, script: str, path: str, pair: int = 1) -> Any:
    samples: list[Sample] = []
    async with stage.fresh("shop") as name, stage.shop(name, processes=PROCESSES) as shop:
        if path not in await _paths(shop):
            raise NotHere(f"there is no {path} yet")
        await drive(script, shop.target, prefix="w0-", clients=CLIENTS, seconds=plan.warm_s)
        for turn in range(plan.rounds):
            stage.say(f"{script}, run {turn + 1}")
            uses: list[Use] = []
            async with shop.watched(uses):
                load = await drive(
                    script, shop.target, prefix=f"{script[0]}{turn + 1}-", clients=CLIENTS, seconds=plan.seconds
                )
            done = (load.requests - load.refused) / pair
            samples.append(sample(done, load.seconds, uses[0], load=load, clients=CLIENTS, processes=PROCESSES))
    return median(samples, cores)


async def feeds(stage: Stage, plan: Plan, cores: int) -> dict[str, Any]:
    """Part f: feeds of all locations, of whose rows a tenth differ; from the first byte sent until all is applied."""
    samples: list[Sample] = []
    rows = min(plan.feed_rows, stage.skus * len(PLACES))
    async with stage.fresh("shop") as name, stage.shop(name) as shop:
        if "/v1/stock/feeds" not in await _paths(shop):
            raise NotHere("there is no /v1/stock/feeds yet")
        async with _client(shop) as client:
            for turn in range(plan.rounds):
                stage.say(f"f: {rows:,} rows, run {turn + 1}")
                uses: list[Use] = []
                async with shop.watched(uses):
                    seconds = await _feed(client, rows, stage.skus, turn + 1)
                samples.append(sample(rows, seconds, uses[0], processes=1))
    return {"rows": median(samples, cores), "rows_a_feed": rows}


async def _feed(client: httpx2.AsyncClient, rows: int, skus: int, turn: int) -> float:
    content = "".join(_rows(rows, skus, turn))
    began = time.monotonic()
    sent = await client.post(
        "/v1/stock/feeds",
        params={"reference": f"bench {turn}", "kind": "delta"},
        content=content,
        headers={"content-type": "text/csv"},
    )
    feed = sent.raise_for_status().json()
    while feed["ended_at"] is None:
        await asyncio.sleep(0.05)
        feed = (await client.get(f"/v1/stock/feeds/{feed['feed_id']}")).raise_for_status().json()
    if feed["state"] != "done" or feed["rows_bad"] or feed["rows_read"] != rows:
        raise RuntimeError(f"the feed ended as {feed['state']}: {feed['problem']}, {feed['rows_bad']} bad rows")
    return time.monotonic() - began


def _rows(count: int, skus: int, turn: int) -> Iterator[str]:
    yield "sku,location,on_hand\n"
    for n in range(count):
        yield f"S{1 + n % skus:06d},{PLACES[n // skus][0]},{100_000_000 - (turn if n % 10 == 0 else 0)}\n"


async def full(stage: Stage, plan: Plan, cores: int, intake: Intake) -> dict[str, Any]:
    """Part g: the same intake with a hundred times the orders there already; small and full take turns.

    The full database is not copied for each run: what the runs add to it does not show.
    """
    setting = intake.best("a", "uniform")
    await stage.make_full_shop(plan.copies)
    few: list[Sample] = []
    many: list[Sample] = []

    async def once(name: str, turn: int, samples: list[Sample]) -> None:
        async with stage.shop(name, processes=setting.processes) as shop:
            for seconds, kept in ((plan.warm_s, False), (plan.seconds, True)):
                prefix = f"G{turn}{'m' if kept else 'w'}-"
                found = await measured(
                    shop, "place", prefix, setting.clients, seconds, "uniform", 1, processes=setting.processes
                )
                if kept:
                    samples.append(found)

    try:
        for turn in range(plan.rounds):
            stage.say(f"g: run {turn + 1}")
            async with stage.fresh("shop") as name:
                await once(name, turn, few)
            await once("full", turn, many)
    finally:
        await stage.drop("full")
    return {
        "orders": {"few": plan.earlier, "many": plan.earlier * (plan.copies + 1)},
        "few": median(few, cores),
        "many": median(many, cores),
    }


def _client(shop: Shop) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{shop.target.port}",
        headers={"authorization": f"Bearer {shop.target.key}"},
        timeout=300,
        trust_env=False,
    )


async def _paths(shop: Shop) -> set[str]:
    async with _client(shop) as client:
        return set((await client.get("/openapi.json")).json()["paths"])


async def journey(stage: Stage, plan: Plan, cores: int) -> dict[str, Any]:
    """Part h: from placing to delivery with all reactions; then a burst of placing, and how long its backlog takes."""
    name = "journey"
    await stage.admin.execute(f"CREATE DATABASE {name}")
    try:
        await migrate(stage.dsn(name))
        await create_brand(stage.dsn(name), "main", "Main")
        async with flow.opened(stage.dsn(name)) as shop:
            stage.say(f"h: all steps at once for {plan.pace_s:g} s")
            before, began = shop.cost(), time.monotonic()
            pace = await flow.pace(shop, plan.pace_s)
            used, took_s = shop.cost() - before, time.monotonic() - began  # the way to a steady pace included
            await shop.settle(patience_s=plan.backlog_s)
            stage.say(f"h: a burst of {plan.burst_s:g} s, then its backlog")
            burst, complete = await _burst(shop, plan)
    finally:
        await stage.drop(name)
    shares = {"place and act": used.here_s, "worker": used.worker_s, "postgres": used.postgres_s}
    return {
        "pace": pace,
        "pace_cores": {who: round(seconds / took_s, 2) for who, seconds in shares.items()},
        "burst": burst,
        "burst_worked_off": complete,
    }


async def _burst(shop: flow.Shop, plan: Plan) -> tuple[flow.Burst, bool]:
    """The burst, and whether its backlog was worked off; if not in time, `backlog_s` is how long we waited."""
    before = await shop.value(SQL.count_orders)
    try:
        return await asyncio.wait_for(flow.burst(shop, plan.burst_s), plan.burst_s + plan.backlog_s), True
    except TimeoutError:
        placed = await shop.value(SQL.count_orders) - before
        return flow.Burst(
            placed=placed, placing_s=plan.burst_s, placed_per_s=placed / plan.burst_s, backlog_s=plan.backlog_s
        ), False
