"""Buy labels: a call to the carrier for each, between two transactions for many of them, never repeated blindly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from doorstep import inventory, jobs, journal, orders
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.jobs import Done, Errand, Work
from doorstep.journal import Event
from doorstep.kit.outcomes import Refused
from doorstep.shipping import store
from doorstep.shipping.model import BUY_LABEL, CANCEL_LABEL, LabelBought, LabelRow, ReturnLabelBought
from doorstep.shipping.ports import Carrier, Label, LabelRequest, ParcelSpec, Party
from doorstep.shipping.receive_tracking import catch_up

_ACTOR = "shipping"


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A label with all the carrier must know; `request` None: nothing is to be bought any more."""

    label: LabelRow
    request: LabelRequest | None
    tried: bool


async def _read(tx: Tx, works: Sequence[Work]) -> Mapping[Work, _Wish]:
    found = await store.labels(tx, [work.job.subject for work in works])
    addresses = await orders.addresses(tx, {label.order_id for label, _ in found.values()})
    places = await inventory.locations(tx)
    wishes = {}
    for work in works:
        if work.job.subject in found:
            label, tried = found[work.job.subject]
            wanted = label.status in ("wanted", "refused")
            request = _request(label, addresses[label.order_id], places[label.location_id]) if wanted else None
            wishes[work] = _Wish(label=label, request=request, tried=tried)
    return wishes


def _request(label: LabelRow, address: orders.Address, location: inventory.Location) -> LabelRequest:
    customer = Party(
        name=address.name,
        lines=tuple(line for line in (address.street, address.region) if line),
        postcode=address.postcode,
        city=address.city,
        country=address.country,
    )
    house = Party(
        name=location.name,
        lines=(location.street,),
        postcode=location.postcode,
        city=location.city,
        country=location.country,
    )
    back = label.direction == "back"
    return LabelRequest(
        reference=label.label_id.hex,
        service=label.service,
        ship_from=customer if back else house,
        ship_to=house if back else customer,
        parcel=ParcelSpec(
            weight_g=label.weight_g,
            length_mm=label.length_mm,
            width_mm=label.width_mm,
            height_mm=label.height_mm,
        ),
        is_return=back,
        collect_on=label.collect_on,
    )


async def _call(work: Work, wish: _Wish) -> Label | Refused | None:
    """Buy it. What was tried before is looked up by our reference first."""
    if wish.request is None:
        return None
    carrier = work.port(Carrier, wish.label.carrier)
    try:
        bought = None
        if wish.tried or work.job.attempts > 1:
            bought = await carrier.find_label(wish.request.reference)
        return bought or await carrier.buy_label(wish.request)
    except Refused as refusal:
        return refusal


async def _keep(tx: Tx, done: Sequence[Done]) -> None:
    """Write down what the carriers sold. A refusal ends the job with an exception for a person; run again, it asks
    again.
    """
    bought = [(one.wish.label, one.answer) for one in done if isinstance(one.answer, Label)]
    await store.lock_numbers(tx, [(label.carrier, sold.tracking_number) for label, sold in bought])
    await orders.lock(tx, {label.order_id for label, _ in bought})
    now = await clock_now(tx)
    await _note(tx, bought, now)
    for one in done:
        if isinstance(one.answer, Refused):
            await _refuse(tx, one.wish.label, one.answer, now)
    await jobs.finish_all(tx, [one.work for one in done])


buy_label = Errand(read=_read, call=_call, keep=_keep)
"""The job of a label intent: a call to the carrier between two transactions, never repeated blindly."""


async def _note(tx: Tx, bought: Sequence[tuple[LabelRow, Label]], now: datetime) -> None:
    new = await store.buy_labels(tx, bought, now=now)
    late = await store.labels(tx, [label.label_id for label, _ in bought if label.label_id not in new])
    gone = [label_id for label_id, (label, _) in late.items() if label.status == "canceled"]
    await jobs.enqueue(tx, CANCEL_LABEL, gone, due_at=now)  # their reason went while the carrier sold them
    told = [(label.order_id, _event(label, sold)) for label, sold in bought if label.label_id in new]
    await journal.append(tx, told, actor=_ACTOR, now=now)
    numbers: dict[str, list[str]] = defaultdict(list)
    for label, sold in bought:
        if label.label_id in new:
            numbers[label.carrier].append(sold.tracking_number)
    for carrier in sorted(numbers):
        await catch_up(tx, carrier=carrier, tracking_numbers=numbers[carrier], now=now)


def _event(label: LabelRow, sold: Label) -> Event:
    if label.direction == "out":
        return LabelBought(shipment_id=label.parcel_id, tracking_number=sold.tracking_number)
    return ReturnLabelBought(return_id=label.parcel_id, tracking_number=sold.tracking_number)


async def _refuse(tx: Tx, label: LabelRow, refusal: Refused, now: datetime) -> None:
    await store.refuse_label(tx, label.label_id, f"{refusal.code}: {refusal.reason}")
    await jobs.open_exception(
        tx,
        kind="label_refused",
        subject=label.label_id,
        order_id=label.order_id,
        owner="shipping",
        next_action="Correct what the carrier refuses, then retry: POST /v1/exceptions/{id}/retry",
        detail={
            "job": BUY_LABEL,
            "carrier": label.carrier,
            "code": refusal.code,
            "reason": refusal.reason,
            "direction": label.direction,
            "parcel": label.parcel_id,
        },
        now=now,
    )
