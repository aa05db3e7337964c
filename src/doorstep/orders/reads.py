"""An order as people and programs read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from doorstep import delivery, inventory, payments
from doorstep.db import Tx
from doorstep.kit.errors import NotFound
from doorstep.kit.ids import show
from doorstep.orders.answer_delay import question
from doorstep.orders.kits import KitLine, kits_of
from doorstep.orders.model import BUCKETS, LineRow, OrderRow
from doorstep.orders.placing import AwaitedView, PartView, awaited_view, part_view
from doorstep.orders.store import SQL, addresses, contacts, lines, read
from doorstep.routing import Decision, restored

LAST: Final = UUID(int=2**128 - 1)


class OrderLineItem(msgspec.Struct, frozen=True, kw_only=True):
    """An order in a list. Amounts in minor units."""

    order_id: str
    channel: str
    number: str
    placed_at: datetime
    service: str
    status: str
    payment_status: str
    fulfillment_status: str
    currency: str
    total_minor: int
    promised_by: datetime | None


class OrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some orders, newest first, and the cursor of the next."""

    items: Sequence[OrderLineItem]
    next_cursor: str | None


class ServiceView(msgspec.Struct, frozen=True, kw_only=True):
    """What is done to a line besides sending it."""

    kind: str
    detail: dict[str, Any]
    fee_minor: int


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    """A line: `units` says how many are in each bucket that is not empty. `kind_reason`: why it is of this kind."""

    line_no: int
    sku: str
    title: str
    ordered: int
    units: dict[str, int]
    unit_price_minor: int
    tax_minor: int
    discount_minor: int
    total_minor: int
    routing_kind: str
    kind_reason: str
    instructions: str
    services: Sequence[ServiceView]


class KitView(msgspec.Struct, frozen=True, kw_only=True):
    """A kit as it was ordered. `parts`: [line number of a component, its units in one kit] pairs; money is shared by
    those lines.
    """

    line_no: int
    sku: str
    title: str
    quantity: int
    total_minor: int
    parts: Sequence[tuple[int, int]]


