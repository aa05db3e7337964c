"""Products, locations, stock and drop-off points from CSV: typed rows by line, and what is wrong with the others.

The command line and the console load the same files by the same rules. UTF-8; the first line names the columns.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from doorstep import catalog, inventory, orders, returns
from doorstep.catalog import PersonalizationField, ProductData
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.inventory import PutLocation
from doorstep.kit.errors import Conflict, Fault, Invalid, Malformed
from doorstep.returns import DropOffPoint, PostcodeArea
from doorstep.web.api.body import fault_of

T = TypeVar("T")
_BATCH = 500
_MOST = 1_000_000_000
_LISTS = {"handling", "capabilities"}
_JSON: Mapping[str, Any] = {"personalization": list[PersonalizationField], "components": list[catalog.Component]}


class StockRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of a stock file: what is on the shelf of a location, claimed units included."""

    sku: str
    location: str
    on_hand: int


class BadRow(msgspec.Struct, frozen=True):
    """A row that cannot be taken: its line in the file, and why."""

    line: int
    reason: str


Row = tuple[int, T]
Write = Callable[[Tx, Sequence[Row[Any]]], Any]
ROWS: Mapping[str, type] = {
    "products": ProductData,
    "locations": PutLocation,
    "stock": StockRow,
    "drop-off-points": DropOffPoint,
    "postcode-areas": PostcodeArea,
}


async def load(
    tx: Tx,
    kind: str,
    content: bytes,
    good: Sequence[Row[Any]],
    bad: list[BadRow],
    *,
    actor: str = "import",
    advance: Callable[[int], None] | None = None,
) -> int:
    """Write the good rows of a file, noting in `bad` those that turn out otherwise; how many were written.

    Whether the transaction stays is the caller's to say. `advance` is told of each batch's rows.
    """
    written = 0
    write = await _writer(kind, tx, content, actor)
    for start in range(0, len(good), _BATCH):
        batch = good[start : start + _BATCH]
        written += await _write_good(tx, write, batch, bad)
        if advance:
            advance(len(batch))
    return written


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
    """The typed rows of a CSV file with their line numbers, and the rows that have none. Malformed: no CSV."""
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
        raise Malformed(f"The file is not UTF-8: {error.reason} at byte {error.start}.") from None
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
        raise Malformed(f"The file is not CSV: {error} (line {reader.line_num}).") from None
    if columns is None:
        raise Malformed("The file is empty: its first line must name the columns.")


def _columns(found: list[str], wanted: type) -> list[str]:
    fields = {field.name: field for field in msgspec.structs.fields(wanted)}
    missing = [name for name, field in fields.items() if field.required and name not in found]
    unknown = [name for name in found if name not in fields]
    twice = sorted({name for name in found if found.count(name) > 1})
    for words, names in (("lacks", missing), ("has unknown columns", unknown), ("names twice", twice)):
        if names:
            raise Malformed(
                f"The first line {words}: {', '.join(repr(name[:60]) for name in names[:20])}."
                f" The columns are: {', '.join(fields)}."
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
        elif name in _JSON:
            found[name] = msgspec.json.decode(cell, type=_JSON[name])
        else:
            found[name] = cell.lower() if cell.lower() in ("true", "false") else cell
    return found


async def _writer(kind: str, tx: Tx, content: bytes, actor: str) -> Write:
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
        await _count(tx, rows, places, seen, reference, actor)

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
    tx: Tx,
    rows: Sequence[Row[StockRow]],
    places: Mapping[str, int],
    seen: set[tuple[str, str]],
    reference: str,
    actor: str,
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
    counted = {(products[row.sku].sku_id, places[row.location]): row.on_hand for _, row in rows}
    try:
        await inventory.count(
            tx, reference=reference, counted=counted, claimants=orders.Claimants(), actor=actor, now=now
        )
    except Conflict as error:
        key: Any = (error.extra.get("sku_id"), error.extra.get("location_id"))
        if key not in counted:
            raise
        raise Invalid([Fault(f"/{list(counted).index(key)}", error.detail)]) from error
    seen |= mine
