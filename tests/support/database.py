"""A real PostgreSQL for the tests: one server a run, one migrated template, a clone of it for each test."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import pytest

from doorstep.db import Brand, Database, embedded
from doorstep.db.migrate import create_brand, migrate
from doorstep.kit.ids import new_id

TEMPLATE = "doorstep_template"


def binaries() -> Path | None:
    """Another PostgreSQL's programs to test against, when the environment names them."""
    chosen = os.environ.get("DOORSTEP_TEST_PG_BIN")
    return Path(chosen) if chosen else None


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> embedded.Server:
    """The server of the whole run, shared by all test workers; it is destroyed when the run ends (see conftest.py)."""
    folder = server_folder(tmp_path_factory, worker_id)
    return embedded.ensure(folder, binaries=binaries(), durable=False, conf={"max_connections": "300"})


def server_folder(factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Where the run's server keeps its data, the same for all workers of the run."""
    base = factory.getbasetemp()
    return (base if worker_id == "master" else base.parent) / "server"


@pytest.fixture(scope="session")
def template(server: embedded.Server, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> str:
    """The name of the migrated database, with the brand `main`, that tests clone."""
    with turn(server_folder(tmp_path_factory, worker_id).parent / "template.lock"):
        asyncio.run(make_once(server, TEMPLATE, "template1", _fill))
    return TEMPLATE


async def _fill(dsn: str) -> None:
    await migrate(dsn)
    await create_brand(dsn, "main", "Main")


async def make_once(server: embedded.Server, name: str, like: str, fill: Callable[[str], Awaitable[None]]) -> None:
    """Make a database to clone, unless it is there: a copy of another one, filled by what is given its address."""
    admin = await asyncpg.connect(server.dsn("postgres"))
    try:
        if await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            return
        await admin.execute(f"CREATE DATABASE {name}_new TEMPLATE {like}")
        await fill(server.dsn(f"{name}_new"))
        await admin.execute(f"ALTER DATABASE {name}_new RENAME TO {name}")
    finally:
        await admin.close()


@pytest.fixture
def model(request: pytest.FixtureRequest) -> str:
    """What this test's database is a clone of: the stocked shop where one is asked for, else the template."""
    found = request.getfixturevalue("stocked" if "stocked" in request.fixturenames else "template")
    assert isinstance(found, str)
    return found


@pytest.fixture
async def dsn(server: embedded.Server, model: str) -> AsyncIterator[str]:
    """The address of a database of this test's own, migrated, with the brand `main`."""
    async with cloned(server, model) as address:
        yield address


@asynccontextmanager
async def cloned(server: embedded.Server, template: str) -> AsyncIterator[str]:
    """The address of a new database like the template, dropped when the block ends."""
    name = f"test_{new_id().hex}"
    admin = await asyncpg.connect(server.dsn("postgres"))
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        yield server.dsn(name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """This test's database."""
    made = Database(dsn)
    yield made
    await made.close()


@pytest.fixture
async def brand(database: Database) -> Brand:
    """The brand `main` of this test's database."""
    return await database.brand("main")


@contextmanager
def turn(lock: Path) -> Iterator[None]:
    """One process at a time."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
