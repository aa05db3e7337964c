"""Write a message: one template a kind, the same sentences in text, HTML, subject and text message."""

from __future__ import annotations

import re
from binascii import b2a_qp
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from email.message import EmailMessage
from email.policy import SMTP, compat32
from email.utils import format_datetime, formataddr
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency
from jinja2 import Template

from doorstep.kit.colors import OURS, shades
from doorstep.kit.ids import show
from doorstep.kit.money import digits
from doorstep.kit.templates import environment, language_of, locale_of
from doorstep.updates.links import token
from doorstep.updates.model import Letterhead, zone_of
from doorstep.updates.store import Letter
from doorstep.updates.wording import spoken

ITEMS_SHOWN = 15
TEXT_WIDTH = 76
SHOP_IN_SMS = 20  # characters of the shop's name in a text message

_BLANK = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")


def mail(letter: Letter, letterhead: Letterhead, *, to: str) -> EmailMessage:
    """The e-mail of a letter. Its Message-ID is that of the update, so that a repeat is known as one; mails about one
    order hang together by their References. Raises UnicodeEncodeError for an address that is not ASCII.
    """
    told = _said(letter, letterhead)
    host = urlsplit(letterhead.base_url).hostname or "localhost"
    message = EmailMessage(policy=SMTP)
    subject = told["subject"]
    if not subject.isascii():
        message["Subject"] = subject
    _write_headers(
        message,
        ({"Subject": subject} if subject.isascii() else {})
        | {
            "From": formataddr((_one_line(letter.shop), letterhead.sender)),
            "To": formataddr((_one_line(letter.name), "".join(to.split()))),
            "Date": format_datetime(letter.now),
            "Message-ID": f"<{show('upd', letter.update_id)}@{host}>",
            "References": f"<{show('ord', letter.order_id)}@{host}>",
            "Auto-Submitted": "auto-generated",
            "Content-Language": told["language"],
            "MIME-Version": "1.0",
            "Content-Type": f'multipart/alternative; boundary="=_{letter.update_id.hex[8:]}"',
        },
    )
    message.attach(_part("plain", _text(told)))
    message.attach(_part("html", _template(told["language"], "layout.html").render(told)))
    return message


def _part(subtype: str, text: str) -> EmailMessage:
    part = EmailMessage(policy=compat32)  # the other policies parse the encoding whenever the text is looked at
    headers = {"Content-Type": f'text/{subtype}; charset="utf-8"', "Content-Transfer-Encoding": "quoted-printable"}
    _write_headers(part, headers)
    part.set_payload(b2a_qp(text.encode(), istext=True).decode())
    return part


def _write_headers(message: EmailMessage, headers: Mapping[str, str]) -> None:
    """Add headers that are well-formed and ASCII already.

    The usual way parses each one, and the content twice more: a message took 12 ms instead of 2.
    """
    raw: Any = message
    for name, value in headers.items():
        raw.set_raw(name, value)


def text_message(letter: Letter, letterhead: Letterhead) -> str:
    """The text message of a letter, one line; 160 characters where the shop's address allows."""
    told = facts(letter, letterhead)
    shop = letter.shop[:SHOP_IN_SMS].rstrip()
    # `split` also takes the spaces that hold amounts together, which no phone's short alphabet knows.
    return _one_line(f"{shop}: {_own(letter, told)[2] or _Words(letter, told).say('sms')} {told['link']}")


def words_of(letter: Letter, letterhead: Letterhead) -> tuple[str, str]:
    """What a letter says, as text: its subject (empty for a text message) and its words."""
    if letter.channel == "sms":
        return "", text_message(letter, letterhead)
    told = _said(letter, letterhead)
    return told["subject"], _text(told)


def _said(letter: Letter, letterhead: Letterhead) -> dict[str, Any]:
    """A mail's facts and its sentences: `subject`, `paragraphs`, `closing`, `button`. They are made once, as text; the
    layouts set them.
    """
    told = facts(letter, letterhead)
    words = _Words(letter, told)
    subject, body, _ = _own(letter, told)
    own = [" ".join(paragraph.split()) for paragraph in _BLANK.split(body) if paragraph.strip()]
    return told | {
        "subject": _one_line(subject or words.say("subject")),
        "paragraphs": own or [said for part in ("what", "meaning") if (said := words.say(part))],
        "closing": "" if own else words.say("next"),
        "button": words.say("button"),
    }


class _Words:
    """Our own words of a letter, part by part; what its kind has nothing to say of is empty."""

    def __init__(self, letter: Letter, told: Mapping[str, Any]) -> None:
        self._template = _template(language_of(letter.locale), f"{letter.kind}.jinja")
        self._context = self._template.new_context(dict(told))

    def say(self, part: str) -> str:
        """A part's text."""
        block = self._template.blocks.get(part)
        return "" if block is None else "".join(block(self._context)).strip()


