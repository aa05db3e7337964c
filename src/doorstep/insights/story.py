"""The timeline: every event of an order as a sentence, in order, and what the customer was told in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from babel.dates import format_datetime
from babel.numbers import format_currency

from doorstep.db import Tx, statements
from doorstep.kit.errors import NotFound
from doorstep.kit.ids import show
from doorstep.kit.money import digits

SQL = statements(__package__)


class Chapter(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. `kind` is the event's name, or `updates.sent` for a message; `text` is for people."""

    at: datetime
    kind: str
    text: str
    actor: str
    seq: int | None = None


class _Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Names for the ids in events."""

    currency: str
    titles: Mapping[str, str]
    locations: Mapping[int, str]

    def place(self, data: Mapping[str, Any], field: str = "location_id") -> str:
        """A location's name."""
        return self.locations.get(data[field], "a location that is gone")

    def money(self, data: Mapping[str, Any], field: str = "amount_minor") -> str:
        """An amount with its currency sign."""
        amount = data[field] / 10 ** digits(self.currency)
        return str(format_currency(amount, self.currency, locale="en_GB"))

    def goods(self, lines: Sequence[Mapping[str, Any]]) -> str:
        """`2 × A mug and 1 × A card`."""
        names: dict[int, int] = {}
        for line in lines:
            names[line["line_no"]] = names.get(line["line_no"], 0) + line["quantity"]
        words = [f"{units} × {self.titles.get(str(no), 'line ' + str(no))}" for no, units in names.items()]
        if len(words) > 4:
            words = [*words[:3], f"{len(words) - 3} more"]
        return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _day(value: str | None) -> str:
    if value is None:
        return "a date we do not know yet"
    return str(format_datetime(datetime.fromisoformat(value), "EEEE d MMMM", locale="en_GB"))


_Teller = Callable[[Mapping[str, Any], _Facts], str]

_HOLDS = {
    "awaiting_payment": "the payment",
    "high_risk_of_fraud": "a check of the payment's risk",
    "incorrect_address": "a correct address",
    "inventory_out_of_stock": "stock",
    "unknown_delivery_date": "a delivery date",
    "awaiting_personalization_proof": "the approval of the personalization",
    "customer_request": "the customer",
    "promise_at_risk": "a decision about the delivery date",
    "awaiting_return": "the return of what it replaces",
    "other": "a person",
}
_TRACKED = {
    "info_received": "The carrier knows of the parcel.",
    "in_transit": "The parcel is on its way.",
    "out_for_delivery": "The parcel is out for delivery.",
    "available_for_pickup": "The parcel waits to be picked up.",
    "attempt_failed": "The carrier could not deliver the parcel.",
    "exception": "The carrier reports a problem with the parcel.",
    "returning": "The parcel is on its way back.",
    "returned": "The parcel came back.",
    "delivered": "The parcel has arrived.",
}

_ANSWERS = {
    "wait": "Asked about the delay, the customer waits for the new date.",
    "cancel": "Asked about the delay, the customer cancels what has not left.",
    "send_back": "Asked about the delay, the customer will send it back when it arrives.",
}

