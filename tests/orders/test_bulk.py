"""Many orders in one body: a result a line, in order, each placed once, whatever the body is like; in flat memory."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, cast

import httpx2
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doorstep.db import Brand, Database
from doorstep.kit.errors import Problem, Unavailable
from doorstep.kit.ids import new_id
from doorstep.kit.limits import BODY_BYTES, BULK_BYTES, BULK_LINES, BULK_TOGETHER, ORDERS_WAITING
from doorstep.orders import Intake, Outcome, Placing
from doorstep.settings import Settings
from doorstep.web.api import create_app
from doorstep.web.api.bulk import HANDLERS
from doorstep.web.api.keys import create
from doorstep.web.api.ndjson import NDJSON, Splitter
from tests.orders.sending import bulk, sending
from tests.orders.world import World, placing
from tests.races.buyers import body_of, write_key
from tests.races.servers import serving


class Door:
    """A server process on the world's database, and a key to it."""

    def __init__(self, world: World, host: str, key: str) -> None:
        self.world, self.host, self.key = world, host, key

    async def send(self, *orders: Any) -> list[dict[str, Any]]:
        return await bulk(self.host, self.key, orders)

    async def placed(self) -> int:
        found: int = await self.world.value("SELECT count(*) FROM orders")
        return found


@pytest.fixture
async def door(world: World, database: Database, dsn: str, tmp_path: Path) -> AsyncIterator[Door]:
    with serving(dsn, tmp_path, processes=1) as (host,):
        yield Door(world, host, await write_key(world, database))


def line(number: str, sku: str = "MUG", **more: Any) -> bytes:
    """An order as a line of a body."""
    return msgspec.json.encode(body_of(number, sku, **more)) + b"\n"


async def test_each_line_is_answered_in_its_place_and_a_bad_one_stops_nothing(door: Door) -> None:
    bad = {**body_of("B-5", "MUG"), "total_minor": 7}
    body = [
        line("B-1"), b"{nonsense}\n", b" \r\n", line("B-4", quantity=2), msgspec.json.encode(bad) + b"\n",
        line("B-6", "NOTHING"), line("B-7", "CARD", quantity=99), b'{"a": 1}\n', b"[]\n", b'"\\ud800"\n', b"\xff\n",
        line("B-\0"), b"[" * 100_000 + b"\n", b"{" + b" " * BODY_BYTES + b"}\n", line("B-15", "CARD"),
    ]  # fmt: skip
    found = await door.send(*body)
    assert [(one["line"], one["status"]) for one in found] == [
        (1, 201), (2, 400), (4, 201), (5, 422), (6, 422), (7, 409), (8, 422), (9, 422), (10, 400), (11, 400),
        (12, 422), (13, 422), (14, 413), (15, 201),
    ]  # fmt: skip
    assert found[0]["order"]["number"] == "B-1"
    assert found[0]["order"]["order_page"]
    assert [one["problem"]["type"] for one in found[4:6]] == ["/problems/invalid", "/problems/insufficient-stock"]
    assert found[3]["problem"]["errors"][0]["pointer"] == "/total_minor"
    assert all(one["problem"]["status"] == one["status"] for one in found if "problem" in one)
    assert await door.placed() == 3
    again = await door.send(*body)
    assert [one["status"] for one in again] == [200 if one["status"] == 201 else one["status"] for one in found]
    assert [one.get("order") for one in again] == [one.get("order") for one in found]
    assert await door.placed() == 3
    assert await door.world.faults() == []


async def test_one_number_twice_in_a_body_is_one_order(door: Door) -> None:
    filling = [line(f"F-{n}", "NOTHING") for n in range(2 * BULK_TOGETHER)]
    near = await door.send(line("D-1"), line("D-1"), line("D-1", quantity=2))
    far = await door.send(line("D-2"), *filling, line("D-2"), *filling, line("D-2", quantity=2))
    for found in (near, [far[0], far[1 + len(filling)], far[-1]]):
        assert [one["status"] for one in found] == [201, 200, 409]
        assert found[0]["order"] == found[1]["order"]
        assert found[2]["problem"]["fields"] == ["lines"]
    # Express goes first in the intake, but not before an earlier line with its own number.
    swift = msgspec.json.encode({**body_of("D-3", "MUG", quantity=2), "service": "express"}) + b"\n"
    assert [one["status"] for one in await door.send(line("D-3") + swift)] == [201, 409]
    assert await door.placed() == 3


