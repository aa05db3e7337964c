"""Orders in the database: the only file of the noun that reads and moves the rows others share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from doorstep.db import Tx, statements
from doorstep.kit.errors import Conflict, NotFound
from doorstep.kit.ids import show
from doorstep.orders.model import (
    BUCKETS,
    TRANSITIONS,
    Address,
    Contact,
    LineRow,
    LineService,
    MoneyTold,
    Move,
    OrderRow,
)

SQL = statements(__package__)
_ORDER_FIELDS = OrderRow.__struct_fields__
_LINE_FIELDS = tuple(field for field in LineRow.__struct_fields__ if field != "services")


async def lock(tx: Tx, order_ids: Iterable[UUID]) -> dict[UUID, OrderRow]:
    """Lock orders against other writers, in id order so that no two callers can deadlock, and return their rows.

    Call it before locking stock. Ids that do not exist are left out.
    """
    rows = await tx.fetch(SQL.lock_orders, sorted(set(order_ids)))
    return {row["order_id"]: as_order(row) for row in rows}


async def lock_one(tx: Tx, order_id: UUID) -> OrderRow:
    """Lock one order. Raises NotFound."""
    found = await lock(tx, [order_id])
    if order_id not in found:
        raise NotFound(f"There is no order {show('ord', order_id)}.")
    return found[order_id]


async def read(tx: Tx, order_ids: Iterable[UUID]) -> dict[UUID, OrderRow]:
    """Orders as they are, unlocked."""
    rows = await tx.fetch(SQL.read_orders, list(set(order_ids)))
    return {row["order_id"]: as_order(row) for row in rows}


def as_order(row: Any) -> OrderRow:
    """The order in a database row."""
    return OrderRow(**{field: row[field] for field in _ORDER_FIELDS})


async def lines(tx: Tx, order_ids: Iterable[UUID]) -> dict[UUID, list[LineRow]]:
    """The lines of orders with their services, by line number."""
    ids = list(set(order_ids))
    services: dict[tuple[UUID, int], list[LineService]] = defaultdict(list)
    for row in await tx.fetch(SQL.read_services, ids):
        service = LineService(kind=row["kind"], detail=row["detail"], fee_minor=row["fee_minor"])
        services[row["order_id"], row["line_no"]].append(service)
    found: dict[UUID, list[LineRow]] = {order_id: [] for order_id in ids}
    for row in await tx.fetch(SQL.read_lines, ids):
        line = LineRow(
            **{field: row[field] for field in _LINE_FIELDS},
            services=tuple(services.get((row["order_id"], row["line_no"]), ())),
        )
        found[line.order_id].append(line)
    return found


async def contacts(tx: Tx, order_ids: Iterable[UUID]) -> dict[UUID, Contact]:
    """Who ordered, by order."""
    rows = await tx.fetch(SQL.read_contacts, list(set(order_ids)))
    return {row["order_id"]: Contact(**{f: row[f] for f in Contact.__struct_fields__}) for row in rows}


async def addresses(tx: Tx, order_ids: Iterable[UUID]) -> dict[UUID, Address]:
    """Where it goes, by order."""
    rows = await tx.fetch(SQL.read_addresses, list(set(order_ids)))
    return {row["order_id"]: Address(**{f: row[f] for f in Address.__struct_fields__}) for row in rows}


async def money_told(tx: Tx, order_ids: Iterable[UUID]) -> dict[UUID, MoneyTold]:
    """What the stories of orders say of their money so far. Call it with the orders locked."""
    rows = await tx.fetch(SQL.money_told, list(set(order_ids)))
    return {
        row["order_id"]: MoneyTold(
            canceled=row["canceled"], shipped=row["shipped"], refunded=row["refunded"], goodwill=row["goodwill"]
        )
        for row in rows
    }


async def move_units(tx: Tx, moves: Sequence[Move]) -> None:
    """Move units between buckets and bring the orders' derived statuses in line. Call it with the orders locked.

    Raises Conflict when a bucket does not hold that many; then the transaction must be given up.
    """
    deltas: dict[tuple[UUID, int], dict[str, int]] = defaultdict(lambda: dict.fromkeys(BUCKETS, 0))
    for move in moves:
        if move.target not in TRANSITIONS[move.source]:
            raise Conflict(f"Units cannot go from {move.source} to {move.target}.")
        deltas[move.order_id, move.line_no][move.source] -= move.quantity
        deltas[move.order_id, move.line_no][move.target] += move.quantity
    if not deltas:
        return
    keys = sorted(deltas)
    columns = [[deltas[key][bucket] for key in keys] for bucket in BUCKETS]
    done = await tx.execute(SQL.move_units, [key[0] for key in keys], [key[1] for key in keys], *columns)
    if done != f"UPDATE {len(keys)}":
        raise Conflict("A line does not hold that many units where they should come from.")
    await refresh(tx, {move.order_id for move in moves})


async def refresh(tx: Tx, order_ids: Iterable[UUID]) -> None:
    """Derive status, payment_status and fulfillment_status of orders anew. The one place where they are decided."""
    await tx.execute(SQL.refresh_axes, sorted(set(order_ids)))
