"""Settle: the one place where units of a return change hands, so that buckets, stock and money always agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import inventory, jobs, journal, orders, shipping
from doorstep.db import Tx
from doorstep.inventory import Restock
from doorstep.journal import Event
from doorstep.kit.errors import Conflict
from doorstep.kit.ids import show
from doorstep.orders import LineRow, OrderRow
from doorstep.returns import store
from doorstep.returns.exchange import send_or_cancel
from doorstep.returns.model import OPEN, Exchange, Item, Return, ReturnLine

TO_JUDGE = "return_to_judge"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A return under the lock of its order."""

    was: Return
    order: OrderRow
    lines: dict[int, LineRow]
    exchanges: dict[int, Exchange]
    """By line: what is sent for it; of an order that was itself sent in exchange, what it was sent for."""


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """What is given back: for each item, and the shipping fee when nothing is left of the order.

    `exchanges` are those that change, `exchanged_minor` is what went over to them and is not given back.
    """

    items: Sequence[int]
    fee_minor: int
    exchanges: Sequence[Exchange] = ()
    exchanged_minor: int = 0

    @property
    def total_minor(self) -> int:
        """All of it."""
        return sum(self.items) + self.fee_minor


async def hold(tx: Tx, return_id: UUID) -> Held:
    """Lock a return's order, with the order that is sent in exchange, and read the return. Raises NotFound."""
    order_id = await store.order_of(tx, return_id)
    locked = await orders.lock(tx, {order_id, *await store.sent_for(tx, [return_id])})
    was = (await store.read(tx, [return_id]))[return_id]
    lines = {line.line_no: line for line in (await orders.lines(tx, [order_id]))[order_id]}
    if was.outcome == "exchange":
        exchanges = {one.line_no: one for one in was.exchanges}
    else:
        exchanges = {one.exchange_line_no: one for one in await store.exchanges_sent_with(tx, [order_id])}
    return Held(was=was, order=locked[order_id], lines=lines, exchanges=exchanges)


def must_be_open(was: Return) -> None:
    """Raise Conflict when the return has ended."""
    if was.status not in OPEN:
        raise Conflict(f"The return {show('ret', was.return_id)} is {was.status}.", extra={"status": was.status})


def judged(line: ReturnLine, items: Iterable[Item], refund_minor: int) -> ReturnLine:
    """The line after these decisions on units that are here."""
    mine = [item for item in items if item.line_no == line.line_no]
    units = Counter[str]()
    for item in mine:
        units[item.acceptance] += item.quantity
    after = msgspec.structs.replace(
        line,
        accepted=line.accepted + units["accepted"],
        rejected=line.rejected + units["rejected"],
        refund_minor=line.refund_minor + refund_minor,
        disposition=next((item.disposition for item in reversed(mine) if item.disposition), line.disposition),
    )
    if after.to_judge:
        return msgspec.structs.replace(after, acceptance="manual")
    if after.accepted or after.rejected:
        return msgspec.structs.replace(after, acceptance="accepted" if after.accepted else "rejected")
    return after


def worth(held: Held, items: Sequence[Item]) -> Worth:
    """Cumulative shares of the lines: what was captured less what is given back stays the price of what is kept.

    The shipping fee goes back when nothing of the order is kept, nor still to come. In an exchange both go over to the
    goods that are sent, as far as these are meant for the customer.
    """
    kept = {line_no: line.kept for line_no, line in held.lines.items()}
    exchanges = dict(held.exchanges)
    worths = []
    moved_minor = 0
    for item in items:
        amount_minor = 0
        if item.acceptance == "accepted":
            kept[item.line_no] -= item.quantity
            amount_minor = held.lines[item.line_no].value(kept[item.line_no], item.quantity)
            if item.line_no in exchanges:
                now = _with_units(exchanges[item.line_no], item.quantity, amount_minor, held.was)
                moved_minor += amount_minor
                amount_minor = now.owed_minor
                exchanges[item.line_no] = now.after(amount_minor)
        worths.append(amount_minor)
    to_come = sum(line.ordered - line.canceled - line.returned - line.kept for line in held.lines.values())
    accepted = [item.line_no for item in items if item.acceptance == "accepted"]
    fee_minor = held.order.shipping_minor if accepted and not to_come and not any(kept.values()) else 0
    if fee_minor and held.was.outcome == "exchange":
        now = msgspec.structs.replace(exchanges[accepted[-1]], fee_minor=fee_minor)
        moved_minor += fee_minor
        fee_minor = now.owed_minor
        exchanges[accepted[-1]] = now.after(fee_minor)
    exchanged_minor = moved_minor - sum(worths) - fee_minor if held.was.outcome == "exchange" else 0
    return Worth(
        items=worths,
        fee_minor=fee_minor,
        exchanges=[one for line_no, one in exchanges.items() if one != held.exchanges[line_no]],
        exchanged_minor=exchanged_minor,
    )


