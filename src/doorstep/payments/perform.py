"""Call the gateway for one intent, and write down what came of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from doorstep import jobs, journal
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.jobs import Work
from doorstep.journal import Event
from doorstep.kit.outcomes import Refused
from doorstep.payments import store
from doorstep.payments.authorize import attempt_cause
from doorstep.payments.model import Authorized, Captured, Declined, Failed, Intent, Refunded, Voided, next_attempt
from doorstep.payments.ports import AuthorizeRequest, Gateway, Receipt
from doorstep.payments.reduce import voids
from doorstep.payments.store import JOB, SQL, Want

__all__ = ["JOB", "perform"]

if TYPE_CHECKING:
    from asyncpg import Record
else:
    Record = Any

WAIT = timedelta(minutes=2)  # until what an intent builds on is looked at again
_RECEIPT = {"authorize": "authorization", "capture": "capture", "refund": "refund", "void": "void"}


async def perform(work: Work) -> None:
    """Carry out the intent `work.job.subject`. No transaction is open while the gateway is called.

    After an attempt whose end nobody knows, the gateway is first asked for our reference: found means done.
    Raises Retry or Unknown as the gateway does; both are tried again. A refusal is final and becomes an exception.
    """
    async with work.brand.reading() as connection:
        intent = await store.intent(connection, work.job.subject)
    if intent.status != "wanted" or intent.against_status == "wanted":
        await _not_now(work, intent)
        return
    if intent.against_status not in (None, "approved"):
        await _fail(work, intent, "nothing_to_build_on", f"what it builds on is {intent.against_status}")
        return
    gateway = work.port(Gateway)
    receipt = await gateway.find(str(intent.transaction_id)) if work.job.attempts > 1 else None
    if receipt is None and intent.kind == "authorize" and intent.due_minor == 0:
        await _withdraw(work, intent)
        return
    try:
        receipt = receipt or await call(gateway, intent)
    except Refused as error:
        await _fail(work, intent, error.code, error.reason)
        return
    await record(work, intent, receipt)


async def call(gateway: Gateway, intent: Intent) -> Receipt:
    """The one call to the outside that an intent stands for."""
    reference, amount, currency = str(intent.transaction_id), intent.amount_minor, intent.currency
    if intent.kind == "authorize":
        return await gateway.authorize(
            AuthorizeRequest(
                reference=reference,
                order_number=intent.number,
                amount_minor=amount,
                currency=currency,
                token=intent.token or "",
            )
        )
    against = intent.against or ""
    if intent.kind == "capture":
        return await gateway.capture(
            reference=reference, authorization_reference=against, amount_minor=amount, currency=currency
        )
    if intent.kind == "refund":
        return await gateway.refund(
            reference=reference, capture_reference=against, amount_minor=amount, currency=currency
        )
    return await gateway.void(reference=reference, authorization_reference=against)


async def record(work: Work, intent: Intent, receipt: Receipt) -> None:
    """Write down what the gateway did, and what follows from it within this noun."""
    told = (receipt.kind, receipt.currency)
    if told != (_RECEIPT[intent.kind], intent.currency) or receipt.amount_minor != intent.amount_minor:
        wanted = f"{intent.amount_minor} {intent.currency}"
        words = f"{wanted} was wanted, the receipt says {receipt.amount_minor} {receipt.currency}"
        await _fail(work, intent, "receipt_differs", words)
        return
    async with work.brand.transaction() as tx:
        await work.finish(tx)
        if receipt.status == "declined":
            await _declined(tx, work, intent, receipt)
        else:
            await _approved(tx, work, intent, receipt)


async def _approved(tx: Tx, work: Work, intent: Intent, receipt: Receipt) -> None:
    moved = await _move(tx, intent, intent.amount_minor)
    now: datetime = moved["now"]
    await store.settle(tx, intent.transaction_id, "approved", reference=receipt.gateway_reference, now=now)
    if intent.kind in ("authorize", "capture"):
        books = await store.read_books(tx, [intent.order_id])
        await store.want(tx, voids(books.values(), {intent.order_id: work.job.lane}), now=now)
    await _tell(tx, intent, _done(intent, receipt), now)


def _done(intent: Intent, receipt: Receipt) -> Event:
    subject, amount, cause = intent.transaction_id, intent.amount_minor, intent.cause.partition("#")[0]
    if intent.kind == "authorize":
        return Authorized(transaction_id=subject, amount_minor=amount, risk_score=receipt.risk_score)
    made: dict[str, type[Captured | Refunded | Voided]] = {"capture": Captured, "refund": Refunded, "void": Voided}
    return made[intent.kind](transaction_id=subject, amount_minor=amount, cause=cause)


async def _declined(tx: Tx, work: Work, intent: Intent, receipt: Receipt) -> None:
    """Plan the next attempt, unless that was the last one or the order does not owe anything any more."""
    moved = await _move(tx, intent, 0, declines=int(intent.kind == "authorize"))
    now: datetime = moved["now"]
    code = receipt.decline_code or "declined"
    if intent.kind != "authorize":
        await _give_to_a_person(tx, intent, code, "the gateway declined it", now)
        return
    await store.settle(tx, intent.transaction_id, "declined", reference=receipt.gateway_reference, code=code, now=now)
    attempt: int = moved["declines"]
    next_at = next_attempt(intent.first_at, attempt) if moved["due_minor"] else None
    if next_at is not None:
        again = Want(
            order_id=intent.order_id,
            kind="authorize",
            cause=attempt_cause(intent.order_id, attempt + 1),
            amount_minor=moved["due_minor"],
            currency=intent.currency,
            lane=work.job.lane,
            due_at=max(next_at, now),
        )
        await store.want(tx, [again], now=now)
    event = Declined(
        transaction_id=intent.transaction_id, code=code, attempt=attempt, final=next_at is None, next_at=next_at
    )
    await _tell(tx, intent, event, now)


async def _not_now(work: Work, intent: Intent) -> None:
    """Settled already: nothing to do. What it builds on is still on its way: look again when it may be there."""
    async with work.brand.transaction() as tx:
        if intent.status != "wanted":
            await work.finish(tx)
        else:
            await work.postpone(tx, await clock_now(tx) + WAIT)


async def _withdraw(work: Work, intent: Intent) -> None:
    """The order was canceled before anyone was asked for money."""
    async with work.brand.transaction() as tx:
        await work.finish(tx)
        moved = await _move(tx, intent, 0)
        await store.settle(tx, intent.transaction_id, "withdrawn", code="canceled", now=moved["now"])
        # What is left of the order, if anything, is free: it must not wait for money that nobody asks for.
        await _tell(tx, intent, Authorized(transaction_id=None, amount_minor=0), moved["now"])


async def _fail(work: Work, intent: Intent, code: str, reason: str) -> None:
    async with work.brand.transaction() as tx:
        await work.finish(tx)
        moved = await _move(tx, intent, 0)
        await _give_to_a_person(tx, intent, code, reason, moved["now"])


async def _give_to_a_person(tx: Tx, intent: Intent, code: str, reason: str, now: datetime) -> None:
    await store.settle(tx, intent.transaction_id, "failed", code=code, now=now)
    await jobs.open_exception(
        tx,
        kind="payment_failed",
        subject=intent.transaction_id,
        order_id=intent.order_id,
        owner="finance",
        next_action="Ask the gateway why, then retry, or settle it with the customer otherwise.",
        detail={"kind": intent.kind, "code": code, "reason": reason, "amount_minor": intent.amount_minor},
        now=now,
        priority=0 if intent.kind == "authorize" else 1,
    )
    await _tell(tx, intent, Failed(transaction_id=intent.transaction_id, kind=intent.kind, code=code), now)


async def _move(tx: Tx, intent: Intent, amount_minor: int, *, declines: int = 0) -> Record:
    """Add to the order's books, which also puts this transaction in line with all others about the order's money."""
    amounts = [amount_minor if intent.kind == kind else 0 for kind in ("authorize", "capture", "refund", "void")]
    row = await tx.fetchrow(SQL.move_money, intent.order_id, *amounts, declines)
    if row is None:
        raise LookupError(f"order {intent.order_id} has no payments")
    return row


async def _tell(tx: Tx, intent: Intent, event: Event, now: datetime) -> None:
    await journal.append(tx, [(intent.order_id, event)], actor="payments", now=now)
