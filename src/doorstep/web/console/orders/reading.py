"""All there is to know of an order, read in one moment, and only for who may see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from doorstep import fulfillment, insights, inventory, orders, payments, returns, shipping, updates
from doorstep.db import Tx, statements
from doorstep.inventory import Location
from doorstep.kit.errors import NotFound
from doorstep.kit.ids import parse, show
from doorstep.orders.changes import former_address
from doorstep.orders.notes import Note, notes
from doorstep.orders.reads import OrderView, order
from doorstep.orders.requests import ShipTo
from doorstep.web.console.figures import Figures
from doorstep.web.console.staff import Staff

SQL = statements(__package__)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An order with everything that belongs to it. `goods`: (SKU, title) by line number."""

    order_id: UUID
    figures: Figures
    head: Mapping[str, Any]
    view: OrderView
    lines: Mapping[int, orders.LineRow]
    goods: Mapping[int, tuple[str, str]]
    work: Sequence[fulfillment.FulfillmentOrder]
    parcels: Sequence[shipping.Shipment]
    returned: Sequence[returns.Return]
    returnable: Sequence[returns.Eligibility]
    balance: payments.Balance | None
    transactions: Sequence[payments.Transaction]
    messages: Sequence[updates.Update]
    story: Sequence[insights.Chapter]
    exceptions: Sequence[Mapping[str, Any]]
    acts: Sequence[Mapping[str, Any]]
    places: Mapping[int, Location]
    notes: Sequence[Note]
    former: ShipTo | None


async def visible(tx: Tx, staff: Staff, order_id: str) -> UUID:
    """The order's key, for who may see it. Raises NotFound for anybody else: that there is one is not for them."""
    key = parse("ord", order_id)
    if not await tx.fetchval(SQL.visible, key, staff.locations):
        raise NotFound(f"There is no order {show('ord', key)}.")
    return key


async def read(tx: Tx, staff: Staff, order_id: str) -> Known:
    """All of an order; give it `brand.snapshot()`. Raises NotFound."""
    key = await visible(tx, staff, order_id)
    scene, head = await tx.fetchrow(SQL.scene), await tx.fetchrow(SQL.head, key)
    assert scene is not None
    assert head is not None
    view = await order(tx, key)
    return Known(
        order_id=key,
        figures=Figures(language=staff.language, timezone=scene["timezone"], now=scene["now"]),
        head=dict(head),
        view=view,
        lines={line.line_no: line for line in (await orders.lines(tx, [key]))[key]},
        goods={line.line_no: (line.sku, line.title) for line in view.lines},
        work=(await fulfillment.of_orders(tx, [key]))[key],
        parcels=(await shipping.of_orders(tx, [key]))[key],
        returned=(await returns.of_orders(tx, [key]))[key],
        returnable=await returns.eligible(tx, order_id=key, now=scene["now"]),
        balance=(await payments.balance(tx, [key])).get(key),
        transactions=await payments.history(tx, key),
        messages=await updates.history(tx, key),
        story=await insights.story(tx, key),
        exceptions=[dict(row) for row in await tx.fetch(SQL.exceptions_of, key)],
        acts=[dict(row) for row in await tx.fetch(SQL.acts_on, key)],
        places=await inventory.locations(tx),
        notes=await notes(tx, key),
        former=await former_address(tx, key),
    )
