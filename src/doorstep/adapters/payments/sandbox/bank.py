"""The twin's books: every reference moves money once, never more than was authorized or captured."""

from __future__ import annotations

import sqlite3

import msgspec

from doorstep.adapters.payments.sandbox import wire
from doorstep.adapters.twin.faults import digits
from doorstep.adapters.twin.server import Problem
from doorstep.adapters.twin.store import Store

Wish = wire.Authorization | wire.Capture | wire.Refund | wire.Void

_PREFIX = {"authorization": "auth", "capture": "cap", "refund": "ref", "void": "void"}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a wish comes to, before it is written down; `source` is what the money comes out of."""

    amount: int
    currency: str
    order_number: str
    token: str
    source: str | None = None
    decline_code: str | None = None
    risk_score: int | None = None


def carry_out(store: Store, seed: int, reference: str, kind: wire.Kind, wish: Wish) -> wire.Transaction:
    """Do what is asked, or answer what was done before under this reference. Raises Problem. Inside a transaction."""
    asked = kind.encode() + b" " + msgspec.json.encode(wish)
    before = store.row("by_reference", reference=reference)
    if before is not None:
        if before["asked"] != asked:
            raise Problem(409, "reference_conflict", "this reference was used for something else")
        return msgspec.json.decode(before["answered"], type=wire.Transaction)
    outcome = _decide(store, wish)
    approved = outcome.decline_code is None
    transaction = wire.Transaction(
        id=f"{_PREFIX[kind]}_{digits(seed, kind, reference, count=14)}",
        reference=reference,
        kind=kind,
        amount=outcome.amount,
        currency=outcome.currency,
        result="APPROVED" if approved else "DECLINED",
        decline_code=outcome.decline_code,
        risk_score=outcome.risk_score,
    )
    common = {"reference": reference, "kind": kind, "order_number": outcome.order_number, "currency": outcome.currency}
    if approved:
        store.run("add_movement", **common, source=outcome.source or transaction.id, amount=outcome.amount)
    store.run(
        "add_transaction",
        **common,
        id=transaction.id,
        parent=outcome.source,
        token=outcome.token,
        approved=approved,
        asked=asked,
        answered=msgspec.json.encode(transaction),
    )
    return transaction


def _decide(store: Store, wish: Wish) -> Outcome:
    match wish:
        case wire.Authorization():
            return _authorize(store, wish)
        case wire.Capture():
            return _capture(store, wish)
        case wire.Refund():
            return _refund(store, wish)
        case wire.Void():
            return _void(store, wish)


def _authorize(store: Store, wish: wire.Authorization) -> Outcome:
    if wish.token not in wire.TOKENS:
        raise Problem(422, "unknown_token", f"there is no token {wish.token!r}")
    declined: str | None = None
    if wish.token == "tok_declined":
        declined = "do_not_honor"
    elif wish.token == "tok_insufficient_then_ok":
        before = store.row("declined_before", order_number=wish.order_number, token=wish.token)
        declined = None if before and before["count"] else "insufficient_funds"
    return Outcome(
        amount=wish.amount,
        currency=wish.currency,
        order_number=wish.order_number,
        token=wish.token,
        decline_code=declined,
        risk_score=wire.RISK_HIGH if wish.token == "tok_risky" else wire.RISK_ORDINARY,
    )


def _capture(store: Store, wish: wire.Capture) -> Outcome:
    authorization = _parent(store, "authorization", wish.authorization)
    _same_currency(authorization, wish.currency)
    voided = store.row("voided", source=authorization["id"])
    if voided and voided["count"]:
        raise Problem(409, "voided", "the authorization was voided")
    left = _moved(store, "authorization", authorization["id"]) - _moved(store, "capture", authorization["id"])
    if wish.amount > left:
        raise Problem(422, "exceeds_authorized", f"{wish.amount} asked, {left} left of the authorization")
    return _out_of(authorization, wish.amount)


def _refund(store: Store, wish: wire.Refund) -> Outcome:
    capture = _parent(store, "capture", wish.capture)
    _same_currency(capture, wish.currency)
    left = msgspec.json.decode(capture["answered"], type=wire.Transaction).amount
    left -= _moved(store, "refund", capture["id"])
    if wish.amount > left:
        raise Problem(422, "exceeds_captured", f"{wish.amount} asked, {left} left of the capture")
    return _out_of(capture, wish.amount)


def _void(store: Store, wish: wire.Void) -> Outcome:
    authorization = _parent(store, "authorization", wish.authorization)
    held = _moved(store, "authorization", authorization["id"])
    gone = _moved(store, "capture", authorization["id"]) + _moved(store, "void", authorization["id"])
    return _out_of(authorization, held - gone)


def _parent(store: Store, kind: wire.Kind, id_: str) -> sqlite3.Row:
    row = store.row("by_id", id=id_, kind=kind)
    if row is None:
        raise Problem(404, "not_found", f"there is no {kind} {id_!r}")
    if not row["approved"]:
        raise Problem(409, "not_approved", f"{kind} {id_!r} was declined")
    return row


def _same_currency(parent: sqlite3.Row, currency: str) -> None:
    if parent["currency"] != currency:
        raise Problem(422, "currency_differs", f"the {parent['kind']} is in {parent['currency']}, not {currency}")


def _out_of(parent: sqlite3.Row, amount: int) -> Outcome:
    return Outcome(
        amount=amount,
        currency=parent["currency"],
        order_number=parent["order_number"],
        token=parent["token"],
        source=parent["id"],
    )


def _moved(store: Store, kind: wire.Kind, source: str) -> int:
    row = store.row("moved", kind=kind, source=source)
    return int(row["amount"]) if row else 0
