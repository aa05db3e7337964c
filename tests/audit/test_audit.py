"""The audit holds on a sound shop, and each check between the nouns finds what it is there for."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import asyncpg
import pytest

from doorstep.audit import NOUNS, audit, stuck
from doorstep.audit.run import SQL
from doorstep.db import Brand
from doorstep.kit.findings import Finding
from tests.support.shop import Shop

# What goes wrong, and the sentence that must no longer hold then.
WRONGS = {
    "an order that is completed or canceled holds no stock": "UPDATE reservations SET open = claimed",
    "captured less refunded is the price of the goods the customer keeps": (
        "UPDATE payments SET captured_minor = captured_minor - 1"
    ),
    "an order with nothing left to move is not called open": "UPDATE orders SET status = 'open'",
    "a job that was given up shows as an exception": "UPDATE jobs SET state = 'poisoned'",
    "an event that could not be digested shows as an exception": (
        "INSERT INTO parked (reaction, position, error, parked_at) VALUES ('updates.tell', 1, 'x', now())"
    ),
    "an order that waits for money has a payment on its way, a hold or an exception": (
        "UPDATE orders SET awaiting_payment = true, status = 'open'"
    ),
    "units owed to a customer have supply on its way, a hold or an exception": (
        "UPDATE order_lines SET backordered = delivered, delivered = 0"
    ),
}


def wrong(findings: list[Finding]) -> set[str]:
    """The sentences that do not hold."""
    return {finding.check for finding in findings if not finding.ok}


@pytest.fixture
async def arrived(shop: Shop) -> Shop:
    """A shop with one order that has arrived."""
    placed = await shop.place({"sku": "MUG", "quantity": 3, "unit_price_minor": 333})
    await shop.ship(placed["order_id"])
    for _ in range(30):
        await shop.pass_time(timedelta(hours=4))
    order = await shop.get(f"/v1/orders/{placed['order_id']}")
    assert order["status"] == "completed"
    return shop


async def test_every_check_finds_what_it_is_there_for(arrived: Shop) -> None:
    sound = await audit(arrived.brand)
    assert wrong(sound) == set()
    assert stuck(sound) == 0
    assert set(WRONGS) <= {finding.check for finding in sound}
    for sentence, statement in WRONGS.items():
        found = await audit_after(arrived, statement)
        assert sentence in wrong(found), sentence
    assert wrong(await audit(arrived.brand)) == set()


async def audit_after(shop: Shop, statement: str) -> list[Finding]:
    """What the audit finds after a change, which is then taken back."""
    tables = ("reservations", "payments", "orders", "jobs", "parked", "order_lines")
    async with shop.brand.transaction() as tx:
        for table in tables:
            await tx.execute(f"CREATE TABLE kept_{table} AS TABLE {table}")
        await tx.execute(statement)
    try:
        return await audit(shop.brand)
    finally:
        async with shop.brand.transaction() as tx:
            await tx.execute(
                "SET LOCAL session_replication_role = replica"
            )  # foreign keys rest while rows are replaced
            for table in tables:
                await tx.execute(f"DELETE FROM {table}")
                await tx.execute(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE kept_{table}")
                await tx.execute(f"DROP TABLE kept_{table}")


async def test_the_audit_covers_every_area_in_order(brand: Brand) -> None:
    areas = [finding.area for finding in await audit(brand)]
    assert list(dict.fromkeys(areas)) == ["units", "money", "messages", "work"]


async def test_the_audits_moment_lets_nobody_write(brand: Brand) -> None:
    async with brand.transaction() as tx:
        await tx.execute(SQL.one_snapshot)
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await tx.execute("UPDATE clock SET rate = 2")


def test_every_noun_with_something_to_conserve_has_an_audit() -> None:
    assert [noun for noun in NOUNS if not hasattr(import_module(f"doorstep.{noun}"), "audit")] == []
