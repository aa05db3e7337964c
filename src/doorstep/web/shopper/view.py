"""An order as its customer sees it: read in one snapshot, told in their words. Sentences are in the templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from babel import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_currency, format_decimal

from doorstep import catalog, delivery, insights, inventory, orders, payments, returns, shipping
from doorstep.db import Tx
from doorstep.insights import Moment
from doorstep.inventory import Location
from doorstep.kit.errors import NotFound
from doorstep.kit.ids import show
from doorstep.kit.money import digits
from doorstep.kit.templates import language_of, locale_of
from doorstep.web.look import Look, look
from doorstep.web.shopper.door import SQL

# Holds a customer can do something about; of others they hear nothing.
ASKED = frozenset({"incorrect_address", "awaiting_personalization_proof"})
_TOLD_STATUS = frozenset({"in_transit", "out_for_delivery", "available_for_pickup", "attempt_failed", "returning"})
_TOLD = frozenset(
    {
        "orders.placed", "orders.canceled", "orders.address_changed", "payments.declined", "delivery.repromised",
        "delivery.delay_answered",
        "fulfillment.packed", "shipping.handed_over", "shipping.lost", "shipping.came_back", "shipping.delivered",
        "returns.requested", "returns.label_bought", "returns.in_transit", "returns.received", "returns.declined",
        "returns.expired", "payments.refunded",
    }
)  # fmt: skip
_STATIONS = ("placed", "preparing", "sent", "delivered")


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the page is made of, as the nouns tell it."""

    look: Look
    head: Mapping[str, Any]
    lines: Sequence[orders.LineRow]
    titles: Mapping[int, str]
    kits: Mapping[int, str]  # of a line that is part of a kit: the kit's title
    address: orders.Address
    shipments: Sequence[shipping.Shipment]
    promises: Sequence[delivery.Promise]
    history: Sequence[delivery.Promise]
    returned: Sequence[returns.Return]
    instead: Mapping[int, str]
    places: Mapping[int, Location]
    balance: payments.Balance | None
    question: orders.Question | None
    moments: Sequence[Moment]


async def read(tx: Tx, order_id: UUID) -> Known:
    """All of an order. Raises NotFound."""
    head = await tx.fetchrow(SQL.head, order_id)
    if head is None:
        raise NotFound("There is no such order.")
    lines = (await orders.lines(tx, [order_id]))[order_id]
    returned = (await returns.of_orders(tx, [order_id]))[order_id]
    instead = {each.sku_id for one in returned for each in one.exchanges}
    kits = await orders.kits_of(tx, order_id)
    products = await catalog.by_id(tx, {line.sku_id for line in lines} | {kit.sku_id for kit in kits} | instead)
    return Known(
        head=dict(head),
        look=await look(tx),
        lines=lines,
        titles={line.line_no: products[line.sku_id].title for line in lines},
        kits={line_no: products[kit.sku_id].title for kit in kits for line_no, _ in kit.parts},
        address=(await orders.addresses(tx, [order_id]))[order_id],
        shipments=(await shipping.of_orders(tx, [order_id]))[order_id],
        promises=(await delivery.current(tx, [order_id])).get(order_id, []),
        history=await delivery.history(tx, order_id),
        returned=returned,
        instead={sku_id: products[sku_id].title for sku_id in instead},
        places=await inventory.locations(tx),
        balance=(await payments.balance(tx, [order_id])).get(order_id),
        question=await orders.question(tx, order_id),
        moments=await insights.moments(tx, order_id),
    )


class Words:
    """Dates on the shop's clock and amounts in the order's currency, as the reader writes them."""

    def __init__(self, head: Mapping[str, Any]) -> None:
        self.language = language_of(head["locale"])
        self._locale: Locale = locale_of(head["locale"], head["currency"])
        self._currency: str = head["currency"]
        self._zone = ZoneInfo(head["timezone"])

    @property
    def place(self) -> str:
        """The city whose clock these are; empty for no city's."""
        return "" if "/" not in self._zone.key else self._zone.key.rpartition("/")[2].replace("_", " ")

    def day(self, moment: datetime | str | None) -> str:
        """`Tuesday, 24 November 2026`; empty for no day."""
        return "" if not moment else str(format_date(self._local(moment), "full", locale=self._locale))

    def date(self, day: date | None) -> str:
        """The same for a day of the calendar."""
        return "" if day is None else str(format_date(day, "full", locale=self._locale))

    def short(self, moment: datetime | str) -> str:
        """`Tue 24 Nov, 14:30`."""
        local = self._local(moment)
        day = format_skeleton("MMMEd", local, locale=self._locale)
        return f"{day}, {format_time(local, 'short', locale=self._locale)}"

    def time(self, moment: datetime | str) -> str:
        """`14:30`, or as the reader's country writes it."""
        return str(format_time(self._local(moment), "short", locale=self._locale))

    def far(self, distance_km: float) -> str:
        """`< 1 km`, `2.3 km`, `41 km`: as exact as a straight line from the middle of a postcode's area can be."""
        if distance_km < 1:
            return "< 1 km"
        number = format_decimal(round(distance_km, 1 if distance_km < 10 else 0), locale=self._locale)
        return f"{number} km"

    def money(self, amount_minor: int) -> str:
        """An amount with its currency."""
        amount = Decimal(amount_minor).scaleb(-digits(self._currency))
        return str(format_currency(amount, self._currency, locale=self._locale, currency_digits=False))

    def _local(self, moment: datetime | str) -> datetime:
        return (moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)).astimezone(self._zone)


