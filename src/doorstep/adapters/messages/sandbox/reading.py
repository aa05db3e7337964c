"""Reads one kept message for people to look at, whatever its sender wrote: nothing in here raises for a bad mail.

Mails go through the older, forgiving parser: the one of `email.policy.default` raises for headers and charsets that it
does not know, and one such mail would take the whole mailbox with it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime
from urllib.parse import parse_qs

import msgspec

HEADER_MOST = 2_000  # characters of one header that are shown
ORDER_SOUGHT_IN = 20_000  # characters of the text in which an order's number is looked for

_LONE = re.compile("[\ud800-\udfff]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_ORDER = re.compile(
    r"\b(?:order|bestellung)(?: (?:no\.?|nr\.?|number|nummer))? #?([A-Z]{0,4}-?\d[0-9A-Z-]{2,19})\b", re.IGNORECASE
)
_UNKNOWN_CHARSET = (LookupError, ValueError)


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says. `name` is the addressee's, as written in its To; texts are clean, `html` is not.

    `sent_at` is the mail's own Date: it is the shop's time, also where that runs faster than ours. A text message has
    none, nor a subject, a language or HTML.
    """

    kind: str
    sender: str
    to: str
    name: str
    subject: str
    text: str
    html: str | None
    source: str
    order_number: str
    language: str
    sent_at: datetime | None
    attachments: Sequence[str]


def read(kind: str, raw: bytes, sender: str) -> Read:
    """A message as it was kept; `sender` is its envelope's."""
    return _read_text(raw, sender) if kind == "sms" else _read_mail(raw, sender)


def clean(text: str) -> str:
    """Text that can be encoded and printed: no half characters, no control characters but tabs and line ends."""
    return _CONTROLS.sub("\ufffd", _LONE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n")))


def one_line(text: str) -> str:
    """The same on one line."""
    return " ".join(clean(text).split())


def _read_text(raw: bytes, sender: str) -> Read:
    source = raw.decode("utf-8", "replace")
    form = parse_qs(source)
    text = clean(form.get("Body", [""])[0])
    return Read(
        kind="sms",
        sender=one_line(sender),
        to=one_line(form.get("To", [""])[0]),
        name="",
        subject="",
        text=text,
        html=None,
        source=clean(source),
        order_number=_order_number(text),
        language="",
        sent_at=None,
        attachments=[],
    )


def _read_mail(raw: bytes, sender: str) -> Read:
    mail, parts = _parse(raw)
    subject = _header(mail, "subject")
    texts = [part for part in parts if part.get_content_type() == "text/plain"]
    pages = [part for part in parts if part.get_content_type() == "text/html"]
    text = clean(_content(texts[0])) if texts else ""
    language = _header(mail, "content-language")
    to = _header(mail, "to")
    return Read(
        kind="mail",
        sender=_header(mail, "from") or one_line(sender),
        to=to,
        name=next((name for name, _ in getaddresses([to]) if name), ""),
        subject=subject,
        text=text,
        html=_LONE.sub("\ufffd", _content(pages[0])) if pages else None,
        source=clean(raw.decode("utf-8", "replace")),
        order_number=_order_number(subject) or _order_number(text),
        language=language if _LANGUAGE.fullmatch(language) else "",
        sent_at=_moment(_header(mail, "date")),
        attachments=_attachments(mail),
    )


def _parse(raw: bytes) -> tuple[Message, list[Message]]:
    """A mail and those of its parts that are shown. One nested too deeply to be read has none."""
    try:
        mail = message_from_bytes(raw, policy=policy.compat32)
        return mail, [part for part in mail.walk() if part.get_content_disposition() != "attachment"]
    except RecursionError:
        return BytesHeaderParser(policy=policy.compat32).parsebytes(raw), []


def _header(mail: Message, name: str) -> str:
    """The first header of a name, in letters, on one line; empty when there is none."""
    # Not `mail[name]`: that replaces whatever is not ASCII, and UTF-8 in headers (RFC 6532) is readable as it stands.
    values = (value for found, value in mail.raw_items() if found.lower() == name)
    written = str(next(values, "")).encode("ascii", "surrogateescape").decode("utf-8", "replace")
    try:
        pieces = decode_header(written)
    except (HeaderParseError, ValueError):
        return one_line(written[:HEADER_MOST])
    text = "".join(piece if isinstance(piece, str) else _decode(piece, charset) for piece, charset in pieces)
    return one_line(text[:HEADER_MOST])


def _content(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return _decode(payload, part.get_content_charset()) if isinstance(payload, bytes) else ""


def _decode(data: bytes, charset: str | None) -> str:
    """Text in a charset that may not exist, or may not be the one used."""
    try:
        return data.decode(charset or "utf-8", "replace")
    except _UNKNOWN_CHARSET:
        return data.decode("utf-8", "replace")


def _moment(date: str) -> datetime | None:
    """When a mail says it was written; None for what is no date."""
    try:
        moment = parsedate_to_datetime(date)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _order_number(text: str) -> str:
    found = _ORDER.search(" ".join(text[:ORDER_SOUGHT_IN].split()))
    return found[1].upper() if found else ""


def _attachments(mail: Message) -> list[str]:
    try:
        found = [part for part in mail.walk() if part.get_content_disposition() == "attachment"]
    except RecursionError:
        return []
    return [one_line(part.get_filename() or part.get_content_type())[:HEADER_MOST] for part in found]
