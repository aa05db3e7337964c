"""The houses: at every location people accept, pick, print, wrap and pack, express first; vans take what is labeled.

They do what the scenario's floor plan says they do: the first picker of some lines finds less than there should be,
and the first location asked for some orders turns the work down.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, time
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from doorstep.demo.book import Book
from doorstep.demo.calls import Calls, CarrierDesk
from doorstep.demo.model import FloorPlan, Location
from doorstep.demo.slots import VANS, is_workday

T = TypeVar("T")
WAVE = 40
"""Orders worked on together. The system locks them together too, so larger waves make everything else wait."""

TABLES = 4
"""How many wrap or print at a time in a house."""

_REASONS = {"not_found": "not_found", "damaged": "damaged", "miscounted": "shelf_empty"}


class Line(msgspec.Struct, frozen=True):
    """A line of work."""

    line_no: int
    to_pick: int


class Step(msgspec.Struct, frozen=True):
    """A step of work on a line."""

    kind: str
    status: str


class Work(msgspec.Struct, frozen=True):
    """A fulfillment order on the work list."""

    fulfillment_order_id: str
    order_id: str
    number: str
    location: str
    on_hold: bool
    status: str
    lines: list[Line]
    steps: list[Step]


class Shipment(msgspec.Struct, frozen=True):
    """A parcel that waits for the van."""

    shipment_id: str
    tracking_number: str


class _Item(msgspec.Struct, frozen=True):
    done: bool
    problem: str
    fulfillment_order_id: str = ""
    shipment_id: str = ""


class _Wave(msgspec.Struct, frozen=True):
    items: list[_Item]


class Warehouse:
    """All locations. `look` reads what lies there while nothing moves; `act` works on it."""

    def __init__(
        self, api: Calls, carrier: CarrierDesk, book: Book, plan: FloorPlan, locations: Sequence[Location]
    ) -> None:
        self._api, self._carrier, self._book = api, carrier, book
        self._places = {location.code: location for location in locations}
        self._short = {pick.order: pick for pick in plan.short_picks}
        self._rejections = {rejection.order: rejection for rejection in plan.rejections}
        self._work: list[Work] = []
        self._parcels: list[Shipment] = []
        self.problems: Counter[str] = Counter()
        self.handed_over = 0

    @property
    def busy(self) -> bool:
        """Whether anything lies there that people could do."""
        return bool(self._parcels) or any(work.status != "packed" and not work.on_hold for work in self._work)

    async def look(self) -> None:
        """Read the work list of all locations and the parcels that have their label."""
        self._work, self._parcels = await asyncio.gather(
            self._api.every("/v1/fulfillment-orders", Work),
            self._api.every("/v1/shipments", Shipment, labeled="true", handed_over="false"),
        )

    async def scan_again(self, now: datetime) -> None:
        """After a restart: parcels that left the house, and of which the carrier has said nothing yet, are scanned."""
        found = await self._api.every("/v1/shipments", Shipment, handed_over="true", status="pending")
        await self._carrier.scan([parcel.tracking_number for parcel in found], now)

    async def act(self, now: datetime) -> None:
        """Everybody works on what lay there at the last look, those at closed locations do not."""
        rooms: dict[str, list[Work]] = defaultdict(list)
        for work in self._work:
            if not work.on_hold and work.status != "packed" and self._is_open(self._places[work.location], now):
                rooms[work.location].append(work)
        await asyncio.gather(self._load_vans(now), *(self._room(works) for works in rooms.values()))

    def _is_open(self, place: Location, now: datetime) -> bool:
        local = now.astimezone(ZoneInfo(place.timezone))
        opens, closes = time.fromisoformat(place.opens), time.fromisoformat(place.closes)
        return local.weekday() in place.weekdays and opens <= local.time() < closes

    async def _room(self, works: Sequence[Work]) -> None:
        """One location's people, wave after wave, in the order of their list."""
        for wave in waves(works):
            rejected = [work for work in wave if self._turns_down(work)]
            mine = [work for work in wave if work not in rejected]
            for work in rejected:
                await self._reject(work)
            await self._wave("accept", [work for work in mine if work.status == "open"])
            for work in mine:
                await self._miss(work)
            await self._steps(mine, "acknowledge")
            await self._wave("pick", mine)
            await self._steps(mine, "personalize")
            await self._steps(mine, "gift_wrap")
            await self._wave("pack", mine)

    def _turns_down(self, work: Work) -> bool:
        return work.number in self._rejections and work.order_id not in self._book.rejected and work.status == "open"

    async def _reject(self, work: Work) -> None:
        self._book.rejected.add(work.order_id)
        body = {"reason": self._rejections[work.number].reason.replace("_", " ")}
        await self._note(f"{_path(work)}/reject", body)

    async def _miss(self, work: Work) -> None:
        """The first picker of a line does not find all of it."""
        plan = self._short.get(work.number)
        if plan is None or work.order_id in self._book.short_picked:
            return
        units = {line.line_no: line.to_pick for line in work.lines}
        missing = min(plan.missing, units.get(plan.line, 0))
        if missing:
            self._book.short_picked.add(work.order_id)
            lines = [{"line_no": plan.line, "quantity": missing}]
            body = {"lines": lines, "reason": _REASONS[plan.reason]}
            await self._note(f"{_path(work)}/short-pick", body, key=f"short-pick-{work.number}")

    async def _steps(self, works: Sequence[Work], kind: str) -> None:
        """Instructions are read, names printed, gifts wrapped: one order after the other at each of a few tables."""
        turns = asyncio.Semaphore(TABLES)

        async def one(work: Work) -> None:
            async with turns:
                await self._note(f"{_path(work)}/steps/done", {"kind": kind})

        waiting = [work for work in works if any((s.kind, s.status) == (kind, "waiting") for s in work.steps)]
        await asyncio.gather(*(one(work) for work in waiting))

    async def _wave(self, verb: str, works: Sequence[Work]) -> None:
        if works:
            ids = [work.fulfillment_order_id for work in works]
            wave = (await self._api.do("POST", f"/v1/fulfillment-orders/{verb}", {"ids": ids})).read(_Wave)
            self.problems.update(f"{verb}: {_shape(item.problem)}" for item in wave.items if not item.done)

    async def _note(self, path: str, body: object = None, *, key: str = "") -> None:
        """A single call; a refusal is counted, for the work list shows the work again when it is still to do."""
        reply = await self._api.ask("POST", path, body, key=key)
        if not reply.ok:
            self.problems[f"{path.rpartition('/')[2]}: {_shape(str(reply.problem.get('detail', reply.status)))}"] += 1

    async def _load_vans(self, now: datetime) -> None:
        """Vans come on weekdays: parcels are handed over, and scanned by the carrier."""
        if now.time() not in VANS or not is_workday(now):
            return
        for wave in waves(self._parcels):
            body = {"ids": [parcel.shipment_id for parcel in wave]}
            result = (await self._api.do("POST", "/v1/shipments/hand-over", body)).read(_Wave)
            self.problems.update(f"hand-over: {_shape(item.problem)}" for item in result.items if not item.done)
            gone = {item.shipment_id for item in result.items if item.done}
            taken = [parcel.tracking_number for parcel in wave if parcel.shipment_id in gone]
            await self._carrier.scan(taken, now)
            self.handed_over += len(taken)


def waves(many: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut a list into parts that the API takes at once."""
    return (many[start : start + WAVE] for start in range(0, len(many), WAVE))


def _path(work: Work) -> str:
    return f"/v1/fulfillment-orders/{work.fulfillment_order_id}"


def _shape(problem: str) -> str:
    """A problem without its numbers, so that equal ones count as one."""
    return "".join("#" if letter.isdigit() else letter for letter in problem)[:120]
