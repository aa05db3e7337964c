"""People of the staff with an open session, as the console's tests need them."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import httpx2
import pytest

from doorstep.db import Database, Tx
from doorstep.kit.ids import new_id
from doorstep.web.console.door import COOKIE, digest
from doorstep.web.console.people import SQL
from doorstep.web.console.staff import Role
from tests.support.shop import Shop

# argon2id of PASSWORD, made once: tests of pages need no slow hash.
PASSWORD = "a mug of warm tea"
HASH = "$argon2id$v=19$m=65536,t=2,p=1$r+vHkwQNqZgMk7JKMfBqsw$sqAqtMcyBVJdbmEZXp4P9qwURTGCcK9pxGT66xznqto"


class Desk:
    """A browser with somebody's session. `post` fills in what every form has, `csrf` and `key`, unless told."""

    def __init__(self, client: httpx2.AsyncClient, token: str, login: str) -> None:
        self._client, self._token, self.login = client, token, login
        self.csrf = hashlib.sha256(b"csrf\0" + token.encode()).hexdigest()

    @property
    def headers(self) -> dict[str, str]:
        """What the browser sends."""
        return {"cookie": f"{COOKIE}={self._token}"}

    async def get(self, path: str, *, expect: int = 200) -> str:
        """A page, its white space made one."""
        answer = await self._client.get(path, headers=self.headers)
        assert answer.status_code == expect, (answer.status_code, answer.headers.get("location"), answer.text[:3000])
        return re.sub(r"\s+", " ", answer.text)

    async def post(self, path: str, fields: dict[str, object] | None = None, *, expect: int = 303) -> httpx2.Response:
        """Send a form, twice, as an impatient person does: both must answer alike; the first answer."""
        data = {"csrf": self.csrf, "key": new_id().hex, **(fields or {})}
        sent = {name: str(value) for name, value in data.items()}
        first, second = [await self._client.post(path, data=sent, headers=self.headers) for _ in range(2)]
        assert first.status_code == expect, (first.status_code, first.headers.get("location"), first.text[:3000])
        assert second.status_code == first.status_code, second.text[:3000]
        return first


Hire = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def hire(shop: Shop, database: Database) -> Hire:
    """`await hire("agent")`: somebody with that role, logged in; `locations` are codes."""

    async def one(
        role: Role = "admin", *, locations: Sequence[str] | None = None, brand: str = "main", language: str = "en"
    ) -> Desk:
        login, token, user_id = f"{role}-{secrets.token_hex(3)}", secrets.token_urlsafe(32), new_id()
        ids = None
        if locations is not None:
            ids = await shop.value("SELECT array_agg(location_id) FROM locations WHERE code = ANY($1)", list(locations))
        async with database.shared() as tx:
            await _employ(tx, user_id, login, role, brand, ids, token, language)
        return Desk(shop.client, token, login)

    return one


async def _employ(
    tx: Tx, user_id: Any, login: str, role: Role, brand: str, ids: Any, token: str, language: str
) -> None:
    await tx.execute(SQL.add_user, user_id, login, cast(str, role).title(), HASH, False, language)
    await tx.execute(SQL.put_membership, user_id, brand, role, ids)
    await tx.execute(SQL.begin_session, digest(token), user_id, brand)
