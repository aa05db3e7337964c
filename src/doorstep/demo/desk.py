"""The people at the desk: they decide about held orders, and look after what went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from doorstep.demo.book import Book, Hold
from doorstep.demo.calls import Calls
from doorstep.demo.customers import Customers
from doorstep.demo.model import Address, HoldDecision
from doorstep.demo.slots import morning_after

_UNPLANNED = timedelta(hours=4)

# Answers to what a machine cannot settle; what is not here ends by itself, or is tried again.
_SETTLED = {
    "parcel_lost": "The refund is on its way. The customer was offered a new order; the loss is claimed.",
    "return_lost": "The refund is on its way; the loss is claimed from the carrier.",
    "carrier_exception": "The carrier was asked, and looks into it.",
    "delivered_after_lost": "The customer may keep it.",
    "returned_to_sender": "The customer was called.",
    "tracking_expired": "The carrier was asked, and looks for it.",
    "unknown_tracking_number": "Not one of our parcels.",
    "return_not_arrived": "Settled with the customer.",
    "update_refused": "The customer was called.",
}
_TRIED_AGAIN = frozenset({"job_poisoned", "reaction_failed"})


class _Trouble(msgspec.Struct, frozen=True):
    exception_id: str
    kind: str
    opened_at: datetime
    detail: dict[str, Any]


class Desk:
    """Customer service and operations. They open the list of troubles each morning."""

    def __init__(self, api: Calls, book: Book, customers: Customers, plans: Iterable[HoldDecision]) -> None:
        self._api, self._book, self._customers = api, book, customers
        self._plans: dict[tuple[str, str], HoldDecision] = {(plan.order, plan.hold): plan for plan in plans}
        self._opens_at: datetime | None = None
        self.settled: Counter[str] = Counter()

    @property
    def next_at(self) -> datetime | None:
        """When the next decision about a held order falls, or the desk opens."""
        times = [self._decides_at(hold) for hold in self._book.holds.values()]
        return min([*times, *([self._opens_at] if self._opens_at else [])], default=None)

    async def act(self, now: datetime) -> None:
        """Decide what is due; in the morning, go through the list of troubles."""
        for hold in list(self._book.holds.values()):
            if self._decides_at(hold) <= now:
                await self._decide(hold)
        if self._opens_at is None or self._opens_at <= now:
            self._opens_at = morning_after(now)
            await self.clear_list()

    def _decides_at(self, hold: Hold) -> datetime:
        plan = self._plan(hold)
        return hold.placed_at + (plan.after if plan else _UNPLANNED)

    def _plan(self, hold: Hold) -> HoldDecision | None:
        return self._plans.get((self._book.numbers[hold.order_id], hold.reason))

    async def _decide(self, hold: Hold) -> None:
        plan, path = self._plan(hold), f"/v1/orders/{hold.order_id}"
        if plan is not None and plan.verdict == "cancel":
            body = {"reason": "the payment is not to be trusted"}
            await self._api.do("POST", f"{path}/cancel", body, key=f"verdict-{hold.hold_id}")
        elif plan is not None and plan.ship_to is not None:
            await self._api.do("PUT", f"{path}/address", _address(plan.ship_to))
        else:
            await self._api.do("POST", f"{path}/holds/{hold.hold_id}/release", key=f"verdict-{hold.hold_id}")
        self._book.holds.pop((hold.order_id, hold.reason), None)

    async def clear_list(self) -> None:
        """Go through everything that waits for a person."""
        for trouble in await self._api.every("/v1/exceptions", _Trouble):
            await self._settle(trouble)

    async def _settle(self, trouble: _Trouble) -> None:
        words = _SETTLED.get(trouble.kind)
        path = f"/v1/exceptions/{trouble.exception_id}"
        if trouble.kind in _TRIED_AGAIN:
            reply = await self._api.ask("POST", f"{path}/retry", key=f"retry-{trouble.exception_id}-{self._opens_at}")
            self.settled[f"{trouble.kind}: {'went through' if reply.ok else 'failed again'}"] += 1
            return
        if trouble.kind == "label_refused" and trouble.detail.get("direction") == "back":
            # Too heavy for the post: our own van fetches it.
            parcel = self._book.returns.get("ret_" + str(trouble.detail["parcel"]).replace("-", ""))
            if parcel is not None and not parcel.ended:
                await self._customers.unpack(parcel)
            words = "Fetched by our own van."
        if words is None:
            return
        reply = await self._api.ask(
            "POST", f"{path}/resolve", {"resolution": words}, key=f"settle-{trouble.exception_id}"
        )
        if reply.ok:
            self.settled[trouble.kind] += 1


def _address(address: Address) -> dict[str, object]:
    return {
        "name": address.name,
        "street": f"{address.company}, {address.street}" if address.company else address.street,
        "city": address.city,
        "postcode": address.postcode,
        "country": address.country,
    }
