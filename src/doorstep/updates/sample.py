"""A letter about an order that never was, to show how a message reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from doorstep.kit.templates import language_of
from doorstep.updates.compose import facts, text_message, words_of
from doorstep.updates.model import Letterhead
from doorstep.updates.store import Letter

_NOBODY = UUID(int=0)


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """How a message reads: its subject, its text, the text message, and the facts it was made from."""

    subject: str
    text: str
    sms: str
    facts: dict[str, Any]


def preview(
    kind: str,
    language: str,
    letterhead: Letterhead,
    *,
    brand: str,
    shop: str,
    currency: str,
    timezone: str,
    now: datetime,
    own: Sequence[str | None] = (None, None, None),
) -> Preview:
    """The message of a kind in a language, about a sample order; `own`: the brand's subject, body and text message."""
    letter = _letter(kind, language, brand, shop, currency, timezone, now, own)
    subject, text = words_of(letter, letterhead)
    return Preview(
        subject=subject,
        text=text,
        sms=text_message(letter, letterhead),
        facts=facts(letter, letterhead),
    )


def _letter(
    kind: str,
    language: str,
    brand: str,
    shop: str,
    currency: str,
    timezone: str,
    now: datetime,
    own: Sequence[str | None],
) -> Letter:
    later = now + timedelta(days=3)
    data = {
        "version": 2, "promised_by": later.isoformat(), "was_promised_by": (now + timedelta(days=1)).isoformat(),
        "cause": "carrier_delay", "short": False, "attempt": 1, "next_at": (now + timedelta(hours=6)).isoformat(),
        "reason": "incorrect_address", "by_payment": False, "everything": False, "amount_minor": 1_995,
        "refund_minor": 1_995, "tracking_number": "AB123456789GB", "handover": "label", "seq": 1,
    }  # fmt: skip
    return Letter(
        update_id=_NOBODY,
        order_id=_NOBODY,
        kind=kind,
        channel="email",
        locale=language_of(language),
        data=data,
        bad_news=False,
        status="wanted",
        number="W-10042",
        currency=currency,
        total_minor=4_285,
        promised_by=later,
        name="Ada Lovelace",
        email="ada@example.com",
        phone=None,
        shop=shop,
        brand=brand,
        return_number="R-7Q2K9X",
        refund_by=now + timedelta(days=14),
        items=[("Enamel mug", 2), ("Breakfast tea, 250 g", 1)],
        timezone=timezone,
        now=now,
        wordings={language: own},
    )