def _with_units(one: Exchange, units: int, value_minor: int, was: Return) -> Exchange:
    """After units came back: for goods that are sent for them, or the very goods that were sent."""
    if was.outcome == "exchange":
        return msgspec.structs.replace(one, accepted=one.accepted + units, value_minor=one.value_minor + value_minor)
    return msgspec.structs.replace(one, meant=one.meant - units)


async def settle(
    tx: Tx,
    held: Held,
    change: Return,
    items: Sequence[Item],
    value: Worth,
    event: Event,
    *,
    actor: str,
    now: datetime,
) -> Return:
    """Write decisions: accepted units leave the order, rejected and missing ones are the customer's again.

    `change` is the return with its lines as they are after the decisions; it is closed when every unit is settled.
    """
    was = held.was
    change = store.settled(change, now)
    await store.write(tx, change)
    await store.add_receipts(tx, change, items, value.items, actor=actor, now=now)
    await store.write_exchanges(tx, value.exchanges)
    await orders.move_units(tx, _moves(was, change))
    await journal.append(tx, [(was.order_id, event)], actor=actor, now=now)
    await _ask_a_person(tx, change, actor, now)
    if change.closed_at is not None:
        await shipping.drop_return_label(tx, return_id=change.return_id, by=actor, now=now)
    stock = [
        Restock(
            sku_id=held.lines[item.line_no].sku_id,
            location_id=change.location_id,
            quantity=item.quantity,
            disposition=item.disposition,
        )
        for item in items
        if item.disposition is not None
    ]
    if change.closed_at is not None and change.outcome == "exchange":
        await send_or_cancel(tx, change, also=stock, actor=actor, now=now)
    # Numbered like the refund: the same reference counts once for a SKU and location.
    await inventory.restock(tx, items=stock, reference=was.cause, actor=actor, now=now)
    return change


def _moves(was: Return, change: Return) -> list[orders.Move]:
    """Between the return before and after: accepted units are returned, rejected and missing ones delivered again."""
    moves = []
    for old, new in zip(was.lines, change.lines, strict=True):
        back = new.rejected + new.missing - old.rejected - old.missing
        for units, target in ((new.accepted - old.accepted, "returned"), (back, "delivered")):
            if units:
                moves.append(
                    orders.Move(
                        order_id=was.order_id,
                        line_no=new.line_no,
                        quantity=units,
                        source="return_requested",
                        target="returned" if target == "returned" else "delivered",
                    )
                )
    return moves


async def _ask_a_person(tx: Tx, change: Return, actor: str, now: datetime) -> None:
    if any(line.to_judge for line in change.lines):
        await jobs.open_exception(
            tx,
            kind=TO_JUDGE,
            subject=change.return_id,
            order_id=change.order_id,
            owner="customer service",
            next_action="Look at the goods and decide: POST /v1/returns/{id}/decide",
            detail={"return": show("ret", change.return_id), "number": change.number},
            now=now,
        )
    else:
        await jobs.resolve_exception(
            tx, kind=TO_JUDGE, subject=change.return_id, by=actor, resolution="Judged.", now=now
        )
