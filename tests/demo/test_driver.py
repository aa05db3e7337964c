"""The demo, end to end, with a plug pulled on every process, its own included."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from doorstep.db import embedded
from tests.support.waiting import eventually

ORDERS = 24
# After so many orders, this process gets no chance to say goodbye.
KILLS = ((2, "worker"), (6, "carrier"), (10, "postgres"), (14, "gateway"), (18, "server"))
DRIVER_DIES_AFTER = 21
PATIENCE_S = 150.0


class Demo:
    """A demo as a user starts it, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> asyncio.subprocess.Process:
        """Start it, or start it again."""
        with (self.folder.parent / "demo.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "doorstep", "demo", "--json", "--orders", str(ORDERS)),
                *("--data", str(self.folder)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        return self._process

    async def stop(self) -> None:
        """End what is left of it."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
        await asyncio.to_thread(embedded.destroy, self.folder)

    def pids(self) -> dict[str, int]:
        """What runs now, by name."""
        path = self.folder / "pids.json"
        found: dict[str, int] = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
        return found

    def placed(self) -> int:
        """How many orders the storefronts have got an answer for."""
        path = self.folder / "done.log"
        return path.read_text().count("order ") if path.exists() else 0

    async def kill(self, name: str, *, after: int) -> None:
        """Kill a process once so many orders are placed, and wait until another one is in its place."""
        await eventually(lambda: self.placed() >= after and name in self.pids(), within_s=PATIENCE_S)
        before = self.pids()[name]
        os.kill(before, signal.SIGKILL)
        await eventually(lambda: self.pids().get(name, before) != before, within_s=PATIENCE_S)


@pytest.fixture
async def demo(tmp_path: Path) -> Any:
    """A demo that has not begun."""
    made = Demo(tmp_path / "demo")
    yield made
    await made.stop()


async def test_whatever_is_killed_the_demo_goes_on_and_everything_adds_up(demo: Demo) -> None:
    first = await demo.start()
    for after, name in KILLS:
        await demo.kill(name, after=after)
    await eventually(lambda: demo.placed() >= DRIVER_DIES_AFTER, within_s=PATIENCE_S)
    first.kill()
    await first.wait()

    second = await demo.start()
    assert second.stdout is not None
    output = await asyncio.wait_for(second.stdout.read(), PATIENCE_S)
    code = await second.wait()
    figures = msgspec.json.decode(output)

    assert figures["orders"]["placed"] + figures["orders"]["refused"] == ORDERS
    assert figures["orders"]["delivered"] + figures["orders"]["canceled"] == figures["orders"]["placed"]
    assert figures["audit"]["broken"] == []
    assert figures["stuck"] == 0
    assert figures["units"]["oversold"] == 0
    assert figures["outside"]["labels_bought"] > 0
    assert figures["outside"]["labels_bought_twice"] == 0
    assert figures["outside"]["bank"]["captured_minor"] == figures["money"]["captured_minor"] > 0
    assert figures["audit"]["ok"]
    assert code == 0
