"""Keeps named processes running on one machine: starts them, restarts one that dies, and never leaves one behind.

    async with Supervisor() as supervisor:
        await supervisor.start([Child(name="worker", argv=[...], log=data / "worker.log")], [postgres_guard(data)])
        await supervisor.wait_ready(60)
        await supervisor.until_signaled()

Each child leads a session of its own, so that a signal to its group reaches its children too, and a Ctrl-C reaches only
us. If we are killed, a reaper (a shell that holds the other end of a pipe) ends every group; on Linux the kernel also
tells each child directly. A `Guard` watches over a server that is nobody's child, such as the embedded PostgreSQL.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Literal, Self

import msgspec

from doorstep.db import embedded

State = Literal["starting", "ready", "waiting", "failed", "stopped"]
OnChange = Callable[[str, State], None]

POLL_S = 0.05
FIRST_BACKOFF_S = 0.1
LAST_BACKOFF_S = 10.0
STABLE_AFTER_S = 30.0
# A child that never once became ready is misconfigured; one that did is restarted for as long as we live.
STARTS_BEFORE_READY = 5
STOP_GRACE_S = 10.0
# How long the rest of a killed group may take to be gone. Where nobody reaps orphans, it never is, and we go on.
GONE_WITHIN_S = 2.0
LOG_LIMIT_BYTES = 20_000_000

# Asks the kernel to send SIGTERM (15) when our thread ends (PR_SET_PDEATHSIG is 1), then becomes the child itself. A
# program of its own instead of a hook between fork and exec, which is unsafe beside threads.
_TIE = (
    "import ctypes,os,sys;ctypes.CDLL(None).prctl(1,15);"
    "os.getppid()==int(sys.argv[1]) or sys.exit(1);os.execvp(sys.argv[2],sys.argv[2:])"
)
# Reads lines of process groups until we are gone; then ends the groups of the last line.
_REAPER = """
while read -r line; do groups=$line; done
any() { for group in $groups; do kill -s 0 -- -"$group" 2>/dev/null && return 0; done; return 1; }
for group in $groups; do kill -s TERM -- -"$group" 2>/dev/null; done
turns=0
while any && [ $turns -lt 50 ]; do sleep 0.1; turns=$((turns + 1)); done
for group in $groups; do kill -s KILL -- -"$group" 2>/dev/null; done
"""


class SupervisorError(RuntimeError):
    """A child or guard did not become ready; the text names it and shows the end of its log."""


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """A process to keep running. `env` is added to ours. Without `ready` it counts as ready once it runs.

    `ready` answers whether the process does its work; an OSError from it (connection refused) means not yet.
    """

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] = {}
    ready: Callable[[], Awaitable[bool]] | None = None


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """A server that is not our child: `ensure` starts it and returns its process id, `is_well` asks, `end` stops it."""

    name: str
    ensure: Callable[[], Awaitable[int]]
    is_well: Callable[[], Awaitable[bool]]
    end: Callable[[], Awaitable[None]] | None = None
    every_s: float = 0.5


class _Kept:
    """What we know of one child or guard."""

    def __init__(self, name: str, on_change: OnChange) -> None:
        self.name = name
        self.pid: int | None = None
        self.restarts = 0
        self.was_ready = False
        self.trouble = ""
        self.state: State = "starting"
        self.task: asyncio.Task[None] | None = None
        self._on_change = on_change

    def become(self, state: State) -> None:
        """Change the state and tell."""
        self.was_ready = self.was_ready or state == "ready"
        if state != self.state:
            self.state = state
            self._on_change(self.name, state)


class Supervisor:
    """Starts children and guards, keeps them running, stops them. Belongs to one event loop and the thread of it."""

    def __init__(self, *, on_change: OnChange | None = None) -> None:
        self._on_change = on_change or (lambda name, state: None)
        self._children: dict[str, _Kept] = {}
        self._guards: dict[str, tuple[Guard, _Kept]] = {}
        self._stopping = asyncio.Event()
        self._reaper: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name, of those that run now."""
        return {kept.name: kept.pid for kept in self._all() if kept.pid is not None}

    @property
    def restarts(self) -> dict[str, int]:
        """How often each had to be started again, by name."""
        return {kept.name: kept.restarts for kept in self._all()}

    @property
    def states(self) -> dict[str, State]:
        """The state of each, by name. `waiting`: it died and is started again in a moment."""
        return {kept.name: kept.state for kept in self._all()}

    async def start(self, children: Sequence[Child] = (), guards: Sequence[Guard] = ()) -> None:
        """Begin to keep these running, beside those of earlier calls. Names are unique. Does not wait for readiness."""
        names = [*self.states, *(child.name for child in children), *(guard.name for guard in guards)]
        if len(set(names)) < len(names):
            raise ValueError(f"names are unique under one supervisor, got {sorted(names)}")
        for guard in guards:
            kept = _Kept(guard.name, self._on_change)
            self._guards[guard.name] = (guard, kept)
            kept.task = asyncio.create_task(self._watched(self._guard(guard, kept), kept))
        for child in children:
            kept = self._children[child.name] = _Kept(child.name, self._on_change)
            kept.task = asyncio.create_task(self._watched(self._keep(child, kept), kept))

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait until everything is ready. Raises SupervisorError when something failed or the time is over."""
        deadline = time.monotonic() + timeout_s
        while any(kept.state != "ready" for kept in self._all()):
            failed = [kept for kept in self._all() if kept.state == "failed"]
            late = [kept for kept in self._all() if kept.state != "ready"] if time.monotonic() > deadline else []
            if failed or late:
                words = [f"{kept.name} is {kept.state}. {kept.trouble}".rstrip() for kept in failed or late]
                raise SupervisorError("\n".join(words))
            await asyncio.sleep(POLL_S)

    async def until_signaled(self) -> signal.Signals:
        """Wait for SIGINT or SIGTERM and return it. A second one has its usual effect again."""
        loop = asyncio.get_running_loop()
        received: asyncio.Future[signal.Signals] = loop.create_future()

        def note(number: signal.Signals) -> None:
            if not received.done():
                received.set_result(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, note, number)
        try:
            return await received
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def stop(self) -> None:
        """End the children (SIGTERM to their groups, SIGKILL after a grace period), then the guarded servers."""
        self._stopping.set()
        tasks = [kept.task for kept in self._children.values() if kept.task]
        self._signal_all(signal.SIGTERM)
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=STOP_GRACE_S)
            if pending:
                self._signal_all(signal.SIGKILL)
                await asyncio.wait(pending)
        await self._stop_guards()
        if self._reaper:
            reaper, self._reaper = self._reaper, None
            with suppress(BrokenPipeError):
                reaper.communicate()  # all groups are gone, so that it ends as soon as its pipe is closed
        for kept in self._all():
            kept.become("stopped")

    def _all(self) -> list[_Kept]:
        return [kept for _, kept in self._guards.values()] + list(self._children.values())

    async def _watched(self, work: Awaitable[None], kept: _Kept) -> None:
        """Turn an unforeseen error of ours into a visible failure of the thing we watched."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 (whatever it is, a person must see it)
            kept.trouble = f"{type(error).__name__}: {error}"
            kept.become("failed")

    # Children

    async def _keep(self, child: Child, kept: _Kept) -> None:
        deaths = 0
        while True:
            started_at = time.monotonic()
            code = await self._live_once(child, kept)
            if self._stopping.is_set():
                return
            if kept.was_ready and time.monotonic() - started_at > STABLE_AFTER_S:
                deaths = 0
            deaths += 1
            kept.trouble = f"It ended with {code}; the end of {child.log}:\n{_tail(child.log)}"
            if not kept.was_ready and deaths >= STARTS_BEFORE_READY:
                kept.become("failed")
                return
            kept.become("waiting")
            if await self._stops_within(min(FIRST_BACKOFF_S * 2 ** (deaths - 1), LAST_BACKOFF_S)):
                return
            kept.restarts += 1
            kept.become("starting")

    async def _live_once(self, child: Child, kept: _Kept) -> int:
        """Run the child until it ends; return its exit code. What is left of its group then ends too."""
        with _open_log(child.log) as log:
            process = await asyncio.create_subprocess_exec(
                *_tied(child.argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **child.env},
                start_new_session=True,
            )
        kept.pid = process.pid
        self._tell_reaper()
        if self._stopping.is_set():
            _signal_group(process.pid, signal.SIGTERM)
        checking = asyncio.create_task(self._watched(_become_ready(child, kept), kept))
        try:
            return await process.wait()
        finally:
            checking.cancel()
            with suppress(asyncio.CancelledError):
                await checking
            await _end_group(process.pid)
            kept.pid = None
            self._tell_reaper()

    def _signal_all(self, number: signal.Signals) -> None:
        for kept in self._children.values():
            if kept.pid is not None:
                _signal_group(kept.pid, number)

    async def _stops_within(self, seconds: float) -> bool:
        """Wait; return early, and True, when we are told to stop."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _tell_reaper(self) -> None:
        """Hand the reaper the groups that must not outlive us, starting it if it is not there."""
        groups = " ".join(str(kept.pid) for kept in self._children.values() if kept.pid is not None)
        for _ in range(2):
            if self._reaper is None or self._reaper.poll() is not None:
                argv = ["/bin/sh", "-c", _REAPER]
                quiet = subprocess.DEVNULL
                self._reaper = subprocess.Popen(
                    argv, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True, bufsize=0
                )
            try:
                assert self._reaper.stdin is not None
                self._reaper.stdin.write(f"{groups}\n".encode())
                return
            except BrokenPipeError:
                self._reaper.communicate()

    # Guards

    async def _guard(self, guard: Guard, kept: _Kept) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                kept.pid = await guard.ensure()
            except (OSError, embedded.EmbeddedError) as error:
                failures += 1
                kept.trouble = str(error)
                if not kept.was_ready:
                    kept.become("failed")
                    return
                kept.become("waiting")
                await self._stops_within(min(FIRST_BACKOFF_S * 2**failures, LAST_BACKOFF_S))
                continue
            failures = 0
            kept.become("ready")
            while await guard.is_well():
                if await self._stops_within(guard.every_s):
                    return
            kept.restarts += 1
            kept.become("starting")

    async def _stop_guards(self) -> None:
        for guard, kept in self._guards.values():
            if kept.task:
                await kept.task
            if guard.end:
                await guard.end()
            kept.pid = None


def postgres_guard(
    data_dir: Path, *, conf: Mapping[str, str] | None = None, port: int | None = None, keep: bool = False
) -> Guard:
    """Guard the embedded PostgreSQL of a data folder. `keep=True` leaves it running when the supervisor stops."""
    servers: list[embedded.Server] = []

    async def ensure() -> int:
        servers[:] = [await asyncio.to_thread(embedded.ensure, data_dir, conf=conf, port=port)]
        return servers[0].pid

    async def is_well() -> bool:
        return await asyncio.to_thread(servers[0].answers)

    async def end() -> None:
        await asyncio.to_thread(embedded.stop, data_dir)

    return Guard(name="postgres", ensure=ensure, is_well=is_well, end=None if keep else end)


async def _become_ready(child: Child, kept: _Kept) -> None:
    while child.ready is not None:
        with suppress(OSError):
            if await child.ready():
                break
        await asyncio.sleep(POLL_S)
    kept.become("ready")


def _tied(argv: Sequence[str]) -> list[str]:
    """Wrap a command so that, on Linux, the kernel ends it when we are gone."""
    if sys.platform != "linux":
        return list(argv)
    return [sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid()), *argv]


def _signal_group(group: int, number: int) -> bool:
    """Signal a group; say whether it has members. Number 0 only asks."""
    try:
        os.killpg(group, number)
    # macOS answers "not permitted" for a group of which only unreaped members are left.
    except (ProcessLookupError, PermissionError):
        return False
    return True


async def _end_group(group: int) -> None:
    """Kill what is left of a group and wait until it is gone: a killed process still holds its files and ports."""
    _signal_group(group, signal.SIGKILL)
    deadline = time.monotonic() + GONE_WITHIN_S
    while _signal_group(group, 0) and time.monotonic() < deadline:  # noqa: ASYNC110 (the kernel sets no event)
        await asyncio.sleep(POLL_S / 10)


def _open_log(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab")


def _tail(path: Path, lines: int = 15) -> str:
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - 8_000))
        return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
