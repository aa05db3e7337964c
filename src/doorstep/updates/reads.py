"""What a customer was told, and how early."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from doorstep.db import Tx
from doorstep.updates.compose import words_of
from doorstep.updates.model import DATE_KINDS, Channel, Kind, Letterhead, Status
from doorstep.updates.store import SQL, letter


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """One message, sent or not, and why not."""

    update_id: UUID
    kind: Kind
    channel: Channel
    locale: str
    bad_news: bool
    status: Status
    suppressed_because: str | None
    wanted_at: datetime
    sent_at: datetime | None


class ToldEarly(msgspec.Struct, frozen=True, kw_only=True):
    """New dates told: how many, how many after the old date, how many within its last 24 hours; hours before it."""

    told: int
    after: int
    within_a_day: int
    median_h: float | None
    least_h: float | None


async def history(tx: Tx, order_id: UUID) -> list[Update]:
    """Everything said or left unsaid about an order, oldest first."""
    rows = await tx.fetch(SQL.history, order_id)
    return [Update(**{field: row[field] for field in Update.__struct_fields__}) for row in rows]


async def words(tx: Tx, update_id: UUID, letterhead: Letterhead) -> tuple[str, str]:
    """What a message says if it is written now: subject and text. Raises LookupError when there is none."""
    return words_of(await letter(tx, update_id), letterhead)


async def told_early(tx: Tx) -> ToldEarly:
    """How long before an old date passed its customer knew of the new one."""
    row = await tx.fetchrow(SQL.told_early, sorted(DATE_KINDS))
    assert row is not None
    return ToldEarly(**dict(row))
