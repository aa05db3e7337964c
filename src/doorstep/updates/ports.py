"""What updates needs to reach a person: one attempt to hand over a mail or a text message.

Every call may raise an outcome of `doorstep.kit.outcomes` and nothing else; repeating is the caller's decision.
"""

from __future__ import annotations

from email.message import EmailMessage
from typing import Protocol


class Mailer(Protocol):
    """A way to send e-mail."""

    @property
    def code(self) -> str:
        """The name this mailer is registered under."""

    async def send(self, message: EmailMessage) -> None:
        """Hand one message to the mail server, in exactly one attempt; the caller has set a stable Message-ID.

        Raises Retry (the server took nothing), Refused (it never will) or Unknown (the answer to the data was lost).
        """

    async def aclose(self) -> None:
        """Close the connections this mailer keeps open."""


class SmsSender(Protocol):
    """A way to send text messages."""

    @property
    def code(self) -> str:
        """The name this sender is registered under."""

    async def send(self, *, reference: str, to: str, text: str) -> str:
        """Hand one text to the provider, in exactly one attempt, and give back the provider's message id.

        `reference` is the idempotency key, `to` is E.164, `text` is plain Unicode. Raises Retry, Refused or Unknown.
        """

    async def aclose(self) -> None:
        """Close the connections this sender keeps open."""
