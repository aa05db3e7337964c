"""The sandbox carrier's twin: `python -m doorstep.adapters.carriers.sandbox --port N --state FILE.sqlite ...`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec

from doorstep.adapters.carriers.sandbox import pressing, shop, wire
from doorstep.adapters.carriers.sandbox.pages import Pages
from doorstep.adapters.carriers.sandbox.plan import FATES, MISHAPS_OF_TELLING
from doorstep.adapters.carriers.sandbox.telling import MISHAPS_OF_SENDING, Teller
from doorstep.adapters.twin import process
from doorstep.adapters.twin.faults import CALL, Faults
from doorstep.adapters.twin.server import Answer, Handler, HttpServer, Problem, Request, json_answer
from doorstep.adapters.twin.store import Store
from doorstep.kit.clock import wall_now

KNOWN_FAULTS = (*CALL, *FATES, *MISHAPS_OF_TELLING, *MISHAPS_OF_SENDING)


class Advance(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /sandbox/advance`: the carrier's clock moves to `now`."""

    now: wire.Moment


class CarrierTwin:
    """The handlers over one state file."""

    def __init__(self, store: Store, teller: Teller, *, faults: Faults, webhook_url: str, api_key: str) -> None:
        self._store = store
        self._teller = teller
        self._started_with = (faults, webhook_url)
        self._faults, self._webhook_url = self._started_with
        self._api_key = api_key
        self._now: datetime | None = None

    def routes(self) -> list[tuple[str, str, Handler]]:
        """What the twin answers to; `/sandbox/...` is for drivers and tests, a real carrier has none of it."""
        return [
            ("POST", "/v1/labels", self._buy),
            ("GET", "/v1/labels/by-reference/{reference}", self._find),
            ("GET", "/v1/labels/{tracking}/label.pdf", self._pdf),
            ("POST", "/v1/labels/{reference}/cancel", self._cancel),
            ("POST", "/sandbox/hand-over", self._hand_over),
            ("POST", "/sandbox/advance", self._advance),
            ("GET", "/sandbox/ledger", self._ledger),
            ("POST", "/sandbox/reset", self._reset),
            *Pages(self._store, self._pressed).routes(),
        ]

    async def _buy(self, request: Request) -> Answer:
        process.authorized(request, self._api_key)
        reference = process.idempotency_key(request)
        order = request.json(wire.ShipmentOrder)
        if order.customer_reference != reference:
            raise Problem(422, "invalid", "customer_reference and Idempotency-Key differ")
        return await process.answer_with_faults(
            self._store, self._faults, reference, lambda: json_answer(shop.sell(self._store, self._faults.seed, order))
        )

    async def _find(self, request: Request) -> Answer:
        process.authorized(request, self._api_key)
        row = self._store.row("label_by_reference", reference=request.names["reference"])
        if row is None:
            raise Problem(404, "not_found", "there is no label of this reference")
        return json_answer(shop.shipment(row))

    async def _pdf(self, request: Request) -> Answer:
        process.authorized(request, self._api_key)
        row = self._store.row("label_by_tracking", tracking_number=request.names["tracking"])
        if row is None:
            raise Problem(404, "not_found", "there is no such label")
        return Answer(body=shop.shipment(row).label_pdf, content_type="application/pdf")

    async def _cancel(self, request: Request) -> Answer:
        process.authorized(request, self._api_key)
        reference = request.names["reference"]
        return await process.answer_with_faults(
            self._store,
            self._faults,
            process.idempotency_key(request),
            lambda: json_answer(shop.take_back(self._store, reference)),
        )

    async def _hand_over(self, request: Request) -> Answer:
        scanned = request.json(shop.HandOver | list[shop.HandOver])  # type: ignore[arg-type]  # a union is no type[T]
        scans = scanned if isinstance(scanned, list) else [scanned]
        with self._store.transaction():
            for scan in scans:
                shop.hand_over(self._store, self._faults, scan)
        return json_answer({"handed_over": len(scans)})

    async def _advance(self, request: Request) -> Answer:
        self._now = now = request.json(Advance).now
        with self._store.transaction():
            shop.collect_due(self._store, self._faults, now)
        return json_answer(await self._teller.advance(now, self._webhook_url, self._faults))

    async def _pressed(self, tracking_number: str, press: str) -> None:
        """A button of the page, on the clock that was told last; a carrier nobody told goes by the machine's."""
        now = (self._now or wall_now()).astimezone(UTC)
        with self._store.transaction():
            pressing.press(self._store, tracking_number, press, now)
        await self._teller.advance(now, self._webhook_url, self._faults)

    async def _ledger(self, request: Request) -> Answer:
        totals = self._store.row("totals")
        ledger: dict[str, object] = {
            "totals": dict(totals) if totals else {},
            "webhooks": {row["name"]: row["count"] for row in self._store.rows("tally")},
        }
        if "summary" not in request.query:
            ledger["labels"] = {row["reference"]: _entry(dict(row)) for row in self._store.rows("ledger")}
        return json_answer(ledger)

    async def _reset(self, request: Request) -> Answer:
        wanted = request.json(process.ResetRequest)
        faults, webhook_url = self._started_with
        self._faults = process.faults_after(wanted, faults, KNOWN_FAULTS)
        self._webhook_url = webhook_url if wanted.webhook_url is None else wanted.webhook_url
        self._now = None
        self._store.forget()
        return json_answer({"reset": True})


def _entry(row: dict[str, object]) -> dict[str, object]:
    """One label in the ledger, with truth values as such and moments as text."""
    handed_over_ms = row.pop("handed_over_ms")
    at = datetime.fromtimestamp(handed_over_ms / 1000, UTC) if isinstance(handed_over_ms, int) else None
    return row | {"canceled": bool(row["canceled"]), "is_return": bool(row["is_return"]), "handed_over_at": at}


async def main(stop: asyncio.Event) -> None:
    """Serve until told to stop."""
    parser = process.arguments("carriers", KNOWN_FAULTS)
    parser.add_argument("--webhook-url", default="", help="where events are told; empty: nowhere, they stay due")
    parser.add_argument("--secret", required=True, help="webhook secret, whsec_ and base64")
    options = parser.parse_args()
    store = Store(options.state, "doorstep.adapters.carriers.sandbox")
    twin = CarrierTwin(
        store,
        Teller(store, options.secret),
        faults=process.faults_from(options, KNOWN_FAULTS),
        webhook_url=options.webhook_url,
        api_key=options.api_key,
    )
    await process.serve_until(stop, HttpServer(twin.routes()), options.host, options.port)
    store.close()


if __name__ == "__main__":
    process.run(main)
