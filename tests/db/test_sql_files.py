"""Every named statement is used, every used name exists, and PostgreSQL accepts each: the SQL files keep their word."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import asyncpg
import pytest

import doorstep
from doorstep.db.sql import Statements
from tests.style.source import Finding, Source

SRC = Path(doorstep.__file__).resolve().parents[1]
LOADER = "doorstep.db.statements"
LOADERS = {LOADER, "doorstep.db.sql.statements"}
PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES")
CALLS = {"fetch", "fetchrow", "fetchval", "execute", "cursor"}


@cache
def packages() -> dict[str, Statements]:
    """Package (`doorstep.orders`) → its statements."""
    found = sorted(SRC.rglob("queries.sql"))
    named = {".".join(path.parent.relative_to(SRC).parts): path for path in found}
    return {name: Statements(name, path.read_text(encoding="utf-8")) for name, path in named.items()}


@cache
def modules() -> dict[str, Source]:
    """Module (`doorstep.orders.store`) → its source. A package goes by its own name."""
    found = {}
    for path in sorted(SRC.rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Source(f"src/{path.relative_to(SRC).as_posix()}", path.read_text(encoding="utf-8"))
    return found


@cache
def loaded() -> dict[str, str]:
    """Full name of each variable that holds a file's statements (`doorstep.orders.store.SQL`) → its package."""
    found = {}
    for module, source in modules().items():
        package = module if source.path.endswith("/__init__.py") else module.rpartition(".")[0]
        for node in source.tree.body:
            call = getattr(node, "value", None)
            if isinstance(call, ast.Call) and source.full_name(call.func) in LOADERS:
                assert isinstance(node, ast.Assign), f"{source.path}: write SQL = statements(__package__)"
                assert [ast.unparse(argument) for argument in call.args] == ["__package__"], source.path
                found[f"{module}.{ast.unparse(node.targets[0])}"] = package
    return found


def resolve(name: str) -> str | None:
    """The package whose statements a full name stands for, also when a module hands on what it imported."""
    seen: set[str] = set()
    while name not in loaded() and name not in seen:
        seen.add(name)
        module, _, variable = name.rpartition(".")
        name = modules()[module].imported.get(variable, name) if module in modules() else name
    return loaded().get(name)


def package_of(module: str, source: Source, node: ast.AST) -> str | None:
    """The package whose statements an expression holds, such as `SQL` or `store.SQL`."""
    return resolve(source.full_name(node) or f"{module}.{ast.unparse(node)}")


def uses(module: str, source: Source) -> Iterator[tuple[ast.Attribute, str, str]]:
    """Every `SQL.name` of a module: the node, the package of the statement, its name."""
    for node in source.nodes:
        if isinstance(node, ast.Attribute):
            package = package_of(module, source, node.value)
            if package:
                yield node, package, node.attr


def families(module: str, source: Source) -> Iterator[tuple[str, str]]:
    """Every `getattr(SQL, f"audit_{name}")` of a module: the package, and what the names begin with."""
    for node in source.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
            package = package_of(module, source, node.args[0])
            if package:
                name = node.args[1]
                first = name.values[0] if isinstance(name, ast.JoinedStr) else None
                yield package, str(first.value) if isinstance(first, ast.Constant) else ""


def words(package: str) -> set[str]:
    """Every string constant in the modules of a package: names of statements that are chosen at run time."""
    within = [source for name, source in modules().items() if f"{name}.".startswith(f"{package}.")]
    constants = [node.value for source in within for node in source.nodes if isinstance(node, ast.Constant)]
    return {value for value in constants if isinstance(value, str)}


def show(findings: Iterable[str]) -> str:
    """Findings one a line, whole, whatever pytest leaves out of long values."""
    return "\n".join(["", *findings])


def test_there_are_statements_to_look_at() -> None:
    assert {"doorstep.orders", "doorstep.inventory", "doorstep.journal"} <= packages().keys()
    assert set(loaded().values()) == packages().keys()


