"""One play: the stage, the buyers, the floor, the kills; and what is found afterwards."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from doorstep.db.pool import GONE
from doorstep.demo.calls import Calls, CarrierDesk
from doorstep.demo.loading import SERVICES, TRANSIT
from doorstep.demo.runfile import Done, new_run
from doorstep.demo.stage import Stage, on_stage, set_clock
from doorstep.demo.summary import Figures, measure
from doorstep.kit.errors import Unavailable
from tests.races.servers import free_port
from tests.support.shop import ADDRESS, CUSTOMER, LOCATIONS, PRODUCTS
from tests.support.waiting import eventually

VICTIMS = ("server", "worker", "postgres")
OPENED_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BUYERS = 6
_UNITS = 100_000
_BACK_WITHIN_S, _SETTLED_WITHIN_S = 180.0, 300.0
_AT_ONCE = 0.2  # share of kills that take a second process with them


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `kills` by victim; `faults` is empty when all is as it must be."""

    kills: dict[str, int]
    orders: int
    repeated: int
    labels: int
    captured_minor: int
    messages: int
    mails_twice: int
    seconds: float
    faults: Sequence[str]


class Play:
    """Buyers and the floor on a stage, until told to stop."""

    def __init__(self, stage: Stage, *, seed: int) -> None:
        self.stage, self.dice = stage, random.Random(seed)
        self.api = Calls(stage.api_url, api_key=stage.run.api_key, connections=BUYERS + 4)
        self._road = Calls(stage.carrier_url)
        self.carrier = CarrierDesk(self._road)
        self.kept: dict[str, tuple[dict[str, Any], bytes]] = {}  # by number: what was sent, and the first answer
        self.kills: Counter[str] = Counter()
        self.over = False
        self._opened = monotonic()

    async def open(self) -> None:
        """Fill the shelves."""
        await self.api.do("PUT", "/v1/channels", [{"channel": "web", "title": "Web shop", "currency": "GBP"}])
        await self.api.do("PUT", "/v1/locations", LOCATIONS)
        await self.api.do("PUT", "/v1/products", PRODUCTS)
        await self.api.do("PUT", "/v1/services", SERVICES)
        await self.api.do("PUT", "/v1/transit", TRANSIT)
        for place in ("north", "south"):
            lines = [{"sku": sku, "quantity": _UNITS} for sku in ("MUG", "CARD")]
            note = {"reference": f"opening {place}", "location": place, "lines": lines}
            await self.api.do("POST", "/v1/stock/receipts", note)

    async def buyer(self, name: int) -> None:
        """One order after the other; each is sent again until it is answered, and its answer kept."""
        number = 0
        while not self.over:
            number += 1
            order = _order(f"K-{name}-{number:05}", 1 + number % 3)
            reply = await self.api.ask("POST", "/v1/orders", order)
            if reply.status not in (200, 201):
                raise AssertionError(f"{order['number']} was answered {reply.status}: {reply.content!r}")
            self.kept[order["number"]] = order, reply.content

    async def floor(self) -> None:
        """Whatever lies there is accepted, picked, packed and handed over, wave after wave."""
        while not self.over:
            await self._wave()

    async def _wave(self) -> int:
        work = (await self.api.get("/v1/fulfillment-orders", dict, limit=100))["items"]
        open_ = [one for one in work if not one["on_hold"] and one["status"] != "packed"]
        for verb in ("accept", "pick", "pack"):
            if open_:
                ids = [one["fulfillment_order_id"] for one in open_]
                await self.api.do("POST", f"/v1/fulfillment-orders/{verb}", {"ids": ids})
        found = await self.api.get("/v1/shipments", dict, limit=100, labeled="true", handed_over="false")
        if parcels := {one["shipment_id"]: one["tracking_number"] for one in found["items"]}:
            await self.api.do("POST", "/v1/shipments/hand-over", {"ids": list(parcels)})
            at = OPENED_AT + timedelta(seconds=monotonic() - self._opened)
            await self.carrier.scan(list(parcels.values()), at)
        return len(open_) + len(parcels)

    async def kill(self, many: int, tell: Callable[[str], None]) -> None:
        """So many kills, each some orders after the one before, now and then two at once."""
        while sum(self.kills.values()) < many:
            goal = len(self.kept) + self.dice.randint(1, 12)
            await eventually(partial(self._answered, goal), within_s=_BACK_WITHIN_S)
            victims = self.dice.sample(VICTIMS, 2 if self.dice.random() < _AT_ONCE else 1)
            for name in victims[: many - sum(self.kills.values())]:
                pid = await eventually(partial(self._pid, name), within_s=_BACK_WITHIN_S)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.kills[name] += 1
            tell(f"{sum(self.kills.values())} of {many} killed, {len(self.kept)} orders answered")

    def _answered(self, goal: int) -> bool:
        return len(self.kept) >= goal

    def _pid(self, name: str) -> int:
        return self.stage.pids.get(name) or 0

    async def settle(self) -> Figures:
        """Wait until nothing is under way; the figures and the audit then."""
        with closing(Done(self.stage.folder)) as done:
            return await eventually(lambda: self._settled(done), within_s=_SETTLED_WITHIN_S, every_s=1.0)

    async def _settled(self, done: Done) -> Figures:
        try:
            return await self._quiet(done)
        except (Unavailable, *GONE) as error:  # the last one killed may have been PostgreSQL, and is on its way back
            raise AssertionError(f"not back yet: {error!r}") from error

    async def _quiet(self, done: Done) -> Figures:
        async with self.stage.brand.transaction() as tx:
            # The pause after a failed call is for the partner's sake; what is tested is what comes after it.
            await tx.execute("UPDATE jobs SET retry_at = '-infinity' WHERE state = 'waiting'")
        await self._wave()
        figures = await measure(self.stage, done)
        assert figures["audit"]["ok"], figures["audit"]["broken"]
        # There is enough of everything and nobody cancels, so each unit ends in the post.
        waiting = await self._value("SELECT count(*) FROM order_lines WHERE ordered > shipped + delivered")
        assert not waiting, f"{waiting} lines are not in the post"
        return figures

    async def faults(self, figures: Figures) -> list[str]:
        """Whatever is not as it must be."""
        found = [str(one) for one in figures["audit"]["broken"]]
        for name in ("labels_bought_twice", "captured_more_than_once"):
            found += [f"{name}: {figures['outside'][name]}"] * bool(figures["outside"][name])
        for number, (order, first) in self.kept.items():
            again = await self.api.ask("POST", "/v1/orders", order)
            if (again.status, again.content) != (200, first):
                found.append(f"{number} was answered {first!r}, and is now answered {again.status} {again.content!r}")
        orders = await self._value("SELECT count(*) FROM orders")
        if orders != len(self.kept):
            found.append(f"{len(self.kept)} orders were answered, {orders} are there")
        for what, query in _TWICE.items():
            found += [f"{what}: {many}" for many in [await self._value(query)] if many]
        return found

    async def _value(self, query: str) -> int:
        async with self.stage.brand.reading() as tx:
            found: int = await tx.fetchval(query)
        return found

    async def close(self) -> None:
        """Close the connections."""
        await self.api.aclose()
        await self._road.aclose()


