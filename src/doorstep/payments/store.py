"""The only file that runs this noun's SQL for changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import jobs
from doorstep.db import Tx, statements
from doorstep.kit.ids import new_id
from doorstep.payments.model import TRANSITIONS, Book, Capture, Intent, Kind, Status

SQL = statements(__package__)
JOB = "payments.call"
_INTENT = Intent.__struct_fields__


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """An intent to write down. `lane` and `due_at` are of the job that carries it out."""

    order_id: UUID
    kind: Kind
    cause: str
    amount_minor: int
    currency: str
    against: UUID | None = None
    lane: int = 1
    due_at: datetime | None = None


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """How an order is paid: a token to authorize, or the reference of an authorization the channel made."""

    number: str
    token: str | None
    reference: str | None


async def lock_books(tx: Tx, order_ids: Collection[UUID]) -> dict[UUID, Book]:
    """Open what is not open yet, lock the rows in order of id, and read what is there and on its way."""
    ids = sorted(set(order_ids))
    await tx.execute(SQL.open_payments, ids)
    await tx.execute(SQL.lock_payments, ids)
    return await read_books(tx, ids)


async def read_books(tx: Tx, order_ids: Sequence[UUID]) -> dict[UUID, Book]:
    """The books of orders whose payments this transaction has locked."""
    rows = await tx.fetch(SQL.books, order_ids)
    return {row["order_id"]: Book(**{field: row[field] for field in Book.__struct_fields__}) for row in rows}


async def means(tx: Tx, order_ids: Collection[UUID]) -> dict[UUID, Means]:
    """How each order is paid."""
    rows = await tx.fetch(SQL.means, list(order_ids))
    return {r["order_id"]: Means(number=r["number"], token=r["token"], reference=r["reference"]) for r in rows}


async def asked_before(tx: Tx, kind: Kind, causes: Sequence[str]) -> set[str]:
    """Which of these causes have their intent already."""
    return {row["cause"] for row in await tx.fetch(SQL.asked_before, kind, list(causes))}


async def payers(tx: Tx, order_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """For each order the one it was paid with: itself, or the order of which it is an exchange."""
    rows = await tx.fetch(SQL.payers, list(order_ids))
    return {order_id: order_id for order_id in order_ids} | {r["exchange_order_id"]: r["order_id"] for r in rows}


async def captures(tx: Tx, order_ids: Collection[UUID]) -> dict[UUID, list[Capture]]:
    """Per order what was or is being captured, and how much of each is not given back."""
    found: dict[UUID, list[Capture]] = {}
    for row in await tx.fetch(SQL.captures, list(order_ids)):
        capture = Capture(transaction_id=row["transaction_id"], cause=row["cause"], left_minor=row["left_minor"])
        found.setdefault(row["order_id"], []).append(capture)
    return found


async def set_off(tx: Tx, order_id: UUID, cause: str, missing_minor: int) -> int:
    """How much of what a refund is short of goodwill gave back before; notes it. The order's books must be locked."""
    amount: int | None = await tx.fetchval(SQL.set_off, order_id, cause, missing_minor)
    return amount or 0


async def want(tx: Tx, wants: Sequence[Want], *, now: datetime) -> None:
    """Write intents and their jobs. One whose kind and cause are there already is left out."""
    if not wants:
        return
    by_id = {new_id(): want for want in wants}
    rows = await tx.fetch(
        SQL.want,
        list(by_id),
        [w.order_id for w in wants],
        [w.kind for w in wants],
        [w.cause for w in wants],
        [w.against for w in wants],
        [w.amount_minor for w in wants],
        [w.currency for w in wants],
        now,
    )
    for due_at in sorted({want.due_at or now for want in wants}):
        due = [row["transaction_id"] for row in rows if (by_id[row["transaction_id"]].due_at or now) == due_at]
        await jobs.enqueue(tx, JOB, due, due_at=due_at, lanes=[by_id[subject].lane for subject in due])


async def report(tx: Tx, reported: Mapping[UUID, tuple[Want, str]], *, now: datetime) -> set[UUID]:
    """Write authorizations the channel made, by new transaction id; returns the ids that are new."""
    rows = await tx.fetch(
        SQL.report,
        list(reported),
        [w.order_id for w, _ in reported.values()],
        [w.cause for w, _ in reported.values()],
        [w.amount_minor for w, _ in reported.values()],
        [w.currency for w, _ in reported.values()],
        [reference for _, reference in reported.values()],
        now,
    )
    new = {row["transaction_id"] for row in rows}
    await tx.execute(SQL.hold_reported, list(new))
    return new


async def reduce_due(tx: Tx, changes: Mapping[UUID, tuple[UUID, int]]) -> None:
    """Lower what orders owe: change id -> (order id, amount). A change that came before lowers nothing more."""
    await tx.execute(
        SQL.reduce, list(changes), [order for order, _ in changes.values()], [amount for _, amount in changes.values()]
    )


async def intents(tx: Tx, transaction_ids: Collection[UUID]) -> dict[UUID, Intent]:
    """The intents behind jobs; one that is missing only a broken database has."""
    rows = await tx.fetch(SQL.intents, list(transaction_ids))
    return {row["transaction_id"]: Intent(**{field: row[field] for field in _INTENT}) for row in rows}


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What an order's books say after money moved."""

    declines: int
    due_minor: int


async def move_money(tx: Tx, movements: Sequence[tuple[UUID, Kind, int, int]]) -> dict[UUID, Moved]:
    """Add (order, kind, amount, declines) to the orders' books, which also puts this transaction in line with all
    others about their money. Raises LookupError for an order without books.
    """
    ids = sorted({order_id for order_id, *_ in movements})
    await tx.execute(SQL.lock_payments, ids)
    rows = await tx.fetch(SQL.move_money, *(list(column) for column in zip(*movements, strict=True)))
    moved = {row["order_id"]: Moved(declines=row["declines"], due_minor=row["due_minor"]) for row in rows}
    if len(moved) < len(ids):
        raise LookupError(f"orders have no payments: {[str(key) for key in ids if key not in moved][:5]}")
    return moved


async def settle(
    tx: Tx,
    transaction_ids: Sequence[UUID],
    to: Status,
    *,
    references: Sequence[str | None] = (),
    codes: Sequence[str | None] = (),
    now: datetime,
) -> None:
    """Move intents to their end. Raises LookupError when one may not go there from where it is."""
    sources = [state for state, targets in TRANSITIONS.items() if to in targets]
    nothing = [None] * len(transaction_ids)
    done = await tx.execute(
        SQL.settle, list(transaction_ids), list(references) or nothing, list(codes) or nothing, to, now, sources
    )
    if done != f"UPDATE {len(transaction_ids)}":
        raise LookupError(f"payment transactions cannot become {to}: {[str(key) for key in transaction_ids][:5]}")


async def want_again(tx: Tx, transaction_id: UUID) -> UUID | None:
    """Make a failed intent wanted; its order's id, or None when it has not failed."""
    sources = [state for state, targets in TRANSITIONS.items() if "wanted" in targets]
    order_id: UUID | None = await tx.fetchval(SQL.want_again, transaction_id, sources)
    return order_id
