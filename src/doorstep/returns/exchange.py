"""Exchange: other goods of one style for what comes back, kept at once and sent when it is here; no money moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from doorstep import catalog, inventory, jobs, journal, orders
from doorstep.catalog import Product
from doorstep.db import Tx
from doorstep.inventory import Restock
from doorstep.journal import Event, Recorded
from doorstep.kit.errors import Conflict, Fault, Invalid, Short
from doorstep.kit.ids import show
from doorstep.orders import LineQuantity, LineRow, OrderRow
from doorstep.returns import store
from doorstep.returns.model import Alternative, Exchange, ExchangeReady, ExchangeUndone, Outcome, Return, WishLine


async def alternatives(tx: Tx, *, order_id: UUID, now: datetime) -> dict[int, list[Alternative]]:
    """By line number, what its units may be exchanged for and how many there are; lines that may not are missing."""
    lines = (await orders.lines(tx, [order_id])).get(order_id, [])
    found = await _exchangeable(tx, order_id, lines)
    skus = {product.sku_id for products in found.values() for product in products}
    units: Counter[int] = Counter()
    for (sku_id, _), available in (await inventory.read_stock(tx, skus, now=now)).items():
        units[sku_id] += max(0, available)
    return {
        line_no: [
            Alternative(sku=one.sku, title=one.title, option=one.option, available=units[one.sku_id])
            for one in products
        ]
        for line_no, products in found.items()
    }


async def _exchangeable(tx: Tx, order_id: UUID, lines: Sequence[LineRow]) -> dict[int, list[Product]]:
    """By line, what its units may be exchanged for: what is sold of the same style, the same article among it.

    Not what was personalized, for nobody else's name is on the shelf; nor what came by an exchange itself.
    """
    if await store.are_sent(tx, [order_id]):
        return {}
    products = await catalog.by_id(tx, {line.sku_id for line in lines})
    styles = await catalog.variants(tx, {product.style for product in products.values()})
    found: dict[int, list[Product]] = {}
    for line in lines:
        own = products[line.sku_id]
        if not any(service.kind == "personalization" for service in line.services):
            found[line.line_no] = styles.get(own.style, [own] if own.active else [])
    return found


async def exchange_faults(tx: Tx, order_id: UUID, wanted: Sequence[WishLine], outcome: Outcome) -> list[Fault]:
    """What is wrong with what is wanted instead; nothing for a refund that names nothing."""
    at = [f"/lines/{place}/exchange_sku" for place in range(len(wanted))]
    if outcome == "refund":
        text = "Only an exchange has other goods: choose the outcome exchange."
        return [Fault(at[place], text) for place, wish in enumerate(wanted) if wish.exchange_sku is not None]
    if await store.are_sent(tx, [order_id]):
        return [Fault("/outcome", "This came by an exchange: it can be sent back for its money, not exchanged again.")]
    rows = {line.line_no: line for line in (await orders.lines(tx, [order_id]))[order_id]}
    may = await _exchangeable(tx, order_id, list(rows.values()))
    faults = []
    for place, wish in enumerate(wanted):
        if wish.exchange_sku is None:
            faults.append(Fault(at[place], "What is wanted instead must be said."))
        elif wish.line_no in rows and wish.line_no not in may:
            faults.append(Fault(at[place], "This was personalized: it can be sent back, not exchanged."))
        elif wish.line_no in rows and wish.exchange_sku not in {product.sku for product in may[wish.line_no]}:
            known = ", ".join(product.sku for product in may[wish.line_no][:10]) or "nothing that is sold"
            text = f"{wish.exchange_sku[:60]!r} is not of the same style. To choose from: {known}."
            faults.append(Fault(at[place], text))
    return faults


async def open_exchange(
    tx: Tx,
    *,
    original: OrderRow,
    new: Return,
    wanted: Sequence[WishLine],
    rows: Mapping[int, LineRow],
    actor: str,
    now: datetime,
) -> str:
    """Place the order that is sent when the return is here; its number. Its units are claimed at once.

    Raises Short when they are not there: nothing is written then, and the customer chooses again.
    """
    skus = {wish.line_no: wish.exchange_sku or "" for wish in wanted}
    goods = [(skus[line.line_no], line.quantity, rows[line.line_no].unit_price_minor) for line in new.lines]
    note = f"return {new.number}"
    try:
        order_id, number = await orders.place_exchange(
            tx, original=original, wanted=goods, note=note, actor=actor, now=now
        )
    except Short as short:
        lines: Any = short.extra["lines"]
        gone = ", ".join(sorted({line["sku"] for line in lines}))
        text = f"{gone} is not in stock: choose something else, or your money back. Nothing was changed."
        raise Short(text, extra={"lines": lines}) from short
    except Invalid as invalid:
        text = f"The exchange cannot be sent: {invalid.faults[0].detail} Choose your money back."
        raise Conflict(text) from invalid
    await store.insert_exchanges(tx, new, order_id)
    return number


async def send_or_cancel(tx: Tx, change: Return, *, also: Sequence[Restock], actor: str, now: datetime) -> None:
    """The return has ended: what was accepted goes out, what did not come back is given back to stock.

    `also` is what the caller will restock: all stock rows are locked here, together. Units that were sent ahead for
    goods that then did not come are put before a person.
    """
    accepted = {line.line_no: line.accepted for line in change.lines}
    exchange_order_id = change.exchanges[0].exchange_order_id
    rows = {line.line_no: line for line in (await orders.lines(tx, [exchange_order_id]))[exchange_order_id]}
    claims = await inventory.claims_of(tx, [exchange_order_id])
    keys = {(claim.sku_id, claim.location_id) for claim in claims} | {(one.sku_id, one.location_id) for one in also}
    await inventory.lock_stock(tx, keys=keys)
    surplus = {}
    for one in change.exchanges:
        surplus[one.exchange_line_no] = max(0, rows[one.exchange_line_no].meant - accepted[one.line_no])
    unsent = {no: min(units, rows[no].cancelable) for no, units in surplus.items()}
    canceled = [LineQuantity(line_no=no, quantity=units) for no, units in unsent.items() if units]
    if canceled:
        reason = "the goods to be exchanged did not come back"
        await orders.cancel(tx, order_id=exchange_order_id, wanted=canceled, reason=reason, actor=actor, now=now)
    going = [
        LineQuantity(line_no=no, quantity=rows[no].meant - units)
        for no, units in unsent.items()
        if rows[no].meant > units
    ]
    ready = ExchangeReady(return_id=change.return_id, expected_at=now, lines=going) if going else None
    await orders.release_exchange(tx, order_id=exchange_order_id, event=ready, actor=actor, now=now)
    if unsent != surplus:
        await _ask_a_person(tx, change, now)


async def _ask_a_person(tx: Tx, change: Return, now: datetime) -> None:
    await jobs.open_exception(
        tx,
        kind="exchange_not_returned",
        subject=change.return_id,
        order_id=change.order_id,
        owner="customer service",
        next_action="The goods in exchange were sent ahead, and what they replace did not come: settle it",
        detail={"return": show("ret", change.return_id), "exchange": change.exchanges[0].exchange_number},
        now=now,
    )


async def keep_even(tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
    """Reaction to orders.canceled, shipping.lost and came_back: of goods sent in exchange, what was paid goes back.

    It looks at what is there, not at the event: again changes nothing.
    """
    sent = await store.are_sent(tx, {event.order for event in events})
    if not sent:
        return
    await orders.lock(tx, sent)
    changed: list[Exchange] = []
    told: list[tuple[UUID | None, Event]] = []
    for one in await store.exchanges_sent_with(tx, sent):
        owed_minor = one.owed_minor
        if owed_minor:
            after = one.after(owed_minor)
            cause = f"exchange:{one.return_id.hex}:{one.line_no}:{after.refunded_minor}"
            undone = ExchangeUndone(return_id=one.return_id, refund_minor=owed_minor, cause=cause)
            changed.append(after)
            told.append((one.exchange_order_id, undone))
    if changed:
        await store.write_exchanges(tx, changed)
        await journal.append(tx, told, actor="returns", now=now)
