"""Search and lists among a million orders: how long the database takes, and the page that shows them.

`python -m tests.acceptance.million [--orders N]`; `make million`. The orders and the questions are the same every time;
a server process on the same database is then asked the same, as a browser asks the console.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import secrets
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener
from uuid import UUID

from doorstep.db import Brand, Database, Tx
from doorstep.insights import Wanted, count_orders, find_orders, rebuild
from doorstep.insights.search import FoundPage
from doorstep.kit.ids import new_id
from doorstep.kit.paging import decode
from doorstep.web.console.door import COOKIE, digest
from doorstep.web.console.orders.filters import Filters
from doorstep.web.console.people import SQL
from tests.acceptance.model import Measure, at_most, note
from tests.acceptance.scratch import database, folder, say
from tests.races.servers import serving
from tests.support.lots import FIRST, LAST, UNTIL, fill
from tests.support.staff import HASH

ORDERS, EACH, SEED = 1_000_000, 60, 11
IN_DATABASE_MS, ON_PAGE_MS = 50, 120
PAGE = 50
_THINGS = ("jersey", "mug", "red", "classic", "winter", "golden", "vase", "slim")
_FILTERS: tuple[dict[str, Any], ...] = (
    {"status": ("open",)}, {"status": ("on_hold",)}, {"status": ("canceled",)}, {"payment_status": ("captured",)},
    {"payment_status": ("refunded",)}, {"fulfillment_status": ("in_progress",)},
    {"fulfillment_status": ("backordered",)}, {"service": ("express", "fast-track")}, {"channel": ("market",)},
    {"kind": ("personalized",)}, {"kind": ("special",)}, {"location": ("place-01",)},
    {"location": ("place-12",)}, {"hold": ("awaiting_payment",)},
    {"hold": ("incorrect_address",)}, {"lane": 0}, {"gift_wrap": True}, {"late": True}, {"excepted": True},
)  # fmt: skip


class Questions:
    """What people ask, by kind, the same for the same seed. `orders` is how many there are."""

    def __init__(self, orders: int, seed: int) -> None:
        self._orders, self._random = orders, random.Random(seed)

    def all(self, each: int) -> dict[str, list[Wanted]]:
        """So many of each kind."""
        kinds: dict[str, Callable[[], Wanted]] = {
            "a common word": lambda: Wanted(text=self._random.choice(_THINGS)),
            "a name": lambda: Wanted(text=self._random.choice(LAST)),
            "a beginning of one to three letters": self._beginning,
            "a number": lambda: Wanted(text=f"{1_000_000 + self._one()}"),
            "the beginning of a number": lambda: Wanted(
                text=f"w{1_000_000 + self._one()}"[: self._random.choice((4, 6))]
            ),
            "an e-mail address": lambda: Wanted(text=f"{self._name()}.schmidt{self._one()}@"),
            "a tracking number": lambda: Wanted(text=f"SB{self._one() * 7919 % 999_999_937:09}DE"),
            "what is not there": lambda: Wanted(text=f"zq{self._one()}"),
            "two words": lambda: Wanted(text=f"{self._name()} {self._random.choice(LAST)}"),
            "three words": lambda: Wanted(
                text=f"{self._name()} {self._random.choice(LAST)} {self._random.choice(_THINGS)}"
            ),
            "two beginnings": lambda: Wanted(text=f"{self._beginning().text} {self._beginning().text}"),
            "a filter": lambda: Wanted(**self._random.choice(_FILTERS)),
            "two filters": lambda: Wanted(**{**self._random.choice(_FILTERS), **self._random.choice(_FILTERS)}),
            "three filters": lambda: Wanted(
                **{k: v for one in self._random.sample(_FILTERS, 3) for k, v in one.items()}
            ),
            "a word and a filter": lambda: Wanted(text=self._random.choice(LAST), **self._random.choice(_FILTERS)),
            "two words and two filters": lambda: Wanted(
                text=f"{self._name()} {self._random.choice(_THINGS)}",
                **{**self._random.choice(_FILTERS), **self._random.choice(_FILTERS)},
            ),
            "a month and a filter": self._month,
            "nothing in particular": Wanted,
        }
        return {kind: [ask() for _ in range(each)] for kind, ask in kinds.items()}

    def _one(self) -> int:
        return self._random.randint(1, self._orders)

    def _name(self) -> str:
        return self._random.choice(FIRST)

    def _beginning(self) -> Wanted:
        return Wanted(text=self._random.choice((*FIRST, *LAST, *_THINGS))[: self._random.choice((1, 2, 3))])

    def _month(self) -> Wanted:
        start = UNTIL.replace(hour=0) - timedelta(days=self._random.randint(30, 360))
        return Wanted(**self._random.choice(_FILTERS), placed_from=start, placed_until=start + timedelta(days=30))


def measure(orders: int = ORDERS) -> Sequence[Measure]:
    """Fill a database, ask it, and forget it."""
    return asyncio.run(_measure(orders))


async def _measure(orders: int) -> list[Measure]:
    async with database() as made:
        brand = await made.brand("main")
        say(f"{orders:,} orders")
        seconds = await _timed(fill(brand, orders))
        await _settle(brand)
        say("their index")
        indexed = await _timed(rebuild(brand))
        await _settle(brand)
        say("questions")
        return [
            note("orders made, seconds", round(seconds)),
            note("index made, orders a second", round(orders / indexed)),
            *await ask(brand, orders),
            *await _ask_server(made, orders),
        ]


async def _ask_server(made: Database, orders: int) -> list[Measure]:
    """The same questions at a server process, by somebody with a session."""
    token = secrets.token_urlsafe(32)
    async with made.shared() as tx:
        user_id = new_id()
        await tx.execute(SQL.add_user, user_id, "viewer", "Viewer", HASH, False, "en")
        await tx.execute(SQL.put_membership, user_id, "main", "viewer", None)
        await tx.execute(SQL.begin_session, digest(token), user_id, "main")
    async with (await made.brand("main")).transaction() as tx:  # "late now" is late at the end of what was filled in
        await tx.execute("UPDATE clock SET wall_from = clock_timestamp(), clock_from = $1, rate = 0", UNTIL)
    say("questions to the server")
    with folder() as place, serving(made.dsn, place, processes=1) as (host,):
        return await asyncio.to_thread(ask_pages, f"http://{host}", f"{COOKIE}={token}", orders)


async def _timed(work: Awaitable[Any]) -> float:
    started = time.monotonic()
    await work
    return time.monotonic() - started


async def _settle(brand: Brand) -> None:
    async with brand.reading() as tx:
        await tx.execute("VACUUM ANALYZE", timeout=1800)


async def ask(brand: Brand, orders: int) -> list[Measure]:
    """Every question's first page; deep pages; the numbers beside filters. One at a time, each a transaction."""
    took: dict[str, list[float]] = defaultdict(list)
    stopped = 0
    for kind, questions in Questions(orders, SEED).all(EACH).items():
        for wanted in questions:
            page = await _page(brand, took[kind], wanted)
            stopped += not page.complete
    for wanted in Questions(orders, SEED + 1).all(2)["a common word"] + [Wanted(status=("completed",)), Wanted()]:
        cursor: UUID | None = None
        for _ in range(30):
            page = await _page(brand, took["deep pages"], wanted, cursor)
            if page.next_cursor is None:
                break
            (cursor,) = decode(page.next_cursor, (UUID,))
    for one in (
        Wanted(),
        *(Wanted(**some) for some in _FILTERS),
        Wanted(text="muller"),
        Wanted(text="m"),
        Wanted(late=True),
    ):
        async with brand.snapshot() as tx:
            counted = count_orders(tx, one, ["status"], now=UNTIL)
            took["numbers beside the statuses"].append(1000 * await _timed(counted))
    return [
        *report(took, IN_DATABASE_MS, "in the database"),
        note("searches that stopped before a full page", stopped),
        note("processes that waited for a processor, in the last minute", f"{os.getloadavg()[0]:.1f}"),
    ]


