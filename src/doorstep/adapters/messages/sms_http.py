"""Text messages by a form POST, as Twilio's API and its many look-alikes take them."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import urlencode

import msgspec

from doorstep.adapters.outbound import Outbound
from doorstep.adapters.settings import Settings


class _Accepted(msgspec.Struct):
    """The part of the provider's answer that matters."""

    sid: str


class HttpSmsSender:
    """One account (`username`, `api_key`) with one provider; `settings.sender` is the originator shown."""

    code = "http"

    def __init__(self, settings: Settings) -> None:
        account = f"{settings.username or 'doorstep'}:{settings.api_key or 'sandbox'}"
        self._http = Outbound(settings, headers={"authorization": f"Basic {b64encode(account.encode()).decode()}"})
        self._from = settings.sender or "Doorstep"

    async def send(self, *, reference: str, to: str, text: str) -> str:
        """See `SmsSender.send`."""
        form = urlencode({"To": to, "From": self._from, "Body": text}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded", "idempotency-key": reference}
        accepted = await self._http.change("/v1/messages", content=form, headers=headers, answer=_Accepted)
        return accepted.sid

    async def aclose(self) -> None:
        """See `SmsSender.aclose`."""
        await self._http.aclose()
