"""Commands that copy the whole database into a file and back."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click
from rich.markup import escape

from doorstep.commands import checks
from doorstep.commands.console import (
    FAILED,
    OK,
    USAGE,
    Failed,
    as_json,
    database_address,
    emit,
    out,
    run,
    say,
    settings,
)


class Restored(msgspec.Struct, frozen=True):
    """What a restore brought back: the file's contents, migrations applied afterwards, what the audit found."""

    contents: Any
    applied: Sequence[str]
    audited: Mapping[str, list[Any]]


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace a file of that name, once the new one is whole.")
@as_json
def backup(file: Path, force: bool, as_json: bool) -> None:
    """Copy the whole database, every brand, into FILE.

    Orders go on meanwhile; the copy is of one moment. FILE appears when it is written, read back and on the disk. The
    secret in the data folder is not in it: keep that, too.

    [dim]Examples:[/]  doorstep backup monday.dump  ·  doorstep backup --force latest.dump --json
    """
    if file.exists() and not force:
        raise Failed(f"{file} is there already.", advice="Choose another name, or say --force to replace it.")
    began = time.monotonic()
    found = run(_backup(file))
    seconds, size = time.monotonic() - began, file.stat().st_size
    if as_json:
        emit({"file": str(file), "bytes": size, "seconds": round(seconds, 1), "brands": found.brands})
        return
    brands = escape(", ".join(found.brands))
    out.print(f"[green]✓[/] [bold]{escape(str(file))}[/]: {_size(size)} in {seconds:.1f} s; brands: {brands}")
    secret = settings().data / "secret"
    if secret.exists() and not settings().secret:
        out.print(f"  Keep [cyan]{escape(str(secret))}[/] too: without it, links in messages sent so far go dead.")


async def _backup(file: Path) -> Any:
    from doorstep.db.backup import dump

    # Not migrated first: before an upgrade is when people make backups.
    async with database_address(settings()) as address:
        return await dump(address, file, say=say)


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Take away the brands that are in the database now.")
@click.option("--yes", is_flag=True, help="Replace them without asking.")
@as_json
def restore(file: Path, replace: bool, yes: bool, as_json: bool) -> int:
    """Bring the whole database back from FILE, then check that everything adds up.

    Stop server and workers first. All or nothing: a damaged FILE changes nothing. Exit code 1 when the audit finds
    something.

    [dim]Examples:[/]  doorstep restore monday.dump  ·  doorstep restore monday.dump --replace --yes
    """
    began = time.monotonic()
    done = run(_restore(file, replace=replace, ask=not yes))
    seconds, found, failed = time.monotonic() - began, done.contents, checks.failures(done.audited)
    if as_json:
        facts = {"file": str(file), "made": found.made, "seconds": round(seconds, 1), "brands": found.brands}
        emit({**facts, "applied": done.applied, "audit": checks.plain(done.audited)})
        return FAILED if failed else OK
    out.print(f"[green]✓[/] Restored in {seconds:.1f} s as of {escape(found.made)}: {escape(', '.join(found.brands))}")
    applied = f"applied {'; '.join(done.applied)}" if done.applied else "everything is at this version"
    out.print(f"[green]✓[/] Migrations: {escape(applied)}")
    checks.show(done.audited)
    out.print("[green]✓[/] Everything adds up." if not failed else f"[bold red]✗[/] {failed} checks of the audit fail.")
    return FAILED if failed else OK


async def _restore(file: Path, *, replace: bool, ask: bool) -> Restored:
    from doorstep.audit import audit
    from doorstep.db import Database
    from doorstep.db.backup import inspect, load, look_at
    from doorstep.db.migrate import migrate

    say("reading the file")
    contents = await inspect(file)
    async with database_address(settings()) as address:
        target = await look_at(address)
        _refuse(contents, target, replace=replace)
        if target.brands and ask:
            _confirm(target.brands)
        say(f"restoring {', '.join(contents.brands)}")
        await load(address, file, target, say=say)
        applied = await migrate(address)
        say("auditing")
        database = Database(address, pool_size=2)
        try:
            audited = {name: await audit(await database.brand(name)) for name in await database.brands()}
        finally:
            await database.close()
    return Restored(contents, applied, audited)


def _refuse(contents: Any, target: Any, *, replace: bool) -> None:
    """Say no while nothing has been changed yet."""
    if contents.strange:
        raise Failed(
            f"The file was made by another version of Doorstep: {', '.join(contents.strange[:3])} is not known here.",
            advice="Restore it with that version, or a later one that can carry it over.",
        )
    if contents.server_major > target.server_major:
        raise Failed(
            f"The file comes from PostgreSQL {contents.server_major}, this server is version {target.server_major}.",
            advice="Restore it into a server of that version or later.",
        )
    if target.at_work:
        raise Failed(
            f"Doorstep is at work in this database: {target.at_work} connections.",
            advice="Stop server and workers first; they would go on with what they remember.",
        )
    if target.brands and not replace:
        raise Failed(
            f"The database holds brands already: {', '.join(target.brands)}.",
            advice="Restore into an empty database, or take these away: --replace",
        )


def _confirm(brands: Sequence[str]) -> None:
    """Ask before taking brands away. Raises Failed when there is nobody to ask, Abort when they say no."""
    if not sys.stdin.isatty():
        raise Failed("There is no terminal to ask at.", USAGE, "To replace the brands without being asked: --yes")
    click.confirm(f"Take away {', '.join(brands)} with all orders, for good?", abort=True, err=True)
