"""The people around a running stage, for tests: who orders, who packs, who drives; and the hand on the clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Self

import httpx2
import msgspec
from standardwebhooks import Webhook

from doorstep.demo.calls import Calls, CarrierDesk
from doorstep.demo.stage import BRAND, Stage, set_clock
from doorstep.journey import REACTIONS
from doorstep.kit.clock import wall_now
from doorstep.kit.ids import new_id
from doorstep.web.api.operations import backlog
from tests.support.shop import ADDRESS, CUSTOMER
from tests.support.waiting import eventually

REST_WITHIN_S = 60.0
WORK = ("accept", "pick", "personalize", "gift_wrap", "pack")
"""The steps of work on the floor, in their order."""


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """An order that was placed. `order_page` is the address of its customer's page."""

    order_id: str
    number: str
    order_page: str


class Hands:
    """Everybody who acts on a stage from outside. Time stands still until `set_clock`."""

    def __init__(self, stage: Stage, now: datetime) -> None:
        self.stage, self.now = stage, now
        self.api = Calls(stage.api_url, api_key=stage.run.api_key)
        self._numbers = count(1)
        self._road = Calls(stage.carrier_url)
        self._carrier = CarrierDesk(self._road)

    async def __aenter__(self) -> Self:
        """Nobody outside misbehaves: what goes wrong is made to, by name."""
        for url in (self.stage.carrier_url, self.stage.gateway_url, self.stage.messages_url):
            async with httpx2.AsyncClient(trust_env=False) as client:
                (await client.post(f"{url}/sandbox/reset", json={"faults": {}})).raise_for_status()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.api.aclose()
        await self._road.aclose()

    async def send(self, method: str, path: str, body: object = None) -> Any:
        """A change that must not be refused, decoded."""
        reply = await self.api.do(method, path, body, key=new_id().hex)
        return msgspec.json.decode(reply.content) if reply.content else None

    async def place(self, *lines: Mapping[str, Any], **more: Any) -> Placed:
        """Place an order of lines as {"sku", "quantity", …} at 10.00 a unit."""
        full = [{"quantity": 1, "unit_price_minor": 1000, **line} for line in lines]
        fees = sum(
            line[work]["fee_minor"] for line in full for work in ("personalization", "gift_wrap") if work in line
        )
        total = sum(line["unit_price_minor"] * line["quantity"] for line in full) + fees + 495
        body = {
            "channel": "web", "number": f"W-{next(self._numbers):05}",
            "currency": "GBP", "customer": CUSTOMER, "ship_to": ADDRESS, "service": "standard",
            "lines": full, "shipping_minor": 495, "total_minor": total, "payment": {"token": "tok_ok"},
        }  # fmt: skip
        return msgspec.convert(await self.send("POST", "/v1/orders", {**body, **more}), Placed)

    async def rest(self) -> None:
        """Wait until the system has nothing more to do at this time."""

        async def idle() -> bool:
            left = await backlog(self.stage.brand, REACTIONS)
            return not (left.events_unplaced or left.reactions_due or left.jobs_due)

        await eventually(idle, within_s=REST_WITHIN_S)  # type: ignore[arg-type]  # mypy solves no union with T in both

    async def set_clock(self, now: datetime) -> None:
        """Move the shop's clock and the carrier's, and let everything that is due happen."""
        self.now = now
        await set_clock(self.stage.brand, now, rate=0.0)
        await self.rest()
        await self._carrier.advance(now)
        await self.rest()

    async def pass_time(self, span: timedelta, *, step: timedelta = timedelta(hours=6)) -> None:
        """Let time pass in steps, so that things happen one after the other."""
        until = self.now + span
        while self.now < until:
            await self.set_clock(min(self.now + step, until))

    async def work(self, order_id: str, *, until: str = "pack", at: str = "") -> list[str]:
        """Accept, pick, personalize, wrap and pack what lies there for an order, everywhere or at one location, and
        stop after a step (or before the first, ""); the ids of the work.
        """
        await self.rest()
        found = (await self.api.get("/v1/fulfillment-orders", dict, order=order_id))["items"]
        wanted = [work["fulfillment_order_id"] for work in found if at in ("", work["location"])]
        for path in (f"/v1/fulfillment-orders/{work_id}" for work_id in wanted):
            await self._work_on(path, WORK[: WORK.index(until) + 1] if until else ())
        await self.rest()
        return wanted

    async def _work_on(self, path: str, steps: tuple[str, ...]) -> None:
        waiting: list[dict[str, Any]] = []
        for step in steps:
            if step in ("personalize", "gift_wrap"):
                for one in waiting:
                    if one["status"] == "waiting" and (one["kind"] == "gift_wrap") == (step == "gift_wrap"):
                        await self.send("POST", f"{path}/steps/{one['step_id']}/done")
            else:
                answer = await self.send("POST", f"{path}/{step}", None if step == "accept" else {})
                waiting = answer["steps"] if step == "pick" else waiting

    async def ship(self, order_id: str, *, at: str = "", scan: bool = True) -> list[str]:
        """Pack what lies there and give it to the van; without `scan` nothing is heard of it but what is told. The
        tracking numbers of the parcels.
        """
        await self.work(order_id, at=at)
        parcels = (await self.api.get("/v1/shipments", dict, order=order_id))["items"]
        for parcel in parcels:
            await self.send("POST", f"/v1/shipments/{parcel['shipment_id']}/hand-over")
        numbers = [parcel["tracking_number"] for parcel in parcels]
        if scan:
            await self.scan(*numbers)
        await self.rest()
        return numbers

    async def scan(self, *numbers: str) -> None:
        """The van takes parcels."""
        await self._carrier.scan(list(numbers), self.now)

    async def tell(self, number: str, code: str, **more: object) -> None:
        """The carrier tells something about a parcel, signed as it does."""
        event = {"id": new_id().hex, "tracking_number": number, "code": code, "at": self.now, "text": code, **more}
        body, name, at = msgspec.json.encode({"events": [event]}).decode(), f"msg_{new_id().hex}", wall_now()
        headers = {
            "content-type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(self.stage.run.webhook_secret).sign(name, at, body),
        }
        url = f"{self.stage.api_url}/v1/webhooks/carriers/{BRAND}/sandbox"
        async with httpx2.AsyncClient(trust_env=False) as client:
            (await client.post(url, content=body, headers=headers)).raise_for_status()
        await self.rest()

    async def give_back(self, placed: Placed, handover: str, **more: object) -> dict[str, Any]:
        """Ask for a return of one unit of the first line."""
        lines = [{"line_no": 1, "quantity": 1, "reason": "too_big"}]
        body = {"order_id": placed.order_id, "handover": handover, "lines": lines, **more}
        made: dict[str, Any] = await self.send("POST", "/v1/returns", body)
        await self.rest()
        return made
