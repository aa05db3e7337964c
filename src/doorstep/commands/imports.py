"""The command that loads products, locations, stock and drop-off points from CSV files."""

from __future__ import annotations

from pathlib import Path

import msgspec
import rich_click as click
from rich.markup import escape
from rich.progress import Progress

from doorstep.commands.console import FAILED, OK, as_json, emit, err, opened, out, run
from doorstep.web.csv_rows import ROWS, BadRow, load, read

_SHOWN = 20


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did, or would do."""

    kind: str
    rows: int
    good: int
    bad: list[BadRow]
    written: bool


class _RolledBack(Exception):
    """Ends the transaction of an import that must not stay."""


@click.command("import")
@click.argument("kind", type=click.Choice(list(ROWS)))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--brand", default="main", show_default=True, help="The brand.")
@click.option("--dry-run", is_flag=True, help="Check every row against the database, write nothing.")
@click.option("--skip-bad", is_flag=True, help="Write the good rows though others are bad.")
@as_json
def import_(kind: str, file: Path, brand: str, dry_run: bool, skip_bad: bool, as_json: bool) -> int:
    """Load products, locations, stock or drop-off points from a CSV file.

    UTF-8; the first line names the columns. Bad rows are listed by line and reason; then nothing is written, unless
    --skip-bad. The same file again changes nothing.

    [bold]products[/]: sku, title, weight_g, length_mm, width_mm, height_mm; handling, gift_wrap, return_days, active,
    personalization (JSON), style, option, components (JSON)

    [bold]locations[/]: code, name, kind, country, postcode, city, street, latitude, longitude, timezone; capabilities,
    priority, enabled

    [bold]stock[/]: sku, location, on_hand (a count: what is on the shelf)

    [bold]drop-off-points[/]: carrier, code, name, street, postcode, city, country, latitude, longitude; hours, enabled

    [bold]postcode-areas[/]: country, prefix, latitude, longitude (where postcodes lie; distances count from there)

    Lists (handling, capabilities) are separated by |. An empty cell means the default.

    [dim]Examples:[/]  doorstep import products products.csv --dry-run  ·  doorstep import stock stock.csv --skip-bad
    """
    content = file.read_bytes()
    outcome = run(_load(kind, content, brand, keep=not dry_run, skip_bad=skip_bad, quiet=as_json))
    if as_json:
        emit(outcome)
    else:
        _tell(outcome, file, dry_run=dry_run)
    return OK if not outcome.bad or (skip_bad and outcome.good) else FAILED


def _tell(outcome: Outcome, file: Path, *, dry_run: bool) -> None:
    for bad in outcome.bad[:_SHOWN]:
        err.print(f"[red]line {bad.line}[/]  {escape(bad.reason)}")
    if len(outcome.bad) > _SHOWN:
        err.print(f"… and {len(outcome.bad) - _SHOWN} more; all of them with --json", style="dim")
    name = escape(file.name)
    if outcome.written:
        out.print(f"[green]✓[/] {outcome.good} of {outcome.rows} {outcome.kind} of {name} are in.")
    elif dry_run:
        mark = "[red]✗[/]" if outcome.bad else "[green]✓[/]"
        out.print(f"{mark} {outcome.good} of {outcome.rows} {outcome.kind} of {name} are good. Nothing was written.")
    else:
        out.print(f"[red]✗[/] {len(outcome.bad)} of {outcome.rows} rows of {name} are bad. Nothing was written.")
        out.print("  Correct them, or take the good ones: --skip-bad", style="dim")


async def _load(kind: str, content: bytes, brand: str, *, keep: bool, skip_bad: bool, quiet: bool) -> Outcome:
    good, bad = read(kind, content)
    rows = len(good) + len(bad)
    written = 0
    try:
        async with opened() as database, (await database.brand(brand)).transaction() as tx:
            with Progress(console=err, transient=True, disable=quiet) as progress:
                task = progress.add_task(kind, total=len(good))
                written = await load(tx, kind, content, good, bad, advance=lambda rows: progress.advance(task, rows))
            if not keep or (bad and not skip_bad):
                raise _RolledBack
    except _RolledBack:
        return Outcome(kind=kind, rows=rows, good=written, bad=sorted(bad, key=lambda one: one.line), written=False)
    return Outcome(kind=kind, rows=rows, good=written, bad=sorted(bad, key=lambda one: one.line), written=True)
