"""The sandbox gateway's twin: `python -m doorstep.adapters.payments.sandbox --port N --state FILE.sqlite ...`."""

from __future__ import annotations

import asyncio

import msgspec

from doorstep.adapters.payments.sandbox import bank, wire
from doorstep.adapters.twin import process
from doorstep.adapters.twin.faults import CALL, Faults
from doorstep.adapters.twin.server import Answer, Handler, HttpServer, Problem, Request, json_answer
from doorstep.adapters.twin.store import Store

KNOWN_FAULTS = CALL


class GatewayTwin:
    """The handlers over one state file."""

    def __init__(self, store: Store, *, faults: Faults, api_key: str) -> None:
        self._store = store
        self._faults = self._started_with = faults
        self._api_key = api_key

    def routes(self) -> list[tuple[str, str, Handler]]:
        """What the twin answers to; `/sandbox/...` is for drivers and tests, a real gateway has none of it."""
        return [
            ("POST", "/v1/authorizations", self._taking("authorization", wire.Authorization)),
            ("POST", "/v1/captures", self._taking("capture", wire.Capture)),
            ("POST", "/v1/refunds", self._taking("refund", wire.Refund)),
            ("POST", "/v1/voids", self._taking("void", wire.Void)),
            ("GET", "/v1/transactions/by-reference/{reference}", self._find),
            ("GET", "/sandbox/ledger", self._ledger),
            ("POST", "/sandbox/reset", self._reset),
        ]

    def _taking(self, kind: wire.Kind, shape: type[bank.Wish]) -> Handler:
        async def handle(request: Request) -> Answer:
            process.authorized(request, self._api_key)
            reference = process.idempotency_key(request)
            wish = request.json(shape)
            return await process.answer_with_faults(
                self._store,
                self._faults,
                reference,
                lambda: json_answer(bank.carry_out(self._store, self._faults.seed, reference, kind, wish), 201),
            )

        return handle

    async def _find(self, request: Request) -> Answer:
        process.authorized(request, self._api_key)
        row = self._store.row("by_reference", reference=request.names["reference"])
        if row is None:
            raise Problem(404, "not_found", "there is no transaction of this reference")
        return json_answer(msgspec.Raw(row["answered"]))

    async def _ledger(self, request: Request) -> Answer:
        ledger: dict[str, object] = {"totals": {row["currency"]: dict(row) for row in self._store.rows("totals")}}
        if "summary" not in request.query:
            ledger["transactions"] = {
                row["reference"]: dict(row) | {"approved": bool(row["approved"])} for row in self._store.rows("ledger")
            }
            ledger["orders"] = {
                row["order_number"]: {name: value or 0 for name, value in dict(row).items()}
                for row in self._store.rows("orders")
            }
        return json_answer(ledger)

    async def _reset(self, request: Request) -> Answer:
        wanted = request.json(process.ResetRequest)
        self._faults = process.faults_after(wanted, self._started_with, KNOWN_FAULTS)
        self._store.forget()
        return json_answer({"reset": True})


async def main(stop: asyncio.Event) -> None:
    """Serve until told to stop."""
    options = process.arguments("payments", KNOWN_FAULTS).parse_args()
    store = Store(options.state, "doorstep.adapters.payments.sandbox")
    twin = GatewayTwin(store, faults=process.faults_from(options, KNOWN_FAULTS), api_key=options.api_key)
    await process.serve_until(stop, HttpServer(twin.routes()), options.host, options.port)
    store.close()


if __name__ == "__main__":
    process.run(main)
