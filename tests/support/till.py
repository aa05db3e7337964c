"""A gateway in the test's own process: strict as the twin, and fails when it is told to."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from doorstep.kit.ids import new_id
from doorstep.kit.outcomes import Refused, Retry, Unknown
from doorstep.payments.ports import AuthorizeRequest, Receipt, ReceiptKind

Fault = Literal["unknown_after", "unknown_before", "retry", "refused"]


class Till:
    """Keeps a receipt for each reference. `faults` are used up one a call; `declines` so many authorizations."""

    code = "till"

    def __init__(self) -> None:
        self.receipts: dict[str, Receipt] = {}
        self.calls: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self.declines = 0

    def amount(self, kind: ReceiptKind) -> int:
        """All the money this kind of call has moved."""
        return sum(r.amount_minor for r in self.receipts.values() if r.kind == kind and r.status == "approved")

    async def authorize(self, request: AuthorizeRequest) -> Receipt:
        """See `Gateway.authorize`."""
        return self._do("authorization", request.reference, request.amount_minor, request.currency)

    async def capture(
        self, *, reference: str, authorization_reference: str, amount_minor: int, currency: str
    ) -> Receipt:
        """See `Gateway.capture`."""
        assert amount_minor <= self.amount("authorization") - self.amount("capture") - self.amount("void")
        return self._do("capture", reference, amount_minor, currency)

    async def refund(self, *, reference: str, capture_reference: str, amount_minor: int, currency: str) -> Receipt:
        """See `Gateway.refund`."""
        assert amount_minor <= self.amount("capture") - self.amount("refund")
        return self._do("refund", reference, amount_minor, currency)

    async def void(self, *, reference: str, authorization_reference: str) -> Receipt:
        """See `Gateway.void`."""
        rest = self.amount("authorization") - self.amount("capture") - self.amount("void")
        return self._do("void", reference, rest, "GBP")

    async def find(self, reference: str) -> Receipt | None:
        """See `Gateway.find`."""
        self.calls.append(("find", reference))
        return self.receipts.get(reference)

    async def aclose(self) -> None:
        """See `Gateway.aclose`."""

    def _do(self, kind: ReceiptKind, reference: str, amount_minor: int, currency: str) -> Receipt:
        self.calls.append((kind, reference))
        fault = self.faults.pop(0) if self.faults else None
        if fault == "refused":
            raise Refused("not_found", "there is no such thing")
        if fault == "retry":
            raise Retry(timedelta(), "busy")
        if fault == "unknown_before":
            raise Unknown("the answer was lost")
        declined = kind == "authorization" and self.declines > 0
        self.declines -= declined
        self.receipts[reference] = receipt = Receipt(
            reference=reference,
            gateway_reference=f"gw_{new_id().hex[-6:]}",
            kind=kind,
            amount_minor=amount_minor,
            currency=currency,
            status="declined" if declined else "approved",
            decline_code="insufficient_funds" if declined else None,
            risk_score=5 if kind == "authorization" else None,
        )
        if fault == "unknown_after":
            raise Unknown("the answer was lost")
        return receipt
