"""Delays: a date that moved to later asks the customer what they want, and what they said to it is kept."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from doorstep import journal
from doorstep.db import Tx
from doorstep.delivery import store
from doorstep.delivery.model import DelayAnswer, DelayAnswered


class Delay(msgspec.Struct, frozen=True, kw_only=True):
    """The last date of an order that moved to later, by its number in the order's story, and the answer to it.

    `line_nos` are all lines whose date ever moved to later, in order: the question is about all of them that are still
    to come, so that what was not answered before is not forgotten.
    """

    seq: int
    promised_by: datetime | None
    was_promised_by: datetime
    cause: str
    made_at: datetime
    line_nos: tuple[int, ...]
    answer: DelayAnswer | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None


class LastAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was said last, to whichever delay, about which lines, and by whom."""

    answer: DelayAnswer
    line_nos: tuple[int, ...]
    answered_by: str


async def delays(tx: Tx, order_ids: Collection[UUID]) -> dict[UUID, Delay]:
    """The last delay of each of these orders; those that never had one are missing, and those that are on time again.

    A date that moved to earlier answers the delays of its lines when it is no later than what was promised before them.
    """
    found: dict[UUID, Delay] = {}
    for row in await store.delays(tx, order_ids):
        before = found.get(row["order_id"])
        new = _delay(row, before.line_nos if before else ())
        if new.promised_by is None or new.promised_by > new.was_promised_by:
            found[row["order_id"]] = new
        elif before is not None and new.promised_by <= before.was_promised_by:
            left = tuple(no for no in before.line_nos if no not in row["data"]["line_nos"])
            if left:
                found[row["order_id"]] = msgspec.structs.replace(before, line_nos=left)
            else:
                del found[row["order_id"]]
        elif before is not None:
            found[row["order_id"]] = msgspec.structs.replace(before, promised_by=new.promised_by)
    return found


def _delay(row: dict[str, Any], before: tuple[int, ...]) -> Delay:
    names = ("seq", "made_at", "answer", "answered_by", "answered_at")
    told = {name: row["data"][name] for name in ("promised_by", "was_promised_by", "cause")}
    line_nos = sorted({*before, *row["data"]["line_nos"]})
    return msgspec.convert({**{name: row[name] for name in names}, **told, "line_nos": line_nos}, Delay)


async def last_answers(tx: Tx, order_ids: Collection[UUID]) -> dict[UUID, LastAnswer]:
    """What was said last about each order's delays; orders about which nothing was said are missing."""
    rows = await store.last_answers(tx, order_ids)
    return {row.pop("order_id"): msgspec.convert(row, LastAnswer) for row in rows}


async def record_answer(
    tx: Tx, *, order_id: UUID, delay: Delay, answer: DelayAnswer, line_nos: tuple[int, ...], actor: str, now: datetime
) -> None:
    """Keep an answer and tell it, once: the same one again changes nothing. Call it with the order locked."""
    if await store.answer_delay(tx, order_id, delay.seq, answer, line_nos, actor, now):
        event = DelayAnswered(seq=delay.seq, answer=answer, line_nos=line_nos)
        await journal.append(tx, [(order_id, event)], actor=actor, now=now)
