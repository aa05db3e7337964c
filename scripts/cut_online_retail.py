"""Cut the demo's slice out of Online Retail II, and its outcodes out of the GeoNames postal codes.

Run it with the folder that holds both data sets (online_retail_ii/year_2009_2010.csv.gz and
geo/geonames_postal/GB.csv.gz); it writes src/doorstep/demo/data. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from doorstep.demo.slice import (
    COLUMNS,
    RETURN_WINDOW,
    SLICE_FILE,
    by_invoice,
    is_cancellation,
    match_cancels,
    parse_rows,
    read_sale,
    split_invoices,
)

TARGET = Path(__file__).resolve().parent.parent / "src" / "doorstep" / "demo" / "data"
SALES = 2_060


def main() -> None:
    """Cut both files and print what was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with online_retail_ii/ and geo/")
    parser.add_argument("--orders", type=int, default=SALES, help="how many sales to keep (default: %(default)s)")
    arguments = parser.parse_args()
    TARGET.mkdir(parents=True, exist_ok=True)
    retail = _read_text(arguments.data / "online_retail_ii" / "year_2009_2010.csv.gz")
    _write(TARGET / SLICE_FILE, COLUMNS, cut_sales(retail, arguments.orders))
    places = _read_text(arguments.data / "geo" / "geonames_postal" / "GB.csv.gz")
    _write(TARGET / "gb_outcodes.csv.gz", ("outcode", "place", "nation", "lat", "lon"), cut_outcodes(places))


def cut_sales(lines: Sequence[str], orders: int) -> list[list[str]]:
    """Keep the rows of the first ``orders`` sales, of every cancellation up to the last of them, and of the later
    cancellations that the whole data set matches to one of these sales within the return window.

    The whole data set decides, because a later cancellation may take back a purchase that is not in the slice.
    """
    invoices = by_invoice(parse_rows(lines))
    sold = [group for group in invoices if not is_cancellation(group) and read_sale(group, Counter())]
    kept = {group[0].invoice for group in sold[:orders]}
    last_sale_at = max(group[0].at for group in sold[:orders])
    everything = split_invoices(row for group in invoices for row in group)
    matches, _ = match_cancels(everything.sales, everything.cancels)
    later = {
        (match.cancel.invoice, match.cancel.sku, match.cancel.quantity)
        for match in matches
        if match.sale in kept and match.cancel.at > last_sale_at and match.cancel.at - match.bought_at <= RETURN_WINDOW
    }
    rows: list[list[str]] = []
    for row, raw in zip(parse_rows(lines), list(csv.reader(lines))[1:], strict=True):
        canceled_now = row.invoice.startswith("C") and row.at <= last_sale_at
        canceled_later = row.at > last_sale_at and (row.invoice, row.sku, -row.quantity) in later
        if row.invoice in kept or canceled_now or canceled_later:
            rows.append(raw)
    return rows


def cut_outcodes(lines: Sequence[str]) -> list[list[str]]:
    """One row for each outcode of the United Kingdom: the mean position of its places, and the place next to it.

    Left out: codes without a stated accuracy (large users and post boxes), and the islands outside the kingdom.
    """
    places: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for row in csv.DictReader(lines):
        if row["accuracy"] and row["admin1"] in ("England", "Scotland", "Wales", "Northern Ireland"):
            places[row["postcode"]].append(row)
    rows: list[list[str]] = []
    for outcode, group in sorted(places.items()):
        lat = sum(float(row["lat"]) for row in group) / len(group)
        lon = sum(float(row["lon"]) for row in group) / len(group)
        # The most accurately placed ones first: they are the towns. The name keeps the order of the file out of it.
        nearest = min(
            group,
            key=lambda row: (
                -int(row["accuracy"]),
                (float(row["lat"]) - lat) ** 2 + (float(row["lon"]) - lon) ** 2,
                row["place"],
            ),
        )
        rows.append([outcode, nearest["place"], nearest["admin1"], f"{lat:.4f}", f"{lon:.4f}"])
    return rows


def _read_text(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return file.read().splitlines(keepends=True)


def _write(path: Path, header: Iterable[str], rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    # No time stamp in the archive: the same input gives the same bytes.
    path.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0))
    print(f"{path.name}: {len(rows)} rows, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
