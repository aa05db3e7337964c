"""PostgreSQL inside Doorstep: one call makes sure that a server runs for a data folder, whatever happened before.

    server = ensure(Path("data"))
    await asyncpg.connect(server.dsn())

Invariant: for one data folder at most one server runs, and `ensure` returns only when it answers. States: absent,
stopped, starting (crash recovery included), running, silent. The server belongs to nobody: it outlives the process that
started it and is shared by all that call `ensure`; `stop` ends it. Socket only, unless a port is asked for.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import msgspec

from doorstep.db.embedded.account import POINTER, Account, find_home, make_home, reachable
from doorstep.db.embedded.binaries import (
    Binaries,
    EmbeddedError,
    choose,
    find_binaries,
    find_clients,
    find_system_binaries,
)
from doorstep.db.embedded.cluster import DEFAULT_PORT, SUPERUSER, Answer, Cluster, ask, is_alive, read_major

__all__ = [
    "Binaries",
    "EmbeddedError",
    "Server",
    "Status",
    "destroy",
    "ensure",
    "find_binaries",
    "find_clients",
    "find_system_binaries",
    "status",
    "stop",
]

DATABASE = "doorstep"
LOCK = "postgres.lock"
PASSWORD = "postgres.password"
STARTS_AT_MOST = 6
SILENCE_AT_MOST_S = 60.0
TELL_EVERY_S = 5.0
FAST_STOP_AT_MOST_S = 60.0

Say = Callable[[str], None]
_log = logging.getLogger(__name__)


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A running server. `port` names its socket file; TCP is open on 127.0.0.1 only when `tcp` is true."""

    pid: int
    version: str
    socket_dir: Path
    cluster_dir: Path
    port: int
    tcp: bool
    password_file: Path
    bin_dir: Path

    def answers(self) -> bool:
        """Say whether the server answers now. Takes three milliseconds; three seconds when it hangs."""
        return ask(self.bin_dir, self.socket_dir, self.port) is Answer.READY

    def dsn(self, database: str = DATABASE, user: str = SUPERUSER) -> str:
        """Return the address through the Unix socket, for asyncpg and libpq alike."""
        return f"postgresql://{quote(user)}@/{quote(database)}?host={quote(str(self.socket_dir))}&port={self.port}"

    def tcp_dsn(self, database: str = DATABASE) -> str:
        """Return the address through TCP, password included. Raises EmbeddedError when no port was asked for."""
        if not self.tcp:
            raise EmbeddedError("this server listens on its socket only; ask for a port")
        password = self.password_file.read_text().strip()
        return f"postgresql://{SUPERUSER}:{quote(password)}@127.0.0.1:{self.port}/{quote(database)}"


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What is known without changing anything. `silent`: its process lives and does not answer."""

    state: Literal["absent", "stopped", "starting", "running", "silent"]
    server: Server | None = None


def ensure(
    data_dir: Path,
    *,
    conf: Mapping[str, str] | None = None,
    port: int | None = None,
    binaries: Path | None = None,
    durable: bool = True,
    say: Say = _log.info,
) -> Server:
    """Make sure that the data folder's server runs, and return it once it answers and has the database `doorstep`.

    `conf` are further PostgreSQL settings; on a running server they take effect as far as a reload can. `port` opens
    TCP on 127.0.0.1 with a password. `durable=False` gives up crash safety for speed: tests only. `say` gets words of
    progress: crash recovery is waited for, however long it takes. Raises EmbeddedError with the reason and the end of
    the log.
    """
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    with _turn(data_dir, say):
        home, account = make_home(data_dir, say)
        found = choose(binaries, major=read_major(home))
        cluster = Cluster(home=home, account=account, bin_dir=reachable(found, account, home, say))
        cluster.initialize(durable=durable)
        changed = cluster.configure(conf or {}, port=port, durable=durable)
        if cluster.ask() is not Answer.READY:
            _bring_up(cluster, say)
        elif changed:
            cluster.signal(signal.SIGHUP)
        _make_database(cluster)
        server = _describe(cluster, data_dir)
        if server.tcp:
            _set_password(cluster, server)
        return server


def stop(data_dir: Path, *, say: Say = _log.info) -> bool:
    """Stop the data folder's server, open transactions rolled back; return whether one was running.

    A server that does not finish within a minute is stopped the hard way, which the next start repairs.
    """
    data_dir = data_dir.resolve()
    if not data_dir.is_dir():
        return False
    with _turn(data_dir, say):
        cluster = _existing(data_dir)
        return cluster is not None and _shut_down(cluster, say)


def destroy(data_dir: Path, *, say: Say = _log.info) -> None:
    """Stop the server and delete its cluster, wherever it lives. There is no way back."""
    data_dir = data_dir.resolve()
    if not data_dir.is_dir():
        return
    with _turn(data_dir, say):
        cluster = _existing(data_dir)
        if cluster is not None:
            _shut_down(cluster, say)
            cluster.remove()
        for name in (POINTER, PASSWORD):
            (data_dir / name).unlink(missing_ok=True)


def status(data_dir: Path) -> Status:
    """Say how the data folder's server is, without waiting for another process and without changing anything."""
    cluster = _existing(data_dir.resolve()) if data_dir.is_dir() else None
    if cluster is None or cluster.major is None:
        return Status(state="absent")
    answer = cluster.ask()
    if answer is Answer.READY:
        return Status(state="running", server=_describe(cluster, data_dir.resolve()))
    if answer is Answer.REJECTING:
        return Status(state="starting")
    return Status(state="silent" if cluster.holder() else "stopped")


