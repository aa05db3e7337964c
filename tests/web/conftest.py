"""The application with stub handlers as an in-process client, two brands and their keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import httpx2
import msgspec
import pytest
from litestar import Litestar

from doorstep import settings as settings_of
from doorstep.db import Database
from doorstep.db.migrate import create_brand
from doorstep.web.api import create, create_app
from tests.web.stub import HANDLERS, StubIntake


class Keys(msgspec.Struct, frozen=True):
    """The API keys of a test's brands."""

    main: str
    reader: str
    other: str


@pytest.fixture
async def keys(database: Database) -> Keys:
    """A writing and a reading key of main, a writing one of other."""
    await create_brand(database.dsn, "other", "Other")
    async with database.shared() as tx:
        return Keys(
            (await create(tx, brand="main", name="console", scope="write"))[1],
            (await create(tx, brand="main", name="report", scope="read"))[1],
            (await create(tx, brand="other", name="console", scope="write"))[1],
        )


@pytest.fixture
async def app(database: Database) -> Litestar:
    """The application with stub handlers, in this loop."""
    return create_app(settings_of.read({}), database=database, handlers=HANDLERS, make_intake=StubIntake)


@pytest.fixture
async def client(app: Litestar, keys: Keys) -> AsyncIterator[httpx2.AsyncClient]:
    """Asks the application; requests carry the writing key of main."""
    headers = {"authorization": f"Bearer {keys.main}"}
    transport = httpx2.ASGITransport(cast(Any, app), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://doorstep.test", headers=headers) as opened:
        yield opened
