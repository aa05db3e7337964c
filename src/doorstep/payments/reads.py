"""Where an order's money is, and how it got there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from doorstep.db import Tx
from doorstep.payments.model import Balance, Transaction
from doorstep.payments.store import SQL, captures


async def balance(tx: Tx, order_ids: Sequence[UUID]) -> dict[UUID, Balance]:
    """The balances of these orders; one whose payments are not opened yet is left out."""
    return {row["order_id"]: as_balance(row) for row in await tx.fetch(SQL.balance, list(order_ids))}


async def refundable(tx: Tx, order_id: UUID) -> int:
    """What of an order's captures is neither given back nor being given back, in minor units."""
    return sum(capture.left_minor for capture in (await captures(tx, [order_id])).get(order_id, []))


async def history(tx: Tx, order_id: UUID) -> list[Transaction]:
    """Every intent of an order, oldest first."""
    rows = await tx.fetch(SQL.history, order_id)
    return [Transaction(**{field: row[field] for field in Transaction.__struct_fields__}) for row in rows]


def as_balance(row: Any) -> Balance:
    """The balance in a row."""
    return Balance(**{field: row[field] for field in Balance.__struct_fields__})
