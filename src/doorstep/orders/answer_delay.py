"""Answer a delay: wait for the new date, cancel what has not left, or send back what is on its way when it arrives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import catalog, delivery
from doorstep.db import Tx
from doorstep.delivery import Delay, DelayAnswer
from doorstep.kit.errors import Conflict
from doorstep.orders.cancel import cancel
from doorstep.orders.model import LineQuantity, LineRow
from doorstep.orders.store import lines, lock_one

_REASON = "too late for the customer"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a delay asks: the choices that would do something now, and the units that `cancel` would take."""

    delay: Delay
    line_nos: tuple[int, ...]
    choices: tuple[DelayAnswer, ...]
    cancelable: Sequence[LineQuantity]


async def question(tx: Tx, order_id: UUID) -> Question | None:
    """What the last delay of an order asks; None when no date moved to later, or nothing late is still to come."""
    delay = (await delivery.delays(tx, [order_id])).get(order_id)
    if delay is None:
        return None
    late = [line for line in (await lines(tx, [order_id]))[order_id] if line.line_no in delay.line_nos]
    late = [line for line in late if line.to_come]
    if not late:
        return None
    return ask(delay, late, await catalog.by_id(tx, {line.sku_id for line in late}))


def ask(delay: Delay, late: Sequence[LineRow], products: Mapping[int, catalog.Product]) -> Question:
    """The question about these lines, which are late and still to come. Pure.

    What is made for one person, or never taken back, is not offered to be sent back for being late.
    """
    units = {line.line_no: line.shortfall + line.backordered + line.reserved + line.activated for line in late}
    choices: list[DelayAnswer] = ["wait"]
    if any(units.values()):
        choices.append("cancel")
    if any(line.shipped and _may_come_back(line, products[line.sku_id]) for line in late):
        choices.append("send_back")
    return Question(
        delay=delay,
        line_nos=tuple(line.line_no for line in late),
        choices=tuple(choices),
        cancelable=[LineQuantity(line_no=line_no, quantity=count) for line_no, count in units.items() if count],
    )


async def answer_delay(
    tx: Tx,
    *,
    order_id: UUID,
    seq: int,
    answer: DelayAnswer,
    wanted: Sequence[LineQuantity] | None = None,
    actor: str,
    now: datetime,
) -> Delay:
    """Answer the delay with this number; the same answer again changes nothing, another one takes its place.

    `cancel` cancels `wanted`, or all units of the late lines that have not left. `send_back` is acted on when the
    parcel arrives. Raises NotFound, or Conflict: the date moved again since, nothing late is to come, or it is too late
    for this answer.
    """
    await lock_one(tx, order_id)
    delay = (await delivery.delays(tx, [order_id])).get(order_id)
    if delay is None or delay.seq > seq:
        raise Conflict("The date has changed since: look at the new one first." if delay else "Nothing is late.")
    if delay.seq != seq:
        raise Conflict("There is no such delay.")
    if delay.answer == answer:
        return delay
    asked = await question(tx, order_id)
    if asked is None or answer not in asked.choices:
        raise Conflict(_TOO_LATE[answer], extra={"choices": list(asked.choices) if asked else []})
    await delivery.record_answer(
        tx, order_id=order_id, delay=delay, answer=answer, line_nos=asked.line_nos, actor=actor, now=now
    )
    if answer == "cancel":
        await cancel(tx, order_id=order_id, wanted=wanted or asked.cancelable, reason=_REASON, actor=actor, now=now)
    return (await delivery.delays(tx, [order_id]))[order_id]


_TOO_LATE: Mapping[DelayAnswer, str] = {
    "wait": "Nothing that is late is still to come.",
    "cancel": "All of it is packed or on its way: it cannot be canceled any more.",
    "send_back": "Nothing of it is on its way that may come back for being late.",
}


def _may_come_back(line: LineRow, product: catalog.Product) -> bool:
    return product.return_days > 0 and not any(service.kind == "personalization" for service in line.services)
