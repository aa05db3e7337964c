"""The sandbox gateway's published interface."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Amount = Annotated[int, msgspec.Meta(gt=0, le=10**13)]
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
Kind = Literal["authorization", "capture", "refund", "void"]

# What stands for a card. The first authorization of an order with the third is declined, its next ones are approved.
TOKENS = ("tok_ok", "tok_declined", "tok_insufficient_then_ok", "tok_risky")
RISK_ORDINARY = 5
RISK_HIGH = 90


class Authorization(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/authorizations"""

    order_number: str
    amount: Amount
    currency: Currency
    token: str


class Capture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/captures: take a part of an authorization, or all of it; several captures add up."""

    authorization: str
    amount: Amount
    currency: Currency


class Refund(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/refunds: give back a part of a capture, or all of it; several refunds add up."""

    capture: str
    amount: Amount
    currency: Currency


class Void(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/voids: let go of what an authorization still holds."""

    authorization: str


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to all of these; amounts in minor units."""

    id: str
    reference: str
    kind: Kind
    amount: int
    currency: str
    result: Literal["APPROVED", "DECLINED"]
    decline_code: str | None = None
    risk_score: int | None = None
