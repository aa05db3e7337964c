"""Reading what was kept: mails parsed as a mail program would, text messages as they were posted."""

from __future__ import annotations

import sqlite3
from email import message_from_bytes, policy
from email.message import EmailMessage
from urllib.parse import parse_qs

import msgspec

from doorstep.adapters.twin.store import Store

MOST = 1_000


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One message in the mailbox; `id` grows in the order of arrival. `html` and `headers` are for mails."""

    id: int
    kind: str
    reference: str
    sender: str
    to: list[str]
    subject: str
    text: str
    html: str | None
    headers: dict[str, str]
    attachments: list[str]


def entries(store: Store, *, to: str | None, after: int, limit: int) -> list[Entry]:
    """Messages to one address (or to all), later than the message numbered `after`, in the order of arrival."""
    most = max(1, min(limit, MOST))
    if to is None:
        rows = store.rows("mailbox", after=after, most=most)
    else:
        rows = store.rows("mailbox_of", address=to.strip().lower(), after=after, most=most)
    return [_entry(row, [each["address"] for each in store.rows("recipients_of", message=row["id"])]) for row in rows]


def _entry(row: sqlite3.Row, to: list[str]) -> Entry:
    if row["kind"] == "sms":
        form = parse_qs(row["raw"].decode())
        return Entry(
            id=row["id"],
            kind="sms",
            reference=row["reference"],
            sender=row["sender"],
            to=to,
            subject="",
            text=form["Body"][0],
            html=None,
            headers={},
            attachments=[],
        )
    mail = message_from_bytes(row["raw"], _class=EmailMessage, policy=policy.default)
    return Entry(
        id=row["id"],
        kind="mail",
        reference=row["reference"],
        sender=row["sender"],
        to=to,
        subject=str(mail["Subject"] or ""),
        text=_body(mail, "plain") or "",
        html=_body(mail, "html"),
        headers={name.lower(): str(value) for name, value in mail.items()},
        attachments=[part.get_filename() or part.get_content_type() for part in mail.iter_attachments()],
    )


def _body(mail: EmailMessage, kind: str) -> str | None:
    part = mail.get_body(preferencelist=(kind,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except LookupError:  # a charset that does not exist
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
