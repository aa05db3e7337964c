"""The only file that runs this noun's SQL for changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, time
from typing import Any
from uuid import UUID

import msgspec

from doorstep.db import Tx, statements
from doorstep.kit.ids import new_id
from doorstep.updates.model import Terms

SQL = statements(__package__)
JOB = "updates.send"

# update, order, contact, event, kind, channel, locale, data, bad news, suppressed because
Row = tuple[UUID, UUID, UUID, UUID, str, str, str, dict[str, Any], bool, str | None]


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """Whom an order's messages go to; the person's name and addresses stay in the database until it is sent."""

    contact_id: UUID
    locale: str
    terms: Terms


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """All that one message says. `items` are (title, quantity); dates and amounts as stored.

    `accent` and `logo` (its digest) are the brand's look, `wordings` its own (subject, body, sms) by language.
    """

    update_id: UUID
    order_id: UUID
    kind: str
    channel: str
    locale: str
    data: dict[str, Any]
    bad_news: bool
    status: str
    number: str
    currency: str
    total_minor: int
    promised_by: datetime | None
    name: str
    email: str | None
    phone: str | None
    shop: str
    brand: str
    return_number: str | None
    refund_by: datetime | None
    items: Sequence[Sequence[Any]]
    timezone: str
    now: datetime
    accent: str | None = None
    logo: str | None = None
    wordings: Mapping[str, Sequence[str | None]] | None = None
    exchange_of: str | None = None


async def whom(tx: Tx, order_ids: Collection[UUID]) -> dict[UUID, Who]:
    """Whom to tell about these orders, and on which terms."""
    found = {}
    for row in await tx.fetch(SQL.terms, list(order_ids)):
        terms = Terms(**{field: row[field] for field in Terms.__struct_fields__})
        found[row["order_id"]] = Who(contact_id=row["contact_id"], locale=row["locale"], terms=terms)
    return found


async def want(tx: Tx, rows: Sequence[Row], *, now: datetime) -> set[UUID]:
    """Write the messages; returns the ids of those that are new."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return {row["update_id"] for row in await tx.fetch(SQL.want, *columns, now)}


async def letters(tx: Tx, update_ids: Collection[UUID]) -> dict[UUID, Letter]:
    """What messages are to say."""
    rows = await tx.fetch(SQL.letters, list(update_ids))
    return {row["update_id"]: Letter(**{field: row[field] for field in Letter.__struct_fields__}) for row in rows}


async def letter(tx: Tx, update_id: UUID) -> Letter:
    """What a message is to say. Raises LookupError when there is no such update."""
    found = await letters(tx, [update_id])
    if not found:
        raise LookupError(f"there is no update {update_id}")
    return found[update_id]


async def mark_sent(tx: Tx, update_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Note what was said; the time, by id, of what had not been settled before."""
    if not update_ids:
        return {}
    return {row["update_id"]: row["sent_at"] for row in await tx.fetch(SQL.sent, list(update_ids))}


async def mark_not_sent(tx: Tx, update_id: UUID, *, refused: bool, because: str | None = None) -> None:
    """Note that it was not said: refused by the other side, or suppressed for a reason."""
    await tx.execute(SQL.not_sent, update_id, "refused" if refused else "suppressed", because)


async def other_way(tx: Tx, update_id: UUID) -> UUID | None:
    """Want the same news over the other channel; its id, or None when there is no such way or it went there anyway."""
    found: UUID | None = await tx.fetchval(SQL.other_way, update_id, new_id())
    return found


async def want_again(tx: Tx, update_id: UUID) -> bool:
    """Make a refused update wanted again. False when it was not refused."""
    done: str = await tx.execute(SQL.want_again, update_id)
    return done == "UPDATE 1"


async def put_preferences(
    tx: Tx,
    order_id: UUID,
    *,
    channel: str,
    events: Sequence[str],
    only_if_late: bool,
    quiet: tuple[time | None, time | None],
    timezone: str,
    locale: str | None,
) -> None:
    """Write an order's preferences over what was there."""
    await tx.execute(SQL.put_preferences, order_id, channel, list(events), only_if_late, *quiet, timezone, locale)