def describe(known: Known) -> dict[str, Any]:
    """What the template says. Pure."""
    head, words = known.head, Words(known.head)
    state = state_of(known)
    promised, partly = promise_of(known)
    return {
        "words": words,
        "shop": head["shop"],
        "look": known.look,
        "number": head["number"],
        "version": head["version"],
        "service": head["service_title"] or head["service"],
        "now": head["now"],
        "state": state,
        "stations": _stations(state, known),
        "promised": promised,
        "partly": partly,
        "changed": _changed(known),
        "question": known.question,
        "late": state not in ("canceled", "gone", "delivered", "asked", "kept"),
        "asked": sorted(ASKED.intersection(head["holds"])),
        "parcels": [_parcel(known, one, place) for place, one in enumerate(_sent(known), start=1)],
        "waiting": [item for item in (_rest(known, line) for line in known.lines) if item],
        "items": [_item(known, line) for line in known.lines],
        "story": _story(known),
        "titles": known.titles,
        "sums": _sums(known),
        "returned": [_returned(known, one) for one in known.returned],
        "exchange_of": head["exchange_of"],
        "exchange_of_id": head["exchange_of_id"],
        "can_return": any(line.delivered for line in known.lines),
        "address": known.address,
        "can_move": can_move(known),
        "cancelable": [item for item in (_cancelable(known, line) for line in known.lines) if item],
    }


def state_of(known: Known) -> str:
    """Where the whole order is, in one word; the template has a sentence for each."""
    head = known.head
    if head["status"] == "canceled":
        return "gone" if any(one.paid_back for one in known.shipments) else "canceled"
    if ASKED.intersection(head["holds"]):
        return "asked"
    if "awaiting_return" in head["holds"]:
        return "kept"
    if not any(line.to_come for line in known.lines):
        return "delivered"
    road = {one.status for one in known.shipments if one.handed_over_at is not None and not one.ended}
    if "out_for_delivery" in road:
        return "today"
    if "available_for_pickup" in road:
        return "pickup"
    if road:
        return "sent" if head["fulfillment_status"] == "shipped" else "partly_sent"
    if any(line.delivered or line.return_requested or line.returned for line in known.lines):
        return "partly_there"
    if head["awaiting_payment"]:
        return "declined" if known.balance and known.balance.declines else "payment"
    if head["fulfillment_status"] == "backordered":
        return "waiting"
    return "preparing" if head["fulfillment_status"] == "in_progress" else "placed"


def promise_of(known: Known) -> tuple[datetime | None, datetime | None]:
    """The day by which all that is still to come is promised; when no one knows it for all, the day for the rest.

    The ledger gets its first entries a moment after the order was placed; until then the order's own date counts.
    """
    if not known.promises:
        return known.head["promised_by"], None
    to_come = {line.line_no for line in known.lines if line.to_come}
    dates = [one.promised_by for one in known.promises if one.line_no in to_come]
    last = max((date for date in dates if date), default=None)
    return (None, last) if None in dates else (last, None)


def can_move(known: Known) -> bool:
    """Whether the address may still be changed: nothing was picked yet."""
    started = any(line.picked or line.packed or line.kept or line.returned for line in known.lines)
    return not started and known.head["status"] in ("open", "on_hold")


def _stations(state: str, known: Known) -> list[tuple[str, str]]:
    at = {"preparing": 1, "partly_sent": 2, "partly_there": 2, "sent": 2, "today": 2, "pickup": 2, "delivered": 3}.get(
        state, 0
    )
    if state in ("waiting", "asked") and any(line.activated or line.picked or line.packed for line in known.lines):
        at = 1
    over = state == "delivered"
    return [
        (name, "done" if place < at or over else "now" if place == at else "") for place, name in enumerate(_STATIONS)
    ]


