"""Call the gateway for intents, and write down what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from doorstep import jobs, journal
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.jobs import Done, Errand, Work
from doorstep.journal import Event
from doorstep.kit.outcomes import Refused
from doorstep.payments import store
from doorstep.payments.authorize import attempt_cause
from doorstep.payments.model import Authorized, Captured, Declined, Failed, Intent, Kind, Refunded, Voided, next_attempt
from doorstep.payments.ports import AuthorizeRequest, Gateway, Receipt
from doorstep.payments.reduce import voids
from doorstep.payments.store import JOB, Moved, Want

__all__ = ["JOB", "perform"]

WAIT = timedelta(minutes=2)  # until what an intent builds on is looked at again
_RECEIPT = {"authorize": "authorization", "capture": "capture", "refund": "refund", "void": "void"}

Told = tuple[UUID | None, Event]


class _Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A person must decide."""

    code: str
    reason: str


class _NotNow(msgspec.Struct, frozen=True):
    """Settled already: nothing to do. Or what it builds on is still on its way: look again when it may be there."""


class _Withdrawn(msgspec.Struct, frozen=True):
    """The order was canceled before anyone was asked for money."""


_Answer = Receipt | _Failure | _NotNow | _Withdrawn


async def _read(tx: Tx, works: Sequence[Work]) -> Mapping[Work, Intent]:
    intents = await store.intents(tx, [work.job.subject for work in works])
    return {work: intents[work.job.subject] for work in works if work.job.subject in intents}


async def _call(work: Work, intent: Intent) -> _Answer:
    """Carry out the intent. After an attempt whose end nobody knows, the gateway is first asked for our reference:
    found means done.

    Raises Retry or Unknown as the gateway does; both are tried again. A refusal is final and becomes an exception.
    """
    if intent.status != "wanted" or intent.against_status == "wanted":
        return _NotNow()
    if intent.against_status not in (None, "approved"):
        return _Failure(code="nothing_to_build_on", reason=f"what it builds on is {intent.against_status}")
    gateway = work.port(Gateway)
    receipt = await gateway.find(str(intent.transaction_id)) if work.job.attempts > 1 else None
    if receipt is None and intent.kind == "authorize" and intent.due_minor == 0:
        return _Withdrawn()
    try:
        receipt = receipt or await call(gateway, intent)
    except Refused as error:
        return _Failure(code=error.code, reason=error.reason)
    told = (receipt.kind, receipt.currency)
    if told != (_RECEIPT[intent.kind], intent.currency) or receipt.amount_minor != intent.amount_minor:
        wanted = f"{intent.amount_minor} {intent.currency}"
        words = f"{wanted} was wanted, the receipt says {receipt.amount_minor} {receipt.currency}"
        return _Failure(code="receipt_differs", reason=words)
    return receipt


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


async def _keep(tx: Tx, done: Sequence[Done]) -> None:
    """Write down what the gateway did for many intents, and what follows from it within this noun."""
    now = await clock_now(tx)
    await jobs.postpone_all(tx, {one.work: now + WAIT for one in done if _too_early(one)})
    await jobs.finish_all(tx, [one.work for one in done if not _too_early(one)])
    moving = [one for one in done if not isinstance(one.answer, _NotNow)]
    if not moving:
        return
    books = await store.move_money(tx, [_movement(one.wish, one.answer) for one in moving])
    approved = [one for one in moving if isinstance(one.answer, Receipt) and one.answer.status != "declined"]
    told = await _approved(tx, approved, now)
    for one in moving:
        match one.answer:
            case Receipt(status="declined"):
                told.append(await _declined(tx, one, books[one.wish.order_id], now))
            case _Failure(code=code, reason=reason):
                told.append(await _give_to_a_person(tx, one.wish, code, reason, now))
            case _Withdrawn():
                await store.settle(tx, [one.wish.transaction_id], "withdrawn", codes=["canceled"], now=now)
                # What is left of the order, if anything, is free: it must not wait for money that nobody asks for.
                told.append((one.wish.order_id, Authorized(transaction_id=None, amount_minor=0)))
    await journal.append(tx, told, actor="payments", now=now)


perform = Errand(read=_read, call=_call, keep=_keep)
"""The job of an intent: no transaction is open while the gateway is called."""


def _too_early(one: Done) -> bool:
    return isinstance(one.answer, _NotNow) and one.wish.status == "wanted"


def _movement(intent: Intent, answer: _Answer) -> tuple[UUID, Kind, int, int]:
    """What an answer adds to the order's books: its kind, the amount, and the declines."""
    declined = isinstance(answer, Receipt) and answer.status == "declined"
    amount = intent.amount_minor if isinstance(answer, Receipt) and not declined else 0
    return intent.order_id, intent.kind, amount, int(declined and intent.kind == "authorize")


async def _approved(tx: Tx, done: Sequence[Done], now: datetime) -> list[Told]:
    if not done:
        return []
    await store.settle(
        tx,
        [one.wish.transaction_id for one in done],
        "approved",
        references=[one.answer.gateway_reference for one in done],
        now=now,
    )
    lanes = {one.wish.order_id: one.work.job.lane for one in done if one.wish.kind in ("authorize", "capture")}
    if lanes:
        books = await store.read_books(tx, sorted(lanes))
        await store.want(tx, voids(books.values(), lanes), now=now)
    return [(one.wish.order_id, _done(one.wish, one.answer)) for one in done]


def _done(intent: Intent, receipt: Receipt) -> Event:
    subject, amount, cause = intent.transaction_id, intent.amount_minor, intent.cause.partition("#")[0]
    if intent.kind == "authorize":
        return Authorized(transaction_id=subject, amount_minor=amount, risk_score=receipt.risk_score)
    made: dict[str, type[Captured | Refunded | Voided]] = {"capture": Captured, "refund": Refunded, "void": Voided}
    return made[intent.kind](transaction_id=subject, amount_minor=amount, cause=cause)


async def _declined(tx: Tx, one: Done, books: Moved, now: datetime) -> Told:
    """Plan the next attempt, unless that was the last one or the order does not owe anything any more."""
    intent, receipt = one.wish, one.answer
    code = receipt.decline_code or "declined"
    if intent.kind != "authorize":
        return await _give_to_a_person(tx, intent, code, "the gateway declined it", now)
    await store.settle(
        tx, [intent.transaction_id], "declined", references=[receipt.gateway_reference], codes=[code], now=now
    )
    attempt = books.declines
    next_at = next_attempt(intent.first_at, attempt) if books.due_minor else None
    if next_at is not None:
        again = Want(
            order_id=intent.order_id,
            kind="authorize",
            cause=attempt_cause(intent.order_id, attempt + 1),
            amount_minor=books.due_minor,
            currency=intent.currency,
            lane=one.work.job.lane,
            due_at=max(next_at, now),
        )
        await store.want(tx, [again], now=now)
    event = Declined(
        transaction_id=intent.transaction_id, code=code, attempt=attempt, final=next_at is None, next_at=next_at
    )
    return intent.order_id, event


async def _give_to_a_person(tx: Tx, intent: Intent, code: str, reason: str, now: datetime) -> Told:
    await store.settle(tx, [intent.transaction_id], "failed", codes=[code], now=now)
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
    return intent.order_id, Failed(transaction_id=intent.transaction_id, kind=intent.kind, code=code)
