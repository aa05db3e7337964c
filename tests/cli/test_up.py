"""`doorstep up` as a real process: server and worker come up, the floor works by commands, a killed part comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from doorstep import delivery
from doorstep.db import Database
from doorstep.web.api import create
from tests.cli.conftest import Run
from tests.support.shop import LOCATIONS, PRODUCTS
from tests.support.twins import SECRET, Twin
from tests.support.waiting import eventually

ORDER: dict[str, Any] = {
    "channel": "web", "number": "W-1", "currency": "GBP", "service": "standard", "shipping_minor": 0,
    "total_minor": 2_000, "payment": {"token": "tok_ok"},
    "customer": {"name": "Ada Lovelace", "email": "ada@example.test"},
    "ship_to": {"name": "Ada Lovelace", "street": "12 St James's Square", "city": "London", "postcode": "SW1Y 4JH",
                "country": "GB"},
    "lines": [{"sku": "MUG", "quantity": 2, "unit_price_minor": 1_000}],
}  # fmt: skip


class Up:
    """A running `doorstep up`."""

    def __init__(self, process: subprocess.Popen[str], url: str, client: httpx2.AsyncClient, key: str) -> None:
        self.process, self.url, self.client, self.key = process, url, client, key

    def parts(self, name: str) -> list[psutil.Process]:
        """The processes of a part: serve or worker."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # a zombie, too, has nothing to say
                found += [child] if child.cmdline()[-1:] == [name] else []
        return found


@pytest.fixture
async def up(
    database: Database, tmp_path: Path, carrier_twin: Twin, gateway_twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Up]:
    """Doorstep on this test's database with a carrier and a gateway, and a key."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "DATABASE_URL": database.dsn,
        "DATA": str(tmp_path / "data"),
        "CARRIERS": "sandbox",
        "CARRIER_SANDBOX_URL": carrier_twin.url,
        "CARRIER_SANDBOX_SECRET": SECRET,
        "GATEWAY_URL": gateway_twin.url,
        "PORT": str(port),
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"DOORSTEP_{name}", value)
    process = subprocess.Popen(
        [sys.executable, "-m", "doorstep", "up", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ.copy(),
    )
    url = f"http://127.0.0.1:{port}"
    async with database.shared() as tx:
        _, key = await create(tx, brand="main", name="shop", scope="write")
    async with httpx2.AsyncClient(base_url=url, headers={"authorization": f"Bearer {key}"}, trust_env=False) as client:
        try:
            await eventually(_ready(client), within_s=60)
            yield Up(process, url, client, key)
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _ready(client: httpx2.AsyncClient) -> Callable[[], bool | Awaitable[bool]]:
    async def check() -> bool:
        try:
            return (await client.get("/readyz")).status_code == 200
        except httpx2.TransportError:
            return False

    return check


async def set_up(up: Up) -> None:
    """Products, places, stock, services, and an order."""
    for path, body in (
        ("/v1/locations", LOCATIONS[:1]),
        ("/v1/products", PRODUCTS[:1]),
        ("/v1/channels", [{"channel": "web", "title": "Web shop", "currency": "GBP"}]),
    ):
        assert (await up.client.put(path, json=body)).is_success
    database = Database(os.environ["DOORSTEP_DATABASE_URL"])
    async with (await database.brand("main")).transaction() as tx:
        await delivery.seed_defaults(tx, "GBP")
    await database.close()
    note = {"reference": "in-1", "location": "north", "lines": [{"sku": "MUG", "quantity": 5}]}
    assert (await up.client.post("/v1/stock/receipts", json=note)).is_success


async def test_an_order_goes_over_the_floor_by_commands_though_every_part_is_killed_once(up: Up, bare: Run) -> None:
    await set_up(up)
    work = ("--url", up.url, "--key", up.key)
    assert (await up.client.post("/v1/orders", json=ORDER)).status_code == 201
    for name, processes in (("worker", 2), ("serve", 1)):
        parts = up.parts(name)
        assert len(parts) == processes
        for part in parts:
            part.send_signal(signal.SIGKILL)
    await eventually(_ready(up.client), within_s=30)
    (one,) = await eventually(_listing(bare, "work", "list", *work), within_s=60)
    assert [(line["sku"], line["to_pick"]) for line in one["lines"]] == [("MUG", 2)]
    assert "W-1" in (await _told(bare, "work", "list", *work)).out
    for verb in ("accept", "pick", "pack"):
        (done,) = await _run(bare, "work", verb, "--all", "--location", "north", *work)
        assert done["done"]
    (parcel,) = await eventually(_listing(bare, "work", "parcels", *work), within_s=30)
    (handed,) = await _run(bare, "work", "hand-over", parcel["shipment_id"], *work)
    assert handed["done"]
    assert await _run(bare, "work", "parcels", *work) == []
    refused = await _told(bare, "work", "hand-over", "shp_" + "0" * 32, *work)
    assert refused.code == 1


async def test_up_says_where_it_is_and_stops_when_told_to(up: Up) -> None:
    assert up.process.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1].rstrip() != "}":
        lines.append(up.process.stdout.readline())
    told = json.loads("".join(lines))
    assert told["ready"] is True
    assert told["openapi"] == f"{up.url}/openapi.json"
    parts = psutil.Process(up.process.pid).children(recursive=True)
    assert len(parts) >= 3
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(timeout=30) == 0
    assert not [part for part in parts if part.is_running() and part.status() != psutil.STATUS_ZOMBIE]


async def test_a_second_one_on_the_same_port_is_refused_with_advice(up: Up, bare: Run) -> None:
    ran = await _told(bare, "up", "--port", up.url.rpartition(":")[2], "--json")
    assert ran.code == 1
    assert "--port" in ran.json["advice"]


async def _told(bare: Run, *arguments: str) -> Any:
    """Run a command line beside the event loop: commands bring their own."""
    return await asyncio.to_thread(bare, *arguments)


async def _run(bare: Run, *arguments: str) -> Any:
    ran = await _told(bare, *arguments, "--json")
    assert ran.code == 0, ran.out
    return ran.json["items"]


def _listing(bare: Run, *arguments: str) -> Callable[[], list[Any] | Awaitable[list[Any]]]:
    async def check() -> list[Any]:
        found: list[Any] = await _run(bare, *arguments)
        return found

    return check
