"""POST /v1/availability is taken before the framework: what it answers is what the framework's own route answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest

from doorstep import settings as settings_of
from doorstep.db import Database
from doorstep.kit.limits import BODY_BYTES, SKUS_PER_AVAILABILITY
from doorstep.web.api import create, create_app
from doorstep.web.api.ask import PATH
from tests.orders.world import World

FRAMEWORK = f"{PATH}/"  # the framework strips the last slash, and the short way does not know it
CHANGES = ("as_of", "request_id", "instance")


class Door:
    """Asks both ways; the key may only read."""

    def __init__(self, world: World, client: httpx2.AsyncClient) -> None:
        self.world, self.client = world, client

    async def both(self, content: Any, **headers: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body, which must be the same both ways, but for the moment and the request's id."""
        found = []
        for path in (PATH, FRAMEWORK):
            answer = await self.client.post(path, content=content() if callable(content) else content, headers=headers)
            heads = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
            if answer.is_error:  # the path stands in the problem
                heads.pop("content-length")
            body = {name: value for name, value in answer.json().items() if name not in CHANGES}
            found.append((answer.status_code, heads, body))
        assert found[0] == found[1]
        return found[0]


@pytest.fixture
async def door(brand: Any, database: Database) -> AsyncIterator[Door]:
    """Ten mugs behind the API."""
    world = await World(brand).open({"north": {"MUG": 10}, "south": {"MUG": 1, "CARD": 3}})
    async with database.shared() as tx:
        _, reader = await create(tx, brand="main", name="report", scope="read")
    app = create_app(settings_of.read({}), database=database)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]  # the same protocol
    headers = {"authorization": f"Bearer {reader}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop", headers=headers) as client:
        yield Door(world, client)


def asking(*skus: str, **more: Any) -> bytes:
    return msgspec.json.encode({"channel": "web", "skus": skus, **more})


async def test_both_ways_answer_alike_and_at_once_what_is_claimed(door: Door) -> None:
    status, _, body = await door.both(asking("MUG", "NOTHING", "CARD", "MUG"))
    assert (status, [item["units"] for item in body["items"]]) == (200, [11, 0, 3, 11])
    await door.world.placed(("MUG", 4))
    _, _, body = await door.both(asking("MUG"))
    assert body["items"][0]["units"] == 7


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"channel":"\xff"}', 400),
        (b"[]", 422),
        (b"[" * 100_000, 422),
        (asking(), 422),
        (asking("MUG", surprise=1), 422),
        (asking("a\0b"), 422),
        (asking("x" * 101), 422),
        (asking(*["MUG"] * (SKUS_PER_AVAILABILITY + 1)), 422),
        (asking("MUG", channel="nowhere"), 422),
        (asking("MUG", cart_hold="cht_" + "0" * 32), 422),
        (asking("MUG", cart_hold="cht_nonsense"), 422),
        (asking("кружка \u202e"), 200),
        (b" " * (BODY_BYTES + 1), 413),
    ],
)
async def test_what_is_wrong_is_answered_alike(door: Door, content: bytes, status: int) -> None:
    assert (await door.both(content))[0] == status


async def test_who_asks_is_looked_at_alike(door: Door) -> None:
    for wrong in ("", "Bearer", f"Bearer dsk_main_{'0' * 48}"):
        status, headers, _ = await door.both(asking("MUG"), authorization=wrong)
        assert (status, headers["www-authenticate"]) == (401, 'Bearer realm="doorstep"')


@pytest.mark.parametrize("media", ["text/plain", "application/json; charset=utf-8"])
async def test_the_content_type_matters_alike(door: Door, media: str) -> None:
    await door.both(asking("MUG"), **{"content-type": media})


async def test_a_body_in_pieces_is_read_alike(door: Door) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in asking("MUG"):
            yield bytes([byte])

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * (BODY_BYTES // 2)

    assert (await door.both(pieces))[0] == 200
    assert (await door.both(endless))[0] == 413
