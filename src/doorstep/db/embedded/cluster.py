"""One cluster on disk: make it, configure it, start it, find out who serves it, stop it.

The only sign of life is an answer on the cluster's own socket (pg_isready). A process id in a file proves nothing:
after a container restart it belongs to someone else.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path

import msgspec

from doorstep.db.embedded.account import Account, environment
from doorstep.db.embedded.binaries import EmbeddedError

SUPERUSER = "doorstep"
DEFAULT_PORT = 5432  # names the socket file; nothing listens on TCP unless a port is asked for
SOCKET_PATH_LIMIT = 100  # the kernel's limit is 107 bytes on Linux and 103 on macOS, file name included
LOG_LIMIT_BYTES = 20_000_000
CONF = "doorstep.conf"

# For 2 to 8 cores that the application shares. Everything else is PostgreSQL's default.
BASE_CONF: Mapping[str, str] = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "autovacuum_naptime": "15s",  # a new shop's tables grow from nothing to thousands of rows within a minute
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
    "log_checkpoints": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}
# Tests only: a crash of the machine loses the cluster.
FLEETING_CONF: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# In single-line HBA: whoever may enter the socket's folder is trusted; TCP needs the password.
HBA = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n"


class Answer(IntEnum):
    """pg_isready's exit codes."""

    READY = 0
    REJECTING = 1
    SILENT = 2
    NOT_ASKED = 3


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster's folder, the account that owns it and the programs that serve it."""

    home: Path
    account: Account
    bin_dir: Path

    @property
    def pgdata(self) -> Path:
        """PostgreSQL's own folder."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """Where the server writes its log."""
        return self.home / "server.log"

    @property
    def socket_dir(self) -> Path:
        """The folder of the socket: in the home when its path is short enough, else in /tmp under a name of its own."""
        inside = self.home / "s"
        if len(os.fsencode(inside)) + len(f"/.s.PGSQL.{DEFAULT_PORT}") <= SOCKET_PATH_LIMIT:
            return inside
        key = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        return Path("/tmp") / f"doorstep-{self.account.uid}-{key}"

    @property
    def major(self) -> int | None:
        """The major version the files were written by; None before the first start."""
        return read_major(self.home)

    def initialize(self, *, durable: bool) -> None:
        """Make the cluster's files if they are missing. A start that was killed halfway leaves nothing behind."""
        if self.major is not None:
            return
        staging = self.home / "new"
        common = ["--pgdata", str(staging), "--username", SUPERUSER, "--encoding", "UTF8", "--data-checksums"]
        common += ["--auth-local", "trust", "--auth-host", "scram-sha-256", "--no-instructions"]
        common += [] if durable else ["--no-sync"]
        complaint = ""
        for locale in self._locales():
            self.account.run(["rm", "-rf", staging])
            ran = self.account.run([self.bin_dir / "initdb", *common, *locale], cwd=self.home)
            if ran.code == 0:
                break
            complaint = ran.complaint
        else:
            raise EmbeddedError(f"initdb failed as user {self.account.name}:\n{complaint}")
        self.account.write(staging / "pg_hba.conf", HBA)
        conf = (staging / "postgresql.conf").read_text()
        self.account.write(staging / "postgresql.conf", f"{conf}\ninclude_if_exists = '{CONF}'\n")
        # What initdb wrote it has synced itself. The rename is the one step that makes the cluster exist.
        for path in (staging / "pg_hba.conf", staging / "postgresql.conf", staging):
            _sync(path)
        os.rename(staging, self.pgdata)
        _sync(self.home)

    def _locales(self) -> list[list[str]]:
        """Ways to get code-point order with Unicode letters, best first; the last works everywhere."""
        printed = self.account.run([self.bin_dir / "postgres", "--version"]).output
        major = int(re.findall(r"\(PostgreSQL\) (\d+)", printed)[0])
        built_in = [["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]] if major >= 17 else []
        letters = [["--locale=C", f"--lc-ctype={name}"] for name in ("C.UTF-8", "en_US.UTF-8")]
        return [*built_in, *letters, ["--locale=C"]]

    def configure(self, conf: Mapping[str, str], *, port: int | None, durable: bool) -> bool:
        """Write the settings; return whether they differ from what stood there."""
        wanted = {**BASE_CONF, **({} if durable else FLEETING_CONF)}
        wanted |= {"listen_addresses": "127.0.0.1" if port else "", "port": str(port or DEFAULT_PORT)}
        wanted |= {"unix_socket_directories": str(self.socket_dir), "unix_socket_permissions": "0700"}
        wanted |= dict(conf)
        for name in wanted:
            if not re.fullmatch(r"[a-zA-Z_][\w.]*", name):
                raise ValueError(f"not the name of a PostgreSQL setting: {name!r}")
        lines = [f"{name} = '{_quoted(value)}'" for name, value in wanted.items()]
        text = "\n".join(
            ["# Written by Doorstep at every start. Put changes of your own into postgresql.auto.conf.", *lines, ""]
        )
        path = self.pgdata / CONF
        if path.exists() and path.read_text() == text:
            return False
        self.account.write(path, text)
        return True

    def ask(self) -> Answer:
        """Ask the socket for a sign of life."""
        return ask(self.bin_dir, self.socket_dir, self.pid_file().port or DEFAULT_PORT)

    def _address(self) -> list[str]:
        """Options of every client program. A running server may still have the port of its own start."""
        return ["-h", str(self.socket_dir), "-p", str(self.pid_file().port or DEFAULT_PORT), "-U", SUPERUSER]

    def pid_file(self) -> PidFile:
        """Read postmaster.pid, which may be missing, half written or stale."""
        try:
            lines = (self.pgdata / "postmaster.pid").read_text().splitlines()
        except OSError:
            lines = []
        pid, port = (int(lines[at]) if len(lines) > at and lines[at].strip().isdigit() else None for at in (0, 3))
        return PidFile(pid=pid, port=port)

    def holder(self) -> int | None:
        """Return the id of the living process that serves this cluster, or None. Its id and its folder must agree."""
        pid = self.pid_file().pid
        return pid if pid is not None and _works_in(pid, self.pgdata) else None

    def launch(self) -> int:
        """Start the server in a session of its own, nobody's child; return its process id. It may still fail."""
        self._make_socket_dir()
        self._disown_stale_pid()
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        # The shell opens the log as the account, puts the server into the background and ends: init inherits it.
        script = 'umask 077; log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!'
        postgres = [str(self.bin_dir / "postgres"), "-D", str(self.pgdata)]
        done = subprocess.run(
            ["/bin/sh", "-c", script, "sh", str(self.log), *postgres],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
            cwd=self.home,
            start_new_session=True,
            user=self.account.uid if self.account.switch else None,
            group=self.account.gid if self.account.switch else None,
            extra_groups=[] if self.account.switch else None,
        )
        if done.returncode or not done.stdout.strip().isdigit():
            raise EmbeddedError(f"cannot start {postgres[0]} as user {self.account.name}: {done.stderr.strip()}")
        return int(done.stdout)

    def _make_socket_dir(self) -> None:
        """Make the socket's folder, refusing one in /tmp that somebody else prepared for us."""
        if not os.path.lexists(self.socket_dir):
            self.account.run(["mkdir", "-m", "700", self.socket_dir])
        found = self.socket_dir.lstat()
        if self.socket_dir.is_symlink() or not self.socket_dir.is_dir() or found.st_uid != self.account.uid:
            raise EmbeddedError(f"{self.socket_dir} is not a folder of user {self.account.name}: remove it")

    def _disown_stale_pid(self) -> None:
        """Put a surely dead id into a pid file that names somebody else's living process.

        PostgreSQL would refuse to start because that id is alive. Deleting the file instead would also delete the id of
        the shared memory in it, with which PostgreSQL makes sure that no orphan of a killed server still writes.
        """
        path = self.pgdata / "postmaster.pid"
        pid = self.pid_file().pid
        if pid is None or self.holder() is not None:
            return
        lines = path.read_text().splitlines()
        self.account.write(path, "\n".join([str(_dead_pid()), *lines[1:], ""]))
        # The socket's own lock has no such second meaning, and the folder is this cluster's alone.
        self.account.run(["/bin/sh", "-c", 'rm -f "$1"/.s.PGSQL.*', "sh", self.socket_dir])

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server, if it lives."""
        pid = self.holder()
        if pid is not None:
            os.kill(pid, number)

    def query(self, sql: str, database: str = "postgres") -> str:
        """Run a script as the superuser through psql; return what it prints. `\\gexec` works."""
        options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *self._address(), "-d", database]
        ran = self.account.run([self.bin_dir / "psql", *options], stdin=sql, cwd=self.home)
        if ran.code:
            raise EmbeddedError(f"the embedded server refused a statement of ours: {ran.complaint}")
        return ran.output

    def log_tail(self, lines: int = 15) -> str:
        """The end of the server's log, for messages to people."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - 8_000))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"

    def last_word(self) -> str:
        """The last line of the log that is not an echo of our own asking."""
        lines = [line for line in self.log_tail(40).splitlines() if " FATAL:  the database system is" not in line]
        return lines[-1] if lines else ""

    def remove(self) -> None:
        """Delete every file of a stopped cluster."""
        shutil.rmtree(self.socket_dir, ignore_errors=True)
        shutil.rmtree(self.home)


class PidFile(msgspec.Struct, frozen=True, kw_only=True):
    """What postmaster.pid says, believed only after a look at the process."""

    pid: int | None
    port: int | None


def ask(bin_dir: Path, socket_dir: Path, port: int) -> Answer:
    """Run pg_isready against a socket. Three seconds without an answer count as silence."""
    program = str(bin_dir / "pg_isready")
    argv = [program, "-q", "-t", "3", "-h", str(socket_dir), "-p", str(port), "-U", SUPERUSER, "-d", "postgres"]
    done = subprocess.run(
        argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment(), check=False
    )
    if done.returncode not in set(Answer):
        raise EmbeddedError(f"cannot run {program}: {done.stderr.strip()}")
    return Answer(done.returncode)


def read_major(home: Path) -> int | None:
    """Return the major version that a cluster was written by, or None when there is no cluster."""
    try:
        return int((home / "data" / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that ended and waits for its parent to notice does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return not Path("/proc/self/stat").exists()  # without /proc (macOS) the signal's word has to do
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def _works_in(pid: int, folder: Path) -> bool:
    """Say whether a living process has `folder` as its own: every PostgreSQL process works inside its cluster."""
    if not is_alive(pid):
        return False
    try:
        return os.path.samefile(f"/proc/{pid}/cwd", folder)
    except OSError:
        if Path("/proc/self/cwd").exists():
            return False
    listed = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return f"-D {folder}" in listed.stdout


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _dead_pid() -> int:
    """Return the id of a process that just ended and was waited for."""
    ended = subprocess.Popen(["/bin/sh", "-c", "exit 0"], stdin=subprocess.DEVNULL)
    ended.wait()
    return ended.pid


def _quoted(value: str) -> str:
    if "\n" in value or "\0" in value:
        raise ValueError("a PostgreSQL setting is one line")
    return value.replace("\\", "\\\\").replace("'", "''")