_TWICE = {
    "order numbers that stand twice": "SELECT count(*) FROM (SELECT 1 FROM orders GROUP BY channel_id, number"
    " HAVING count(*) > 1) d",
    "orders with more units in the post than were ordered": "SELECT count(*) FROM (SELECT l.order_id FROM"
    " fulfillment_lines l JOIN order_lines o USING (order_id, line_no) GROUP BY l.order_id, l.line_no, o.ordered"
    " HAVING sum(l.shipped) > o.ordered) d",
    "units that left the house and were not ordered": "SELECT greatest(0, (SELECT coalesce(-sum(on_hand_delta), 0)"
    " FROM stock_movements WHERE kind = 'shipped') - (SELECT sum(ordered) FROM order_lines))",
}


def _order(number: str, units: int) -> dict[str, Any]:
    return {
        "channel": "web", "number": number, "currency": "GBP", "customer": CUSTOMER, "ship_to": ADDRESS,
        "service": "standard", "payment": {"token": "tok_ok"}, "total_minor": 1000 * units + 250 + 395,
        "lines": [{"sku": "MUG", "quantity": units, "unit_price_minor": 1000},
                  {"sku": "CARD", "quantity": 1, "unit_price_minor": 250}],
        "shipping_minor": 395,
    }  # fmt: skip


async def play(folder: Path, *, kills: int, seed: int, tell: Callable[[str], None]) -> Outcome:
    """Play it in an empty folder."""
    started = monotonic()
    run = new_run(end=OPENED_AT, seed=seed, orders=None)

    def changed(name: str, state: str) -> None:
        tell(f"{name} {state}")

    async with on_stage(folder, run, starts_at=OPENED_AT, port=free_port(), tell=changed) as stage:
        await set_clock(stage.brand, OPENED_AT, rate=1.0)
        made = Play(stage, seed=seed)
        try:
            await made.open()
            async with asyncio.TaskGroup() as group:
                for name in range(BUYERS):
                    group.create_task(made.buyer(name))
                group.create_task(made.floor())
                await made.kill(kills, tell)
                made.over = True
            tell("settling")
            figures = await made.settle()
            faults = await made.faults(figures)
        finally:
            await made.close()
        return Outcome(
            kills=dict(made.kills),
            orders=len(made.kept),
            repeated=made.api.repeated,
            labels=figures["outside"]["labels_bought"],
            captured_minor=figures["outside"]["bank"]["captured_minor"],
            messages=figures["messages"].get("sent", 0),
            mails_twice=figures["outside"]["messages_repeated"],
            seconds=monotonic() - started,
            faults=faults,
        )
