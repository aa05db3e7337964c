"""The browser, the world it looks at, and the table of what was measured."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import msgspec
import pytest
from playwright.async_api import Browser
from pytest_asyncio import fixture as async_fixture

from tests.browser import looks, world
from tests.support.database import server_folder
from tests.support.waiting import eventually

READY_WITHIN_S = 120.0
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def executable() -> str:
    """The system's Chromium; without one the browser tests are skipped, or fail when they were asked for."""
    found = looks.chromium()
    if found is None and looks.REQUIRED:
        pytest.fail("no Chromium: install one (Debian: apt-get install chromium), or set DOORSTEP_CHROMIUM")
    if found is None:
        pytest.skip("no Chromium in PATH, and DOORSTEP_CHROMIUM is not set")
    return found


@async_fixture(scope="session", loop_scope="session")
async def browser(executable: str) -> AsyncIterator[Browser]:
    """A headless browser, the same for all tests of a worker."""
    async with looks.browsing(executable) as opened:
        yield opened


@async_fixture(scope="session", loop_scope="session")
async def the_world(
    executable: str, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> AsyncIterator[world.World]:
    """The world that all workers share; whoever comes first starts it, the last to go ends it."""
    async with _living(server_folder(tmp_path_factory, worker_id).parent / "world", "all") as made:
        yield made


@async_fixture(loop_scope="session")
async def journey_world(executable: str, tmp_path: Path) -> AsyncIterator[world.World]:
    """A shop of one's own before its first order, where time may be let pass."""
    async with _living(tmp_path / "world", "journey") as made:
        yield made


@asynccontextmanager
async def _living(folder: Path, builder: str) -> AsyncIterator[world.World]:
    with world.hold(folder):
        process = _start(folder, builder) if _is_first(folder) else None
        await eventually(lambda: _is_made(folder, process), within_s=READY_WITHIN_S, every_s=0.1)
        yield msgspec.json.decode((folder / world.WORLD_FILE).read_bytes(), type=world.World)
    if process is not None:
        process.wait(READY_WITHIN_S)


def _is_first(folder: Path) -> bool:
    try:
        (folder / "started").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _start(folder: Path, builder: str) -> subprocess.Popen[bytes]:
    log: IO[bytes]
    with (folder / world.LOG_FILE).open("wb") as log:
        argv = [sys.executable, "-m", "tests.browser.world", str(folder), builder]
        return subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _is_made(folder: Path, process: subprocess.Popen[bytes] | None) -> bool:
    if process is not None and process.poll() is not None:
        pytest.fail((folder / world.LOG_FILE).read_text()[-3000:])
    return (folder / world.WORLD_FILE).exists()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each page that was looked at, with the worst of all looks."""
    worst: dict[str, dict[str, float]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, figures in report.user_properties:
                if name.startswith("page "):
                    row = worst.setdefault(name.removeprefix("page "), {})
                    row.update({key: max(value, row.get(key, 0)) for key, value in figures.items()})
    if worst:
        terminalreporter.section("pages, worst of all looks")
        terminalreporter.write_line(f"{'page':<28}{'bytes':>9}{'shift':>8}{'findings':>10}")
        for name, row in sorted(worst.items()):
            terminalreporter.write_line(f"{name:<28}{row['bytes']:>9.0f}{row['shift']:>8.3f}{row['findings']:>10.0f}")
