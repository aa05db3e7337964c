"""The supervisor restarts what dies and leaves nothing behind, not even when it is killed itself."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from doorstep import supervisor as supervising
from doorstep.db import embedded
from doorstep.db.embedded.cluster import is_alive
from doorstep.supervisor import Child, Guard, Supervisor, SupervisorError, postgres_guard
from tests.support.waiting import eventually

# Tells its own id and that of a child of its own, then works until it is told to end.
FAMILY = 'sleep 600 & echo "$$ $!" >"$0.new"; mv "$0.new" "$0"; wait'


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    async with Supervisor() as supervisor:
        yield supervisor


def child(name: str, script: str, folder: Path, **options: object) -> Child:
    """A shell script as a child; $0 is a file that it may write."""
    argv = ["/bin/sh", "-c", script, str(folder / f"{name}.out")]
    return Child(name=name, argv=argv, log=folder / f"{name}.log", **options)  # type: ignore[arg-type]  # passed on


def family(folder: Path, name: str = "family") -> list[int]:
    """The ids that a FAMILY wrote down; empty before it did."""
    path = folder / f"{name}.out"
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


async def test_a_child_runs_with_its_environment_and_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    script = 'echo "hello $WORD"; exec sleep 600'
    await supervisor.start([child("talker", script, tmp_path / "logs", env={"WORD": "doorstep"})])
    await supervisor.wait_ready(10)
    await eventually(lambda: (tmp_path / "logs" / "talker.log").read_text() == "hello doorstep\n")
    assert supervisor.states == {"talker": "ready"}
    assert supervisor.restarts == {"talker": 0}
    assert is_alive(supervisor.pids["talker"])


async def test_a_child_that_dies_is_started_again_and_counted(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start([child("mortal", "exec sleep 600", tmp_path)])
    await supervisor.wait_ready(10)
    first = supervisor.pids["mortal"]
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: supervisor.restarts == {"mortal": 1} and supervisor.pids.get("mortal"))
    await supervisor.wait_ready(10)
    assert supervisor.pids["mortal"] != first


async def test_what_a_dead_child_left_in_its_group_ends_before_the_next_start(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    await supervisor.start([child("family", FAMILY, tmp_path)])
    parent, grandchild = await eventually(lambda: family(tmp_path))
    assert parent == supervisor.pids["family"]
    os.kill(parent, signal.SIGKILL)
    await eventually(lambda: not is_alive(grandchild))
    await eventually(lambda: family(tmp_path)[0] == supervisor.pids.get("family") != parent)


async def test_readiness_is_what_the_check_says(supervisor: Supervisor, tmp_path: Path) -> None:
    open_for_business = tmp_path / "open"
    seen: list[str] = []

    async def ready() -> bool:
        if not seen:
            seen.append("refused")
            raise ConnectionRefusedError
        return open_for_business.exists()

    await supervisor.start([child("shop", "exec sleep 600", tmp_path, ready=ready)])
    with pytest.raises(SupervisorError, match="shop is starting"):
        await supervisor.wait_ready(0.3)
    open_for_business.touch()
    await supervisor.wait_ready(10)
    assert seen == ["refused"]


async def test_changes_of_state_are_told_in_order(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    async with Supervisor(on_change=lambda name, state: told.append((name, state))) as supervisor:
        await supervisor.start([child("mortal", "exec sleep 600", tmp_path)])
        await supervisor.wait_ready(10)
        os.kill(supervisor.pids["mortal"], signal.SIGKILL)
        await eventually(lambda: len(told) == 4)
    assert [state for _, state in told] == ["ready", "waiting", "starting", "ready", "stopped"]


async def test_a_child_that_never_becomes_ready_fails_with_the_end_of_its_log(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "FIRST_BACKOFF_S", 0.01)

    async def never() -> bool:
        return False

    await supervisor.start([child("broken", "echo no such port; exit 3", tmp_path, ready=never)])
    with pytest.raises(SupervisorError, match=r"broken is failed. It ended with 3[\s\S]*no such port"):
        await supervisor.wait_ready(20)
    starts = (tmp_path / "broken.log").read_text().count("no such port")
    assert starts == supervising.STARTS_BEFORE_READY


async def test_a_program_that_does_not_exist_is_named(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "FIRST_BACKOFF_S", 0.01)

    async def never() -> bool:
        return False

    await supervisor.start([Child(name="typo", argv=["/no/such/program"], log=tmp_path / "typo.log", ready=never)])
    with pytest.raises(SupervisorError, match="typo is failed"):
        await supervisor.wait_ready(20)


async def test_an_error_in_a_ready_check_is_shown(supervisor: Supervisor, tmp_path: Path) -> None:
    async def wrong() -> bool:
        raise KeyError("port")

    await supervisor.start([child("shop", "exec sleep 600", tmp_path, ready=wrong)])
    with pytest.raises(SupervisorError, match="KeyError: 'port'"):
        await supervisor.wait_ready(10)


async def test_stop_ends_a_whole_family_even_one_that_ignores_the_polite_signal(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "STOP_GRACE_S", 0.2)
    await supervisor.start([child("family", FAMILY, tmp_path), child("deaf", f"trap '' TERM; {FAMILY}", tmp_path)])
    members = [*await eventually(lambda: family(tmp_path)), *await eventually(lambda: family(tmp_path, "deaf"))]
    await supervisor.stop()
    assert [pid for pid in members if is_alive(pid)] == []
    assert supervisor.states == {"family": "stopped", "deaf": "stopped"}
    assert supervisor.pids == {}


async def test_stop_does_not_wait_for_a_backoff_to_end(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "FIRST_BACKOFF_S", 600.0)
    monkeypatch.setattr(supervising, "LAST_BACKOFF_S", 600.0)
    await supervisor.start([child("mortal", "exit 1", tmp_path)])
    await eventually(lambda: supervisor.states["mortal"] == "waiting")
    async with asyncio.timeout(5):
        await supervisor.stop()


async def test_two_of_one_name_are_refused(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unique"):
        await supervisor.start([child("twin", "true", tmp_path), child("twin", "true", tmp_path)])


OWNER = """
    import asyncio, sys
    from pathlib import Path
    from doorstep.supervisor import Child, Supervisor

    async def main(folder):
        children = [
            Child(name=name, argv=["/bin/sh", "-c", sys.argv[2 + at], str(folder / f"{name}.out")], log=folder / "log")
            for at, name in enumerate(("family", "deaf"))
        ]
        async with Supervisor() as supervisor:
            await supervisor.start(children)
            await supervisor.until_signaled()
        (folder / "clean").touch()

    asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_no_child_outlives_a_supervisor_however_it_ends(tmp_path: Path, number: signal.Signals) -> None:
    deaf = f"trap '' TERM; {FAMILY}" if number is signal.SIGKILL else FAMILY
    owner = subprocess.Popen([sys.executable, "-c", textwrap.dedent(OWNER), str(tmp_path), FAMILY, deaf])
    try:
        members = [*await eventually(lambda: family(tmp_path)), *await eventually(lambda: family(tmp_path, "deaf"))]
        assert all(is_alive(pid) for pid in members)
    finally:
        owner.send_signal(number)
        owner.wait()
    await eventually(lambda: not [pid for pid in members if is_alive(pid)], within_s=20)
    assert (tmp_path / "clean").exists() is (number is not signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
async def test_the_kernel_ends_the_children_when_the_reaper_is_killed_too(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", textwrap.dedent(OWNER), str(tmp_path), FAMILY, FAMILY])
    try:
        groups = [(await eventually(partial(family, tmp_path, name)))[0] for name in ("family", "deaf")]
        listed = Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text().split()
        reapers = [pid for pid in listed if "while read -r line" in Path(f"/proc/{pid}/cmdline").read_text()]
        assert len(reapers) == 1
        os.kill(owner.pid, signal.SIGSTOP)
        os.kill(int(reapers[0]), signal.SIGKILL)
    finally:
        owner.kill()
        owner.wait()
    try:
        await eventually(lambda: not any(is_alive(group) for group in groups))
    finally:
        for group in groups:
            os.killpg(group, signal.SIGKILL)  # the grandchildren, whom only the reaper would have reached


async def test_a_guard_heals_what_is_not_our_child_and_ends_it_last(tmp_path: Path) -> None:
    heart = tmp_path / "beats"
    ended: list[str] = []

    async def ensure() -> int:
        heart.touch()
        return os.getpid()

    async def is_well() -> bool:
        return heart.exists()

    async def end() -> None:
        ended.append("guarded")

    guard = Guard(name="heart", ensure=ensure, is_well=is_well, end=end, every_s=0.01)
    async with Supervisor() as supervisor:
        await supervisor.start(guards=[guard])
        await supervisor.wait_ready(10)
        assert supervisor.pids == {"heart": os.getpid()}
        heart.unlink()
        await eventually(lambda: supervisor.restarts == {"heart": 1} and heart.exists())
        await supervisor.wait_ready(10)
    assert ended == ["guarded"]


async def test_a_guard_that_cannot_start_says_why(supervisor: Supervisor) -> None:
    async def ensure() -> int:
        raise embedded.EmbeddedError("the disk is full")

    async def is_well() -> bool:
        return True

    await supervisor.start(guards=[Guard(name="heart", ensure=ensure, is_well=is_well)])
    with pytest.raises(SupervisorError, match="heart is failed. the disk is full"):
        await supervisor.wait_ready(10)


async def test_a_killed_postgresql_is_back_and_ends_with_us(tmp_path: Path) -> None:
    try:
        async with Supervisor() as supervisor:
            await supervisor.start(guards=[postgres_guard(tmp_path)])
            await supervisor.wait_ready(60)
            first = supervisor.pids["postgres"]
            os.kill(first, signal.SIGKILL)
            await eventually(lambda: supervisor.restarts == {"postgres": 1}, within_s=20)
            await supervisor.wait_ready(60)
            assert supervisor.pids["postgres"] != first
            assert embedded.status(tmp_path).state == "running"
        assert embedded.status(tmp_path).state == "stopped"
    finally:
        embedded.destroy(tmp_path)