@contextmanager
def _turn(data_dir: Path, say: Say) -> Iterator[None]:
    """Let one process at a time start or stop the server of a data folder. The lock ends with the process."""
    with (data_dir / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process starts or stops PostgreSQL; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _existing(data_dir: Path) -> Cluster | None:
    """Return the cluster that an earlier start made, with programs that can speak to it."""
    found = find_home(data_dir)
    if found is None:
        return None
    home, account = found
    programs = choose(major=None)
    return Cluster(home=home, account=account, bin_dir=reachable(programs, account, home, _log.info))


def _bring_up(cluster: Cluster, say: Say) -> None:
    """Start the server and wait until it answers; start again when it ends for a reason that passes."""
    starts, pid = 0, cluster.holder()
    spoke_at = time.monotonic()
    beat = _Beat("PostgreSQL is coming up", say)
    while (answer := cluster.ask()) is not Answer.READY:
        if pid is None or not is_alive(pid):
            pid = cluster.holder()
        if pid is None:
            if starts == STARTS_AT_MOST or (starts and not _may_pass(cluster)):
                raise EmbeddedError(f"PostgreSQL does not start; the end of {cluster.log}:\n{cluster.log_tail()}")
            time.sleep(0.05 * (2**starts - 1))
            pid, starts = cluster.launch(), starts + 1
        if answer is Answer.REJECTING:
            spoke_at = time.monotonic()
        elif time.monotonic() - spoke_at > SILENCE_AT_MOST_S:
            raise EmbeddedError(
                f"process {pid} serves {cluster.pgdata} and has not answered for {SILENCE_AT_MOST_S:.0f} s: "
                f"end it (kill -INT {pid}) and start again"
            )
        beat.wait(cluster.last_word)


class _Beat:
    """The rhythm of waiting for another process: ask often at first, then rarely, and say so now and then."""

    def __init__(self, what: str, say: Say) -> None:
        self._what, self._say = what, say
        self._started_at = self._told_at = time.monotonic()
        self._pause_s = 0.01

    def wait(self, detail: Callable[[], str] = str) -> None:
        """Sleep for a moment; when the last word is long ago, tell what `detail` answers."""
        time.sleep(self._pause_s)
        self._pause_s = min(self._pause_s * 1.3, 0.25)
        now = time.monotonic()
        if now - self._told_at >= TELL_EVERY_S:
            self._told_at = now
            self._say(f"{self._what}, {now - self._started_at:.0f} s so far. {detail()}".rstrip())


def _may_pass(cluster: Cluster) -> bool:
    """Say whether a start failed on what a killed server leaves behind for a moment: its lock files and orphans."""
    tail = cluster.log_tail()
    return any(words in tail for words in ("pre-existing shared memory", "already exists", "is another postmaster"))


def _shut_down(cluster: Cluster, say: Say) -> bool:
    pid = cluster.holder()
    if pid is None:
        return False
    cluster.signal(signal.SIGINT)
    give_up_at = time.monotonic() + FAST_STOP_AT_MOST_S
    beat = _Beat("PostgreSQL is stopping", say)
    while is_alive(pid):
        if time.monotonic() > give_up_at:
            cluster.signal(signal.SIGQUIT)
            give_up_at += FAST_STOP_AT_MOST_S
        beat.wait()
    return True


def _make_database(cluster: Cluster) -> None:
    missing = f"NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}')"
    cluster.query(f"SELECT 'CREATE DATABASE {DATABASE}' WHERE {missing} \\gexec")


def _describe(cluster: Cluster, data_dir: Path) -> Server:
    """Describe a server that answers."""
    said = cluster.query("SHOW server_version; SHOW listen_addresses; SHOW port;").split("\n")
    version, addresses, port = [*said, "", "", ""][:3]
    holder = cluster.holder() or cluster.pid_file().pid
    if holder is None:
        raise EmbeddedError(f"a server answers in {cluster.socket_dir}, but {cluster.pgdata} names no process")
    return Server(
        pid=holder,
        version=version.split(" ")[0],
        socket_dir=cluster.socket_dir,
        cluster_dir=cluster.pgdata,
        port=int(port or DEFAULT_PORT),
        tcp=bool(addresses),
        password_file=data_dir / PASSWORD,
        bin_dir=cluster.bin_dir,
    )


def _set_password(cluster: Cluster, server: Server) -> None:
    """Give the superuser a password for TCP, kept in the data folder, readable by its owner only."""
    path = server.password_file
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{secrets.token_urlsafe(32)}\n")
    cluster.query(f"ALTER ROLE {SUPERUSER} PASSWORD '{path.read_text().strip()}'")


def account_of(data_dir: Path) -> Account | None:
    """Return the user that the data folder's server runs as, or None before the first start."""
    found = find_home(data_dir.resolve())
    return found[1] if found else None
