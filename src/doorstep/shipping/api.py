"""HTTP: parcels, their labels, the hand-over, and what carriers tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.params import Parameter

from doorstep import inventory
from doorstep.db import Brand, Tx
from doorstep.db.pool import clock_now
from doorstep.inventory import Disposition
from doorstep.kit.errors import Conflict, Fault, Invalid, NotFound, Unauthorized
from doorstep.kit.ids import parse, show
from doorstep.kit.limits import PAGE_DEFAULT, PAGE_MAX
from doorstep.kit.outcomes import Refused
from doorstep.kit.paging import cut, decode
from doorstep.orders import LineQuantity
from doorstep.shipping import store
from doorstep.shipping.hand_over import hand_over
from doorstep.shipping.lose import declare_lost
from doorstep.shipping.model import HandOverOutcome, LabelRow, LabelStatus, Shipment
from doorstep.shipping.ports import Carrier, TrackingStatus
from doorstep.shipping.receive_tracking import Received, receive_tracking
from doorstep.shipping.take_back import take_back

_WAVE = 200


class TrackingView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the carrier told, in our canon."""

    status: str
    substatus: str | None
    description: str
    place: str | None
    occurred_at: datetime


class LabelView(msgspec.Struct, frozen=True, kw_only=True):
    """The label: wanted, bought for `cost_minor`, or refused, and why."""

    status: LabelStatus
    refused_because: str | None
    cost_minor: int | None
    currency: str | None


