"""Doubles of the partners outside: they answer at once, in this process, and always say yes."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from email.message import EmailMessage

from doorstep.adapters.messages.smtp import envelope
from doorstep.kit.outcomes import Refused
from doorstep.payments.ports import AuthorizeRequest, Receipt, ReceiptKind
from doorstep.shipping.ports import Label, LabelRequest, TrackingUpdate
from doorstep.updates import Letterhead

PDF = b"%PDF-1.7\n" + random.Random(4).randbytes(6_000)  # as large as a label of one page, and as hard to compress


class Bank:
    """A gateway that approves."""

    code = "sandbox"

    async def authorize(self, request: AuthorizeRequest) -> Receipt:
        """Approved."""
        return _receipt(request.reference, "authorization", request.amount_minor, request.currency)

    async def capture(
        self, *, reference: str, authorization_reference: str, amount_minor: int, currency: str
    ) -> Receipt:
        """Approved."""
        return _receipt(reference, "capture", amount_minor, currency)

    async def refund(self, *, reference: str, capture_reference: str, amount_minor: int, currency: str) -> Receipt:
        """Approved."""
        return _receipt(reference, "refund", amount_minor, currency)

    async def void(self, *, reference: str, authorization_reference: str) -> Receipt:
        """No order of the bench is given up."""
        raise Refused("not_found", "nothing to let go of")

    async def find(self, reference: str) -> Receipt | None:
        """Nothing is ever in doubt."""
        return None


class Van:
    """A carrier that sells every label."""

    code = "sandbox"
    services = ("standard", "express")

    async def buy_label(self, request: LabelRequest) -> Label:
        """Sold."""
        number = f"TRK{request.reference[-20:].upper()}"
        return Label(tracking_number=number, carrier_reference=number, label_pdf=PDF, cost_minor=350, currency="GBP")

    async def find_label(self, reference: str) -> Label | None:
        """Nothing is ever in doubt."""
        return None

    async def cancel_label(self, reference: str) -> None:
        """No label of the bench is given back."""
        raise Refused("not_found", "nothing to give back")

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[TrackingUpdate]:
        """The bench tells of parcels by the verb behind the webhook."""
        raise Refused("garbage", "no webhooks here")


class Post:
    """A mail server that takes every message, written out as the adapter does for the wire."""

    code = "smtp"

    async def send(self, message: EmailMessage) -> None:
        """Taken."""
        envelope(message)


def make_doubles() -> dict[str, object]:
    """The ports of a worker whose partners are all doubles."""
    van = Van()
    letterhead = Letterhead(base_url="https://shop.example.test", sender="shop@example.test", secret="s" * 32)
    return {"Gateway": Bank(), "Carrier": van, "Carrier:sandbox": van, "Mailer": Post(), "Letterhead": letterhead}


def _receipt(reference: str, kind: ReceiptKind, amount_minor: int, currency: str) -> Receipt:
    return Receipt(
        reference=reference, gateway_reference=f"gw-{reference}", kind=kind, amount_minor=amount_minor,
        currency=currency, status="approved",
    )  # fmt: skip