async def _page(brand: Brand, took: list[float], wanted: Wanted, before: UUID | None = None) -> FoundPage:
    async with brand.snapshot() as tx:
        return await _clocked(tx, took, wanted, before)


async def _clocked(tx: Tx, took: list[float], wanted: Wanted, before: UUID | None) -> FoundPage:
    started = time.perf_counter()
    page = await find_orders(tx, wanted, now=UNTIL, limit=PAGE, before=before)
    took.append(1000 * (time.perf_counter() - started))
    return page


def report(took: dict[str, list[float]], ceiling_ms: float, where: str) -> list[Measure]:
    """p95 of all, which must be below the ceiling, and of each kind."""
    every = [one for some in took.values() for one in some]
    return [
        at_most(f"p95 {where} of {len(every)} searches", round(_percent(every, 95), 1), ceiling_ms, " ms"),
        note("p50 and p99 of all", f"{_percent(every, 50):.1f} and {_percent(every, 99):.1f} ms"),
        *(
            note(f"… {kind}: p50, p95, most", f"{_percent(some, 50):.1f}, {_percent(some, 95):.1f}, {max(some):.1f} ms")
            for kind, some in took.items()
        ),
    ]


def _percent(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def ask_pages(url: str, cookie: str, orders: int = ORDERS) -> list[Measure]:
    """The same questions, asked of a running console's list of orders as a browser does: until the page is there."""
    took: dict[str, list[float]] = defaultdict(list)
    client = build_opener(ProxyHandler({}))
    for kind, questions in Questions(orders, SEED).all(EACH // 4).items():
        for wanted in questions:
            asked = Request(f"{url}/console/orders?{query(wanted)}", headers={"cookie": cookie})
            started = time.perf_counter()
            with client.open(asked, timeout=60) as answer:
                text = answer.read().decode()
            took[kind].append(1000 * (time.perf_counter() - started))
            assert answer.url == asked.full_url, "led elsewhere"
            assert '<main id="main"' in text, text[:500]
    return report(took, ON_PAGE_MS, "to the rendered page")


def query(wanted: Wanted) -> str:
    """A search as the query of the console's list, which takes one value of each."""
    named = {
        "status": wanted.status,
        "payment": wanted.payment_status,
        "fulfillment": wanted.fulfillment_status,
        "service": wanted.service,
        "channel": wanted.channel,
        "kind": wanted.kind,
        "location": wanted.location,
        "hold": wanted.hold,
    }
    chosen = {name: values[0] for name, values in named.items() if values}
    if wanted.lane is not None:
        chosen["lane"] = ("express", "standard")[wanted.lane]
    switches = {"gift_wrap": wanted.gift_wrap, "late": wanted.late, "excepted": wanted.excepted}
    return Filters(
        text=wanted.text,
        chosen=chosen,
        switches=frozenset(name for name, on in switches.items() if on),
        placed_from=wanted.placed_from and wanted.placed_from.date(),
        placed_to=wanted.placed_until and wanted.placed_until.date(),
    ).query()


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.million", description=__doc__)
    parser.add_argument("--orders", type=int, default=ORDERS, help="how many orders")
    options = parser.parse_args()
    measures = measure(options.orders)
    for one in measures:
        print(f"{one.verdict:<4} {one.what:<60} {one.value:<28} {one.threshold}")
    return 0 if all(one.ok is not False for one in measures) else 1


if __name__ == "__main__":
    sys.exit(main())
