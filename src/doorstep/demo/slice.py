"""The slice of real sales that the demo plays: how its rows are read, which of them are goods, and what was canceled.

The rows are those of *Online Retail II* (see data/ATTRIBUTION.md), with the columns they have there. Every rule that
decides what a row means stands in this module, and scripts/cut_online_retail.py uses the same rules to cut the slice.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Literal, NamedTuple

import msgspec

SLICE_FILE = "online_retail_ii_slice.csv.gz"
COLUMNS = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "CustomerID", "Country")

RETURN_WINDOW = timedelta(days=28)
"""A cancellation later than this after its purchase is outside the shop's return policy and is left out."""

RowKind = Literal["goods", "wrap", "postage", "discount", "manual", "fee", "adjustment", "voucher", "sample", "test"]

_GOODS = re.compile(r"\d{5}[A-Z]{0,2}|DCGS\w+|SP\d{4}")
_WRAP = re.compile(r"\bWRAPS?\b|\bWRAPPING PAPER\b")
_NOT_WRAP = re.compile(r"\bBOWL\b|\bTAPE\b")
_CHARGES: tuple[tuple[re.Pattern[str], RowKind], ...] = (
    (re.compile(r"POST|DOT|C\d"), "postage"),
    (re.compile(r"D"), "discount"),
    (re.compile(r"M"), "manual"),
    (re.compile(r"BANK CHARGES|AMAZONFEE"), "fee"),
    (re.compile(r"ADJUST\d*|B"), "adjustment"),
    (re.compile(r"GIFT.*"), "voucher"),
    (re.compile(r"S"), "sample"),
    (re.compile(r"TEST\d*|PADS"), "test"),
)


class Row(NamedTuple):
    """One row of the file. Quantity is in sellable units and negative on cancellations, the price in pence.

    A plain tuple, because half a million of them are read when the slice is cut.
    """

    invoice: str
    sku: str
    description: str
    quantity: int
    at: datetime
    unit_price_minor: int
    customer: str
    country: str


class SaleLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of goods of a sale, in the order of the invoice; ``wrap`` marks gift wrap paper."""

    sku: str
    description: str
    quantity: int
    unit_price_minor: int
    wrap: bool


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """One invoice: its goods, and the postage it charged. ``customer`` is empty for a guest."""

    invoice: str
    at: datetime
    customer: str
    country: str
    lines: tuple[SaleLine, ...]
    postage_minor: int


class CancelLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a cancellation invoice, its quantity made positive."""

    invoice: str
    sku: str
    quantity: int
    at: datetime
    customer: str


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A canceled line and the purchase it takes back: ``line`` is the index in the sale's lines, from 0."""

    cancel: CancelLine
    sale: str
    line: int
    bought_at: datetime


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """The sales in their order, the cancellations in theirs, and the rows left out, counted by the rule that did it."""

    sales: tuple[Sale, ...]
    cancels: tuple[CancelLine, ...]
    left_out: dict[str, int]


@cache
def kind_of(sku: str, description: str) -> RowKind:
    """Say what a row is. Goods have a five-digit code (with letters), or one of the shop's own DCGS and SP codes.

    Raises ValueError for a code no rule knows, so that a new slice cannot smuggle charges in as goods.
    """
    if _GOODS.fullmatch(sku):
        text = description.upper()
        return "wrap" if _WRAP.search(text) and not _NOT_WRAP.search(text) else "goods"
    for pattern, kind in _CHARGES:
        if pattern.fullmatch(sku):
            return kind
    raise ValueError(f"no rule for the stock code {sku!r} ({description!r})")


def parse_rows(lines: Iterable[str]) -> Iterator[Row]:
    """Read CSV text with the columns of the data set. Codes are compared in upper case; blanks are folded.

    The data has no zone; its times are taken as UTC, which is what the clocks of a British winter show.
    """
    reader = csv.reader(lines)
    if tuple(next(reader)) != COLUMNS:
        raise ValueError("these are not the columns of Online Retail II")
    # The same few thousand texts come again and again, and a slice must load in a fraction of a second.
    stamp = cache(lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC))
    pence = cache(lambda text: round(float(text) * 100))
    code = cache(lambda text: text.strip().upper())
    folded = cache(lambda text: " ".join(text.split()))
    for invoice, sku, description, quantity, date, price, customer, country in reader:
        yield Row(invoice, code(sku), folded(description), int(quantity), stamp(date), pence(price), customer, country)