_SUPPLY = {
    "supply_late": "the delivery it waits for comes later",
    "supply_early": "the delivery it waits for comes earlier",
    "supply_less": "the delivery it waited for brings less",
    "supply_gone": "the delivery it waited for will not come",
    "fewer_arrived": "less came than was expected",
    "moved_up": "it has a place on another delivery now",
    "release_late": "its release is later",
    "release_early": "its release is earlier",
}
_SENTENCES: Mapping[str, _Teller] = {
    "orders.placed": lambda d, f: (
        "The order was placed, but not everything is in stock."
        if d["short"]
        else "The order was placed; a part of it waits for goods on their way or for its release."
        if d.get("awaited")
        else "The order was placed."
    ),
    "orders.hold_placed": lambda d, f: f"The order waits for {_HOLDS[d['reason']]}.",
    "orders.hold_released": lambda d, f: (
        f"The wait for {_HOLDS[d['reason']]} is over" + ("; work can start." if d["all_clear"] else ".")
    ),
    "orders.canceled": lambda d, f: f"{f.goods(d['lines'])} canceled: {d['reason']}.",
    "orders.allocated": lambda d, f: f"{f.goods(d['lines'])} got stock: {d['cause']}.",
    "orders.rerouted": lambda d, f: (
        f"{f.goods(d['lines'])} will now come from {f.place(d['lines'][0], 'to_location_id')} ({d['cause']})."
    ),
    "orders.backordered": lambda d, f: (
        f"{f.goods(d['lines'])} must wait for goods ({d['cause']})"
        + (f", expected {_day(d['expected_at'])}." if d["expected_at"] else "; nobody knows yet until when.")
    ),
    "orders.redated": lambda d, f: (
        f"{f.goods(d['lines'])}: {_SUPPLY.get(d['cause'], d['cause'])}, "
        + (
            f"so that it arrives by {_day(d['expected_by'])}."
            if d["expected_by"]
            else "and nobody knows yet until when."
        )
    ),
    "orders.address_changed": lambda d, f: "The delivery address was changed.",
    "payments.authorized": lambda d, f: f"{f.money(d)} authorized.",
    "payments.declined": lambda d, f: (
        f"The payment was declined ({d['code']})"
        + (", for the last time." if d["final"] else "; it will be tried again.")
    ),
    "payments.captured": lambda d, f: f"{f.money(d)} taken for what was sent.",
    "payments.refunded": lambda d, f: f"{f.money(d)} refunded.",
    "payments.voided": lambda d, f: f"{f.money(d)} of the authorization let go.",
    "payments.failed": lambda d, f: f"A payment step failed ({d['kind']}: {d['code']}); a person looks at it.",
    "fulfillment.activated": lambda d, f: f"{f.place(d)} was asked to prepare the parcel.",
    "fulfillment.accepted": lambda d, f: f"{f.place(d)} accepted the work.",
    "fulfillment.rejected": lambda d, f: f"{f.place(d)} rejected the work: {d['reason']}.",
    "fulfillment.picked": lambda d, f: f"{f.goods(d['lines'])} picked.",
    "fulfillment.short_picked": lambda d, f: f"{f.goods(d['lines'])} not found at {f.place(d)} ({d['reason']}).",
    "fulfillment.work_done": lambda d, f: (
        {
            "personalize": "Personalized",
            "gift_wrap": "Gift-wrapped",
            "acknowledge": "Instructions read for",
        }[d["kind"]]
        + f" {f.goods([{'line_no': d['line_no'], 'quantity': 1}]).removeprefix('1 × ')}."
    ),
    "fulfillment.work_reopened": lambda d, f: (
        {
            "personalize": "Personalizing",
            "gift_wrap": "Gift-wrapping",
            "acknowledge": "Reading the instructions for",
        }[d["kind"]]
        + f" {f.goods([{'line_no': d['line_no'], 'quantity': 1}]).removeprefix('1 × ')} is to be done again."
    ),
    "fulfillment.packed": lambda d, f: f"The parcel was packed at {f.place(d)}.",
    "shipping.label_bought": lambda d, f: f"The label was bought: {d['tracking_number']}.",
    "shipping.handed_over": lambda d, f: f"{f.goods(d['lines'])} handed to the carrier as {d['tracking_number']}.",
    "shipping.tracked": lambda d, f: _TRACKED.get(d["status"], f"The parcel's status is {d['status']}."),
    "shipping.late": lambda d, f: (
        f"The parcel will be late: {_day(d['expected_by'])} instead of {_day(d['promised_by'])} ({d['cause']})."
    ),
    "shipping.lost": lambda d, f: "The carrier lost the parcel.",
    "shipping.came_back": lambda d, f: "The parcel could not be delivered and came back.",
    "shipping.delivered": lambda d, f: f"{f.goods(d['lines'])} delivered.",
    "delivery.repromised": lambda d, f: (
        f"The promise moved from {_day(d['was_promised_by'])} to {_day(d['promised_by'])} ({d['cause']})."
    ),
    "delivery.delay_answered": lambda d, f: _ANSWERS[d["answer"]],
    "returns.requested": lambda d, f: (
        f"Return {d['number']} was requested, to be handed over by {d['handover']}"
        + (f"; order {d['exchange_number']} is sent in exchange." if d.get("exchange_number") else ".")
    ),
    "shipping.return_label_bought": lambda d, f: f"The return label was bought: {d['tracking_number']}.",
    "returns.label_bought": lambda d, f: "The customer got the return label.",
    "shipping.return_tracked": lambda d, f: f"The return's status is {d['status']}.",
    "returns.in_transit": lambda d, f: "The return is on its way.",
    "returns.received": lambda d, f: (
        f"{f.goods(d['lines'])} came back to {f.place(d)}; {f.money(d, 'refund_minor')} to refund"
        + (f", {f.money(d, 'exchanged_minor')} exchanged." if d.get("exchanged_minor") else ".")
    ),
    "returns.exchange_ready": lambda d, f: f"What {f.goods(d['lines'])} replaces is back.",
    "returns.exchange_undone": lambda d, f: (
        f"Some of what was sent in exchange will not arrive; {f.money(d, 'refund_minor')} to refund."
    ),
    "returns.declined": lambda d, f: f"The return was declined: {d['reason']}.",
    "returns.waived": lambda d, f: (
        f"{f.money(d, 'refund_minor')} to refund for {f.goods(d['lines'])}; the customer keeps them."
    ),
    "orders.goodwill_given": lambda d, f: f"{f.money(d)} given back as goodwill ({d['reason'].replace('_', ' ')}).",
    "updates.asked_again": lambda d, f: (
        f"The message “{d['kind'].replace('_', ' ')}” was asked for again, by {d['channel']}."
    ),
    "returns.expired": lambda d, f: f"The return expired: {d['reason']}.",
}


