"""POST /v1/orders is taken before the framework: what it answers is what the framework's own route answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest
from litestar import Litestar

from doorstep import settings as settings_of
from doorstep.db import Database
from doorstep.kit.limits import BODY_BYTES, LINES_PER_BATCH, PLACING_TRANSACTIONS
from doorstep.orders import Intake
from doorstep.orders.queue import Room
from doorstep.web.api import create, create_app
from doorstep.web.api.place import PATH
from tests.orders.world import World
from tests.races.buyers import body_of
from tests.support.waiting import eventually

FRAMEWORK = f"{PATH}/"  # the framework strips the last slash, and the short way does not know it
TOLD_BY_LAYER = {"x-request-id"}


class Door:
    """Asks both ways."""

    def __init__(self, world: World, app: Litestar, client: httpx2.AsyncClient, reader: str) -> None:
        self.world, self.app, self.client, self.reader = world, app, client, reader

    async def ask(self, path: str, content: Any, **headers: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers and decoded body, without what differs from request to request."""
        answer = await self.client.post(path, content=content() if callable(content) else content, headers=headers)
        body = answer.json()
        if answer.is_error:
            assert body.pop("request_id") == answer.headers["x-request-id"]
            assert body.pop("instance") == PATH
        found = {name: value for name, value in answer.headers.items() if name not in TOLD_BY_LAYER}
        if answer.is_error:
            found.pop("content-length")
        return answer.status_code, found, body

    async def both(self, content: Any, **headers: str) -> tuple[int, dict[str, str], Any]:
        """What both ways answer, which must be the same."""
        quick, long = [await self.ask(path, content, **headers) for path in (PATH, FRAMEWORK)]
        assert quick == long
        return quick


@pytest.fixture
async def door(brand: Any, database: Database) -> AsyncIterator[Door]:
    """Ten mugs behind the API."""
    world = await World(brand).open({"north": {"MUG": 10}})
    async with database.shared() as tx:
        _, key = await create(tx, brand="main", name="shop", scope="write")
        _, reader = await create(tx, brand="main", name="report", scope="read")
    settings = settings_of.read({"DOORSTEP_SECRET": "s" * 32})
    app = create_app(settings, database=database, make_intake=Intake)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]  # the same protocol
    headers = {"authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop", headers=headers) as client:
        yield Door(world, app, client, reader)
        await app.state.intakes.close()


def encoded(name: str, sku: str = "MUG", **more: Any) -> bytes:
    return msgspec.json.encode({**body_of(name, sku), **more})


@pytest.mark.parametrize(("first", "second"), [(PATH, FRAMEWORK), (FRAMEWORK, PATH)])
async def test_an_order_placed_one_way_is_answered_alike_the_other_way(door: Door, first: str, second: str) -> None:
    status, headers, body = await door.ask(first, encoded("A-1"))
    assert (status, headers["content-type"]) == (201, "application/json")
    assert body["order_page"].startswith("http://127.0.0.1:8080/o/main.")
    again = await door.ask(second, encoded("A-1"))
    assert again == (200, {**headers, "idempotent-replay": "true"}, body)
    assert await door.both(encoded("A-1")) == again


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"number":"\xff"}', 400),
        (b"[]", 422),
        (b"null", 422),
        (b"{}", 422),
        (b"[" * 100_000, 422),
        (encoded("B-1", surprise=1), 422),
        (encoded("B-1", number="a\0b"), 422),
        (encoded("B-1", number=" a"), 422),
        (encoded("B-1", total_minor=-1), 422),
        (encoded("B-1", total_minor=5), 422),
        (encoded("B-1", channel="nowhere", service="none"), 422),
        (encoded("B-1", "NOTHING"), 422),
        (encoded("B-1", lines=[]), 422),
        (msgspec.json.encode(body_of("B-1", "MUG", quantity=11)), 409),
        (encoded("B-1").replace(b"Ada", "Ада \u202e".encode()), 201),
        (b" " * (BODY_BYTES + 1), 413),
    ],
)
async def test_what_is_wrong_is_answered_alike(door: Door, content: bytes, status: int) -> None:
    if status < 400:
        await door.ask(PATH, content)
        status = 200
    assert (await door.both(content))[0] == status


