"""The command that takes in a feed: a file that says what is on the shelves of locations."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import rich_click as click
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from doorstep.commands.console import FAILED, OK, as_json, emit, err, opened, out, run, usage

_CHUNK = 262_144
_LOOK_S = 0.5
_WORDS = {
    "older": "A newer feed of the location was taken already.",
    "empty": "It has no rows.",
    "rows_lost": "PostgreSQL crashed while it was on its way: send it again.",
    "bad_rows": "There are bad rows, and it was to be taken whole or not at all.",
    "too_many_bad": "Too many rows are bad.",
    "too_much_left_out": "It would empty too many shelves.",
}


@click.command("feed")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--brand", default="main", show_default=True, help="The brand.")
@click.option("--kind", type=click.Choice(["full", "delta"]), required=True, help="All of a location, or what changed.")
@click.option("--location", help="The location all rows are of; default: each row names its own.")
@click.option("--reference", help="What the feed is called; default: a digest of the file and of what is asked.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="The moment it speaks of; default: now.")
@click.option("--dry-run", is_flag=True, help="Only compare.")
@click.option("--strict", is_flag=True, help="One bad row, and nothing is applied.")
@click.option("--most-bad", type=click.IntRange(0, 100), default=5, show_default=True, help="Percent of bad rows.")
@click.option("--allow-zeroing", is_flag=True, help="A full feed may empty any number of shelves.")
@as_json
def feed(file: Path, brand: str, as_json: bool, **asked: Any) -> int:
    """Take in what is on the shelves: CSV or NDJSON, perhaps gzipped, up to five million rows, while the shop sells.

    Rows are sku, on_hand and location. A full feed empties what it leaves out. Rows that are as they were change
    nothing, bad ones are told by line. The same file again changes nothing.

    [dim]Examples:[/]  doorstep feed stock.csv --kind full --location north  ·  doorstep feed new.ndjson.gz --kind delta
    """
    name = file.name.removesuffix(".gz")
    if not name.endswith((".csv", ".txt", ".ndjson", ".jsonl")):
        usage("A feed's name ends in .csv, .ndjson or .jsonl, perhaps followed by .gz")
    form = "csv" if name.endswith((".csv", ".txt")) else "ndjson"
    found = run(_feed(file, brand, form, asked, quiet=as_json))
    if as_json:
        emit(found)
    else:
        _tell(found, file)
    return OK if found.state == "done" or (asked["dry_run"] and found.state == "checked") else FAILED


async def _feed(file: Path, name: str, form: Any, asked: dict[str, Any], *, quiet: bool) -> Any:
    from doorstep import feeds

    as_of: datetime | None = asked["as_of"]
    wish = feeds.Wish(
        reference=asked["reference"] or await asyncio.to_thread(_reference, file, asked),
        kind=asked["kind"],
        location=asked["location"],
        as_of=as_of,
        applies=not asked["dry_run"],
        strict=asked["strict"],
        most_bad_percent=asked["most_bad"],
        allow_zeroing=asked["allow_zeroing"],
    )
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    async with opened() as database:
        brand = await database.brand(name)
        with Progress(*columns, console=err, transient=True, disable=quiet) as progress:
            task = progress.add_task("reading", total=await asyncio.to_thread(lambda: file.stat().st_size))
            chunks = _chunks(file, lambda size: progress.advance(task, size))
            gzipped = file.name.endswith(".gz")
            found = await feeds.receive(brand, wish, chunks, form=form, gzipped=gzipped, actor="feed")
            return await _worked(brand, found, progress, task)


async def _worked(brand: Any, found: Any, progress: Progress, task: Any) -> Any:
    """Work on a feed until it moves no more, unless a worker has it in hand; show how far it is."""
    from doorstep import feeds
    from doorstep.jobs import Runner, does

    runner = Runner(brand, [does("feeds.work_on", feeds.work_on)], {})

    async def look() -> Any:
        async with brand.reading() as tx:
            return await feeds.feed(tx, found.feed_id)

    async def work() -> None:
        while (await look()).moving:
            if not await runner.run_once(limit=1):
                await asyncio.sleep(_LOOK_S)

    working = asyncio.create_task(work())
    while not working.done():
        await asyncio.wait([working], timeout=_LOOK_S)
        now = await look()
        total = now.rows_changed + now.left_out if now.state == "applying" else None
        progress.update(task, description=now.state, completed=now.rows_applied + now.rows_skipped, total=total)
    await working
    return await look()


def _reference(file: Path, asked: dict[str, Any]) -> str:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256")
    digest.update(repr([asked[name] for name in ("kind", "location", "as_of", "dry_run", "allow_zeroing")]).encode())
    return f"file-{digest.hexdigest()[:24]}"


async def _chunks(file: Path, advance: Callable[[int], None]) -> AsyncIterator[bytes]:
    with file.open("rb") as content:
        while chunk := await asyncio.to_thread(content.read, _CHUNK):
            yield chunk
            advance(len(chunk))


def _tell(found: Any, file: Path) -> None:
    told = f"{found.rows_read:,} rows of {escape(file.name)}"
    if found.rows_bad:
        err.print(f"[red]{found.rows_bad:,} bad rows[/]: GET /v1/stock/feeds/fed_{found.feed_id.hex}/bad-rows")
    if found.state == "done":
        out.print(
            f"[green]✓[/] {told}: {found.rows_unchanged:,} as they were, {found.rows_applied:,} changed "
            f"(+{found.units_up:,} -{found.units_down:,} units), {found.rows_skipped:,} could not be."
        )
    elif found.state == "checked":
        out.print(f"[green]✓[/] {told}: {found.rows_changed:,} differ, {found.left_out:,} are left out.")
        out.print("  Nothing was changed.", style="dim")
    else:
        out.print(f"[red]✗[/] {told}: {found.state}. {_WORDS.get(found.problem or '', '')}")
