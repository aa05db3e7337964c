"""What payments needs from a gateway: authorize, capture, refund, void, and look up what became of a reference.

Every call may raise an outcome of `doorstep.kit.outcomes` and nothing else. `reference` is the id of our intent; it is
the idempotency key: the same reference moves money once, however often it is sent. Amounts are minor units.
A decline is an answer (a `Receipt` with status `declined`), not an error: the gateway did its work.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

ReceiptKind = Literal["authorization", "capture", "refund", "void"]
ReceiptStatus = Literal["approved", "declined"]


class AuthorizeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Ask a card or wallet for money. `token` stands for the means of payment; we never see a card number."""

    reference: str
    order_number: str
    amount_minor: int
    currency: str
    token: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway did under our reference; `gateway_reference` is its name for it, used by later steps.

    `decline_code` is set when declined; `risk_score` (0 to 100, higher is worse) only on authorizations.
    The amount of a void is the amount given back to the card's limit.
    """

    reference: str
    gateway_reference: str
    kind: ReceiptKind
    amount_minor: int
    currency: str
    status: ReceiptStatus
    decline_code: str | None = None
    risk_score: int | None = None


class Gateway(Protocol):
    """One merchant account with one payment gateway."""

    @property
    def code(self) -> str:
        """The name this gateway is registered under."""

    async def authorize(self, request: AuthorizeRequest) -> Receipt:
        """Reserve money; approved or declined. Raises Retry, Refused or Unknown."""

    async def capture(
        self, *, reference: str, authorization_reference: str, amount_minor: int, currency: str
    ) -> Receipt:
        """Take a part of an authorization, named by the gateway's reference.

        Raises Retry, Unknown or Refused (`exceeds_authorized`, `not_found`, `voided`, `reference_conflict`, ...).
        """

    async def refund(self, *, reference: str, capture_reference: str, amount_minor: int, currency: str) -> Receipt:
        """Give back a part of a capture, named by the gateway's reference.

        Raises Retry, Unknown or Refused (`exceeds_captured`, `not_found`, `reference_conflict`, ...).
        """

    async def void(self, *, reference: str, authorization_reference: str) -> Receipt:
        """Let go of what an authorization still holds (what was captured stays captured).

        Raises Retry, Unknown or Refused (`not_found`, `reference_conflict`, ...).
        """

    async def find(self, reference: str) -> Receipt | None:
        """What was done under our reference, or None when surely nothing was.

        Raises Retry (ask again) or Refused (the gateway does not answer us at all, such as a bad key)."""

    async def aclose(self) -> None:
        """Close the connections this gateway keeps open."""
