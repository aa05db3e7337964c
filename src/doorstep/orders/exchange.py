"""Place the order of an exchange: goods kept for a customer until what they replace is back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from doorstep import journal
from doorstep.db import Tx
from doorstep.kit.errors import Conflict
from doorstep.kit.ids import new_id
from doorstep.orders.holds import release_hold
from doorstep.orders.model import OrderRow
from doorstep.orders.place import place_held
from doorstep.orders.placing import Placing
from doorstep.orders.requests import Customer, Payment, PlaceLine, PlaceOrder, ShipTo, fingerprint
from doorstep.orders.store import SQL, addresses, contacts

_MOST = 99  # exchanges of one order
_NUMBER_MOST = 60  # characters of the original's number that are kept


async def place_exchange(
    tx: Tx, *, original: OrderRow, wanted: Sequence[tuple[str, int, int]], note: str, actor: str, now: datetime
) -> tuple[UUID, str]:
    """Place an order that costs nothing, for what comes back of `original`, which is locked; its id and number.

    `wanted` are (SKU, units, price of one unit), a line each; the discount of a line is its price. It goes to the same
    person, address and service, on the same terms, under the number `<original>-X1` or the next that is free. Its units
    are claimed at once, and it is held (`awaiting_return`) without a date until `release_exchange`.
    Raises Short (nothing is claimed then), Invalid, or Conflict.
    """
    contact = (await contacts(tx, [original.order_id]))[original.order_id]
    address = (await addresses(tx, [original.order_id]))[original.order_id]
    order = PlaceOrder(
        channel=await tx.fetchval(SQL.read_channel, original.channel_id),
        number=await _number(tx, original),
        currency=original.currency,
        customer=Customer(name=contact.name, email=contact.email, phone=contact.phone, locale=contact.locale),
        ship_to=ShipTo(**{field: getattr(address, field) for field in ShipTo.__struct_fields__}),
        service=original.service,
        lines=[
            PlaceLine(sku=sku, quantity=units, unit_price_minor=price, discount_minor=price * units)
            for sku, units, price in wanted
        ],
        total_minor=0,
        payment=Payment(),
        on_short="refuse",
    )
    order_id = new_id()
    placing = Placing(order_id=order_id, order=order, fingerprint=fingerprint(order), actor=actor)
    await place_held(tx, placing, hold=("awaiting_return", note), now=now)
    await tx.execute(SQL.copy_preferences, original.order_id, order_id)
    return order_id, order.number


async def _number(tx: Tx, original: OrderRow) -> str:
    names = [f"{original.number[:_NUMBER_MOST]}-X{count}" for count in range(1, _MOST + 1)]
    taken = {row["number"] for row in await tx.fetch(SQL.numbers_like, original.order_id, names)}
    free = next((name for name in names if name not in taken), None)
    if free is None:
        raise Conflict(f"Order {original.number} was exchanged {_MOST} times: that is enough.")
    return free


async def release_exchange(tx: Tx, *, order_id: UUID, event: journal.Event | None, actor: str, now: datetime) -> None:
    """What it waited for is here, or will not come: its hold goes. `event`: what to tell first; again does nothing."""
    hold_id = await tx.fetchval(SQL.open_hold, order_id, "awaiting_return")
    if hold_id is not None:
        if event is not None:
            await journal.append(tx, [(order_id, event)], actor=actor, now=now)
        await release_hold(tx, order_id=order_id, hold_id=hold_id, actor=actor, now=now)
