"""Doorstep's words to the sandbox gateway's words and back."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from doorstep.adapters.outbound import Outbound
from doorstep.adapters.payments.sandbox import wire
from doorstep.adapters.settings import Settings
from doorstep.payments.ports import AuthorizeRequest, Receipt


class SandboxGateway:
    """One merchant account with the sandbox gateway."""

    code = "sandbox"

    def __init__(self, settings: Settings) -> None:
        self._http = Outbound(settings, headers={"authorization": f"Bearer {settings.api_key or 'sandbox'}"})

    async def authorize(self, request: AuthorizeRequest) -> Receipt:
        """See `Gateway.authorize`."""
        body = wire.Authorization(
            order_number=request.order_number,
            amount=request.amount_minor,
            currency=request.currency,
            token=request.token,
        )
        return await self._post("/v1/authorizations", request.reference, body)

    async def capture(
        self, *, reference: str, authorization_reference: str, amount_minor: int, currency: str
    ) -> Receipt:
        """See `Gateway.capture`."""
        body = wire.Capture(authorization=authorization_reference, amount=amount_minor, currency=currency)
        return await self._post("/v1/captures", reference, body)

    async def refund(self, *, reference: str, capture_reference: str, amount_minor: int, currency: str) -> Receipt:
        """See `Gateway.refund`."""
        body = wire.Refund(capture=capture_reference, amount=amount_minor, currency=currency)
        return await self._post("/v1/refunds", reference, body)

    async def void(self, *, reference: str, authorization_reference: str) -> Receipt:
        """See `Gateway.void`."""
        return await self._post("/v1/voids", reference, wire.Void(authorization=authorization_reference))

    async def find(self, reference: str) -> Receipt | None:
        """See `Gateway.find`."""
        path = f"/v1/transactions/by-reference/{quote(reference, safe='')}"
        found = await self._http.look(path, answer=wire.Transaction)
        return None if found is None else _receipt(found)

    async def aclose(self) -> None:
        """See `Gateway.aclose`."""
        await self._http.aclose()

    async def _post(self, path: str, reference: str, body: msgspec.Struct) -> Receipt:
        headers = {"content-type": "application/json", "idempotency-key": reference}
        answer = await self._http.change(
            path, content=msgspec.json.encode(body), headers=headers, answer=wire.Transaction
        )
        return _receipt(answer)


def _receipt(transaction: wire.Transaction) -> Receipt:
    return Receipt(
        reference=transaction.reference,
        gateway_reference=transaction.id,
        kind=transaction.kind,
        amount_minor=transaction.amount,
        currency=transaction.currency,
        status="approved" if transaction.result == "APPROVED" else "declined",
        decline_code=transaction.decline_code,
        risk_score=transaction.risk_score,
    )
