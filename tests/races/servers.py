"""Server processes, as they run in the field, on ports of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from doorstep import settings as settings_of
from doorstep.settings import Settings

START_WITHIN_S = 30.0
STOP_WITHIN_S = 30.0
_SERVE = """
import os
from doorstep import settings
from doorstep.web.api.serve import serve
serve(settings.read(os.environ))
"""


@contextmanager
def serving(dsn: str, folder: Path, *, processes: int, first: str = "") -> Iterator[list[str]]:
    """So many separate `serve` processes on one database; their addresses. Each must stop well at the end.

    `first`: a line of Python that each runs before it serves.
    """
    started: list[tuple[subprocess.Popen[bytes], int]] = []
    try:
        for number in range(processes):
            started.append(_start(dsn, folder / f"server-{number}.log", first))
        yield [f"127.0.0.1:{port}" for _, port in started]
        for process, _ in started:
            process.terminate()
        for process, _ in started:
            process.wait(STOP_WITHIN_S)
    finally:
        for process, _ in started:
            if process.poll() is None:
                process.kill()
                process.wait()


def _start(dsn: str, log: Path, first: str) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(3):  # a free port may be taken by another before we are there
        port = free_port()
        settings = Settings(database_url=dsn, secret="0" * 32, port=port, log_level="warning", data=log.parent)
        environment = {**os.environ, **settings_of.environment(settings)}
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-c", f"{first}\n{_SERVE}"], env=environment, stdout=out, stderr=out
            )
        until = monotonic() + START_WITHIN_S
        while monotonic() < until and process.poll() is None:
            if answers(port):
                return process, port
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        process.kill()
        process.wait()
    raise RuntimeError(f"the server does not start: {log.read_text()[-2000:]}")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether a server is there and well."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1.0) as link:
            link.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return b" 200 " in link.recv(64)
    except OSError:
        return False
