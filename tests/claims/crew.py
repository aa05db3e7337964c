"""`python -m tests.claims.crew`: one process of writers. Its orders come as JSON on stdin, its figures go to stdout."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import msgspec
import uvloop

from doorstep.db import Database
from tests.claims import tap
from tests.claims.post import Door
from tests.claims.writers import Crew, Goods


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What one process is to do. With `hosts`, orders are placed over HTTP there; all else in this process."""

    dsn: str
    name: str
    seed: int
    kinds: Sequence[str]
    quota: int
    batch: int
    goods: Goods
    hosts: Sequence[str] = ()
    key: str = ""


async def work(task: Task) -> dict[str, int]:
    """All writers of this process, until its share is claimed; what they did, by name."""
    tap.install()
    database = Database(task.dsn, pool_size=len(task.kinds))
    try:
        crew = Crew(
            await database.brand("main"), task.goods, name=task.name, seed=task.seed, quota=task.quota, batch=task.batch
        )
        if task.hosts:
            crew.send = Door(task.hosts, task.key).send
        async with asyncio.TaskGroup() as group:
            for number, kind in enumerate(task.kinds):
                group.create_task(crew.work(kind, number))
        return dict(crew.done)
    finally:
        await database.close()


if __name__ == "__main__":
    print(msgspec.json.encode(uvloop.run(work(msgspec.json.decode(sys.stdin.buffer.read(), type=Task)))).decode())
