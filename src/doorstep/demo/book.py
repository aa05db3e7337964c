"""What the demo's people know: the numbers of orders, and what the system's feed of events tells them.

Everything in here is learned by reading `GET /v1/events` from the start, so that a driver that was killed knows the
same again a few seconds after it was started.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import msgspec

from doorstep.demo.calls import Calls

_PAGE = 200


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the feed."""

    position: int
    kind: str
    order_id: str | None
    occurred_at: datetime
    data: dict[str, Any]


class _Events(msgspec.Struct, frozen=True):
    items: list[Event]
    last_position: int


class _Listed(msgspec.Struct, frozen=True):
    order_id: str
    number: str


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A hold that was placed on an order and not released since."""

    order_id: str
    hold_id: str
    reason: str
    placed_at: datetime


class Parcel(msgspec.Struct, kw_only=True):
    """A return as its customer and the house see it. Times say when each thing became known."""

    return_id: str
    order_id: str
    number: str
    handover: str
    requested_at: datetime
    tracking_number: str = ""
    labeled_at: datetime | None = None
    given_at: datetime | None = None
    arrived_at: datetime | None = None
    ended: bool = False


class Book:
    """The people's memory. `news` are the events of the last reading."""

    def __init__(self, api: Calls) -> None:
        self._api = api
        self.position = 0
        self.ids: dict[str, str] = {}
        self.numbers: dict[str, str] = {}
        self.holds: dict[tuple[str, str], Hold] = {}
        self.short_picked: set[str] = set()
        self.rejected: set[str] = set()
        self.returns: dict[str, Parcel] = {}
        self.counts: Counter[str] = Counter()
        self.news: list[Event] = []

    async def open(self) -> None:
        """Learn which orders there are already, and all that happened."""
        for listed in await self._api.every("/v1/orders", _Listed):
            self.know(listed.number, listed.order_id)
        await self.read()

    def know(self, number: str, order_id: str) -> None:
        """An order has an id."""
        self.ids[number] = order_id
        self.numbers[order_id] = number

    async def read(self) -> None:
        """Read on where the last reading ended."""
        self.news = []
        while True:
            page = await self._api.get("/v1/events", _Events, after=self.position, limit=_PAGE)
            self.position = page.last_position
            for event in page.items:
                self._learn(event)
            self.news += page.items
            if len(page.items) < _PAGE:
                return

    def _learn(self, event: Event) -> None:
        self.counts[event.kind] += 1
        order_id = event.order_id or ""
        match event.kind:
            case "orders.hold_placed":
                hold_id = "hld_" + event.data["hold_id"].replace("-", "")
                reason = event.data["reason"]
                self.holds[order_id, reason] = Hold(
                    order_id=order_id, hold_id=hold_id, reason=reason, placed_at=event.occurred_at
                )
            case "orders.hold_released":
                self.holds.pop((order_id, event.data["reason"]), None)
            case "orders.canceled" if event.data["everything"]:
                for key in [key for key in self.holds if key[0] == order_id]:
                    del self.holds[key]
            case "fulfillment.short_picked":
                self.short_picked.add(order_id)
            case "fulfillment.rejected":
                self.rejected.add(order_id)
            case _ if "return_id" in event.data:
                self._learn_of_return(event, order_id, "ret_" + event.data["return_id"].replace("-", ""))

    def _learn_of_return(self, event: Event, order_id: str, return_id: str) -> None:
        if event.kind == "returns.requested":
            self.returns[return_id] = Parcel(
                return_id=return_id,
                order_id=order_id,
                number=event.data["number"],
                handover=event.data["handover"],
                requested_at=event.occurred_at,
            )
        parcel = self.returns.get(return_id)
        if parcel is None:
            return
        match event.kind:
            case "returns.label_bought":
                parcel.tracking_number, parcel.labeled_at = event.data["tracking_number"], event.occurred_at
            case "returns.in_transit":
                parcel.given_at = event.occurred_at
            case "shipping.return_tracked" if event.data["status"] == "delivered":
                parcel.arrived_at = event.occurred_at
            case "returns.received" | "returns.lost" | "returns.declined" | "returns.expired":
                parcel.ended = True