def by_invoice(rows: Iterable[Row]) -> list[list[Row]]:
    """Group the rows by invoice, in the order in which the invoices first appear."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.invoice, []).append(row)
    return list(groups.values())


def is_cancellation(rows: Sequence[Row]) -> bool:
    """Tell whether an invoice takes goods back: its number begins with C."""
    return rows[0].invoice.startswith("C")


def read_sale(rows: Sequence[Row], left_out: Counter[str]) -> Sale | None:
    """Make a sale of one invoice, or None when it sells no goods at a price.

    Rows without a price are stock adjustments in this data. What is left out is added to ``left_out`` by its rule.
    """
    lines: list[SaleLine] = []
    postage_minor = 0
    for row in rows:
        kind = kind_of(row.sku, row.description)
        if kind == "postage":
            postage_minor += max(0, row.unit_price_minor * row.quantity)
        elif kind not in ("goods", "wrap"):
            left_out[kind] += 1
        elif row.quantity <= 0 or row.unit_price_minor <= 0:
            left_out["no_price" if row.quantity > 0 else "no_quantity"] += 1
        else:
            lines.append(
                SaleLine(
                    sku=row.sku,
                    description=row.description,
                    quantity=row.quantity,
                    unit_price_minor=row.unit_price_minor,
                    wrap=kind == "wrap",
                )
            )
    if not lines:
        return None
    first = rows[0]
    return Sale(
        invoice=first.invoice,
        at=first.at,
        customer=first.customer,
        country=first.country,
        lines=tuple(lines),
        postage_minor=postage_minor,
    )


def read_cancels(rows: Sequence[Row], left_out: Counter[str]) -> list[CancelLine]:
    """Make the canceled lines of one cancellation invoice; charges on it are counted and left out."""
    cancels: list[CancelLine] = []
    for row in rows:
        kind = kind_of(row.sku, row.description)
        if kind not in ("goods", "wrap"):
            left_out[f"cancellation_{kind}"] += 1
        elif row.quantity >= 0:
            left_out["cancellation_no_quantity"] += 1
        else:
            cancels.append(
                CancelLine(invoice=row.invoice, sku=row.sku, quantity=-row.quantity, at=row.at, customer=row.customer)
            )
    return cancels


def split_invoices(rows: Iterable[Row]) -> Slice:
    """Sort rows into sales and cancellations, by the rules above."""
    left_out: Counter[str] = Counter()
    sales: list[Sale] = []
    cancels: list[CancelLine] = []
    for group in by_invoice(rows):
        if is_cancellation(group):
            cancels.extend(read_cancels(group, left_out))
        elif sale := read_sale(group, left_out):
            sales.append(sale)
    return Slice(sales=tuple(sales), cancels=tuple(cancels), left_out=dict(sorted(left_out.items())))


def match_cancels(sales: Iterable[Sale], cancels: Iterable[CancelLine]) -> tuple[list[Match], Counter[str]]:
    """Find the purchase that each cancellation takes back, and count those that have none, by the reason.

    Cancellations do not name their invoice: each takes back the latest earlier purchase of the same customer and SKU
    that still has that many units, and uses them up. Cancellations are taken in the order given.
    """
    cancels = list(cancels)
    wanted = {(cancel.customer, cancel.sku) for cancel in cancels if cancel.customer}
    bought: defaultdict[tuple[str, str], list[tuple[datetime, str, int]]] = defaultdict(list)
    units_left: dict[tuple[str, int], int] = {}
    for sale in sales:
        for index, line in enumerate(sale.lines):
            if (sale.customer, line.sku) in wanted:
                bought[sale.customer, line.sku].append((sale.at, sale.invoice, index))
                units_left[sale.invoice, index] = line.quantity
    matches: list[Match] = []
    unmatched: Counter[str] = Counter()
    for cancel in cancels:
        purchases = bought.get((cancel.customer, cancel.sku), [])
        for bought_at, invoice, index in reversed(purchases):
            if bought_at <= cancel.at and units_left[invoice, index] >= cancel.quantity:
                units_left[invoice, index] -= cancel.quantity
                matches.append(Match(cancel=cancel, sale=invoice, line=index, bought_at=bought_at))
                break
        else:
            unmatched[_why_unmatched(cancel, [at for at, _, _ in purchases])] += 1
    return matches, unmatched


def _why_unmatched(cancel: CancelLine, bought_at: Sequence[datetime]) -> str:
    if not cancel.customer:
        return "no_customer"
    if not any(at <= cancel.at for at in bought_at):
        return "no_earlier_purchase"
    return "more_than_was_bought"


def load_slice() -> Slice:
    """Read the slice that ships with the package."""
    packed = resources.files("doorstep.demo").joinpath("data", SLICE_FILE).read_bytes()
    with gzip.open(io.BytesIO(packed), "rt", encoding="utf-8", newline="") as text:
        return split_invoices(parse_rows(text))