async def test_a_changed_retry_is_refused_alike(door: Door) -> None:
    await door.ask(PATH, encoded("C-1"))
    status, _, body = await door.both(msgspec.json.encode(body_of("C-1", "MUG", quantity=2)))
    assert (status, body["fields"]) == (409, ["lines"])


async def test_who_asks_is_looked_at_alike(door: Door) -> None:
    read = await door.both(encoded("D-1"), authorization=f"Bearer {door.reader}")
    assert read[0] == 403
    for wrong in ("", "Bearer", f"Bearer dsk_main_{'0' * 48}"):
        status, headers, _ = await door.both(encoded("D-1"), authorization=wrong)
        assert (status, headers["www-authenticate"]) == (401, 'Bearer realm="doorstep"')


@pytest.mark.parametrize(
    "media", ["text/plain", "application/json; charset=utf-8", "application/x-www-form-urlencoded"]
)
async def test_the_content_type_matters_alike(door: Door, media: str) -> None:
    await door.ask(PATH, encoded("E-1"))
    await door.both(encoded("E-1"), **{"content-type": media})


async def test_a_body_in_pieces_is_read_alike(door: Door) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in encoded("F-1"):
            yield bytes([byte])

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * (BODY_BYTES // 2)

    await door.ask(PATH, encoded("F-1"))
    assert (await door.both(pieces))[0] == 200
    assert (await door.both(endless))[0] == 413


async def test_without_room_a_request_is_refused_before_its_body_is_read(door: Door) -> None:
    intake = await door.app.state.intakes(door.world.brand)
    intake._room = Room(100)
    answer = await door.client.post(PATH, content=encoded("G-1"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "nothing was placed" in answer.json()["detail"]
    intake._room = Room(1_000)
    assert (await door.client.post(PATH, content=encoded("G-1"))).status_code == 201
    assert (await door.client.post(PATH, content=encoded("G-2"))).status_code == 201  # what was held is given back
    assert await door.world.value("SELECT count(*) FROM orders") == 2


async def test_a_full_queue_refuses_a_request_before_its_body_is_read(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield encoded("G-3")

    monkeypatch.setattr("doorstep.orders.queue.ORDERS_WAITING", 0)
    answer = await door.client.post(PATH, content=body())
    assert (answer.status_code, answer.headers["retry-after"], read) == (503, "1", 0)
    monkeypatch.undo()
    assert (await door.client.post(PATH, content=body())).status_code == 201
    assert read == 1


async def test_who_hangs_up_while_much_waits_loses_their_place(door: Door) -> None:
    intake: Intake = await door.app.state.intakes(door.world.brand)
    await door.world.fill({"north": {"CARD": 10_000}})
    async with door.world.brand.transaction() as tx:
        await tx.execute("LOCK TABLE stock IN EXCLUSIVE MODE")
        content = msgspec.json.encode(body_of("H-0", "CARD", lines=LINES_PER_BATCH))
        before = []
        for number in range(PLACING_TRANSACTIONS + 2):  # as many are in hand, two wait
            body = content.replace(b"H-0", b"H-%d" % number)
            before.append(asyncio.create_task(door.ask(PATH, body)))
            await eventually(lambda: intake._busy + intake.standing.orders > len(before) - 1)
        assert intake.behind
        sent = asyncio.Event()
        gone = asyncio.create_task(_hang_up(door, encoded("H-gone"), sent))
        await eventually(lambda: intake.standing.orders == 3)
        sent.set()
        await asyncio.wait_for(gone, 20)
    assert [status for status, _, _ in await asyncio.gather(*before)] == [201] * len(before)
    assert await door.world.value("SELECT count(*) FROM orders WHERE number = 'H-gone'") == 0


async def _hang_up(door: Door, content: bytes, when: asyncio.Event) -> None:
    """Send an order and close the connection, as a server tells its application."""
    key = door.client.headers["authorization"].encode()
    scope = {
        "type": "http", "method": "POST", "path": PATH, "query_string": b"",
        "headers": [(b"authorization", key), (b"content-length", b"%d" % len(content))],
    }  # fmt: skip
    told = False

    async def receive() -> dict[str, Any]:
        nonlocal told
        if not told:
            told = True
            return {"type": "http.request", "body": content, "more_body": False}
        await when.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(f"nobody is there to be told {message}")

    app: Any = door.app
    await app(scope, receive, send)
