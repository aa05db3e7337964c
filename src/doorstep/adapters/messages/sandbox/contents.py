"""The mailbox's table of contents: what its pages list and search.

A message is entered a moment after it has arrived, and at the latest when somebody looks: no sender waits for it, and a
mailbox of any age can be looked at.
"""

from __future__ import annotations

import asyncio
import sqlite3
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from doorstep.adapters.messages.sandbox.reading import Read, one_line, read
from doorstep.adapters.twin.store import Store

PAGE = 50
BATCH = 50  # messages a transaction, some 30 ms: mail goes on arriving in between
ENTER_EVERY_S = 1.0  # one batch: what arrives in a rush is entered after it, and takes its time from nobody
SUBJECT_MOST = 240  # characters of a subject, or of a text message, that a list shows
PREVIEW_MOST = 160
SEARCH_MOST = 200
NEWEST = 2**62  # more than any message's number


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One message in the list. `about` says that the time is that of the mail before it: a text message has none."""

    message: int
    kind: str
    name: str
    addresses: str
    subject: str
    preview: str
    order_number: str
    language: str
    sent_at: datetime | None
    about: bool


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody looks for; what is empty does not narrow it. A page begins below `before` or ends above `after`."""

    q: str = ""
    kind: str = ""
    to: str = ""
    before: int = 0
    after: int = 0


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Messages, newest first: the `first` to the `last` of `total`; `counts` are those of each kind.

    `older` and `newer` are the messages to go on from, or None at the end.
    """

    lines: Sequence[Line]
    first: int
    last: int
    total: int
    counts: Mapping[str, int]
    older: int | None
    newer: int | None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a message stands among all to one address: the `nth` of `total`, and its neighbors."""

    address: str
    nth: int
    total: int
    earlier: int | None
    later: int | None


def look(store: Store, wanted: Wanted) -> Page:
    """One page of the mailbox."""
    values = {"kind": wanted.kind, "address": wanted.to.lower(), "words": folded(wanted.q)}
    rows = store.rows("contents_after", after=wanted.after, most=PAGE, **values)[::-1] if wanted.after else []
    if len(rows) < PAGE:  # above the newest page there is nothing: it is the newest
        rows = store.rows("contents_before", before=wanted.before or NEWEST, most=PAGE, **values)
    top, bottom = (rows[0]["message"], rows[-1]["message"]) if rows else (NEWEST, NEWEST)
    counts = store.rows("contents_count", top=top, address=values["address"], words=values["words"])
    chosen = [row for row in counts if wanted.kind in ("", row["kind"])]
    above, total = sum(row["above"] for row in chosen), sum(row["total"] for row in chosen)
    last = above + len(rows)
    return Page(
        lines=[_line(row) for row in rows],
        first=above + 1 if rows else 0,
        last=last,
        total=total,
        counts={row["kind"]: row["total"] for row in counts},
        older=bottom if last < total else None,
        newer=top if above else None,
    )


def line_of(store: Store, message: int) -> Line | None:
    """One message of the list, or None when there is no such message."""
    row = store.row("contents_of", message=message)
    return _line(row) if row else None


def places(store: Store, message: int) -> list[Place]:
    """Where a message stands for each of those who got it."""
    return [
        Place(address=row["address"], nth=row["nth"], total=row["total"], earlier=row["earlier"], later=row["later"])
        for row in store.rows("places_of", message=message)
    ]


async def keep_up(store: Store) -> None:
    """Enter what arrives, little by little, for as long as the process lives: who looks first need not wait."""
    while True:
        await asyncio.sleep(ENTER_EVERY_S)
        await asyncio.to_thread(_enter_some, store)


def catch_up(store: Store) -> None:
    """Enter all that has arrived."""
    while _enter_some(store):
        continue


def _enter_some(store: Store) -> bool:
    """Enter one batch; whether there may be more."""
    # Read and written in one transaction: a reset in between would give an entry to another message's number.
    with store.transaction():
        rows = store.rows("not_entered", most=BATCH)
        before = store.row("last_time")
        latest = before["sent_at"] if before else ""
        for row in rows:
            latest = _enter(store, row, latest)
    return len(rows) == BATCH


def folded(text: str) -> str:
    """Text as it is compared: no matter of case or of how accents are written."""
    return unicodedata.normalize("NFKC", one_line(text)).casefold()[:SEARCH_MOST]


def _enter(store: Store, row: sqlite3.Row, latest: str) -> str:
    """Enter one message; answers the latest time known."""
    said = read(row["kind"], row["raw"], row["sender"])
    addresses = [each["address"] for each in store.rows("recipients_of", message=row["id"])]
    sent_at = said.sent_at.isoformat() if said.sent_at else ""
    subject = shorten(said.subject if said.kind == "mail" else said.text, SUBJECT_MOST)
    words = [subject, said.name, said.order_number, *addresses]
    store.run(
        "enter",
        message=row["id"],
        kind=row["kind"],
        name=shorten(said.name, PREVIEW_MOST),
        addresses=shorten(", ".join(addresses), SUBJECT_MOST),
        subject=subject,
        preview=_preview(said),
        order_number=said.order_number,
        language=said.language,
        sent_at=sent_at or (latest if said.kind == "sms" else ""),
        about=said.kind == "sms" and bool(latest),
        words=unicodedata.normalize("NFKC", "\n".join(words)).casefold(),
    )
    return sent_at or latest


def shorten(text: str, most: int) -> str:
    """At most so many characters of a text, on one line."""
    line = one_line(text[: most * 4])
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _preview(said: Read) -> str:
    """How a mail's text goes on behind "Hello Zoë,"."""
    if said.kind == "sms":
        return ""
    greeting, _, rest = said.text.lstrip().partition("\n\n")
    return shorten(rest if len(greeting) < 80 and greeting.endswith(",") else said.text.lstrip(), PREVIEW_MOST)


def _line(row: sqlite3.Row) -> Line:
    return Line(
        message=row["message"],
        kind=row["kind"],
        name=row["name"],
        addresses=row["addresses"],
        subject=row["subject"],
        preview=row["preview"],
        order_number=row["order_number"],
        language=row["language"],
        sent_at=datetime.fromisoformat(row["sent_at"]) if row["sent_at"] else None,
        about=bool(row["about"]),
    )
