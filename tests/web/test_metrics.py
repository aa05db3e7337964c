"""Metrics for Prometheus: what they count, by brand, and that counting stays cheap however much was ever done."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from doorstep import jobs, journal
from doorstep.db import Brand, Database
from doorstep.db.pool import clock_now
from doorstep.db.sql import statements
from doorstep.journal import give_positions
from doorstep.kit.ids import new_id
from doorstep.kit.limits import METRICS_LOOK_BACK, METRICS_PARCELS
from doorstep.settings import Settings
from doorstep.web.api import create_app, metrics
from doorstep.web.api.handlers import gather
from doorstep.web.api.openapi import describe
from tests.support.orders import NOON, stop_clock, write_order
from tests.support.shop import Shop
from tests.web.stub import HANDLERS
from tests.web.test_edge import problem
from tests.web.test_operations import Rang, trouble

Values = dict[tuple[str, ...], float]


async def scrape(client: httpx2.AsyncClient) -> Values:
    """(name, label values in the order of their names …) → value, `doorstep_` left out."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200, answer.text
    return {
        (sample.name.removeprefix("doorstep_"), *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def deliver(brand: Brand, *, days_ago: float, promised_in_days: float | None, parcels: int = 1) -> None:
    """Parcels at the door, each of an order of one line, with a first date so long after they arrived, or none."""
    arrived = NOON - timedelta(days=days_ago)
    first = None if promised_in_days is None else arrived + timedelta(days=promised_in_days)
    for _ in range(parcels):
        order_id, shipment_id = await write_order(brand), new_id()
        async with brand.transaction() as tx:
            await tx.execute(
                """INSERT INTO shipments (shipment_id, fulfillment_order_id, parcel_no, order_id, location_id, carrier,
                    service, status, tracking_number, amount_minor, created_at, handed_over_at, delivered_at)
                VALUES ($1, $1, 1, $2, 1, 'sandbox', 'standard', 'delivered', $4, 0, $3, $3, $3)""",
                shipment_id, order_id, arrived, shipment_id.hex,
            )  # fmt: skip
            await tx.execute("INSERT INTO package_lines VALUES ($1, 1, 3)", shipment_id)
            for version, date in ((1, first), (2, arrived + timedelta(days=9))):
                await tx.execute(
                    """INSERT INTO promises (order_id, line_no, version, service, promised_from, promised_by, cause,
                        made_at) VALUES ($1, 1, $2, 'standard', $3, $4, 'placed', $3)""",
                    order_id, version, arrived - timedelta(days=30), date,
                )  # fmt: skip


async def test_an_idle_brand_answers_zero_in_the_text_format_and_needs_no_key(client: httpx2.AsyncClient) -> None:
    client.headers.pop("authorization")
    answer = await client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE doorstep_orders_placed_total counter" in answer.text
    values = await scrape(client)
    assert {brand for _, brand, *_ in values} == {"main", "other"}
    assert set(values.values()) == {0.0}


async def test_every_brand_has_values_of_its_own(client: httpx2.AsyncClient, database: Database, brand: Brand) -> None:
    other = await database.brand("other")
    await trouble(brand)
    await trouble(brand)
    await trouble(other, kind="lost_parcel")
    async with other.transaction() as tx:
        subjects = [new_id() for _ in range(4)]
        await jobs.enqueue(tx, "test.work", subjects[:3], due_at=await clock_now(tx))
        await jobs.enqueue(tx, "test.work", subjects[3:], due_at=await clock_now(tx) + timedelta(days=1))
        await tx.execute("UPDATE jobs SET state = 'poisoned' WHERE subject = $1", subjects[0])
        await tx.execute("UPDATE jobs SET retry_at = now() + interval '1 hour' WHERE subject = $1", subjects[1])
    values = await scrape(client)
    assert {key: value for key, value in values.items() if key[0] == "exceptions_open"} == {
        ("exceptions_open", "main", "test_trouble"): 2,
        ("exceptions_open", "other", "lost_parcel"): 1,
    }
    found = {name: values[f"jobs_{name}", "other"] for name in ("waiting", "due", "backing_off", "poisoned")}
    assert found == {"waiting": 3, "due": 2, "backing_off": 1, "poisoned": 1}
    assert values["jobs_waiting", "main"] == 0


async def test_the_relays_lag_shows_until_it_has_caught_up(client: httpx2.AsyncClient, brand: Brand) -> None:
    async with brand.transaction() as tx:
        await journal.append(tx, [(None, Rang(times=n)) for n in (1, 2)], actor="test", now=await clock_now(tx))
        await tx.execute("UPDATE events SET recorded_at = clock_timestamp() - interval '1 minute'")
    values = await scrape(client)
    assert values["events_unplaced", "main"] == 2
    assert 60 <= values["events_unplaced_oldest_seconds", "main"] < 90
    await give_positions(brand)
    values = await scrape(client)
    assert values["events_unplaced", "main"] == 0
    assert values["events_unplaced_oldest_seconds", "main"] == 0


async def test_orders_are_counted_once_before_and_after_the_relay_and_the_worker(shop: Shop) -> None:
    for _ in range(3):
        await shop.place({"sku": "MUG"})
    before = await scrape(shop.client)
    assert before["orders_placed_total", "main"] == 3
    await give_positions(shop.brand)
    behind = await scrape(shop.client)
    assert behind["orders_placed_total", "main"] == 3
    assert behind["reactions_behind", "main"] > 0
    await shop.drain()
    await shop.place({"sku": "CARD"})
    await shop.drain()
    after = await scrape(shop.client)
    assert after["orders_placed_total", "main"] == 4
    assert after["reactions_behind", "main"] == 0
    assert await shop.value("SELECT sum(events) = (SELECT count(*) FROM events) FROM heads")


async def test_parcels_are_judged_by_the_first_date_whatever_was_said_later(
    client: httpx2.AsyncClient, brand: Brand
) -> None:
    await stop_clock(brand)
    await deliver(brand, days_ago=1, promised_in_days=1, parcels=3)
    await deliver(brand, days_ago=2, promised_in_days=0)
    await deliver(brand, days_ago=3, promised_in_days=-1, parcels=2)
    await deliver(brand, days_ago=4, promised_in_days=None)
    await deliver(brand, days_ago=METRICS_LOOK_BACK.days + 1, promised_in_days=-1)
    values = await scrape(client)
    kept = {outcome: values["parcels_first_date", "main", outcome] for outcome in ("in_time", "late", "undated")}
    assert kept == {"in_time": 4, "late": 2, "undated": 1}


async def test_carts_are_counted_by_whether_their_time_is_up(shop: Shop) -> None:
    for minutes in (5, 30, 60):
        wish = {"channel": "web", "minutes": minutes, "lines": [{"sku": sku, "quantity": 1} for sku in ("MUG", "CARD")]}
        await shop.send("POST", "/v1/cart-holds", wish, expect=201)
    await shop.set_clock(shop.now + timedelta(minutes=10))
    values = await scrape(shop.client)
    assert [values["cart_holds", "main", state] for state in ("open", "expired")] == [2, 1]


async def test_only_the_newest_parcels_are_judged_and_found_by_their_index(brand: Brand) -> None:
    await stop_clock(brand)
    await deliver(brand, days_ago=1, promised_in_days=1)
    await deliver(brand, days_ago=2, promised_in_days=-1)
    query = statements("doorstep.web.api").first_dates_kept
    async with brand.transaction() as tx:
        row = await tx.fetchrow(query, NOON - METRICS_LOOK_BACK, 1)
        assert row is not None
        assert dict(row) == {"in_time": 1, "late": 0, "undated": 0}
        # An empty table is read whole, whatever indexes there are.
        await tx.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(r[0] for r in await tx.fetch(f"EXPLAIN {query}", NOON - METRICS_LOOK_BACK, METRICS_PARCELS))
        assert "shipments_delivered" in plan
        jobs_plan = await tx.fetch(f"EXPLAIN {statements('doorstep.jobs').poisoned}")
        assert any("jobs_poisoned" in row[0] for row in jobs_plan)


async def test_scrapes_at_the_same_time_take_one_connection(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = 0, 0
    counting = metrics.count

    async def watched(*arguments: Any) -> Any:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        try:
            return await counting(*arguments)
        finally:
            inside -= 1

    monkeypatch.setattr(metrics, "count", watched)
    first = await app.state.metrics(())
    assert set(await asyncio.gather(*(app.state.metrics(()) for _ in range(5)))) == {first}
    assert most == 1


async def test_without_a_database_there_are_no_metrics_but_a_503() -> None:
    app: Any = create_app(Settings(database_url="postgresql://nobody@127.0.0.1:9/none"), handlers=HANDLERS)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://doorstep.test") as client:
        answer = await client.get("/metrics")
    problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_database_that_takes_too_long_is_a_503(
    client: httpx2.AsyncClient, database: Database, brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "METRICS_WITHIN_S", 0.1)
    async with brand.transaction() as tx:
        await tx.execute("LOCK TABLE exceptions")
        problem(await client.get("/metrics"), 503, "unavailable")
    monkeypatch.undo()
    assert await scrape(client)


def test_metrics_are_not_part_of_the_described_api() -> None:
    assert "/metrics" not in describe(gather())["paths"]
    assert any("/metrics" in handler.paths for handler in gather())


async def test_the_queue_of_the_intake_is_told_by_brand_and_process(shop: Shop) -> None:
    process = str(os.getpid())
    await shop.place({"sku": "MUG"})
    values = await scrape(shop.client)
    for name in ("waiting", "waiting_lines", "waiting_oldest_seconds", "refused_total", "late_total"):
        assert values[f"intake_{name}", "main", process] == 0.0
