"""The only file that runs the SQL of returns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from doorstep.db import Tx, statements
from doorstep.kit.errors import Conflict, NotFound
from doorstep.kit.ids import show
from doorstep.returns.model import Exchange, Item, Return, ReturnLine, before

SQL = statements(__package__)


async def insert(tx: Tx, new: Return) -> None:
    """Write a new return with its lines."""
    await tx.execute(
        SQL.insert_return,
        *(new.return_id, new.order_id, new.number, new.outcome, new.handover, new.location_id, new.qr_token),
        *(new.refund_by, new.requested_at, new.expires_at, new.collect_on),
    )
    columns = [[getattr(line, field) for line in new.lines] for field in ("line_no", "sku_id", "quantity", "reason")]
    await tx.execute(SQL.insert_lines, new.return_id, new.order_id, *columns)


async def insert_exchanges(tx: Tx, new: Return, exchange_order_id: UUID) -> None:
    """Link the lines of a return, in their order, with the lines of the order that is sent for them."""
    numbers = [line.line_no for line in new.lines]
    await tx.execute(SQL.insert_exchanges, new.return_id, new.order_id, exchange_order_id, numbers)


async def write_exchanges(tx: Tx, changed: Sequence[Exchange]) -> None:
    """Write what went over and what was given back. Call it with the orders that are sent locked."""
    fields = ("return_id", "line_no", "accepted", "value_minor", "fee_minor", "refunded_minor")
    await tx.execute(SQL.write_exchanges, *([getattr(one, field) for one in changed] for field in fields))


async def exchanges_sent_with(tx: Tx, order_ids: Iterable[UUID]) -> list[Exchange]:
    """What these orders are sent for; nothing for those that are no exchange."""
    return [Exchange(**row) for row in await tx.fetch(SQL.exchanges_sent_with, list(order_ids))]


async def sent_for(tx: Tx, return_ids: Iterable[UUID]) -> set[UUID]:
    """The orders that are sent in exchange for these returns."""
    return {row["exchange_order_id"] for row in await tx.fetch(SQL.sent_for, list(return_ids))}


async def are_sent(tx: Tx, order_ids: Iterable[UUID]) -> set[UUID]:
    """Which of these orders are sent in exchange."""
    return {row["exchange_order_id"] for row in await tx.fetch(SQL.are_sent, list(order_ids))}


async def order_of(tx: Tx, return_id: UUID) -> UUID:
    """The order of a return. Raises NotFound."""
    found = await tx.fetchval(SQL.order_of, return_id)
    if not isinstance(found, UUID):
        raise NotFound(f"There is no return {show('ret', return_id)}.")
    return found


async def of_token(tx: Tx, token: str) -> UUID | None:
    """The return whose QR code says this."""
    found: UUID | None = await tx.fetchval(SQL.order_of_token, token)
    return found


async def read(tx: Tx, return_ids: Iterable[UUID]) -> dict[UUID, Return]:
    """Returns with their lines. Those of locked orders cannot change under us: every writer locks the order first."""
    rows = await tx.fetch(SQL.returns_by_id, list(return_ids))
    return {found.return_id: found for found in await _with_lines(tx, rows)}


async def of_orders(tx: Tx, order_ids: Iterable[UUID]) -> list[Return]:
    """The returns of orders, oldest first."""
    return await _with_lines(tx, await tx.fetch(SQL.returns_of_orders, list(order_ids)))


async def page(
    tx: Tx, *, after: UUID, order_id: UUID | None, status: str | None, location_id: int | None, limit: int
) -> list[Return]:
    """The next returns, oldest first."""
    return await _with_lines(tx, await tx.fetch(SQL.page, after, order_id, status, location_id, limit))


async def _with_lines(tx: Tx, rows: Sequence[Any]) -> list[Return]:
    lines: dict[UUID, list[ReturnLine]] = {row["return_id"]: [] for row in rows}
    for row in await tx.fetch(SQL.lines_of, list(lines)):
        lines[row["return_id"]].append(ReturnLine(**row))
    exchanges: dict[UUID, list[Exchange]] = {row["return_id"]: [] for row in rows if row["outcome"] == "exchange"}
    for row in await tx.fetch(SQL.exchanges_of_returns, list(exchanges)) if exchanges else ():
        exchanges[row["return_id"]].append(Exchange(**row))
    return [
        Return(**row, lines=tuple(lines[row["return_id"]]), exchanges=tuple(exchanges.get(row["return_id"], ())))
        for row in rows
    ]


async def write(tx: Tx, changed: Return) -> None:
    """Write a return as it is now, with its lines. Raises Conflict when its state does not lead there."""
    sources = {*before(changed.status), *((changed.status,) if changed.closed_at is None else ())}
    done = await tx.execute(
        SQL.move_on,
        *(changed.return_id, sorted(sources), changed.status, changed.location_id, changed.refund_by),
        *(changed.refund_minor, changed.receipts, changed.received_at, changed.closed_at, changed.expires_at),
        changed.tracking_number,
    )
    if done != "UPDATE 1":
        raise Conflict(f"The return {show('ret', changed.return_id)} cannot become {changed.status} any more.")
    fields = (
        *("line_no", "reception", "acceptance", "disposition", "received", "accepted", "rejected", "missing"),
        "refund_minor",
    )
    columns = [[getattr(line, field) for line in changed.lines] for field in fields]
    await tx.execute(SQL.write_lines, changed.return_id, *columns)


async def add_receipts(
    tx: Tx,
    change: Return,
    items: Sequence[Item],
    refunds: Sequence[int],
    *,
    actor: str,
    now: datetime,
) -> None:
    """Keep what was found and decided, as the return's receipt number `change.receipts`."""
    columns = [
        [getattr(item, field) for item in items]
        for field in ("line_no", "quantity", "reception", "acceptance", "disposition")
    ]
    await tx.execute(
        SQL.insert_receipts,
        *(change.return_id, change.receipts, *columns, list(refunds), actor, now, change.location_id),
    )


async def examples(tx: Tx, statement: str) -> list[str]:
    """What an audit statement finds."""
    return [row["example"] for row in await tx.fetch(statement)]


def settled(change: Return, now: datetime) -> Return:
    """Closed, when no unit is open any more and it has not ended otherwise."""
    if change.closed_at is not None or any(line.open for line in change.lines):
        return change
    return msgspec.structs.replace(change, status="closed", closed_at=now)
