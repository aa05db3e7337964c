"""Backup and restore: everything comes back as it was; what cannot be restored changes nothing."""

from __future__ import annotations

import asyncio
import io
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from doorstep.db import Database, backup, embedded
from doorstep.db.embedded import binaries
from doorstep.db.migrate import create_brand
from doorstep.journey import REACTIONS
from doorstep.kit.ids import new_id
from doorstep.orders import Intake
from doorstep.settings import Settings
from doorstep.web.api import create_app
from tests.cli.conftest import Run
from tests.cli.test_commands import NOWHERE, statement
from tests.support.shop import Shop, alive
from tests.web.test_shopper import SECRET


@pytest.fixture
async def empty(server: embedded.Server) -> AsyncIterator[str]:
    """The address of a database with nothing in it."""
    name = f"test_{new_id().hex}"
    admin = await asyncpg.connect(server.dsn("postgres"))
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        yield server.dsn(name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture
def file(doorstep: Run, tmp_path: Path) -> Path:
    """A backup of this test's database, with the brand main."""
    path = tmp_path / "kept" / "monday.dump"
    path.parent.mkdir()
    assert doorstep("backup", str(path)).code == 0
    return path


def brands(dsn: str) -> list[str]:
    async def look() -> list[str]:
        return list((await backup.look_at(dsn)).brands)

    return asyncio.run(look())


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    async def look() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(dsn, server_settings={"search_path": "main,ext"})
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return asyncio.run(look())


async def answers(client: httpx2.AsyncClient, order: str) -> list[bytes]:
    """What the API says of an order, byte for byte."""
    found = [await client.get(f"/v1/orders/{order}{page}") for page in ("", "/timeline")]
    assert [one.status_code for one in found] == [200, 200]
    return [one.content for one in found]


async def test_an_order_comes_back_as_it_was_and_goes_on_from_there(
    shop: Shop, bare: Run, empty: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = (await shop.place({"sku": "MUG", "quantity": 2}))["order_id"]
    await shop.ship(order)
    before = await answers(shop.client, order)
    await create_brand(database.dsn, "acme", "Acme")
    path = tmp_path / "monday.dump"
    monkeypatch.setenv("DOORSTEP_DATABASE_URL", database.dsn)
    made = (await asyncio.to_thread(bare, "backup", str(path), "--json")).json
    assert made["brands"] == ["acme", "main"]
    assert made["bytes"] == path.stat().st_size
    monkeypatch.setenv("DOORSTEP_DATABASE_URL", empty)
    ran = await asyncio.to_thread(bare, "restore", str(path), "--json")
    assert ran.code == 0, ran.out
    assert ran.json["audit"]["ok"]
    assert ran.json["audit"]["brands"].keys() == {"acme", "main"}
    assert ran.json["applied"] == []
    again = Database(empty)
    app = create_app(Settings(secret=SECRET), database=again, reactions=REACTIONS, make_intake=Intake)
    transport = httpx2.ASGITransport(app=app)  # type: ignore[arg-type]  # the same protocol, typed more narrowly
    headers = {"authorization": shop.client.headers["authorization"]}
    async with alive(app), httpx2.AsyncClient(transport=transport, base_url="http://shop", headers=headers) as client:
        assert await answers(client, order) == before
        placed = await client.post("/v1/orders", json=shop.order({"sku": "MUG"}))
        assert placed.status_code == 201, placed.text
    await again.close()


def test_a_backup_is_its_owners_alone_and_nothing_is_left_beside_it(file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(file.parent) == [file.name]


def test_a_backup_replaces_another_only_when_told_to(doorstep: Run, file: Path, dsn: str) -> None:
    before = file.read_bytes()
    refused = doorstep("backup", str(file), "--json")
    assert refused.code == 1
    assert "--force" in refused.json["advice"]
    assert file.read_bytes() == before
    statement(dsn, "INSERT INTO heads VALUES ('test.rang', 1, 0, 1, 1)")
    assert doorstep("backup", str(file), "--force").code == 0
    assert file.read_bytes() != before


def test_a_backup_that_fails_leaves_the_old_one_and_nothing_else(
    doorstep: Run, file: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()
    statement(dsn, "ALTER SCHEMA main RENAME TO gone")  # its row stays: pg_dump does not find what it is asked for
    ran = doorstep("backup", str(file), "--force", "--json")
    assert ran.code == 1
    assert "main" in ran.json["error"]
    monkeypatch.setenv("DOORSTEP_DATABASE_URL", NOWHERE)
    assert doorstep("backup", str(file), "--force").code == 3
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == [file.name]


def test_a_database_without_a_brand_is_not_backed_up(bare: Run, empty: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("DOORSTEP_DATABASE_URL", empty)
    ran = bare("backup", str(tmp_path / "x.dump"), "--json")
    assert ran.code == 1
    assert "no brand" in ran.json["error"]
    assert bare("backup", str(tmp_path / "no" / "x.dump")).code == 1


def test_a_backup_reminds_of_the_secret_in_the_data_folder(
    doorstep: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret").write_text("s3cret")
    told = doorstep("backup", str(tmp_path / "a.dump"))
    assert str(tmp_path / "data" / "secret") in told.out
    assert b"s3cret" not in (tmp_path / "a.dump").read_bytes()
    monkeypatch.setenv("DOORSTEP_SECRET", "kept elsewhere")
    assert "secret" not in doorstep("backup", str(tmp_path / "b.dump")).out


def test_brands_are_replaced_only_when_told_to_and_asked(
    doorstep: Run, file: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(create_brand(dsn, "acme", "Acme"))
    statement(dsn, "INSERT INTO heads VALUES ('test.rang', 1, 0, 1, 1)")
    statement(dsn, 'CREATE SCHEMA "replaced-0123456789ab-main"')  # of a restore that lost its connection at its end
    refused = doorstep("restore", str(file), "--json")
    assert refused.code == 1
    assert "acme, main" in refused.json["error"]
    assert "--replace" in refused.json["advice"]
    with open(os.devnull) as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        assert doorstep("restore", str(file), "--replace").code == 2
    assert brands(dsn) == ["acme", "main"]
    ran = doorstep("restore", str(file), "--replace", "--yes")
    assert ran.code == 0, ran.err
    assert "Everything adds up" in ran.out
    assert brands(dsn) == ["main"]
    assert rows(dsn, "SELECT * FROM heads") == []
    assert rows(dsn, "SELECT nspname FROM pg_namespace WHERE nspname ~ 'acme|replaced'") == []


class Terminal(io.StringIO):
    """Somebody at a terminal who types this."""

    def isatty(self) -> bool:
        return True


def test_at_a_terminal_the_brands_go_only_after_a_yes(
    doorstep: Run, file: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement(dsn, "INSERT INTO heads VALUES ('test.rang', 1, 0, 1, 1)")
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    asked = doorstep("restore", str(file), "--replace")
    assert asked.code == 130
    assert "Take away main" in asked.err
    assert rows(dsn, "SELECT kind FROM heads") == [("test.rang",)]
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert doorstep("restore", str(file), "--replace").code == 0
    assert rows(dsn, "SELECT kind FROM heads") == []


def damaged(file: Path, how: str) -> Path:
    """The file with a fault."""
    content = bytearray(file.read_bytes())
    if how == "cut off":
        del content[len(content) * 9 // 10 :]
    elif how == "without its end":
        del content[-1:]
    elif how == "changed":
        at = content.index(b"(reserved <= ", content.index(b"CONSTRAINT stock_not_oversold CHECK"))
        content[at : at + 13] = b"(reserved >= "
    else:
        content = bytearray(b"sku,title\nMUG,A mug\n")
    path = file.with_name(f"{how}.dump")
    path.write_bytes(content)
    return path


def test_the_format_itself_does_not_notice_a_changed_guard(file: Path) -> None:
    read = backup._run(backup._fitting(0)[-1], "pg_restore", ["--file=-", str(damaged(file, "changed"))])
    assert "(reserved >= ((" in asyncio.run(read)


@pytest.mark.parametrize("how", ["cut off", "without its end", "changed", "something else"])
def test_a_damaged_file_is_named_and_changes_nothing(doorstep: Run, file: Path, dsn: str, how: str) -> None:
    statement(dsn, "INSERT INTO heads VALUES ('test.rang', 1, 0, 1, 1)")
    bad = damaged(file, how)
    ran = doorstep("restore", str(bad), "--replace", "--yes", "--json")
    assert ran.code == 1
    assert ran.json["error"].startswith(f"{bad.name} is damaged, or no backup:")
    assert rows(dsn, "SELECT kind FROM heads") == [("test.rang",)]


async def test_what_breaks_half_way_through_a_restore_changes_nothing(
    file: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "main,ext"})
    await connection.execute("INSERT INTO heads VALUES ('test.rang', 1, 0, 1, 1)")
    target = await backup.look_at(dsn)
    with pytest.raises(backup.BackupError, match=r"Nothing was changed\. could not read from input file"):
        await backup.load(dsn, damaged(file, "cut off"), target, say=print)
    assert await connection.fetchval("SELECT count(*) FROM heads") == 1
    monkeypatch.setattr(backup, "_ALL_THERE", b"\nSELECT 1/0;\nCOMMIT;\n")
    with pytest.raises(backup.BackupError, match=r"Nothing was changed\. division by zero"):
        await backup.load(dsn, file, target, say=print)
    assert await connection.fetchval("SELECT count(*) FROM heads") == 1
    assert await connection.fetchval("SELECT count(*) FROM doorstep.brands") == 1
    await connection.close()


async def test_who_interrupts_finds_everything_as_it_was(file: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_bytes()
    monkeypatch.setattr(backup, "_TELL_EVERY_S", 0.001)
    target = await backup.look_at(dsn)
    tasks: list[asyncio.Task[Any]] = []

    def interrupt(text: str) -> None:
        tasks[-1].cancel()

    for work in (backup.dump(dsn, file, say=interrupt), backup.load(dsn, file, target, say=interrupt)):
        tasks.append(asyncio.create_task(work))
        with pytest.raises(asyncio.CancelledError):
            await tasks[-1]
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == [file.name]
    assert await backup.look_at(dsn) == target
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname ~ 'replaced'") == 0
    await connection.close()


async def test_a_brand_made_after_the_question_is_not_taken_away(file: Path, dsn: str) -> None:
    target = await backup.look_at(dsn)
    await create_brand(dsn, "acme", "Acme")
    with pytest.raises(backup.BackupError, match="the brand acme was made meanwhile"):
        await backup.load(dsn, file, target, say=print)
    assert (await backup.look_at(dsn)).brands == ("acme", "main")


async def test_nothing_is_restored_under_a_doorstep_at_work(
    bare: Run, file: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (await database.brand("main")).reading():
        monkeypatch.setenv("DOORSTEP_DATABASE_URL", database.dsn)
        ran = await asyncio.to_thread(bare, "restore", str(file), "--replace", "--yes", "--json")
    assert ran.code == 1
    assert "at work" in ran.json["error"]


def test_a_file_of_another_version_is_refused(doorstep: Run, dsn: str, tmp_path: Path) -> None:
    statement(dsn, "UPDATE doorstep.migrations SET checksum = 'x' WHERE scope = 'main'")
    path = str(tmp_path / "other.dump")
    assert doorstep("backup", path).code == 0
    ran = doorstep("restore", path, "--replace", "--yes", "--json")
    assert ran.code == 1
    assert "main: 0001" in ran.json["error"]


def test_exit_code_1_when_what_came_back_does_not_add_up(doorstep: Run, dsn: str, tmp_path: Path) -> None:
    statement(
        dsn,
        "INSERT INTO jobs (job_id, kind, subject, state, due_at)"
        " VALUES (gen_random_uuid(), 'test.work', gen_random_uuid(), 'poisoned', now())",
    )
    path = str(tmp_path / "wrong.dump")
    assert doorstep("backup", path).code == 0
    ran = doorstep("restore", path, "--replace", "--yes")
    assert ran.code == 1
    assert "1 checks of the audit fail" in ran.out
    assert doorstep("restore", path, "--replace", "--yes", "--json").json["audit"]["failed"] == 1


def test_programs_older_than_the_server_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "old"
    old.mkdir()
    for name in binaries.CLIENTS:
        (old / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 15.1 (Debian 15.1-1)'\n")
        (old / name).chmod(0o755)
    monkeypatch.setattr(binaries, "SYSTEM_PATTERNS", ())
    monkeypatch.setattr(binaries, "_bundled_dir", lambda: None)
    monkeypatch.setenv("PATH", f"{old}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(backup.BackupError, match=r"of PostgreSQL 99 or later are needed, and only 15\.1 is here"):
        backup._fitting(99)
    (old / "pg_restore").rename(old / "pg_restore.gone")
    binaries._version_of.cache_clear()
    with pytest.raises(backup.BackupError, match="none is here"):
        backup._fitting(99)


def test_a_password_is_not_among_the_arguments_of_a_program() -> None:
    assert backup._split("postgresql://ada:s%40x@db:5433/shop?sslmode=require") == (
        "postgresql://ada@db:5433/shop?sslmode=require",
        {"PGPASSWORD": "s@x"},
    )
    assert backup._split("postgresql://doorstep@/doorstep?host=%2Frun%2Fpg&port=5432&password=pw") == (
        "postgresql://doorstep@/doorstep?host=%2Frun%2Fpg&port=5432",
        {"PGPASSWORD": "pw"},
    )
    assert backup._split("postgresql:///shop")[1] == {}


def test_the_embedded_database_comes_back_after_its_folder_is_gone(bare: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "kept.dump")
    try:
        assert bare("brand", "create", "acme").code == 0
        assert bare("backup", path).code == 0
        assert embedded.status(tmp_path / "data").state == "stopped"
        embedded.destroy(tmp_path / "data")
        ran = bare("restore", path, "--json")
        assert ran.code == 0, ran.out
        assert bare("brand", "list", "--json").json == {"items": [{"brand": "acme"}]}
    finally:
        embedded.destroy(tmp_path / "data")
