"""`doorstep serve`: a process that dies is started again and told of; a port that is taken is said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.races.servers import answers, free_port
from tests.support.waiting import eventually


def start(port: int, log: Path, processes: int) -> subprocess.Popen[bytes]:
    """Serve there; its database does not answer, which is no reason not to start."""
    env = {**os.environ, "DOORSTEP_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "DOORSTEP_SECRET": "s" * 32}
    command = [sys.executable, "-m", "doorstep", "serve", "--port", str(port), "--processes", str(processes)]
    with log.open("wb") as out:
        return subprocess.Popen(command, env=env, stdout=out, stderr=out)


def servers(parent: int) -> set[int]:
    """The processes that serve; Python's own helper is none, nor is one that is dead."""
    found = [one for one in psutil.Process(parent).children() if one.status() != psutil.STATUS_ZOMBIE]
    return {one.pid for one in found if "spawn_main" in " ".join(one.cmdline())}


async def test_a_process_that_is_killed_is_started_again_and_told_of(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    process = start(port, log, 2)
    try:
        await eventually(lambda: answers(port), within_s=30)
        before = await eventually(lambda: servers(process.pid))
        os.kill(min(before), signal.SIGKILL)
        await eventually(lambda: len(servers(process.pid)) == 2 and servers(process.pid) != before, within_s=30)
        await eventually(lambda: b"server_process_died" in log.read_bytes())
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    first = start(port, tmp_path / "first", 1)
    try:
        await eventually(lambda: answers(port), within_s=30)
        assert start(port, log, 1).wait(30) == 1
        assert f"Nobody can listen on 127.0.0.1, port {port}" in log.read_text()
        first.send_signal(signal.SIGINT)
        assert first.wait(30) == 0
    finally:
        first.kill()
        first.wait()
