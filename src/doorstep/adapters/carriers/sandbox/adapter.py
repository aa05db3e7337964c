"""Doorstep's words to the sandbox carrier's words and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from urllib.parse import quote

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError

from doorstep.adapters.carriers.sandbox import wire
from doorstep.adapters.outbound import Outbound
from doorstep.adapters.settings import Settings
from doorstep.kit.outcomes import Refused
from doorstep.shipping.ports import Label, LabelRequest, Party, TrackingStatus, TrackingUpdate

# Our services in their products, the cheapest first; a service may be sold in a second currency.
_PRODUCT = {
    "standard": "STD",
    "standard-eur": "STD",
    "pickup-eur": "STD",
    "express": "EXP",
    "express-eur": "EXP",
    "fast-track": "FTK",
    "fast-track-eur": "FTK",
}

# Their words in our canon. A word they add tomorrow must not stop the rest: it maps to `pending`, which moves nothing.
_STATUS: dict[str, TrackingStatus] = {
    "PRE_ADVISED": "info_received",
    "COLLECTED": "in_transit",
    "AT_HUB": "in_transit",
    "AT_DEPOT": "in_transit",
    "OUT_FOR_DELIVERY": "out_for_delivery",
    "READY_FOR_PICKUP": "available_for_pickup",
    "NOT_DELIVERED": "attempt_failed",
    "DELIVERED": "delivered",
    "DELAYED": "exception",
    "LOST": "exception",
}
_SUBSTATUS = {"DELAYED": "delay", "LOST": "lost"}


class SandboxCarrier:
    """One account with the sandbox carrier; `settings.secret` is the webhook secret (`whsec_...`)."""

    code = "sandbox"
    services = tuple(_PRODUCT)

    def __init__(self, settings: Settings) -> None:
        self._http = Outbound(settings, headers={"authorization": f"Bearer {settings.api_key or 'sandbox'}"})
        self._webhook = Webhook(settings.secret) if settings.secret else None

    async def buy_label(self, request: LabelRequest) -> Label:
        """See `Carrier.buy_label`."""
        if request.service not in _PRODUCT:
            raise Refused("service_not_offered", f"the sandbox carrier has no service {request.service!r}")
        parcel = request.parcel
        order = wire.ShipmentOrder(
            customer_reference=request.reference,
            product=_PRODUCT[request.service],
            sender=_address(request.ship_from),
            recipient=_address(request.ship_to),
            weight_grams=parcel.weight_g,
            dimensions_mm=(parcel.length_mm, parcel.width_mm, parcel.height_mm),
            return_shipment=request.is_return,
            collection_date=request.collect_on,
        )
        headers = {"content-type": "application/json", "idempotency-key": request.reference}
        bought = await self._http.change(
            "/v1/labels", content=msgspec.json.encode(order), headers=headers, answer=wire.Shipment
        )
        return _label(bought)

    async def find_label(self, reference: str) -> Label | None:
        """See `Carrier.find_label`."""
        found = await self._http.look(f"/v1/labels/by-reference/{quote(reference, safe='')}", answer=wire.Shipment)
        return None if found is None or found.canceled else _label(found)

    async def cancel_label(self, reference: str) -> None:
        """See `Carrier.cancel_label`."""
        await self._http.change(
            f"/v1/labels/{quote(reference, safe='')}/cancel",
            content=b"",
            headers={"idempotency-key": f"{reference}/cancel"},
            answer=wire.Cancellation,
        )

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[TrackingUpdate]:
        """See `Carrier.parse_webhook`; signatures are Standard Webhooks and older than five minutes they are void."""
        if self._webhook is None:
            raise Refused("bad_signature", "this account has no webhook secret")
        try:
            self._webhook.verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, ValueError) as error:  # ValueError: what is not base64 or not text
            raise Refused("bad_signature", f"the webhook is not signed by the carrier: {error}") from error
        try:
            notice = msgspec.json.decode(body, type=wire.Notice)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refused("garbage", f"the webhook was not understood: {error}") from error
        return [_update(event) for event in notice.events]

    async def aclose(self) -> None:
        """See `Carrier.aclose`."""
        await self._http.aclose()


def _address(party: Party) -> wire.Address:
    return wire.Address(
        name=party.name,
        street=party.lines,
        postal_code=party.postcode,
        town=party.city,
        country_code=party.country,
        telephone=party.phone,
        email=party.email,
    )


def _label(shipment: wire.Shipment) -> Label:
    return Label(
        tracking_number=shipment.tracking_number,
        carrier_reference=shipment.shipment_id,
        label_pdf=shipment.label_pdf,
        cost_minor=shipment.price_minor,
        currency=shipment.currency,
    )


def _update(event: wire.Event) -> TrackingUpdate:
    known = event.code in _STATUS
    return TrackingUpdate(
        event_id=event.id,
        tracking_number=event.tracking_number,
        status=_STATUS.get(event.code, "pending"),
        substatus=_SUBSTATUS.get(event.code, event.reason) if known else "unmapped",
        occurred_at=event.at.astimezone(UTC),
        description=event.text,
        location=event.place,
        expected_at=event.eta.astimezone(UTC) if event.eta else None,
        raw=msgspec.to_builtins(event),
    )