async def test_answers_come_while_the_body_is_still_sent(door: Door) -> None:
    async with sending(door.host, door.key) as request:
        for number in range(1, 4):
            request.send(line(f"S-{number}")[:40])
            request.send(line(f"S-{number}")[40:])
            (found,) = await request.results(1)
            assert (found["line"], found["status"]) == (number, 201)
        request.send(line("S-4")[:-1])
        request.end()
        (found,) = await request.results()
        assert (found["line"], found["status"]) == (4, 201)  # the last needs no end of line


async def test_half_a_line_at_the_end_is_a_bad_line(door: Door) -> None:
    found = await door.send(line("H-1"), line("H-2")[:100])
    assert [(one["line"], one["status"]) for one in found] == [(1, 201), (2, 400)]


async def test_who_hangs_up_has_placed_whole_lines_only_and_sends_all_again(door: Door) -> None:
    body = [line(f"G-{n}", "NOTHING" if n % 9 else "MUG") for n in range(60)]
    async with sending(door.host, door.key) as request:
        request.send(b"".join(body[:30]) + body[30][:-1])  # the last as good as whole
        assert (await request.results(1))[0]["status"] == 201
        request.hang_up()
    found = await door.send(*body)
    assert Counter(one["status"] for one in found)[422] == 53
    assert {one["status"] for one in found if one["status"] != 422} <= {200, 201}
    assert await door.placed() == 7
    assert await door.world.faults() == []


async def test_what_is_wrong_with_the_request_is_answered_before_it_is_read(door: Door, database: Database) -> None:
    async with database.shared() as tx:
        _, reader = await create(tx, brand="main", name="reader", scope="read")
    for key, headers, status in (
        (door.key, {"content_type": "application/json"}, 415),
        (door.key, {"content_type": ""}, 415),
        ("dsk_main_" + "0" * 48, {}, 401),
        (reader, {}, 403),
        (door.key, {"transfer_encoding": "", "content_length": str(BULK_BYTES + 1)}, 413),
    ):
        async with sending(door.host, key, **headers) as request:
            assert await request.results() == []
            assert (request.status, request.problem["status"]) == (status, status)
    assert await door.send() == []


async def test_ten_thousand_lines_are_placed_in_flat_memory(door: Door) -> None:
    await door.world.fill({"north": {f"P-{n}": 1_000 for n in range(200)}})
    body = [line(f"M-{n}", f"P-{n % 200}") for n in range(10_000)]
    await door.send(b"".join(body[:1_000]))
    before = _memory()
    found = await door.send(b"".join(body[:5_000]), b"".join(body[5_000:]))
    assert [one["line"] for one in found] == list(range(1, 10_001))
    assert Counter(one["status"] for one in found) == {201: 9_000, 200: 1_000}
    assert _memory() - before < 24_000_000
    assert await door.placed() == 10_000


async def test_who_reads_no_answers_stops_being_read(door: Door) -> None:
    piece = (b"x" + b" " * 500 + b"\n") * 1_000
    sent = 0
    async with sending(door.host, door.key) as request:

        async def push() -> None:
            nonlocal sent
            while sent < 90:
                request.send(piece)
                sent += 1
                await request.writer.drain()
            request.end()

        pushing = asyncio.create_task(push())
        done, _ = await asyncio.wait([pushing], timeout=5)
        assert not done
        assert sent < 80
        assert len(await request.results()) == 90_000
        await pushing


class Full(Intake):
    """An intake that is full so many times, then takes all; no wait between."""

    def __init__(self, brand: Brand, times: int) -> None:
        super().__init__(brand)
        self.times, self.taken = times, 0

    async def submit_all(self, placings: Sequence[Placing]) -> list[Outcome]:
        if self.taken and self.times:
            self.times -= 1
            raise Unavailable("Full.", retry_after_s=0)
        if self.times > 99:
            raise Unavailable("Full.", retry_after_s=7)
        self.taken += len(placings)
        return [Outcome(problem=Problem("So it is.")) for _ in placings]


class Slow(Intake):
    """An intake that takes its time, and counts whom it was asked for while it had them in hand."""

    def __init__(self, brand: Brand) -> None:
        super().__init__(brand)
        self.inside: Counter[tuple[str, str]] = Counter()
        self.parts = self.most_parts = self.most_of_one = 0

    async def submit_all(self, placings: Sequence[Placing]) -> list[Outcome]:
        self.inside.update(placing.key for placing in placings)
        self.parts += 1
        self.most_parts = max(self.most_parts, self.parts)
        self.most_of_one = max(self.most_of_one, *self.inside.values())
        for _ in range(1_000):
            await asyncio.sleep(0)
        self.parts -= 1
        self.inside.subtract(placing.key for placing in placings)
        return [Outcome(problem=Problem("So it is.")) for _ in placings]


