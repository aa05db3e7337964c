"""The command that loads products, locations, stock and drop-off points from CSV files."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import rich_click as click
from rich.markup import escape
from rich.progress import Progress

from doorstep import catalog, inventory, returns
from doorstep.catalog import PersonalizationField, ProductData
from doorstep.commands.console import FAILED, OK, Failed, as_json, emit, err, opened, out, run
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.inventory import PutLocation
from doorstep.kit.errors import Conflict, Fault, Invalid
from doorstep.returns import DropOffPoint, PostcodeArea
from doorstep.web.api.body import fault_of

T = TypeVar("T")
_BATCH = 500
_SHOWN = 20
_MOST = 1_000_000_000
_LISTS = {"handling", "capabilities"}


class StockRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of a stock file: what is on the shelf of a location, claimed units included."""

    sku: str
    location: str
    on_hand: int


class BadRow(msgspec.Struct, frozen=True):
    """A row that cannot be taken: its line in the file, and why."""

    line: int
    reason: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did, or would do."""

    kind: str
    rows: int
    good: int
    bad: list[BadRow]
    written: bool


class _RolledBack(Exception):
    """Ends the transaction of an import that must not stay."""


Row = tuple[int, T]
Write = Callable[[Tx, Sequence[Row[Any]]], Any]
ROWS: Mapping[str, type] = {
    "products": ProductData,
    "locations": PutLocation,
    "stock": StockRow,
    "drop-off-points": DropOffPoint,
    "postcode-areas": PostcodeArea,
}


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
    personalization (JSON)

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
            write = await _writer(kind, tx, content)
            with Progress(console=err, transient=True, disable=quiet) as progress:
                task = progress.add_task(kind, total=len(good))
                for start in range(0, len(good), _BATCH):
                    batch = good[start : start + _BATCH]
                    written += await _write_good(tx, write, batch, bad)
                    progress.advance(task, len(batch))
            if not keep or (bad and not skip_bad):
                raise _RolledBack
    except _RolledBack:
        return Outcome(kind=kind, rows=rows, good=written, bad=sorted(bad, key=lambda one: one.line), written=False)
    return Outcome(kind=kind, rows=rows, good=written, bad=sorted(bad, key=lambda one: one.line), written=True)


async def _write_good(tx: Tx, write: Write, batch: Sequence[Row[Any]], bad: list[BadRow]) -> int:
    """Write a batch without its bad rows, which are noted; how many were good."""
    while batch:
        try:
            async with tx.transaction():
                await write(tx, batch)
            return len(batch)
        except Invalid as error:
            reasons = {int(fault.pointer.split("/")[1]): fault.detail for fault in error.faults}
            bad += [BadRow(batch[place][0], reason) for place, reason in reasons.items()]
            batch = [row for place, row in enumerate(batch) if place not in reasons]
    return 0


def read(kind: str, content: bytes) -> tuple[list[Row[Any]], list[BadRow]]:
    """The typed rows of a CSV file with their line numbers, and the rows that have none. Raises Failed for no CSV."""
    wanted = ROWS[kind]
    good: list[Row[Any]] = []
    bad: list[BadRow] = []
    for line, cells in _rows(content, wanted):
        try:
            good.append((line, msgspec.convert(_values(cells), wanted, strict=False)))
        except msgspec.ValidationError as error:
            fault = fault_of(str(error))
            column = fault.pointer.lstrip("/")
            bad.append(BadRow(line, f"{column}: {fault.detail}" if column else fault.detail))
        except (ValueError, msgspec.DecodeError) as error:
            bad.append(BadRow(line, str(error)))
    return good, bad


def _rows(content: bytes, wanted: type) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Failed(f"The file is not UTF-8: {error.reason} at byte {error.start}.") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[str] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _columns([cell.strip() for cell in cells], wanted)
            elif len(cells) != len(columns):
                yield reader.line_num, {"": f"{len(cells)} cells, but the first line names {len(columns)} columns."}
            else:
                yield reader.line_num, dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        raise Failed(f"The file is not CSV: {error} (line {reader.line_num}).") from None
    if columns is None:
        raise Failed("The file is empty: its first line must name the columns.")


def _columns(found: list[str], wanted: type) -> list[str]:
    fields = {field.name: field for field in msgspec.structs.fields(wanted)}
    missing = [name for name, field in fields.items() if field.required and name not in found]
    unknown = [name for name in found if name not in fields]
    twice = sorted({name for name in found if found.count(name) > 1})
    for words, names in (("lacks", missing), ("has unknown columns", unknown), ("names twice", twice)):
        if names:
            raise Failed(
                f"The first line {words}: {', '.join(map(repr, names))}.", advice=f"Columns: {', '.join(fields)}"
            )
    return found


def _values(cells: Mapping[str, str]) -> dict[str, object]:
    """The cells as values; an empty cell is left out, so that it gets its default. Raises ValueError."""
    if "" in cells:
        raise ValueError(cells[""])
    found: dict[str, object] = {}
    for name, raw in cells.items():
        cell = raw.strip()
        if "\0" in cell:
            raise ValueError(f"{name}: a text must not hold the NUL character.")
        if not cell:
            continue
        if name in _LISTS:
            found[name] = [part.strip() for part in cell.split("|") if part.strip()]
        elif name == "personalization":
            found[name] = msgspec.json.decode(cell, type=list[PersonalizationField])
        else:
            found[name] = cell.lower() if cell.lower() in ("true", "false") else cell
    return found


async def _writer(kind: str, tx: Tx, content: bytes) -> Write:
    now = await clock_now(tx)
    if kind == "products":
        return lambda tx, rows: catalog.put_products(tx, [row for _, row in rows], now=now)
    if kind == "locations":
        return lambda tx, rows: inventory.put_locations(tx, [row for _, row in rows])
    if kind == "drop-off-points":
        return lambda tx, rows: returns.put_points(tx, [row for _, row in rows])
    if kind == "postcode-areas":
        return lambda tx, rows: returns.put_areas(tx, [row for _, row in rows])
    # The file's own content is the count's reference: the same file twice counts once.
    reference = f"import-{hashlib.sha256(content).hexdigest()[:24]}"
    places = {place.code: place.location_id for place in (await inventory.locations(tx)).values()}
    seen: set[tuple[str, str]] = set()

    async def count(tx: Tx, rows: Sequence[Row[StockRow]]) -> None:
        await _count(tx, rows, places, seen, reference)

    return count


def _wrong(row: StockRow, is_product: bool, is_place: bool, is_second: bool) -> str:
    if not is_product:
        return f"sku: there is no product {row.sku[:60]!r}."
    if not is_place:
        return f"location: there is no location {row.location[:60]!r}."
    if is_second:
        return "This SKU and location stand in the file twice."
    return "" if 0 <= row.on_hand <= _MOST else f"on_hand: a number from 0 to {_MOST:,}."


async def _count(
    tx: Tx, rows: Sequence[Row[StockRow]], places: Mapping[str, int], seen: set[tuple[str, str]], reference: str
) -> None:
    """Book a batch of counts. Raises Invalid naming every row that cannot be."""
    products = await catalog.load(tx, [row.sku for _, row in rows])
    mine: set[tuple[str, str]] = set()
    faults: list[Fault] = []
    for at, (_, row) in enumerate(rows):
        wrong = _wrong(row, row.sku in products, row.location in places, (row.sku, row.location) in seen | mine)
        faults += [Fault(f"/{at}", wrong)] if wrong else []
        mine.add((row.sku, row.location))
    if faults:
        raise Invalid(faults)
    now = await clock_now(tx)
    by_place: dict[int, dict[int, int]] = {}
    for _, row in rows:
        by_place.setdefault(places[row.location], {})[products[row.sku].sku_id] = row.on_hand
    for place, units in sorted(by_place.items()):
        try:
            await inventory.count(tx, reference=reference, location_id=place, units=units, actor="import", now=now)
        except Conflict as error:
            sku = next((s for s, p in products.items() if p.sku_id == error.extra.get("sku_id")), None)
            at = next(at for at, (_, r) in enumerate(rows) if r.sku == sku and places[r.location] == place)
            raise Invalid([Fault(f"/{at}", error.detail)]) from error
    seen |= mine
