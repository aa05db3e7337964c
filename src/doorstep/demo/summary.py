"""What came out of a run: measured afterwards, from the tables, the audit and the twins' books, never counted along.

The floors are shares of all orders placed; they say that the scenario was as rough as it should be, and that the system
did what it must under it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from doorstep.audit import audit, stuck
from doorstep.db import Brand, Tx
from doorstep.demo.calls import Calls
from doorstep.demo.runfile import Done
from doorstep.demo.stage import SQL, Stage
from doorstep.kit.findings import Finding
from doorstep.kit.ids import show

ORDERS_FLOOR = 2_000
SHARE_FLOORS: Mapping[str, float] = {
    "split": 0.05,
    "short": 0.02,
    "short_picked": 0.01,
    "late_told": 0.02,
    "returned": 0.03,
    "personalized": 0.01,
    "wrapped": 0.01,
}
HAND_OVER_WAYS_FLOOR = 2
SECONDS_CEILING = 240.0

_MOVED = ("authorized_minor", "captured_minor", "refunded_minor", "voided_minor")
Figures = dict[str, Any]


async def measure(stage: Stage, done: Done) -> Figures:
    """All figures of a run but its seconds and floors, as the JSON answer has them."""
    findings = await audit(stage.brand)
    async with stage.brand.transaction() as tx:
        figures = await _from_tables(tx)
    figures["orders"]["refused"] = sum(word.startswith("left ") for word in done.words)
    figures["orders"]["refused_at_first"] = len({word.split()[1] for word in done.words if word.startswith("refused ")})
    figures["outside"] = await _outside(stage, figures)
    figures["stuck"] = stuck(findings)
    broken = [finding for finding in findings if not finding.ok]
    figures["units"]["oversold"] = await _oversold(stage.brand, findings)
    figures["audit"] = {
        "ok": not broken and figures["outside"]["agrees"],
        "checks": len(findings),
        "findings": len(broken),
        "broken": [msgspec.to_builtins(finding) for finding in broken],
    }
    return figures


async def _from_tables(tx: Tx) -> Figures:
    orders = dict(await _row(tx, SQL.orders))
    work = {row["kind"]: row["orders"] for row in await tx.fetch(SQL.work_done)}
    promises = await _row(tx, SQL.promises)
    returns = {row["handover"]: dict(row) for row in await tx.fetch(SQL.returns)}
    money = dict(await _row(tx, SQL.money))
    orders |= {
        "late": promises["late"],
        "late_told": promises["told_before"],
        "late_not_told": promises["not_told"],
        "returned": await tx.fetchval(SQL.returned_orders),
        "personalized": work.get("personalize", 0),
        "wrapped": work.get("gift_wrap", 0),
        "read_first": work.get("acknowledge", 0),
    }
    return {
        "orders": orders,
        "units": dict(await _row(tx, SQL.units)) | dict(await _row(tx, SQL.unit_buckets)),
        "returns": {way: returns.get(way, {}).get("closed", 0) for way in ("label", "qr", "store")},
        "money": {"currency": "GBP", **money, "kept_minor": money["captured_minor"] - money["refunded_minor"]},
        "messages": await _messages(tx),
        "story": await _story(tx),
        "promises": {
            **dict(await _row(tx, SQL.kept)),
            "told_hours_before": round(promises["median_hours_before"], 1),
            "causes": {row["cause"]: row["orders"] for row in await tx.fetch(SQL.causes)},
        },
        "services": {row["service"]: dict(row) for row in await tx.fetch(SQL.lead_times)},
        "work": {
            **dict(await _row(tx, SQL.work_left)),
            "open": {row["kind"]: row["open"] for row in await tx.fetch(SQL.open_exceptions)},
        },
    }


async def _story(tx: Tx) -> Figures | None:
    row = await tx.fetchrow(SQL.story)
    return (
        None
        if row is None
        else {"order_id": show("ord", row["order_id"]), "number": row["number"], "kinds": row["kinds"]}
    )


async def _messages(tx: Tx) -> Figures:
    kinds: Counter[str] = Counter()
    channels: Counter[str] = Counter()
    states: Counter[str] = Counter()
    for row in await tx.fetch(SQL.messages):
        states[row["status"]] += row["messages"]
        if row["status"] == "sent":
            kinds[row["kind"]] += row["messages"]
            channels[row["channel"]] += row["messages"]
    return {**dict(states), **dict(channels), "kinds": dict(kinds.most_common())}


async def _outside(stage: Stage, figures: Figures) -> Figures:
    """What the carrier, the bank and the mail server say; `agrees` when their books are ours."""
    clients = {name: Calls(url) for name, url in _urls(stage).items()}
    try:
        labels = await clients["carrier"].get("/sandbox/ledger", dict)
        bank = await clients["gateway"].get("/sandbox/ledger", dict)
        post = await clients["messages"].get("/sandbox/ledger", dict)
    finally:
        for client in clients.values():
            await client.aclose()
    totals = bank["totals"].get("GBP", {})
    twice = sum(label["purchases"] > 1 for label in labels["labels"].values())
    ours, theirs = _moved(figures["money"]), _moved_there(totals)
    return {
        "agrees": not twice and ours == theirs,
        "labels_bought": labels["totals"]["purchases"],
        "labels_bought_twice": twice,
        "webhooks": labels["webhooks"],
        "bank": theirs,
        "captured_more_than_once": max(0, theirs["captured_minor"] - ours["captured_minor"]),
        "messages": post["totals"],
        "messages_repeated": len(post["repeated"]),
    }


def _urls(stage: Stage) -> dict[str, str]:
    return {"carrier": stage.carrier_url, "gateway": stage.gateway_url, "messages": stage.messages_url}


def _moved(money: Figures) -> dict[str, int]:
    return {name: money[name] for name in _MOVED}


def _moved_there(totals: Mapping[str, Any]) -> dict[str, int]:
    return {name: totals.get(name, 0) for name in _MOVED}


async def _oversold(brand: Brand, findings: Sequence[Finding]) -> int:
    """Units sold twice, by the audit's own check, and stock rows with more claimed than there is."""
    told = sum(finding.measured for finding in findings if finding.check == "units sold twice")
    async with brand.reading() as tx:
        row = await _row(tx, SQL.on_hand)
    return told + int(row["rows_oversold"])


