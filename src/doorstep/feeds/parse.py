"""From the bytes of a file, as they come, to rows: CSV or NDJSON, UTF-8, perhaps gzipped. Memory is bounded by a batch.

A row ends with its line; a bad one is told by its line and never ends the reading. The numbers are whole units.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from doorstep.feeds.model import Reason
from doorstep.kit.errors import Malformed
from doorstep.kit.limits import FEED_BATCH, FEED_LINE, FEED_ROWS

Format = Literal["csv", "ndjson"]
MOST: Final = 1_000_000_000
_PIECE: Final = 65_536
_SAID: Final = 120
_SKU_MOST: Final = 100
_DELIMITERS: Final = ",;\t|"


class Row(msgspec.Struct):
    """A line of NDJSON; other fields are passed over."""

    sku: str
    on_hand: int
    location: str = ""


class Batch(msgspec.Struct):
    """What some lines held: `rows` of (line, location_id, sku, on_hand or None), `bad` of (line, reason, beginning)."""

    rows: list[tuple[int, int, str, int | None]]
    bad: list[tuple[int, Reason, str]]
    unreadable: int = 0


class Parser:
    """Reads lines into batches. `places` are location ids by code; `place` is the one all rows are of, if given."""

    def __init__(self, form: Format, places: Mapping[str, int], place: int | None) -> None:
        self._places, self._place = places, place
        self._line = 0
        self._columns: tuple[str, int, int, int, int] | None = (
            None  # delimiter, cells, places of sku, on_hand, location
        )
        self._take = self._csv if form == "csv" else self._ndjson
        self._fast = msgspec.json.Decoder(Row)
        self._is_csv = form == "csv"

    def batch(self, lines: Sequence[bytes | None]) -> Batch:
        """Lines as a batch; None stands for one that was too long. Raises Malformed when the first line is no head."""
        made = Batch([], [])
        for raw in lines:
            self._line += 1
            if raw is None:
                self._unreadable(made, "too_long", b"")
            elif raw and not raw.isspace():
                self._one(made, raw)
        return made

    def _one(self, made: Batch, raw: bytes) -> None:
        if b"\0" in raw:
            self._unreadable(made, "nul", raw)
            return
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            self._unreadable(made, "encoding", raw)
            return
        if self._line == 1:
            text = text.removeprefix("\ufeff")
        if self._is_csv and self._columns is None:
            self._columns = self._head(text)
        else:
            self._take(made, text)

    def _unreadable(self, made: Batch, reason: Reason, raw: bytes | str) -> None:
        """A row of which not even the key is known."""
        if self._is_csv and self._columns is None:
            raise Malformed("The first line must name the columns, in UTF-8: sku, on_hand, and location.")
        text = raw if isinstance(raw, str) else raw.decode("utf-8", "replace").replace("\0", "\ufffd")
        made.bad.append((self._line, reason, text.strip()[:_SAID]))
        made.unreadable += 1

    def _head(self, text: str) -> tuple[str, int, int, int, int]:
        text = text.lstrip("\ufeff").strip()
        delimiter = max(_DELIMITERS, key=text.count)
        names = [name.strip().strip('"').lower() for name in text.split(delimiter)]
        needed = ["sku", "on_hand", *([] if self._place else ["location"])]
        missing = [name for name in needed if name not in names]
        if missing or any(names.count(name) > 1 for name in (*needed, "location")):
            raise Malformed(
                "The first line must name the columns sku, on_hand and location (unless the feed is of one location), "
                f"each once; it says {text[:_SAID]!r}."
            )
        where = names.index("location") if "location" in names else -1
        return delimiter, len(names), names.index("sku"), names.index("on_hand"), where

    def _csv(self, made: Batch, text: str) -> None:
        assert self._columns is not None
        delimiter, count, at_sku, at_units, at_place = self._columns
        text = text.rstrip("\r\n")
        if '"' in text:
            try:
                cells = next(csv.reader([text], delimiter=delimiter, strict=True))
            except (csv.Error, StopIteration):
                self._unreadable(made, "quotes", text)
                return
        else:
            cells = text.split(delimiter)
        if len(cells) != count:
            self._unreadable(made, "columns", text)
            return
        self._row(
            made, cells[at_sku].strip(), cells[at_place].strip() if at_place >= 0 else "", cells[at_units].strip()
        )

    def _ndjson(self, made: Batch, text: str) -> None:
        try:
            row = self._fast.decode(text)
        except msgspec.ValidationError:  # it is told at the first wrong field: what follows may be no JSON at all
            row = None
        except (msgspec.DecodeError, RecursionError):
            self._unreadable(made, "not_json", text)
            return
        if row is not None and "\0" not in row.sku + row.location:
            self._row(made, row.sku.strip(), row.location.strip(), str(row.on_hand))
            return
        try:
            given: Any = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            self._unreadable(made, "not_json", text)
            return
        sku, place = (given.get("sku"), given.get("location", "")) if isinstance(given, dict) else (None, "")
        if not isinstance(sku, str) or not isinstance(place, str) or "\0" in sku + place:
            self._unreadable(made, "nul" if "\\u0000" in text else "no_sku", text)
            return
        self._row(made, sku.strip(), place.strip(), "?")

    def _row(self, made: Batch, sku: str, code: str, units: str) -> None:
        place = self._place
        if code or place is None:
            found = self._places.get(code)
            if found is None or (place is not None and found != place):
                made.bad.append(
                    (self._line, "other_location" if found else "unknown_location", f"{sku} {code}"[:_SAID])
                )
                made.unreadable += place is None
                return
            place = found
        if not sku:
            self._unreadable(made, "no_sku", units)
        elif len(sku) > _SKU_MOST:
            made.bad.append((self._line, "unknown_sku", sku[:_SAID]))
        elif units.isdigit() and units.isascii() and len(units) <= 10 and (number := int(units)) <= MOST:
            made.rows.append((self._line, place, sku, number))
        else:
            # Its key is known: a full feed must not take it for left out.
            made.rows.append((self._line, place, sku, None))
            made.bad.append((self._line, _number_reason(units), f"{sku} {units}"[:_SAID]))


def _number_reason(units: str) -> Reason:
    sign, digits = units[:1], units.lstrip("+-")
    if not (digits.isdigit() and digits.isascii()):
        return "not_a_number"
    if sign == "-":
        return "negative"
    return "not_a_number" if sign == "+" else "too_large"


async def lines_of(
    chunks: AsyncIterator[bytes], *, gzipped: bool, seen: Callable[[bytes], None]
) -> AsyncIterator[list[bytes | None]]:
    """Lines in batches, None for each that is too long; `seen` is told every piece of what was sent, once unpacked.

    Raises Malformed for a damaged archive, and for more lines than a feed may have.
    """
    rest, batch, total, skipping = b"", [], 0, False
    async for piece in _pieces(chunks, gzipped):
        seen(piece)
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            batch.append(None if skipping or len(line) > FEED_LINE else line)
            skipping = False
        if len(rest) > FEED_LINE:
            rest, skipping = b"", True
        if len(batch) >= FEED_BATCH:
            total += len(batch)
            if total > FEED_ROWS:
                raise Malformed(f"A feed has {FEED_ROWS:,} lines at most. Send several.")
            yield batch
            batch = []
    if rest or skipping:
        batch.append(None if skipping else rest)
    if batch:
        yield batch


async def _pieces(chunks: AsyncIterator[bytes], gzipped: bool) -> AsyncIterator[bytes]:
    if not gzipped:
        async for chunk in chunks:
            for start in range(0, len(chunk), _PIECE):
                yield chunk[start : start + _PIECE]
        return
    archive = _Archive()
    try:
        async for chunk in chunks:
            for piece in archive.unzipped(chunk):
                yield piece
    except zlib.error as error:
        raise Malformed(f"The file is no gzip archive, or a damaged one: {error}") from None
    if not archive.whole:
        raise Malformed("The gzip archive is cut short.")


class _Archive:
    """A gzip file. It may hold several members, one after the other, and zeros behind the last, as gzip allows."""

    def __init__(self) -> None:
        self._unzip = zlib.decompressobj(wbits=31)

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self._unzip.eof

    def unzipped(self, chunk: bytes) -> Iterator[bytes]:
        """A chunk unpacked in pieces of bounded size, however far it expands."""
        while chunk:
            if self._unzip.eof:
                chunk = chunk.lstrip(b"\0")
                if not chunk:
                    return
                self._unzip = zlib.decompressobj(wbits=31)
            yield self._unzip.decompress(chunk, _PIECE)
            chunk = self._unzip.unused_data if self._unzip.eof else self._unzip.unconsumed_tail
