"""Migrations: numbered SQL files for the shared schema and for each brand's, applied once, in order, each in a
transaction.

The noun's `schema.sql` files say what the result must be; a test compares the two.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from importlib.resources import files

import asyncpg

from doorstep.kit.errors import Conflict, Fault, Invalid

# In the order of the imports: a noun's tables may point at those before it.
BRAND_SCHEMAS = (
    "db/brand.sql",
    "journal/schema.sql",
    "jobs/schema.sql",
    "catalog/schema.sql",
    "inventory/schema.sql",
    "inventory/supply/schema.sql",
    "delivery/schema.sql",
    "payments/schema.sql",
    "carts/schema.sql",
    "orders/schema.sql",
    "fulfillment/schema.sql",
    "shipping/schema.sql",
    "updates/schema.sql",
    "returns/schema.sql",
    "feeds/schema.sql",
    "reconciliation/schema.sql",
    "insights/schema.sql",
)
BRAND_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_RESERVED = {"doorstep", "ext", "public", "information_schema"}


def schema_text() -> str:
    """The whole brand schema as the nouns describe it."""
    root = files("doorstep")
    return "\n".join(root.joinpath(path).read_text(encoding="utf-8") for path in BRAND_SCHEMAS)


def _migrations(scope: str) -> list[tuple[int, str, str]]:
    folder = files("doorstep.db").joinpath("migrations", scope)
    found = [
        (int(entry.name.split("_", 1)[0]), entry.name, entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    ]
    return sorted(found)


# Whoever holds this advisory lock changes schemas.
TURN = 7311


async def migrate(dsn: str) -> list[str]:
    """Bring the shared schema and every brand to the newest version. Returns what was applied, e.g. `main:
    0001_initial.sql`.
    """
    connection = await asyncpg.connect(dsn)
    try:
        # This prevents two processes starting at once from migrating at once.
        await connection.execute("SELECT pg_advisory_lock($1)", TURN)
        await connection.execute(
            """
            CREATE SCHEMA IF NOT EXISTS doorstep;
            CREATE SCHEMA IF NOT EXISTS ext;
            CREATE TABLE IF NOT EXISTS doorstep.migrations (
                scope text NOT NULL, version integer NOT NULL, name text NOT NULL, checksum text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (scope, version));
            """
        )
        applied = await _apply(connection, "doorstep", "shared")
        for row in await connection.fetch("SELECT brand FROM doorstep.brands ORDER BY brand"):
            applied += await _apply(connection, row["brand"], "brand")
        return applied
    finally:
        await connection.close()


async def pending(connection: asyncpg.Connection[asyncpg.Record]) -> list[str]:
    """What `migrate` would apply, named as it names it. Changes nothing."""
    if await connection.fetchval("SELECT to_regclass('doorstep.migrations')") is None:
        return [f"doorstep: {name}" for _, name, _ in _migrations("shared")]
    rows = await connection.fetch("SELECT scope, version FROM doorstep.migrations")
    done = {(row["scope"], row["version"]) for row in rows}
    scopes = [("doorstep", "shared")]
    if await connection.fetchval("SELECT to_regclass('doorstep.brands')") is not None:
        brands = await connection.fetch("SELECT brand FROM doorstep.brands ORDER BY brand")
        scopes += [(row["brand"], "brand") for row in brands]
    return [
        f"{schema}: {name}"
        for schema, scope in scopes
        for version, name, _ in _migrations(scope)
        if (schema, version) not in done
    ]


def strangers(applied: Iterable[tuple[str, int, str]]) -> list[str]:
    """Which migrations (schema, version, checksum) were applied elsewhere and are not, or not so, in this version."""
    known = {
        (scope, version): hashlib.sha256(text.encode()).hexdigest()
        for scope in ("shared", "brand")
        for version, _, text in _migrations(scope)
    }
    return [
        f"{schema}: {version:04}"
        for schema, version, checksum in applied
        if known.get(("shared" if schema == "doorstep" else "brand", version)) != checksum
    ]


async def create_brand(dsn: str, name: str, title: str) -> bool:
    """Make a brand: its row, its schema, its tables. False when it was there already. Raises Invalid on a bad name."""
    if not BRAND_NAME.fullmatch(name) or name in _RESERVED or name.startswith("pg_"):
        raise Invalid([Fault("/brand", "A brand's name is 1 to 31 of a-z, 0-9 and _, starting with a letter.")])
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", TURN)
            done = await connection.execute(
                "INSERT INTO doorstep.brands (brand, title) VALUES ($1, $2) ON CONFLICT DO NOTHING", name, title
            )
            if done == "INSERT 0 0":
                return False
            await connection.execute(f'CREATE SCHEMA "{name}"')
            await _apply(connection, name, "brand")
            return True
    finally:
        await connection.close()


async def _apply(connection: asyncpg.Connection[asyncpg.Record], schema: str, scope: str) -> list[str]:
    rows = await connection.fetch("SELECT version, checksum FROM doorstep.migrations WHERE scope = $1", schema)
    done = {row["version"]: row["checksum"] for row in rows}
    applied = []
    for version, name, text in _migrations(scope):
        checksum = hashlib.sha256(text.encode()).hexdigest()
        if version in done:
            if done[version] != checksum:
                raise Conflict(f"Migration {name} of {schema!r} was changed after it had been applied.")
            continue
        async with connection.transaction():
            await connection.execute(f'SET LOCAL search_path TO "{schema}", ext')
            await connection.execute(text)
            await connection.execute(
                "INSERT INTO doorstep.migrations (scope, version, name, checksum) VALUES ($1, $2, $3, $4)",
                schema, version, name, checksum,
            )  # fmt: skip
        applied.append(f"{schema}: {name}")
    return applied
