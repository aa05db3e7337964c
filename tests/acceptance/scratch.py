"""Databases and commands to measure with, gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import IO

from doorstep.db import Database, embedded
from doorstep.db.migrate import create_brand, migrate

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder."""
    with tempfile.TemporaryDirectory(prefix="doorstep-accept-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@asynccontextmanager
async def database() -> AsyncIterator[Database]:
    """A durable server of its own, migrated, with the brand `main`."""
    with folder() as place:
        server = embedded.ensure(place / "server", conf={"max_connections": "300"})
        try:
            await migrate(server.dsn())
            await create_brand(server.dsn(), "main", "Main")
            made = Database(server.dsn())
            try:
                yield made
            finally:
                await made.close()
        finally:
            embedded.destroy(place / "server")


class Ran:
    """A command that ended: exit code, output, seconds."""

    def __init__(self, code: int, out: str, err: str, seconds: float) -> None:
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    @property
    def said(self) -> str:
        """The end of what it said, when it failed."""
        return "" if self.code == 0 else f": {(self.err or self.out).strip()[-300:]}"


def run(command: Sequence[str], where: Path, *, within_s: float, **more: str) -> Ran:
    """Run a command to its end; it is told nothing of the environment this runs in but what a shell has."""
    started = monotonic()
    with started_in(command, where, env=more) as process:
        try:
            out, err = process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            end(process, signal.SIGKILL)
            out, err = process.communicate()
            return Ran(-1, out, f"{err}\nnot done after {within_s:g} s", monotonic() - started)
    return Ran(process.returncode, out, err, monotonic() - started)


@contextmanager
def started_in(
    command: Sequence[str], where: Path, *, env: Mapping[str, str], out: IO[str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A command in a session of its own; ended, with its children, when the block ends before it does.

    With `out`, its output goes to that file and its words of progress nowhere: nobody has to read them meanwhile.
    """
    process = subprocess.Popen(
        command,
        cwd=where,
        env=_environment(env),
        stdin=subprocess.DEVNULL,
        stdout=out or subprocess.PIPE,
        stderr=subprocess.DEVNULL if out else subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            end(process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)
            end(process, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def end(process: subprocess.Popen[str], number: int) -> None:
    """Send a signal to a command and its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def say(text: str) -> None:
    """Tell whoever waits what is being measured now."""
    print(f"accept: {text}", file=sys.stderr, flush=True)


def until(process: subprocess.Popen[str], reached: Callable[[], bool], *, within_s: float) -> bool:
    """Whether it is reached before the command ends or time is up."""
    deadline = monotonic() + within_s
    while monotonic() < deadline:
        if reached():
            return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            return reached()
    return False


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    foreign = ("DOORSTEP_", "PYTHONPATH", "VIRTUAL_ENV", "PYTEST_", "MAKE", "MFLAGS")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | dict(more)
