"""Collects the nouns' audits and adds what stands between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from typing import Any

from doorstep.db import Brand, Tx, statements
from doorstep.kit.findings import Area, Finding
from doorstep.kit.ids import show

SQL = statements(__package__)

# Each has an `audit(tx)` at its door, or is left out.
NOUNS = (
    "inventory",
    "delivery",
    "payments",
    "carts",
    "orders",
    "fulfillment",
    "shipping",
    "updates",
    "returns",
    "insights",
)
_ORDER: tuple[Area, ...] = ("units", "money", "messages", "work")

_BETWEEN: tuple[tuple[Area, str, str], ...] = (
    ("units", "an order that is completed or canceled holds no stock", SQL.done_but_open),
    ("money", "captured less refunded is the price of the goods the customer keeps", SQL.money_kept),
    ("work", "units owed to a customer have supply on its way, a hold or an exception", SQL.waiting_without_supply),
    ("work", "an order that waits for money has a payment on its way, a hold or an exception", SQL.waiting_for_money),
    ("work", "an order with nothing left to move is not called open", SQL.all_arrived_but_open),
    ("work", "a job that was given up shows as an exception", SQL.poisoned_unseen),
    ("work", "an event that could not be digested shows as an exception", SQL.parked_unseen),
)
_EXAMPLES = 5

Audit = Callable[[Tx], Awaitable[Sequence[Finding]]]


async def audit(brand: Brand) -> list[Finding]:
    """Every check of a brand, those that hold included, by area: units, money, messages, work."""
    findings: list[Finding] = []
    async with brand.transaction() as tx:
        await tx.execute(SQL.one_snapshot)
        for check in _audits():
            findings.extend(await check(tx))
        for area, sentence, query in _BETWEEN:
            rows = await tx.fetch(query)
            examples = tuple(_words(row) for row in rows[:_EXAMPLES])
            findings.append(Finding(area=area, check=sentence, measured=len(rows), examples=examples))
    return sorted(findings, key=lambda finding: _ORDER.index(finding.area))


def stuck(findings: Sequence[Finding]) -> int:
    """How much open work has neither a job, an open hold, an exception nor a future event."""
    return sum(abs(finding.measured - finding.expected) for finding in findings if finding.area == "work")


def _audits() -> list[Audit]:
    doors: list[Any] = [import_module(f"doorstep.{noun}") for noun in NOUNS]
    return [door.audit for door in doors if hasattr(door, "audit")]


def _words(row: Any) -> str:
    return ", ".join(
        show("ord", value) if field == "order_id" else f"{field} {value}" for field, value in dict(row).items()
    )
