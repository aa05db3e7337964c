"""The customers: they take back orders, or parts of them, and send home what has reached them already."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import zxingcpp

from doorstep.demo.book import Book, Parcel
from doorstep.demo.calls import Calls, CarrierDesk
from doorstep.demo.model import CustomerAction, Location, Order
from doorstep.demo.runfile import Done

_CANCELABLE = ("shortfall", "backordered", "reserved", "activated")
_UNDERWAY = (*_CANCELABLE, "picked", "packed", "shipped")
_RECT = re.compile(r"M(\d+) (\d+)h(\d+)v(\d+)h-\d+Z")
_SIZE = re.compile(r'<svg width="(\d+)" height="(\d+)"')

TRIES = 5
"""How often a customer tries to cancel what is being worked on just then."""

TO_THE_POST = timedelta(hours=20)
"""From having the label or the code to handing the goods in."""

TO_THE_STORE = timedelta(hours=26)
UNPACKED_AFTER = timedelta(hours=14)
"""From the arrival of a return to its inspection."""


class _Line(msgspec.Struct, frozen=True):
    line_no: int
    units: dict[str, int]


class _View(msgspec.Struct, frozen=True):
    order_id: str
    lines: list[_Line]


class _Return(msgspec.Struct, frozen=True):
    location: str
    status: str
    lines: list[dict[str, Any]]


class Customers:
    """Everybody who takes something back. `waiting` are actions whose goods must arrive first."""

    def __init__(
        self,
        api: Calls,
        carrier: CarrierDesk,
        book: Book,
        done: Done,
        actions: Sequence[CustomerAction],
        orders: Iterable[Order],
        locations: Sequence[Location],
    ) -> None:
        self._api, self._carrier, self._book, self._done = api, carrier, book, done
        self._orders = {order.number: order for order in orders}
        self._by_reference = {action.reference: action for action in actions}
        self._stores = [place for place in locations if place.kind == "store" and "returns" in place.capabilities]
        self._to_come = [action for action in actions if f"action {action.reference}" not in done]
        self._waiting: dict[str, CustomerAction] = {}
        self._scanned: set[str] = set()

    @property
    def next_at(self) -> datetime | None:
        """When the next customer does something."""
        times = [action.at for action in self._to_come[:1]]
        times += [at for parcel in self._book.returns.values() if (at := self._next_of(parcel)) is not None]
        return min(times, default=None)

    @property
    def left_to_come(self) -> int:
        """Actions still to come or to be finished."""
        return len(self._to_come) + len(self._waiting)

    async def act(self, now: datetime) -> None:
        """Customers write to the shop, bring parcels to the post and to stores; the house unpacks what came back."""
        while self._to_come and self._to_come[0].at <= now:
            action = self._to_come.pop(0)
            await self._take_back(action)
        news = {event.order_id for event in self._book.news if event.kind in ("shipping.delivered", "shipping.lost")}
        for action in list(self._waiting.values()):
            if self._book.ids[action.order] in news:
                await self._send_back(action)
        for parcel in list(self._book.returns.values()):
            at = self._next_of(parcel)
            if at is not None and at <= now:
                await self._move_on(parcel, now)

    async def _take_back(self, action: CustomerAction) -> None:
        """Cancel what has not been picked; the rest is sent back when it is there."""
        if action.order not in self._book.ids:
            self._done.add(f"action {action.reference}")  # the shopper had left, or has not come back yet
            return
        for _ in range(TRIES):
            tried = self._done.count(f"answered {action.reference}")
            wanted = self._intent(action, await self._read(action), tried)
            if not wanted:
                break
            lines = [{"line_no": line, "quantity": units} for line, units in wanted.items()]
            reply = await self._api.ask(
                "POST",
                f"/v1/orders/{self._book.ids[action.order]}/cancel",
                {"reason": "changed my mind", "lines": lines},
                key=f"cancel-{action.reference}-{tried}",
            )
            if reply.ok:
                self._done.add(f"canceled {action.reference} {_written(wanted)}")
            self._done.add(f"answered {action.reference} {tried}")
            if reply.ok:
                break
        await self._send_back(action)

    def _intent(self, action: CustomerAction, view: _View, tried: int) -> dict[int, int]:
        """What to cancel. Written down before it is sent: sent again after a crash, it must be the same."""
        if self._done.last(f"canceled {action.reference}"):
            return {}
        number, _, written = self._done.last(f"cancel {action.reference}").partition(":")
        if number == str(tried):
            return _read_back(written)
        units = {line.line_no: sum(line.units.get(bucket, 0) for bucket in _CANCELABLE) for line in view.lines}
        wanted = {item.line: min(item.quantity, units[item.line]) for item in action.items if units[item.line]}
        if wanted:
            self._done.add(f"cancel {action.reference} {tried}:{_written(wanted)}")
        return wanted

    async def _send_back(self, action: CustomerAction) -> None:
        """Ask for a return of what was not canceled, once none of it is on its way any more."""
        canceled = _read_back(self._done.last(f"canceled {action.reference}"))
        rest = {item.line: item.quantity - canceled.get(item.line, 0) for item in action.items}
        rest = {line: units for line, units in rest.items() if units}
        view = await self._read(action) if rest else None
        if view is not None:
            units = {line.line_no: line.units for line in view.lines}
            if any(units[line].get(bucket, 0) for line in rest for bucket in _UNDERWAY):
                self._waiting[action.reference] = action
                return
            rest = {line: min(quantity, units[line].get("delivered", 0)) for line, quantity in rest.items()}
            await self._request(action, {line: quantity for line, quantity in rest.items() if quantity})
        self._waiting.pop(action.reference, None)
        self._done.add(f"action {action.reference}")

    async def _request(self, action: CustomerAction, units: dict[int, int]) -> None:
        if not units or any(parcel.number == action.reference for parcel in self._book.returns.values()):
            return
        reasons = {item.line: item.reason for item in action.items}
        body: dict[str, object] = {
            "order_id": self._book.ids[action.order],
            "number": action.reference,
            "handover": action.hand_over,
            "lines": [
                {"line_no": line, "quantity": quantity, "reason": reasons[line]} for line, quantity in units.items()
            ],
        }
        if action.hand_over == "store":
            body["location"] = self._nearest_store(action.order)
        await self._api.do("POST", "/v1/returns", body, key=f"return-{action.reference}")

    def _next_of(self, parcel: Parcel) -> datetime | None:
        """When somebody does the next thing with a return; None while others have it, or when it is over."""
        if parcel.ended:
            return None
        if parcel.handover == "label":
            if parcel.arrived_at:
                return parcel.arrived_at + UNPACKED_AFTER
            if parcel.given_at or parcel.labeled_at is None or parcel.return_id in self._scanned:
                return None
            return parcel.labeled_at + TO_THE_POST
        if parcel.given_at:
            return parcel.given_at + UNPACKED_AFTER
        return parcel.requested_at + (TO_THE_POST if parcel.handover == "qr" else TO_THE_STORE)

    async def _move_on(self, parcel: Parcel, now: datetime) -> None:
        if parcel.handover == "label" and parcel.arrived_at is None:
            await self._carrier.scan([parcel.tracking_number], now)
            self._scanned.add(parcel.return_id)
        elif parcel.handover != "label" and parcel.given_at is None:
            await self._drop_off(parcel)
            parcel.given_at = now
        else:
            await self.unpack(parcel)

    async def _drop_off(self, parcel: Parcel) -> None:
        """In the nearest store; with a QR code, the clerk scans it from the customer's phone."""
        store = self._nearest_store(self._book.numbers[parcel.order_id])
        if parcel.handover == "qr":
            reply = await self._api.ask("GET", f"/v1/returns/{parcel.return_id}/qr.svg")
            body = {"location": store, "token": scanned(reply.content.decode())}
            await self._api.do("POST", "/v1/returns/drop-off", body)
        else:
            await self._api.do("POST", f"/v1/returns/{parcel.return_id}/drop-off", {"location": store})

    async def unpack(self, parcel: Parcel) -> None:
        """The house looks at what came back, and decides what becomes of it as the scenario says."""
        view = await self._api.get(f"/v1/returns/{parcel.return_id}", _Return)
        fates = {item.line: item.disposition for item in self._by_reference[parcel.number].items}
        lines = [
            {"line_no": line["line_no"], "quantity": line["quantity"], "disposition": fates[line["line_no"]]}
            for line in view.lines
        ]
        if view.status in ("requested", "in_transit"):
            body = {"location": view.location, "lines": lines, "last": True}
            await self._api.do("POST", f"/v1/returns/{parcel.return_id}/receive", body, key=f"receive-{parcel.number}")
        parcel.ended = True

    async def _read(self, action: CustomerAction) -> _View:
        return await self._api.get(f"/v1/orders/{self._book.ids[action.order]}", _View)

    def _nearest_store(self, number: str) -> str:
        home = self._orders[number].ship_to

        def degrees(place: Location) -> float:
            return math.hypot(place.lat - home.lat, (place.lon - home.lon) * math.cos(math.radians(home.lat)))

        return min(self._stores, key=degrees).code


def scanned(svg: str) -> str:
    """What a scanner reads from a QR code shown on a screen: the picture is drawn, and then read."""
    size = _SIZE.search(svg)
    if size is None:
        raise ValueError("this is no picture of a code")
    width, height = int(size[1]), int(size[2])
    pixels = bytearray(b"\xff" * width * height)
    for x, y, wide, high in (map(int, found) for found in _RECT.findall(svg)):
        for row in range(y, y + high):
            pixels[row * width + x : row * width + x + wide] = bytes(wide)
    picture = memoryview(bytes(pixels)).cast("B", shape=[height, width])
    (code,) = zxingcpp.read_barcodes(picture)
    return str(code.text)


def _written(units: dict[int, int]) -> str:
    return ",".join(f"{line}x{quantity}" for line, quantity in sorted(units.items()))


def _read_back(text: str) -> dict[int, int]:
    return {int(line): int(quantity) for line, _, quantity in (part.partition("x") for part in text.split(",") if part)}
