"""What all commands share: output for people and machines, exit codes, settings, the database."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from inspect import cleandoc
from typing import Any, NoReturn, TypeVar

import msgspec
import rich_click as click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from doorstep import settings as settings_of
from doorstep.settings import Settings

T = TypeVar("T")

OK, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

as_json: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON value on stdout and nothing else."
)


def group(name: str, text: str) -> click.RichGroup:
    """A group of commands; `text` is its help."""
    return click.RichGroup(name=name, help=cleandoc(text))


class Failed(Exception):
    """The command did not do what was asked; the text says why, `code` is the exit code."""

    def __init__(self, text: str, code: int = FAILED, advice: str = "") -> None:
        super().__init__(text)
        self.code, self.advice = code, advice


def say(text: str) -> None:
    """A word on what is going on, for people: on stderr, so that stdout is the answer's own."""
    err.print(escape(text), style="dim")


def emit(value: object) -> None:
    """One JSON value on stdout."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode() + "\n")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Rows for people; `empty` when there are none. Numbers are set to the right."""
    if not rows:
        out.print(escape(empty), style="dim")
        return
    made = Table(box=None, header_style="bold", pad_edge=False)
    for place, name in enumerate(columns):
        made.add_column(name, justify="right" if isinstance(rows[0][place], int) else "left", overflow="fold")
    for row in rows:
        made.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    out.print(made)


def settings() -> Settings:
    """The settings of this process."""
    return settings_of.read(os.environ)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's asynchronous part."""
    return asyncio.run(work)


@asynccontextmanager
async def database_address(found: Settings) -> AsyncIterator[str]:
    """The database's address: the one in the settings, or the embedded server's, started for as long as needed."""
    if found.database_url:
        yield found.database_url
        return
    from doorstep.db import embedded

    was_running = (await asyncio.to_thread(embedded.status, found.data)).state == "running"
    server = await asyncio.to_thread(embedded.ensure, found.data, say=say)
    try:
        yield server.dsn()
    finally:
        if not was_running:
            await asyncio.to_thread(embedded.stop, found.data)


@asynccontextmanager
async def opened() -> AsyncIterator[Any]:
    """The database, migrated, for a command that works on it. Yields a `doorstep.db.Database`."""
    from doorstep.db import Database
    from doorstep.db.migrate import migrate

    found = settings()
    async with database_address(found) as address:
        await migrate(address)
        database = Database(address, pool_size=2, statement_cache_size=found.statement_cache)
        try:
            yield database
        finally:
            await database.close()


def report(error: Exception, *, machine: bool) -> int:
    """Tell an error, for people or as JSON, and return the exit code it means."""
    text, code, advice = _meaning(error)
    if machine:
        emit({"error": text, **({"advice": advice} if advice else {})})
    else:
        err.print(f"[bold red]✗[/] {escape(text)}")
        if advice:
            err.print(f"  {escape(advice)}", style="dim")
    return code


def _meaning(error: Exception) -> tuple[str, int, str]:
    from doorstep.db.backup import BackupError
    from doorstep.db.embedded import EmbeddedError
    from doorstep.db.pool import GONE
    from doorstep.kit.errors import Problem, Unavailable
    from doorstep.supervisor import SupervisorError

    if isinstance(error, Failed):
        return str(error), error.code, error.advice
    if isinstance(error, settings_of.SettingsError):
        return str(error), USAGE, "All settings: doorstep up --help"
    if isinstance(error, Unavailable):
        return error.detail, UNREACHABLE, "Find out more: doorstep doctor"
    if isinstance(error, Problem):
        return error.detail, FAILED, ""
    if isinstance(error, BackupError):
        return str(error), FAILED, ""
    if isinstance(error, (EmbeddedError, SupervisorError)):
        return str(error), FAILED, "Find out more: doorstep doctor"
    if isinstance(error, GONE):
        return f"The database does not answer: {error}", UNREACHABLE, "Find out more: doorstep doctor"
    raise error


def usage(text: str) -> NoReturn:
    """End with a usage error."""
    raise click.UsageError(text)