def test_every_name_that_is_used_stands_in_the_file() -> None:
    names = {package: dict(found) for package, found in packages().items()}
    missing = [
        str(Finding(source.path, node.lineno, f"{package}/queries.sql has no statement {name}"))
        for module, source in modules().items()
        for node, package, name in uses(module, source)
        if name not in names[package]
    ]
    assert not missing, show(missing)


def test_every_statement_in_a_file_is_used() -> None:
    used: dict[str, set[str]] = defaultdict(set)
    for module, source in modules().items():
        for _, package, name in uses(module, source):
            used[package].add(name)
        for package, prefix in families(module, source):
            used[package] |= {f"{prefix}{word}" for word in words(package)}
    idle = [
        f"{package}: {name}" for package, found in packages().items() for name, _ in found if name not in used[package]
    ]
    assert not idle, show(idle)


async def prepare(dsn: str, package: str) -> tuple[dict[str, int], dict[str, str]]:
    """Plan every statement of a package; (parameters of each by name, what PostgreSQL says against it by name).

    Planned, not only parsed: a missing unique index behind ON CONFLICT shows in the planner. A brand's statements see
    the brand's schema; those on keys and brands see the shared one.
    """
    counts, refused = {}, {}
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET plan_cache_mode TO force_generic_plan")
        for name, text in packages()[package]:
            complaints = []
            for schema in ("main", "doorstep"):
                await connection.execute(f"SET search_path TO {schema}, ext")
                try:
                    counts[name] = await _plan(connection, text)
                    break
                except asyncpg.PostgresError as error:
                    complaints.append(f"as {schema}: {error}")
            else:
                refused[name] = "; ".join(complaints)
    finally:
        await connection.close()
    return counts, refused


async def _plan(connection: asyncpg.Connection[asyncpg.Record], text: str) -> int:
    statement = await connection.prepare(text)
    parameters = statement.get_parameters()
    nothing = f"({', '.join(['NULL'] * len(parameters))})" if parameters else ""
    if not re.sub(r"^(\s*--.*\n)+", "", text).lstrip().upper().startswith(PLANNED):
        return len(parameters)  # such as SET TRANSACTION: it was parsed, and there is no plan to make
    await connection.execute(f"PREPARE looked_at AS {text}")
    try:
        await connection.execute(f"EXPLAIN EXECUTE looked_at{nothing}")
    finally:
        await connection.execute("DEALLOCATE looked_at")
    return len(parameters)


@pytest.mark.parametrize("package", packages())
async def test_postgresql_plans_every_statement_of(package: str, dsn: str) -> None:
    counts, refused = await prepare(dsn, package)
    assert not refused, show(f"{package}: {name}: {complaint}" for name, complaint in refused.items())
    wrong = wrong_counts(package, counts)
    assert not wrong, show(wrong)


def wrong_counts(package: str, counts: Mapping[str, int]) -> list[str]:
    """Calls such as `tx.fetch(SQL.name, a, b)` that hand over more or fewer values than the statement takes."""
    found = []
    for module, source in modules().items():
        for node, of, name in uses(module, source):
            call = source.parents.get(node)
            if of != package or name not in counts or not isinstance(call, ast.Call) or node not in call.args[:1]:
                continue
            starred = any(isinstance(argument, ast.Starred) for argument in call.args)
            if not starred and isinstance(call.func, ast.Attribute) and call.func.attr in CALLS:
                given = len(call.args) - 1
                if given != counts[name]:
                    advice = f"{name} takes {counts[name]} values, is given {given}"
                    found.append(str(Finding(source.path, node.lineno, advice)))
    return found


async def test_a_broken_statement_would_be_noticed(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Statements("here", "-- name: typo\nSELECT ordre_id FROM orders\n-- name: untyped\nSELECT $2::text\n"
        "-- name: no_such_index\nINSERT INTO commands (route) VALUES ($1) ON CONFLICT (route) DO NOTHING\n"
        "-- name: good\nSELECT order_id FROM orders WHERE number = $1\n")  # fmt: skip
    monkeypatch.setitem(packages(), "here", broken)
    counts, refused = await prepare(dsn, "here")
    assert counts == {"good": 1}
    assert refused.keys() == {"typo", "untyped", "no_such_index"}
