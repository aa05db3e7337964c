"""What every adapter is configured with, whatever it talks to."""

from __future__ import annotations

import msgspec

CONNECT_TIMEOUT_S = 2.0
READ_TIMEOUT_S = 5.0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One account at one outside service.

    `base_url` is `http(s)://host:port` or, for mail, `smtp://`, `smtps://` (TLS from the start) or `smtp+starttls://`.
    `api_key` proves who we are (for SMTP: the password), `secret` is what the other side signs webhooks with.
    `sender` is the text message's originator. A proxy is used only when named here, never from the environment.
    """

    base_url: str
    api_key: str = ""
    secret: str = ""
    username: str = ""
    sender: str = ""
    proxy: str | None = None
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    read_timeout_s: float = READ_TIMEOUT_S
    connections: int = 8
