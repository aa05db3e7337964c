"""A migrated database is what the schema files say, and every brand's schema is like every other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from doorstep.db import embedded, migrate
from doorstep.db.migrate import create_brand, schema_text
from doorstep.kit.errors import Conflict, Invalid
from doorstep.kit.ids import new_id
from scripts import make_baseline

Catalog = set[tuple[str, ...]]

# What there is in a schema ($1), one text a thing, without the schema's name.
CATALOG = {
    "relation": """SELECT relname, relkind::text, coalesce(array_to_string(reloptions, ','), ''), relpersistence::text
        FROM pg_class WHERE relnamespace = $1 AND relkind NOT IN ('c', 't')""",
    "column": """SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull::text,
            attidentity::text, attgenerated::text, coalesce(pg_get_expr(adbin, adrelid), ''),
            coalesce(col_description(c.oid, attnum), '')
        FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = $1 AND relkind IN ('r', 'v', 'm', 'p') AND attnum > 0 AND NOT attisdropped""",
    "constraint": """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated::text
        FROM pg_constraint WHERE connamespace = $1""",
    "index": """SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid
        WHERE relnamespace = $1""",
    "function": "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = $1 AND prokind IN ('f', 'p')",
    "trigger": """SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
        WHERE relnamespace = $1 AND NOT tgisinternal""",
    "view": "SELECT relname, pg_get_viewdef(oid) FROM pg_class WHERE relnamespace = $1 AND relkind IN ('v', 'm')",
    "sequence": """SELECT relname, format_type(seqtypid, NULL), seqstart::text, seqincrement::text, seqcycle::text
        FROM pg_sequence JOIN pg_class c ON c.oid = seqrelid WHERE relnamespace = $1""",
    "type": "SELECT typname, typtype::text FROM pg_type WHERE typnamespace = $1 AND typtype IN ('d', 'e')",
}


async def catalog(connection: asyncpg.Connection[asyncpg.Record], schema: str) -> Catalog:
    """Everything in a schema, and the rows its tables were born with."""
    await connection.execute(f"SET search_path TO {schema}, ext")
    oid = await connection.fetchval("SELECT oid FROM pg_namespace WHERE nspname = $1", schema)
    assert oid, f"no schema {schema}"
    found: Catalog = set()
    for kind, query in CATALOG.items():
        for row in await connection.fetch(query, oid):
            found.add((kind, *(str(value).replace(f"{schema}.", "") for value in row)))
    tables = await connection.fetch("SELECT relname FROM pg_class WHERE relnamespace = $1 AND relkind = 'r'", oid)
    for table in tables:
        for row in await connection.fetch(f"SELECT t::text FROM {table['relname']} t"):
            found.add(("row", table["relname"], row[0]))
    return found


@asynccontextmanager
async def as_the_schema_files_say(server: embedded.Server) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A database made by running the schema files, without any migration: the brand `main` and the shared schema."""
    name = f"plain_{new_id().hex}"
    admin = await asyncpg.connect(server.dsn("postgres"))
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        connection = await asyncpg.connect(server.dsn(name))
        try:
            await connection.execute("CREATE SCHEMA doorstep; CREATE SCHEMA ext; CREATE SCHEMA main")
            await connection.execute(make_baseline.baseline("shared"))
            await connection.execute(f"SET search_path TO main, ext; {schema_text()}")
            yield connection
        finally:
            await connection.close()
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


def test_the_first_migration_is_made_from_the_schema_files() -> None:
    assert make_baseline.outdated() == [], "run .venv/bin/python scripts/make_baseline.py"


async def test_a_migrated_database_is_what_the_schema_files_say(server: embedded.Server, dsn: str) -> None:
    async with as_the_schema_files_say(server) as plain, connected(dsn) as migrated:
        expected, found = await catalog(plain, "main"), await catalog(migrated, "main")
        assert len(expected) > 300
        assert found - expected == set(), "only the migrations make this"
        assert expected - found == set(), "no migration makes this"
        shared = await catalog(migrated, "doorstep")
        own = {thing for thing in shared if thing[:2] == ("row", "brands") or "migrations" in " ".join(thing)}
        assert shared - own == await catalog(plain, "doorstep")


async def test_a_difference_would_be_noticed(server: embedded.Server, dsn: str) -> None:
    changes = {
        "ALTER TABLE stock DROP CONSTRAINT stock_not_oversold": "constraint",
        "ALTER TABLE orders ADD COLUMN nickname text": "column",
        "DROP INDEX orders_number": "index",
        "ALTER TABLE order_lines SET (fillfactor = 71)": "relation",
        "CREATE OR REPLACE FUNCTION clock_now() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()'": "function",
        "UPDATE clock SET rate = 2": "row",
    }
    async with connected(dsn) as migrated:
        for change, kind in changes.items():
            before = await catalog(migrated, "main")
            await migrated.execute(change)
            assert kind in {thing[0] for thing in before ^ await catalog(migrated, "main")}, change


async def test_every_brand_has_the_same_tables(dsn: str) -> None:
    assert await create_brand(dsn, "second", "A second brand")
    assert not await create_brand(dsn, "second", "The same again")
    async with connected(dsn) as connection:
        assert await catalog(connection, "main") == await catalog(connection, "second")
        assert await connection.fetchval("SELECT title FROM doorstep.brands WHERE brand = 'second'") == "A second brand"


async def test_nothing_is_made_in_the_public_schema(dsn: str) -> None:
    async with connected(dsn) as connection:
        assert await catalog(connection, "public") == set()


async def test_a_second_migration_finds_nothing_to_do(dsn: str) -> None:
    assert await migrate.migrate(dsn) == []


async def test_processes_that_start_together_migrate_once(server: embedded.Server) -> None:
    name = f"empty_{new_id().hex}"
    async with connected(server.dsn("postgres")) as admin:
        await admin.execute(f"CREATE DATABASE {name}")
        applied = await asyncio.gather(*(migrate.migrate(server.dsn(name)) for _ in range(4)))
        assert sorted(len(each) for each in applied) == [0, 0, 0, 1]
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_migration_changed_after_it_was_applied_stops_the_start(dsn: str) -> None:
    async with connected(dsn) as connection:
        await connection.execute("UPDATE doorstep.migrations SET checksum = 'other' WHERE scope = 'main'")
    with pytest.raises(Conflict, match="0001_initial.sql of 'main' was changed"):
        await migrate.migrate(dsn)


@pytest.mark.parametrize("name", ["", "Main", "1st", "a-b", "pg_shop", "public", "doorstep", "ext", "x" * 32, 'a"b'])
async def test_a_brand_needs_a_name_that_can_be_a_schema(dsn: str, name: str) -> None:
    with pytest.raises(Invalid):
        await create_brand(dsn, name, "A brand")