async def ask(database: Database, intake: Intake, lines: int, *, numbers: int = 10**6) -> httpx2.Response:
    """Send a body to an application with this intake; after so many numbers the first comes again."""
    async with database.shared() as tx:
        _, key = await create(tx, brand="main", name=f"full {new_id()}", scope="write")
    app = create_app(Settings(), database=database, handlers=HANDLERS, make_intake=lambda _: intake)
    transport = httpx2.ASGITransport(cast(Any, app))
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop") as client:
        body = b"".join(line(f"Q-{n % numbers}") for n in range(lines))
        headers = {"authorization": f"Bearer {key}", "content-type": NDJSON}
        return await client.post("/v1/orders:batch", content=body, headers=headers)


async def test_too_many_waiting_refuse_the_request_at_its_start_and_hold_it_up_later(
    world: World, database: Database
) -> None:
    refused = await ask(database, Full(world.brand, 100), 3)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "7")
    full = Full(world.brand, 3)
    held = await ask(database, full, 2 * BULK_TOGETHER)
    assert (held.status_code, full.times, full.taken) == (200, 0, 2 * BULK_TOGETHER)
    tired = await ask(database, Full(world.brand, 50), BULK_TOGETHER + 1)
    assert msgspec.json.decode(tired.content.splitlines()[-1])["status"] == 503


async def test_the_intake_is_never_asked_for_one_number_twice_at_a_time(world: World, database: Database) -> None:
    for numbers, together in ((10**6, 2), (BULK_TOGETHER + 50, 1), (BULK_TOGETHER // 5, 1)):
        slow = Slow(world.brand)
        found = await ask(database, slow, 4 * BULK_TOGETHER, numbers=numbers)
        assert len(found.content.splitlines()) == 4 * BULK_TOGETHER
        assert (slow.most_of_one, slow.most_parts) == (1, together)


async def test_half_of_the_queue_is_for_those_who_come_alone(world: World) -> None:
    intake = Intake(world.brand)
    alone = [asyncio.ensure_future(intake.submit(placing(f"A-{n}", ("MUG", 1)))) for n in range(ORDERS_WAITING // 2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await intake.submit_all([placing("B-1", ("CARD", 1))])
    last = asyncio.ensure_future(intake.submit(placing("A-last", ("CARD", 1))))
    await asyncio.gather(*alone, last)
    assert (await intake.submit_all([placing("B-1", ("CARD", 1))]))[0].new
    await intake.close()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from([b"", b" ", b"a", b"bcd", b"\r"]), max_size=8), st.lists(st.integers(0, 30), max_size=6)
)
def test_a_body_is_cut_alike_whatever_its_pieces(lines: list[bytes], wanted: list[int]) -> None:
    body = b"\n".join(lines)
    cuts = sorted(min(cut, len(body)) for cut in wanted)
    splitter = Splitter()
    pieces = [body[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    found = [one for piece in pieces for one in splitter.feed(piece)] + splitter.end()
    assert found == [(number, text) for number, text in enumerate(lines, start=1) if text.strip()]


def test_a_body_has_an_end() -> None:
    whole, long, big = Splitter(), Splitter(), Splitter()
    assert len(whole.feed(b"x\n" * BULK_LINES)) == BULK_LINES
    assert not whole.full
    (*_, (number, last)) = long.feed(b"x\n" * (BULK_LINES + 1))
    assert (number, str(last)[:40], long.full) == (BULK_LINES + 1, "A body holds at most 100,000 lines. What", True)
    piece = b" " * (BODY_BYTES + 1)
    found = [one for _ in range(BULK_BYTES // BODY_BYTES + 1) if not big.full for one in big.feed(piece)]
    assert len(found) == 1
    assert isinstance(found[0][1], Problem)
    assert big.full


def _memory() -> int:
    """Bytes of memory of this process's own server processes."""
    parents: dict[int, int] = {}
    sizes: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(entry.name)] = int(fields[1])
            sizes[int(entry.name)] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    family = {os.getpid()}
    for _ in range(5):
        family |= {pid for pid, parent in parents.items() if parent in family}
    return sum(sizes[pid] for pid in family - {os.getpid()})