class ShipmentView(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel. `expected_by` is the later date we announced when it will miss `promised_by`."""

    shipment_id: str
    fulfillment_order_id: str
    parcel_no: int
    order_id: str
    location: str
    carrier: str
    service: str
    status: TrackingStatus
    substatus: str
    tracking_number: str | None
    promised_by: datetime | None
    expected_by: datetime | None
    created_at: datetime
    handed_over_at: datetime | None
    last_heard_at: datetime | None
    delivered_at: datetime | None
    late_at: datetime | None
    lost_at: datetime | None
    came_back_at: datetime | None
    amount_minor: int | None
    lines: list[LineQuantity]
    label: LabelView | None


class ShipmentDetail(ShipmentView, frozen=True, kw_only=True):
    """A parcel with all that the carrier told of it, in the order in which it happened."""

    tracking: list[TrackingView]


class ShipmentPage(msgspec.Struct, frozen=True, kw_only=True):
    """Parcels in the order in which they were packed."""

    items: list[ShipmentView]
    next_cursor: str | None


class HandOverRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to 200 parcels that the carrier takes."""

    ids: Annotated[list[str], msgspec.Meta(min_length=1, max_length=_WAVE)]


class HandOverItem(msgspec.Struct, frozen=True, kw_only=True):
    """How one of many went: `done`, now or before, or not, and then `problem` says why."""

    shipment_id: str
    done: bool
    problem: str


class HandOverResult(msgspec.Struct, frozen=True, kw_only=True):
    """One outcome for each id, in the order given. Those that could leave left, whatever became of the others."""

    items: list[HandOverItem]


class TakeBack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of the goods in a parcel that came back."""

    disposition: Disposition = "restock"


@get("/v1/shipments", tags=["shipping"])
async def list_shipments(
    brand: Brand,
    order: Annotated[str | None, Parameter(max_length=100)] = None,
    status: TrackingStatus | None = None,
    location: Annotated[str | None, Parameter(max_length=100)] = None,
    handed_over: bool | None = None,
    labeled: bool | None = None,
    limit: int = Parameter(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX),
    cursor: str | None = None,
) -> ShipmentPage:
    """Parcels; e.g. `labeled=true&handed_over=false` are those waiting for the van."""
    (after,) = decode(cursor, (UUID,)) if cursor else (UUID(int=0),)
    order_id = parse("ord", order) if order else None
    async with brand.reading() as tx:
        found = await store.page(
            tx,
            order_id=order_id,
            status=status,
            location_id=await _location_id(tx, location) if location else None,
            handed_over=handed_over,
            labeled=labeled,
            after=after,
            limit=limit + 1,
        )
        page, more = cut(found, limit, lambda one: (one.shipment_id,))
        return ShipmentPage(items=await _views(tx, page), next_cursor=more)


@get("/v1/shipments/{shipment_id:str}", tags=["shipping"])
async def read_shipment(brand: Brand, shipment_id: str) -> ShipmentDetail:
    """One parcel, with its tracking."""
    async with brand.reading() as tx:
        return await _detail(tx, parse("shp", shipment_id))


@get("/v1/shipments/{shipment_id:str}/label.pdf", media_type="application/pdf", tags=["shipping"])
async def read_label(brand: Brand, shipment_id: str) -> Response[bytes]:
    """The label, 4 x 6 inch. 404 until it is bought."""
    async with brand.reading() as tx:
        pdf = await store.label_pdf(tx, parse("shp", shipment_id))
    if pdf is None:
        raise NotFound(f"There is no label of {shipment_id[:60]} yet.")
    return Response(pdf, media_type="application/pdf")


@post("/v1/shipments/hand-over", status_code=200, tags=["shipping"])
async def hand_over_many(brand: Brand, actor: str, data: HandOverRequest) -> HandOverResult:
    """The carrier takes many parcels. Again changes nothing, so no Idempotency-Key is needed."""
    keys = [parse("shp", text) for text in data.ids]
    outcomes = await _hand_over(brand, keys, actor)
    return HandOverResult(
        items=[
            HandOverItem(
                shipment_id=show("shp", outcome.shipment_id),
                done=outcome.done,
                problem=outcome.problem,
            )
            for outcome in outcomes
        ]
    )


@post("/v1/shipments/{shipment_id:str}/hand-over", status_code=200, tags=["shipping"])
async def hand_over_one(brand: Brand, actor: str, shipment_id: str) -> ShipmentDetail:
    """The carrier takes the parcel. Needs its label and no open hold. Again changes nothing."""
    key = parse("shp", shipment_id)
    (outcome,) = await _hand_over(brand, [key], actor)
    if outcome.missing:
        raise NotFound(outcome.problem)
    if not outcome.done:
        raise Conflict(outcome.problem)
    async with brand.reading() as tx:
        return await _detail(tx, key)


@post("/v1/webhooks/carriers/{brand_name:str}/{carrier:str}", status_code=200, tags=["shipping"])
async def receive_webhook(
    request: Request[Any, Any, Any], brand: Brand, ports: Mapping[str, object], carrier: str
) -> Received:
    """What a carrier tells about parcels, signed by the carrier. Repeated, late and mixed-up news does no harm."""
    adapter = ports.get(f"Carrier:{carrier}")
    if adapter is None:
        raise NotFound(f"There is no carrier {carrier[:60]!r}.")
    body = await request.body()
    try:
        updates = cast(Carrier, adapter).parse_webhook(dict(request.headers), body)
    except Refused as refusal:
        if refusal.code == "bad_signature":
            raise Unauthorized(refusal.reason) from refusal
        raise Invalid([Fault("", refusal.reason)]) from refusal

    async def act(tx: Tx) -> Received:
        return await receive_tracking(tx, carrier=carrier, updates=updates, now=await clock_now(tx))

    return await brand.run(act)


@post("/v1/shipments/{shipment_id:str}/declare-lost", status_code=200, tags=["shipping"])
async def declare_lost_one(brand: Brand, actor: str, shipment_id: str) -> ShipmentDetail:
    """Give a parcel up that the carrier has not called lost: the units leave the order, the money goes back, the
    customer is told. Again changes nothing. 409 when it has not left, was delivered, or came back.
    """
    key = parse("shp", shipment_id)

    async def act(tx: Tx) -> ShipmentDetail:
        await declare_lost(tx, shipment_id=key, actor=actor, now=await clock_now(tx))
        return await _detail(tx, key)

    return await brand.run(act)


@post("/v1/shipments/{shipment_id:str}/take-back", status_code=200, tags=["shipping"])
async def take_back_one(brand: Brand, actor: str, shipment_id: str, data: TakeBack) -> ShipmentDetail:
    """A parcel came back to the house that sent it: the money goes back, the goods go where `disposition` says, the
    customer is told. Again changes nothing. 409 when it has not left, was delivered, or was lost.
    """
    key = parse("shp", shipment_id)

    async def act(tx: Tx) -> ShipmentDetail:
        await take_back(tx, shipment_id=key, disposition=data.disposition, actor=actor, now=await clock_now(tx))
        return await _detail(tx, key)

    return await brand.run(act)


async def _hand_over(brand: Brand, keys: Sequence[UUID], actor: str) -> list[HandOverOutcome]:
    async def act(tx: Tx) -> list[HandOverOutcome]:
        return await hand_over(tx, shipment_ids=keys, actor=actor, now=await clock_now(tx))

    return await brand.run(act)


async def _location_id(tx: Tx, code: str) -> int:
    for location in (await inventory.locations(tx)).values():
        if location.code == code:
            return location.location_id
    raise Invalid([Fault("?location", f"There is no location {code!r}.")])


async def _detail(tx: Tx, key: UUID) -> ShipmentDetail:
    found = (await store.by_id(tx, [key])).get(key)
    if found is None:
        raise NotFound(f"There is no shipment {show('shp', key)}.")
    (view,) = await _views(tx, [found])
    told = await store.recorded(tx, found.carrier, [found.tracking_number]) if found.tracking_number else []
    tracking = [
        TrackingView(
            status=update.status,
            substatus=update.substatus,
            description=update.description,
            place=update.location,
            occurred_at=update.occurred_at,
        )
        for update in told
    ]
    return ShipmentDetail(
        **{field: getattr(view, field) for field in ShipmentView.__struct_fields__}, tracking=tracking
    )


_SAME = tuple(
    field
    for field in ShipmentView.__struct_fields__
    if field not in ("shipment_id", "fulfillment_order_id", "order_id", "location", "lines", "label")
)


async def _views(tx: Tx, found: Sequence[Shipment]) -> list[ShipmentView]:
    places = await inventory.locations(tx)
    labels = await store.labels_of(tx, [one.shipment_id for one in found])
    return [
        ShipmentView(
            shipment_id=show("shp", one.shipment_id),
            fulfillment_order_id=show("ful", one.fulfillment_order_id),
            order_id=show("ord", one.order_id),
            location=places[one.location_id].code,
            lines=list(one.lines),
            label=_label_view(labels.get(one.shipment_id)),
            **{field: getattr(one, field) for field in _SAME},
        )
        for one in found
    ]


def _label_view(label: LabelRow | None) -> LabelView | None:
    if label is None:
        return None
    return LabelView(
        status=label.status,
        refused_because=label.refused_because,
        cost_minor=label.cost_minor,
        currency=label.currency,
    )


HANDLERS = (
    list_shipments,
    read_shipment,
    read_label,
    hand_over_many,
    hand_over_one,
    declare_lost_one,
    take_back_one,
    receive_webhook,
)