def _own(letter: Letter, told: Mapping[str, Any]) -> tuple[str, str, str]:
    """The shop's own subject, body and text message; empty where ours speaks."""
    own = (letter.wordings or {}).get(told["language"], (None, None, None))
    subject, body, sms = (spoken(text, told) if text else "" for text in own)
    return subject, body, sms


def _text(told: Mapping[str, Any]) -> str:
    return tidy(_template(told["language"], "layout.txt").render(told))


def facts(letter: Letter, letterhead: Letterhead) -> dict[str, Any]:
    """What templates may say, formatted for the reader: dates on the shop's clock, amounts in the order's currency."""
    locale = locale_of(letter.locale, letter.currency)
    data = letter.data
    zone = zone_of(letter.timezone)

    def day(moment: datetime | str | None, *, short: bool = False) -> str:
        if not moment:
            return ""
        local = (moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)).astimezone(zone)
        return _day(local.date(), locale, short=short)

    def money(amount_minor: int | None) -> str:
        return "" if amount_minor is None else _money(amount_minor, letter.currency, locale)

    # A new date stands in the message's own data; without one, the order's promise is the date.
    promised = data["promised_by"] if "version" in data else letter.promised_by
    return {
        **data,
        "language": language_of(letter.locale),
        "name": letter.name,
        "shop": letter.shop,
        "number": letter.number,
        "items": letter.items[:ITEMS_SHOWN],
        "more": max(0, len(letter.items) - ITEMS_SHOWN),
        "link": f"{letterhead.base_url}/o/{token(letterhead.secret, letter.brand, letter.order_id)}",
        "day": day(promised),
        "day_short": day(promised, short=True),
        "old_day": day(data.get("was_promised_by")),
        "next_day": day(data.get("next_at")),
        "collect_day": _day(date.fromisoformat(data["collect_on"]), locale, short=False)
        if data.get("collect_on")
        else "",
        "refund_by": day(letter.refund_by),
        "return_number": letter.return_number or "",
        "awaited": data.get("awaited", False),
        "exchange_of": letter.exchange_of or "",
        "exchange_number": data.get("exchange_number") or "",
        "exchanged_minor": data.get("exchanged_minor") or 0,
        "amount": money(data.get("amount_minor", data.get("refund_minor"))),
        "total": money(letter.total_minor),
        "colors": shades(letter.accent or OURS),
        "logo": f"{letterhead.base_url}{logo_path(letter.brand, letter.logo)}" if letter.logo else "",
    }


def tidy(text: str) -> str:
    """Paragraphs wrapped to lines a terminal shows; a list and a link keep their lines. Ends with one newline."""
    paragraphs = []
    for paragraph in _BLANK.split(text.strip()):
        lines = [line.strip() for line in paragraph.strip().splitlines()]
        if any(line.startswith(("- ", "https://", "http://", "--")) for line in lines):
            # The space after the dashes is what mail programs know a signature by (RFC 3676, 4.3).
            paragraphs.append("\n".join("-- " if line == "--" else line for line in lines))
        else:
            paragraphs.append(_wrapped(" ".join(lines)))
    return "\n\n".join(paragraphs) + "\n"


def _wrapped(text: str) -> str:
    """Lines of whole words, as `textwrap` makes them with nothing broken, in a tenth of its time."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= TEXT_WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\n".join(lines)


def logo_path(brand: str, digest: str) -> str:
    """Where the brand's picture is; it changes with the picture, so that a browser may keep it for ever."""
    return f"/brand/{brand}/{digest}/logo"


def _one_line(text: str) -> str:
    return " ".join(text.split())


@lru_cache(maxsize=4_096)
def _day(day: date, locale: Locale, *, short: bool) -> str:
    if short:  # some languages write "8. Dez.", and most sentences end behind it
        return str(format_skeleton("MMMEd", day, locale=locale)).rstrip(".")
    return str(format_date(day, "full", locale=locale))


@lru_cache(maxsize=16_384)
def _money(amount_minor: int, currency: str, locale: Locale) -> str:
    places = digits(currency)
    return format_currency(Decimal(amount_minor).scaleb(-places), currency, locale=locale, currency_digits=False)


@cache
def _template(language: str, name: str) -> Template:
    return environment("doorstep.updates", language, html=name.endswith(".html")).get_template(name)


def sources() -> Mapping[str, str]:
    """Every template by its file name, for the test that keeps the catalogs complete."""
    folder = files(__package__).joinpath("templates")
    return {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir()}
