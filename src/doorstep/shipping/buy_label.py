"""Buy a label: a call to the carrier between two transactions, never repeated blindly."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from doorstep import inventory, jobs, journal, orders
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.jobs import Work
from doorstep.journal import Event
from doorstep.kit.outcomes import Refused
from doorstep.shipping import store
from doorstep.shipping.model import BUY_LABEL, CANCEL_LABEL, LabelBought, LabelRow, ReturnLabelBought
from doorstep.shipping.ports import Carrier, Label, LabelRequest, ParcelSpec, Party
from doorstep.shipping.receive_tracking import catch_up

_ACTOR = "shipping"


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    label: LabelRow
    request: LabelRequest
    tried: bool


async def buy_label(work: Work) -> None:
    """The job of a label intent. What was tried before is looked up by our reference first.

    A refusal ends it with an exception for a person; when the job runs again, it is asked again.
    """
    async with work.brand.reading() as tx:
        wish = await _read(tx, work.job.subject)
    if wish is None:
        async with work.brand.transaction() as tx:
            await work.finish(tx)
        return
    carrier = work.port(Carrier, wish.label.carrier)
    try:
        bought = None
        if wish.tried or work.job.attempts > 1:
            bought = await carrier.find_label(wish.request.reference)
        if bought is None:
            bought = await carrier.buy_label(wish.request)
    except Refused as refusal:
        async with work.brand.transaction() as tx:
            await _refuse(tx, wish.label, refusal, await clock_now(tx))
            await work.finish(tx)
        return
    async with work.brand.transaction() as tx:
        await _keep(tx, wish.label, bought, await clock_now(tx))
        await work.finish(tx)


async def _read(tx: Tx, label_id: UUID) -> _Wish | None:
    """The wish with all the carrier must know; None when nothing is to be bought."""
    found = await store.label(tx, label_id)
    if found is None or found[0].status not in ("wanted", "refused"):
        return None
    label, tried = found
    address = (await orders.addresses(tx, [label.order_id]))[label.order_id]
    location = (await inventory.locations(tx))[label.location_id]
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
    request = LabelRequest(
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
    return _Wish(label=label, request=request, tried=tried)


async def _keep(tx: Tx, label: LabelRow, bought: Label, now: datetime) -> None:
    await store.lock_numbers(tx, label.carrier, [bought.tracking_number])
    await orders.lock(tx, [label.order_id])
    if not await store.buy_label(tx, label, bought, now=now):
        dropped = await store.label(tx, label.label_id)
        if dropped is not None and dropped[0].status == "canceled":  # its reason went while the carrier sold it
            await jobs.enqueue(tx, CANCEL_LABEL, [label.label_id], due_at=now)
        return
    number = bought.tracking_number
    event: Event = (
        LabelBought(shipment_id=label.parcel_id, tracking_number=number)
        if label.direction == "out"
        else ReturnLabelBought(return_id=label.parcel_id, tracking_number=number)
    )
    await journal.append(tx, [(label.order_id, event)], actor=_ACTOR, now=now)
    await catch_up(tx, carrier=label.carrier, tracking_number=number, now=now)


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
