"""Metrics for Prometheus, read from the database when they are asked for: every server process answers alike."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from litestar import Response, get
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from doorstep import reconciliation
from doorstep.db import Brand, Database, statements
from doorstep.db.pool import clock_now
from doorstep.jobs.model import SQL as JOBS
from doorstep.journal import Reaction
from doorstep.kit.limits import METRICS_LOOK_BACK, METRICS_PARCELS, METRICS_WITHIN_S
from doorstep.orders.intake import Standing
from doorstep.orders.model import Placed
from doorstep.web.api.context import app_state
from doorstep.web.api.operations import Backlog, backlog_at

SQL = statements(__package__)

_TEXT = "text/plain; version=0.0.4"  # the framework adds the charset

# Field of the backlog → the metric's name and what it says.
_WAITING = {
    "events_unplaced": ("events_unplaced", "Events committed that the relay has given no position yet."),
    "oldest_unplaced_s": ("events_unplaced_oldest_seconds", "How long the oldest of them waits, by the wall clock."),
    "reactions_due": ("reactions_behind", "Cursors of reactions that have an event to digest."),
    "parked_events": ("events_parked", "Events that a reaction could not digest: their orders wait for a person."),
    "jobs_waiting": ("jobs_waiting", "Jobs not done yet, those for later included."),
    "jobs_due": ("jobs_due", "Jobs whose time has come."),
    "jobs_backing_off": ("jobs_backing_off", "Jobs that failed, are due, and pause before the next try."),
}
# Field of an intake's standing → likewise.
_QUEUE = {
    "orders": ("intake_waiting", "Orders that wait to be placed, in the process that answers."),
    "lines": ("intake_waiting_lines", "Their lines."),
    "oldest_s": ("intake_waiting_oldest_seconds", "How long the oldest of them waits."),
    "refused": ("intake_refused", "Orders refused for want of room since the process began."),
    "late": ("intake_late", "Orders told that they waited too long since the process began."),
}
_PROMISE = (
    f"The newest parcels at the door, {METRICS_PARCELS} at most, of the last {METRICS_LOOK_BACK.days} days of the "
    "brand's clock, against the date their customer was told first; undated: there was none."
)


_DRIFT = "How far our books, and a location's own, were apart last night,"


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What one brand answers to one scrape. `exceptions` by kind, `parcels` by how their first date was kept, `carts`
    that hold units by whether their time is up.
    """

    placed: int
    backlog: Backlog
    poisoned: int
    exceptions: Mapping[str, int]
    parcels: Mapping[str, int]
    carts: Mapping[str, int]
    drift: Sequence[reconciliation.Figure]


class Metrics:
    """Answers scrapes one after the other: however many ask, one connection is taken from those who serve orders."""

    def __init__(self, database: Database, standing: Callable[[], Mapping[str, Standing]] = dict) -> None:
        self._database, self._standing = database, standing
        self._turn = asyncio.Lock()

    async def __call__(self, reactions: Sequence[Reaction]) -> bytes:
        """All brands in the text format 0.0.4. Raises TimeoutError when the database takes too long."""
        async with asyncio.timeout(METRICS_WITHIN_S), self._turn:
            found = {
                name: await count(await self._database.brand(name), reactions) for name in await self._database.brands()
            }
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Gathered(found, self._standing()))
        return generate_latest(registry)


async def count(brand: Brand, reactions: Sequence[Reaction]) -> Counts:
    """Count everything of a brand at one moment. What is read is bounded by what is open, not by what was ever done."""
    async with brand.snapshot() as tx:
        now = await clock_now(tx)
        exceptions = await tx.fetch(SQL.open_exceptions_by_kind)
        parcels = await tx.fetchrow(SQL.first_dates_kept, now - METRICS_LOOK_BACK, METRICS_PARCELS)
        holding = await tx.fetch(SQL.carts_that_hold, now)
        assert parcels is not None
        return Counts(
            placed=await tx.fetchval(SQL.orders_placed, Placed.KIND),
            backlog=await backlog_at(tx, reactions, now=now),
            poisoned=await tx.fetchval(JOBS.poisoned),
            exceptions={row["kind"]: row["open"] for row in exceptions},
            parcels=dict(parcels),
            drift=await reconciliation.latest(tx),
            carts={"open": 0, "expired": 0} | {row["state"]: row["carts"] for row in holding},
        )


class _Gathered(Collector):
    """What was counted, as Prometheus's families of metrics."""

    def __init__(self, found: Mapping[str, Counts], standing: Mapping[str, Standing]) -> None:
        self._found, self._standing = found, standing

    def collect(self) -> Iterable[Metric]:
        """The families, in the order they are shown."""
        placed = CounterMetricFamily("doorstep_orders_placed", "Orders placed since the brand began.", labels=["brand"])
        poisoned = _gauge("jobs_poisoned", "Jobs given up; each has an exception.", "brand")
        exceptions = _gauge("exceptions_open", "Exceptions that wait for a person.", "brand", "kind")
        parcels = _gauge("parcels_first_date", _PROMISE, "brand", "kept")
        carts = _gauge("cart_holds", "Carts that hold units; expired: until somebody needs them.", "brand", "state")
        keys = _gauge("stock_drift_keys", f"{_DRIFT} in SKUs at a location, or lines.", "brand", "location", "cause")
        units = _gauge("stock_drift_units", f"{_DRIFT} in units.", "brand", "location", "cause")
        for brand, counts in self._found.items():
            for one in counts.drift:
                keys.add_metric([brand, one.location, one.cause], one.keys)
                units.add_metric([brand, one.location, one.cause], one.units)
            placed.add_metric([brand], counts.placed)
            poisoned.add_metric([brand], counts.poisoned)
            for kind, number in counts.exceptions.items():
                exceptions.add_metric([brand, kind], number)
            for kept, number in counts.parcels.items():
                parcels.add_metric([brand, kept], number)
            for state, number in counts.carts.items():
                carts.add_metric([brand, state], number)
        return [placed, *self._intake(), *self._waiting(), poisoned, exceptions, parcels, carts, keys, units]

    def _intake(self) -> Iterable[Metric]:
        """The queue of the process that answers, under its number: another process has its own."""
        process = str(os.getpid())
        for field, (name, words) in _QUEUE.items():
            kind = CounterMetricFamily if field in ("refused", "late") else GaugeMetricFamily
            family = kind(f"doorstep_{name}", words, labels=["brand", "process"])
            for brand, standing in self._standing.items():
                family.add_metric([brand, process], getattr(standing, field))
            yield family

    def _waiting(self) -> Iterable[Metric]:
        for field, (name, words) in _WAITING.items():
            family = _gauge(name, words, "brand")
            for brand, counts in self._found.items():
                family.add_metric([brand], getattr(counts.backlog, field))
            yield family


def _gauge(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"doorstep_{name}", words, labels=labels)


@get("/metrics", opt={"public": True}, include_in_schema=False)
async def metrics() -> Response[bytes]:
    """What waits and what went well, by brand, for Prometheus. 503 when the database does not answer."""
    state = app_state()
    return Response(content=await state.metrics(state.reactions), media_type=_TEXT)


HANDLERS = (metrics,)