async def story(tx: Tx, order_id: UUID) -> list[Chapter]:
    """An order's events and messages as sentences, by time. Raises NotFound."""
    row = await tx.fetchrow(SQL.facts, order_id)
    if row is None:
        raise NotFound(f"There is no order {show('ord', order_id)}.")
    facts = _Facts(
        currency=row["currency"],
        titles=msgspec.json.decode(row["titles"]),
        locations={each["location_id"]: each["name"] for each in await tx.fetch(SQL.location_names)},
    )
    chapters = [
        Chapter(
            at=event["occurred_at"],
            kind=event["kind"],
            text=sentence(event["kind"], event["data"], facts),
            actor=event["actor"],
            seq=event["seq"],
        )
        for event in await tx.fetch(SQL.events_of_order, order_id)
    ]
    chapters += [_message(told) for told in await tx.fetch(SQL.told, order_id)]
    # Python's sort is stable: events of one moment stay in the order of their numbers.
    return sorted(chapters, key=lambda chapter: chapter.at)


def sentence(kind: str, data: Mapping[str, Any], facts: _Facts) -> str:
    """An event in plain words."""
    teller = _SENTENCES.get(kind)
    return teller(data, facts) if teller else kind.replace(".", ": ").replace("_", " ")


def _message(told: Any) -> Chapter:
    what = told["kind"].replace("_", " ").replace(".", " ")
    if told["status"] == "suppressed":
        text = f"No message about “{what}”: {told['suppressed_because']}."
    else:
        text = f"The customer was told by {told['channel']}: {what}."
    return Chapter(at=told["at"], kind="updates.sent", text=text, actor="doorstep")


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it stands in the journal, for those who tell it in words of their own."""

    kind: str
    at: datetime
    data: Mapping[str, Any]


async def moments(tx: Tx, order_id: UUID) -> list[Moment]:
    """An order's events, oldest first."""
    rows = await tx.fetch(SQL.events_of_order, order_id)
    return [Moment(kind=row["kind"], at=row["occurred_at"], data=row["data"]) for row in rows]
