"""GET /v1/orders/{order_id}/payments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from litestar import get

from doorstep.db import Brand
from doorstep.kit.errors import NotFound
from doorstep.kit.ids import parse, show
from doorstep.payments.model import Kind, PaymentStatus, Status, Transaction
from doorstep.payments.reads import as_balance, history
from doorstep.payments.store import SQL


class TransactionView(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an order's money. `code` says why it was declined, failed or withdrawn."""

    transaction_id: str
    kind: Kind
    status: Status
    amount_minor: int
    cause: str
    gateway_reference: str | None
    code: str | None
    wanted_at: datetime
    settled_at: datetime | None


class PaymentsView(msgspec.Struct, frozen=True, kw_only=True):
    """An order's money in minor units of `currency`. `due_minor` is the total less what was canceled."""

    order_id: str
    currency: str
    status: PaymentStatus
    total_minor: int
    due_minor: int
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    voided_minor: int
    transactions: Sequence[TransactionView]


@get("/v1/orders/{order_id:str}/payments", tags=["payments"], summary="Where an order's money is, and how it got there")
async def get_payments(order_id: str, brand: Brand) -> PaymentsView:
    """The balance and every transaction, oldest first. 404 when there is no such order."""
    key = parse("ord", order_id)
    async with brand.reading() as connection:
        row = await connection.fetchrow(SQL.order_money, key)
        if row is None:
            raise NotFound(f"There is no order {order_id}.")
        transactions = await history(connection, key)
    money = as_balance(row)
    return PaymentsView(
        order_id=order_id,
        status=money.status,
        transactions=tuple(view(transaction) for transaction in transactions),
        **{f: getattr(money, f) for f in money.__struct_fields__ if f != "declines"},
    )


def view(transaction: Transaction) -> TransactionView:
    """A transaction as the API shows it."""
    return TransactionView(
        transaction_id=show("txn", transaction.transaction_id),
        kind=transaction.kind,
        status=transaction.status,
        amount_minor=transaction.amount_minor,
        cause=transaction.cause,
        gateway_reference=transaction.gateway_reference,
        code=transaction.code,
        wanted_at=transaction.wanted_at,
        settled_at=transaction.settled_at,
    )


HANDLERS = (get_payments,)
