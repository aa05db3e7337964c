"""Links in messages: a signed token that shows an order to whoever holds it. It shows; to act takes a step-up."""

from __future__ import annotations

import base64
import binascii
import hmac
from uuid import UUID

_MAC = 11  # bytes: 88 bits against guessing over the network, and the whole token still fits a text message


def token(secret: str, brand: str, order_id: UUID) -> str:
    """The token of an order: `brand.` and 36 characters that are safe in a URL. An order has always the same one."""
    return f"{brand}.{_text(order_id.bytes + _mac(secret, brand, order_id))}"


def read_token(secret: str, text: str) -> tuple[str, UUID] | None:
    """The brand and the order behind a token, or None for one that we did not make."""
    brand, _, signed = text.partition(".")
    try:
        raw = base64.b64decode(signed.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        return None
    if len(raw) != 16 + _MAC or not secret:
        return None
    order_id = UUID(bytes=raw[:16])
    return (brand, order_id) if hmac.compare_digest(raw[16:], _mac(secret, brand, order_id)) else None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


def _mac(secret: str, brand: str, order_id: UUID) -> bytes:
    message = b"order-link\0" + brand.encode() + b"\0" + order_id.bytes
    return hmac.digest(secret.encode(), message, "sha256")[:_MAC]