class ClaimView(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a line held at a location."""

    line_no: int
    location: str
    quantity: int


class WaitView(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a line that wait: for the delivery `reference` to `location`, expected at `expected_at`; for whichever
    comes (none of these); or, `here`, for the product's release. They may be sent from `ready_at` on; null: nobody
    knows.
    """

    line_no: int
    quantity: int
    reference: str | None
    location: str | None
    expected_at: datetime | None
    ready_at: datetime | None
    here: bool


class HoldRow(msgspec.Struct, frozen=True, kw_only=True):
    """A hold, open while `released_at` is null."""

    hold_id: str
    reason: str
    note: str
    placed_by: str
    placed_at: datetime
    released_by: str | None
    released_at: datetime | None


class PromiseView(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the promise ledger."""

    line_no: int
    version: int
    promised_by: datetime | None
    cause: str
    made_at: datetime
    told_at: datetime | None


class DelayView(msgspec.Struct, frozen=True, kw_only=True):
    """The last date that moved to later, which asks the customer what they want; `seq` is its number in the timeline.

    `line_nos`: the late lines that are still to come. `choices`: the answers that would do something now. A later delay
    asks again: then `seq` is another and `answer` is null.
    """

    seq: int
    was_promised_by: datetime
    promised_by: datetime | None
    cause: str
    made_at: datetime
    line_nos: Sequence[int]
    choices: Sequence[delivery.DelayAnswer]
    answer: delivery.DelayAnswer | None
    answered_by: str | None
    answered_at: datetime | None


class CandidateView(msgspec.Struct, frozen=True, kw_only=True):
    """A location that was looked at: what sending everything from it would cost, in minor units, or why it was out."""

    location: str
    cost_minor: int | None
    out: str


class DecisionView(msgspec.Struct, frozen=True, kw_only=True):
    """Why these locations: the first decision has attempt 0. `awaited`: sent when goods are there; `short`: [line_no,
    quantity] pairs nobody could serve.
    """

    attempt: int
    cause: str
    decided_at: datetime
    why: str
    parts: Sequence[PartView]
    awaited: Sequence[AwaitedView]
    short: Sequence[tuple[int, int]]
    candidates: Sequence[CandidateView]


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed and what moved, in minor units."""

    currency: str
    total_minor: int
    shipping_minor: int
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    voided_minor: int


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who ordered."""

    name: str
    email: str | None
    phone: str | None
    locale: str


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where it goes."""

    name: str
    street: str
    city: str
    region: str
    postcode: str
    country: str


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """An order with everything that belongs to it, but for the work, parcels and returns, which have lists of their
    own. `order_page`: its page for its customer; whoever has the link sees the order. It is empty for a key that may
    only read.
    """

    order_id: str
    channel: str
    number: str
    placed_at: datetime
    service: str
    status: str
    payment_status: str
    fulfillment_status: str
    awaiting_payment: bool
    promised_by: datetime | None
    customer: Person
    ship_to: Place
    lines: Sequence[LineView]
    kits: Sequence[KitView]
    claims: Sequence[ClaimView]
    waits: Sequence[WaitView]
    holds: Sequence[HoldRow]
    promises: Sequence[PromiseView]
    delay: DelayView | None
    decisions: Sequence[DecisionView]
    money: Money
    order_page: str = ""


async def page(
    tx: Tx, before: UUID, status: str | None, number: str | None, channel: str | None, limit: int
) -> list[OrderLineItem]:
    """Orders with ids below `before`, newest first."""
    rows = await tx.fetch(SQL.list_orders, before, status, number, channel, limit)
    return [OrderLineItem(**{**dict(row), "order_id": show("ord", row["order_id"])}) for row in rows]


async def order(tx: Tx, order_id: UUID) -> OrderView:
    """One order. Raises NotFound."""
    row = (await read(tx, [order_id])).get(order_id)
    if row is None:
        raise NotFound(f"There is no order {show('ord', order_id)}.")
    contact, address = (await contacts(tx, [order_id]))[order_id], (await addresses(tx, [order_id]))[order_id]
    order_lines, kits = (await lines(tx, [order_id]))[order_id], await kits_of(tx, order_id)
    sku_ids = [line.sku_id for line in order_lines] + [kit.sku_id for kit in kits]
    titles = {each["sku_id"]: each for each in await tx.fetch(SQL.skus, sku_ids)}
    places = await inventory.locations(tx)
    history = await delivery.history(tx, order_id)
    late = await delay(tx, order_id)
    return OrderView(
        order_id=show("ord", order_id),
        channel=await tx.fetchval(SQL.read_channel, row.channel_id),
        number=row.number,
        placed_at=row.placed_at,
        service=row.service,
        status=row.status,
        payment_status=row.payment_status,
        fulfillment_status=row.fulfillment_status,
        awaiting_payment=row.awaiting_payment,
        promised_by=row.promised_by,
        customer=msgspec.convert(contact, Person, from_attributes=True),
        ship_to=msgspec.convert(address, Place, from_attributes=True),
        lines=[_line(line, titles[line.sku_id]) for line in order_lines],
        kits=[_kit_view(kit, titles[kit.sku_id]) for kit in kits],
        claims=[
            ClaimView(line_no=claim.line_no, location=places[claim.location_id].code, quantity=claim.quantity)
            for claim in await inventory.claims_of(tx, [order_id])
        ],
        waits=[_wait(one, places) for one in await inventory.what_waits(tx, [order_id])],
        holds=[
            HoldRow(**{**dict(hold), "hold_id": show("hld", hold["hold_id"])})
            for hold in await tx.fetch(SQL.read_holds, order_id)
        ],
        promises=[msgspec.convert(entry, PromiseView, from_attributes=True) for entry in history],
        delay=late,
        decisions=await _decisions(tx, row, places),
        money=await _money(tx, order_id, row.currency, row.total_minor, row.shipping_minor),
    )


async def delay(tx: Tx, order_id: UUID) -> DelayView | None:
    """The last delay of an order with its answer, and what can be chosen; None when there was none."""
    last = (await delivery.delays(tx, [order_id])).get(order_id)
    if last is None:
        return None
    asked = await question(tx, order_id)
    told = {field: getattr(last, field) for field in last.__struct_fields__ if field != "line_nos"}
    return DelayView(line_nos=asked.line_nos if asked else (), choices=asked.choices if asked else (), **told)


def _wait(one: inventory.Await, places: Mapping[int, inventory.Location]) -> WaitView:
    return WaitView(
        line_no=one.line_no,
        quantity=one.units,
        reference=one.reference,
        location=places[one.location_id].code if one.location_id is not None else None,
        expected_at=one.expected_at,
        ready_at=one.ready_at,
        here=one.here,
    )


def _line(line: LineRow, product: Any) -> LineView:
    return LineView(
        line_no=line.line_no,
        sku=product["sku"],
        title=product["title"],
        ordered=line.ordered,
        units={bucket: units for bucket in BUCKETS if (units := getattr(line, bucket))},
        unit_price_minor=line.unit_price_minor,
        tax_minor=line.tax_minor,
        discount_minor=line.discount_minor,
        total_minor=line.total_minor,
        routing_kind=line.routing_kind,
        kind_reason=line.kind_reason,
        instructions=line.instructions,
        services=[msgspec.convert(service, ServiceView, from_attributes=True) for service in line.services],
    )


def _kit_view(kit: KitLine, product: Any) -> KitView:
    return KitView(
        line_no=kit.line_no,
        sku=product["sku"],
        title=product["title"],
        quantity=kit.quantity,
        total_minor=kit.unit_price_minor * kit.quantity + kit.tax_minor - kit.discount_minor,
        parts=kit.parts,
    )


async def _decisions(tx: Tx, row: OrderRow, places: Mapping[int, inventory.Location]) -> list[DecisionView]:
    later = await tx.fetch(SQL.read_decisions, row.order_id)
    kept = [(0, "placed", row.placed_at, row.decision)]
    kept += [(each["attempt"], each["cause"], each["decided_at"], each["decision"]) for each in later]
    return [
        _decision(attempt, cause, at, restored(decision, service=row.service), places)
        for attempt, cause, at, decision in kept
    ]


def _decision(
    attempt: int, cause: str, decided_at: datetime, decision: Decision, places: Mapping[int, inventory.Location]
) -> DecisionView:
    return DecisionView(
        attempt=attempt,
        cause=cause,
        decided_at=decided_at,
        why=decision.why,
        parts=[part_view(part, places) for part in decision.parts],
        awaited=[awaited_view(part, places) for part in decision.awaited],
        short=decision.short,
        candidates=[
            CandidateView(location=places[one.location_id].code, cost_minor=one.cost_minor, out=one.out)
            for one in decision.candidates
        ],
    )


async def _money(tx: Tx, order_id: UUID, currency: str, total_minor: int, shipping_minor: int) -> Money:
    balance = (await payments.balance(tx, [order_id])).get(order_id)
    return Money(
        currency=currency,
        total_minor=total_minor,
        shipping_minor=shipping_minor,
        authorized_minor=balance.authorized_minor if balance else 0,
        captured_minor=balance.captured_minor if balance else 0,
        refunded_minor=balance.refunded_minor if balance else 0,
        voided_minor=balance.voided_minor if balance else 0,
    )