def floors(figures: Figures, *, whole: bool, seconds: float) -> dict[str, dict[str, Any]]:
    """What a run must reach, by name. A run of the first few orders only is not held to the number of orders."""
    orders, placed = figures["orders"], max(1, figures["orders"]["placed"])
    found: dict[str, dict[str, Any]] = defaultdict(dict)

    def need(name: str, value: float, floor: float) -> None:
        found[name] = {"value": value, "floor": floor, "ok": value >= floor}

    def most(name: str, value: float, ceiling: float) -> None:
        found[name] = {"value": value, "ceiling": ceiling, "ok": value <= ceiling}

    if whole:
        need("placed", orders["placed"], ORDERS_FLOOR)
        for name, floor in SHARE_FLOORS.items():
            need(name, round(orders[name] / placed, 4), floor)
        need("hand_over_ways", sum(1 for count in figures["returns"].values() if count), HAND_OVER_WAYS_FLOOR)
        most("seconds", seconds, SECONDS_CEILING)
    most("oversold", figures["units"]["oversold"], 0)
    most("stuck", figures["stuck"], 0)
    most("audit_findings", figures["audit"]["findings"], 0)
    most("labels_bought_twice", figures["outside"]["labels_bought_twice"], 0)
    most("captured_more_than_once", figures["outside"]["captured_more_than_once"], 0)
    return dict(found)


async def _row(tx: Tx, statement: str) -> Any:
    row = await tx.fetchrow(statement)
    assert row is not None
    return row