def _changed(known: Known) -> list[dict[str, Any]]:
    """Each new date of what is still to come, once however many lines it concerns: the old, the new, and why."""
    to_come = {line.line_no for line in known.lines if line.to_come}
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    before: dict[int, delivery.Promise] = {}
    for one in known.history:
        old = before.get(one.line_no)
        before[one.line_no] = one
        if one.line_no in to_come and old is not None and old.promised_by != one.promised_by:
            key = (old.promised_by, one.promised_by, one.cause)
            found.pop(key, None)  # the last one stands last
            found[key] = {"was": old.promised_by, "now": one.promised_by, "cause": one.cause, "at": one.made_at}
    return list(found.values())


def _sent(known: Known) -> list[shipping.Shipment]:
    return [one for one in known.shipments if one.handed_over_at is not None]


def _parcel(known: Known, one: shipping.Shipment, place: int) -> dict[str, Any]:
    return {
        "place": place,
        "status": "lost" if one.lost_at else "came_back" if one.came_back_at else one.status,
        "carrier": one.carrier.title(),
        "number": one.tracking_number,
        "at": one.delivered_at or one.status_at or one.handed_over_at,
        "expected_by": None if one.ended else one.expected_by or one.promised_by,
        "items": [(part.quantity, known.titles[part.line_no]) for part in one.lines],
    }


def _rest(known: Known, line: orders.LineRow) -> dict[str, Any] | None:
    """Units of a line that have not left, and whether they wait for goods."""
    short = line.backordered + line.shortfall
    inside = line.reserved + line.activated + line.picked + line.packed
    if not short + inside:
        return None
    return {"title": known.titles[line.line_no], "short": short, "inside": inside}


def _item(known: Known, line: orders.LineRow) -> dict[str, Any]:
    return {
        "title": known.titles[line.line_no],
        "kit": known.kits.get(line.line_no, ""),
        "ordered": line.ordered,
        "canceled": line.canceled,
        "returned": line.returned,
        "total_minor": line.total_minor,
        "services": [{"kind": service.kind, **service.detail} for service in line.services],
    }


def _cancelable(known: Known, line: orders.LineRow) -> dict[str, Any] | None:
    units = line.shortfall + line.backordered + line.reserved + line.activated
    return {"line_no": line.line_no, "title": known.titles[line.line_no], "units": units} if units else None


def _is_told(one: Moment) -> bool:
    if one.kind == "shipping.tracked":
        return one.data["status"] in _TOLD_STATUS
    if one.kind == "orders.hold_placed":
        return one.data["reason"] in ASKED
    return one.kind in _TOLD


def _story(known: Known) -> list[dict[str, Any]]:
    """What happened, newest first; with the number of the parcel, where there are several."""
    places = {parcel.shipment_id.hex: place for place, parcel in enumerate(_sent(known), start=1)}
    story = []
    for one in reversed(known.moments):
        if _is_told(one):
            lines = one.data.get("lines") or []
            goods = [
                (line["quantity"], known.titles.get(line["line_no"], "")) for line in lines if isinstance(line, dict)
            ]
            parcel = places.get(str(one.data.get("shipment_id", "")).replace("-", "")) if len(places) > 1 else None
            story.append({"kind": one.kind, "at": one.at, "data": one.data, "goods": goods, "parcel": parcel})
    return story


def _returned(known: Known, one: returns.Return) -> dict[str, Any]:
    place = known.places[one.location_id]
    return {
        "id": show("ret", one.return_id),
        "number": one.number,
        "status": one.status,
        "handover": one.handover,
        "items": [(line.quantity, known.titles[line.line_no]) for line in one.lines],
        "place": f"{place.name}, {place.street}, {place.postcode} {place.city}",
        "label": one.handover == "label" and one.tracking_number is not None,
        "refund_by": one.refund_by,
        "refund_minor": one.refund_minor,
        "expires_at": one.expires_at,
        "collect_on": one.collect_on,
        "booked": one.tracking_number is not None,
        "instead": [(each.meant, known.instead[each.sku_id]) for each in one.exchanges if each.meant],
        "exchange_number": one.exchanges[0].exchange_number if one.exchanges else "",
        "exchange_id": one.exchanges[0].exchange_order_id if one.exchanges else None,
        "open": one.status in ("requested", "in_transit", "received"),
    }


def _sums(known: Known) -> dict[str, int]:
    head, balance = known.head, known.balance
    return {
        "shipping": head["shipping_minor"],
        "total": head["total_minor"],
        "less": head["total_minor"] - balance.due_minor if balance else 0,
        "paid": balance.captured_minor if balance else 0,
        "refunded": balance.refunded_minor if balance else 0,
    }
