"""The twin's counter: sells labels once per reference, takes them back, hands parcels to the van."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, time

import msgspec

from doorstep.adapters.carriers.sandbox import wire
from doorstep.adapters.carriers.sandbox.label import label_pdf
from doorstep.adapters.carriers.sandbox.plan import Journey, plan
from doorstep.adapters.twin.faults import Faults, digits
from doorstep.adapters.twin.server import Problem
from doorstep.adapters.twin.store import Store

COLLECTED_AT = time(11, 0, tzinfo=UTC)  # the driver's round


class HandOver(msgspec.Struct, frozen=True, kw_only=True):
    """The driver's scan."""

    tracking_number: str
    at: wire.Moment


def sell(store: Store, seed: int, order: wire.ShipmentOrder) -> wire.Shipment:
    """Sell a label, or answer the one sold before under this reference. Raises Problem. Inside a transaction."""
    row = store.row("label_by_reference", reference=order.customer_reference)
    ordered = msgspec.json.encode(order)
    if row is None:
        _check(order)
        product = wire.PRODUCTS[order.product]
        price = product.price_minor + product.price_per_kg_minor * -(-order.weight_grams // 1000)
        tracking_number = _tracking_number(seed, order.customer_reference)
        store.run("add_purchase", reference=order.customer_reference, price_minor=price)
        store.run(
            "add_label",
            reference=order.customer_reference,
            tracking_number=tracking_number,
            ordered=ordered,
            price_minor=price,
        )
        if order.collection_date is not None:
            comes = datetime.combine(order.collection_date, COLLECTED_AT)
            store.run("add_collection", reference=order.customer_reference, collect_ms=milliseconds(comes))
        row = store.row("label_by_reference", reference=order.customer_reference)
    elif row["ordered"] != ordered:
        raise Problem(409, "reference_conflict", "this reference was used for another shipment")
    if row is None or row["canceled"]:
        raise Problem(409, "canceled", "the label of this reference was canceled")
    return shipment(row)


def shipment(row: sqlite3.Row) -> wire.Shipment:
    """A stored label with its PDF, which is drawn anew each time: the same bytes."""
    order = msgspec.json.decode(row["ordered"], type=wire.ShipmentOrder)
    return wire.Shipment(
        shipment_id=f"shp_{row['tracking_number'][2:]}",
        tracking_number=row["tracking_number"],
        customer_reference=row["reference"],
        product=order.product,
        price_minor=row["price_minor"],
        currency=wire.CURRENCY,
        canceled=bool(row["canceled"]),
        label_pdf=label_pdf(order, row["tracking_number"]),
    )


def take_back(store: Store, reference: str) -> wire.Cancellation:
    """Cancel a label that no van has taken. Raises Problem. Inside a transaction."""
    row = store.row("label_by_reference", reference=reference)
    if row is None:
        raise Problem(404, "not_found", "there is no label of this reference")
    if row["handed_over_ms"] is not None:
        raise Problem(409, "already_handed_over", "the parcel is on its way")
    store.run("cancel_label", reference=reference)
    return wire.Cancellation(customer_reference=reference, canceled=True)


def hand_over(store: Store, faults: Faults, scan: HandOver) -> None:
    """Take a parcel and plan what will happen to it; a second scan changes nothing. Raises Problem.

    Inside a transaction.
    """
    row = store.row("label_by_tracking", tracking_number=scan.tracking_number)
    if row is None:
        raise Problem(404, "not_found", f"there is no parcel {scan.tracking_number}")
    if row["canceled"]:
        raise Problem(409, "canceled", f"the label of {scan.tracking_number} was canceled")
    if row["handed_over_ms"] is not None:
        return
    store.run("hand_over", reference=row["reference"], handed_over_ms=milliseconds(scan.at))
    row = store.row("label_by_tracking", tracking_number=scan.tracking_number)
    assert row is not None
    for telling in plan(journey_of(row), faults):
        event = telling.event
        store.run(
            "add_telling", event_id=event.id, tell_ms=milliseconds(telling.tell_at), event=msgspec.json.encode(event)
        )


def collect_due(store: Store, faults: Faults, now: datetime) -> None:
    """The driver was where parcels were to be collected by now. Inside a transaction."""
    for row in store.rows("collections_due", now_ms=milliseconds(now)):
        at = datetime.fromtimestamp(row["collect_ms"] / 1000, UTC)
        hand_over(store, faults, HandOver(tracking_number=row["tracking_number"], at=at))


def journey_of(row: sqlite3.Row) -> Journey:
    """A stored label that the van has taken."""
    order = msgspec.json.decode(row["ordered"], type=wire.ShipmentOrder)
    return Journey(
        tracking_number=row["tracking_number"],
        product=order.product,
        origin=order.sender.town,
        destination=order.recipient.town,
        is_return=order.return_shipment,
        handed_over_at=datetime.fromtimestamp(row["handed_over_ms"] / 1000, UTC),
    )


def milliseconds(at: datetime) -> int:
    """A moment as the state file keeps it."""
    return round(at.timestamp() * 1000)


def _check(order: wire.ShipmentOrder) -> None:
    if order.product not in wire.PRODUCTS:
        raise Problem(422, "service_not_offered", f"there is no product {order.product!r}")
    if order.weight_grams > wire.WEIGHT_MAX_G:
        raise Problem(422, "too_heavy", f"at most {wire.WEIGHT_MAX_G} g")
    if order.collection_date is not None and order.collection_date.weekday() >= 5:
        raise Problem(422, "collection_not_offered", "we collect from Monday to Friday")
    for address in (order.sender, order.recipient):
        if address.postal_code.upper().startswith(wire.UNSERVED_POSTCODE):
            raise Problem(422, "postcode_not_served", f"we do not go to {address.postal_code}")


def _tracking_number(seed: int, reference: str) -> str:
    """`DS`, 13 digits and a check digit: weights 3 and 1 from the right, as GS1 does it."""
    number = digits(seed, "tracking", reference, count=13)
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(number)))
    return f"DS{number}{-total % 10}"
