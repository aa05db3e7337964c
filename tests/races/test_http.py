"""Over HTTP, against real server processes: 200 buyers for 25 orders, and the same order sent to both processes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from doorstep.db import Database
from tests.orders.world import World
from tests.races.buyers import body_of, post, rush, write_key
from tests.races.servers import serving

ROUNDS = 2  # `make accept-1` plays twenty of each


class Servers:
    """Servers on one database, and a key to their doors."""

    def __init__(self, world: World, hosts: list[str], key: str) -> None:
        self.world, self.hosts, self.key = world, hosts, key


@pytest.fixture(params=[1, 2, 4], ids=["one process", "two processes", "four processes"])
async def servers(
    world: World, database: Database, dsn: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Servers]:
    """One, two or four server processes."""
    with serving(dsn, tmp_path, processes=request.param) as hosts:
        yield Servers(world, hosts, await write_key(world, database))


@pytest.mark.parametrize("lines", [1, 2], ids=["one line", "two lines of one SKU"])
async def test_of_two_hundred_buyers_for_the_last_units_exactly_as_many_are_served_as_there_are(
    servers: Servers, lines: int
) -> None:
    for _ in range(ROUNDS):
        found = await rush(servers.world, servers.key, servers.hosts, lines=lines)
        assert found.fault(lines=lines) == ""
    assert await servers.world.faults() == []


async def test_an_order_sent_many_times_at_once_to_all_processes_is_placed_once(servers: Servers) -> None:
    hosts = servers.hosts * 6
    replies = await asyncio.gather(*(post(host, servers.key, body_of("W-1", "MUG")) for host in hosts))
    assert {reply.body["order_id"] for reply in replies} == {replies[0].body["order_id"]}
    assert Counter(reply.status for reply in replies) == {201: 1, 200: len(hosts) - 1}
    assert await servers.world.value("SELECT count(*) FROM orders") == 1
    assert (await servers.world.stock("MUG"))["reserved"] == 1
    changed = await post(servers.hosts[-1], servers.key, body_of("W-1", "MUG", quantity=2))
    assert (changed.status, changed.kind, changed.body["fields"]) == (409, "body-differs", ["lines"])
