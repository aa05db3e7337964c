"""What happens to a parcel once the van has it: a seeded fate, told as the carrier's events.

The carrier keeps its times in UTC, works Monday to Friday and knows no holidays. A fate depends on the seed and the
tracking number only.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from doorstep.adapters.carriers.sandbox.wire import PRODUCTS, Event
from doorstep.adapters.twin.faults import Faults, roll

FATES = ("late", "lost", "attempt_failed", "pickup")
MISHAPS_OF_TELLING = ("duplicate", "out_of_order")

_LAST_VAN_HOUR = 14  # UTC; what a shop hands over later it counts from the next day
_HELD_BACK = frozenset({"PRE_ADVISED", "COLLECTED", "AT_HUB", "AT_DEPOT", "OUT_FOR_DELIVERY"})


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel in the carrier's hands."""

    tracking_number: str
    product: str
    origin: str
    destination: str
    is_return: bool
    handed_over_at: datetime


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """An event and when the carrier gets round to telling it."""

    tell_at: datetime
    event: Event


def plan(journey: Journey, faults: Faults) -> list[Telling]:
    """Everything the carrier will tell about a parcel, in the order of telling; some twice, some late."""
    fates = FATES[:2] if journey.is_return else FATES  # nobody is out when a parcel comes home to the warehouse
    fate = faults.draw(fates, "fate", journey.tracking_number)
    happened = _numbered(_Tale(journey, faults.seed).tell(fate))
    tellings = []
    for position, event in enumerate(happened):
        tell_at = event.at
        last = position + 1 == len(happened)
        if not last and event.code in _HELD_BACK and faults.happens("out_of_order", event.id):
            tell_at = happened[position + 1].at + timedelta(minutes=1)
        tellings.append(Telling(tell_at=tell_at, event=event))
        if faults.happens("duplicate", event.id):
            again = tell_at + timedelta(minutes=1 + int(roll(faults.seed, "again", event.id) * 120))
            tellings.append(Telling(tell_at=again, event=event))
    return sorted(tellings, key=lambda telling: telling.tell_at)


def by_hand(journey: Journey, press: str, at: datetime, due: datetime) -> list[Event]:
    """What happens from `at` on when somebody presses `delay`, `miss`, `deliver` or `lose`; the first event at once.

    A delay is a working day on `due`, and surely later than the product allows, so that a promise kept till now breaks.
    """
    tale = _Tale(journey, 0)
    return [
        msgspec.structs.replace(event, id=f"ev_{event.tracking_number}_{round(at.timestamp())}{press}{number}")
        for number, event in enumerate(tale.tell_pressed(press, at, due), start=1)
    ]


def due_at(journey: Journey, seed: int) -> datetime:
    """When the parcel arrives if nothing goes wrong; never after the product's transit time."""
    days = PRODUCTS[journey.product].transit_days
    chance = roll(seed, "transit", journey.tracking_number)
    at = journey.handed_over_at
    if days == 0:
        return at + timedelta(minutes=90 + int(chance * 120))
    if days > 1 and chance < 0.25:
        days -= 1
    minute = int(roll(seed, "minute", journey.tracking_number) * 510)
    return _working_day(at, days).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(minutes=minute)


class _Tale:
    """Writes the events of one parcel; what goes wrong bends the last part."""

    def __init__(self, journey: Journey, seed: int) -> None:
        self._journey = journey
        self._seed = seed
        self._due = due_at(journey, seed)
        self._events: list[Event] = []

    def tell(self, fate: str | None) -> list[Event]:
        self._under_way()
        if fate == "lost":
            days = 3 + int(self._chance("lost") * 3)
            self._add(self._due + timedelta(days=days), "LOST", "Search ended; the parcel is lost", reason="lost")
            return self._events
        due = self._delayed() if fate == "late" else self._due
        self._out_for_delivery(due)
        if fate == "attempt_failed":
            self._add(due, "NOT_DELIVERED", "Nobody at home; we try again", reason="recipient_absent")
            due = _working_day(due, 1)
            self._out_for_delivery(due)
        if fate == "pickup":
            self._add(due, "READY_FOR_PICKUP", "Waiting for the recipient", place=f"{self._town()} parcel shop")
            due += timedelta(hours=4 + int(self._chance("pickup") * 44))
        self._add(due, "DELIVERED", "Delivered", place=self._town())
        return self._events

    def tell_pressed(self, press: str, at: datetime, due: datetime) -> list[Event]:
        """The rest of the parcel's events after a press."""
        if press == "lose":
            self._add(at, "LOST", "Search ended; the parcel is lost", reason="lost")
            return self._events
        if press == "deliver":
            self._add(at, "DELIVERED", "Delivered", place=self._town())
            return self._events
        if press == "delay":
            taken = self._journey.handed_over_at
            leaves = taken if taken.hour < _LAST_VAN_HOUR else taken + timedelta(days=1)
            slowest = _working_day(_next_working(leaves), PRODUCTS[self._journey.product].transit_days)
            due = _working_day(max(due, at, slowest), 1).replace(hour=15, minute=0, second=0)
            self._add(at, "DELAYED", "Delayed on the way", reason="delay", eta=due.replace(microsecond=0))
        else:
            self._add(at, "NOT_DELIVERED", "Nobody at home; we try again", reason="recipient_absent")
            due = _working_day(at, 1)
        self._out_for_delivery(due)
        self._add(due, "DELIVERED", "Delivered", place=self._town())
        return self._events

    def _under_way(self) -> None:
        start, due = self._journey.handed_over_at, self._due
        origin = self._journey.origin
        self._add(start, "PRE_ADVISED", "Electronic data received")
        self._add(start + timedelta(minutes=10), "COLLECTED", "Collected from the sender", place=origin)
        if due - start > timedelta(hours=6):
            self._add(start + (due - start) / 4, "AT_HUB", "Sorted at the hub", place=f"{origin} hub")
        if due - start > timedelta(hours=30):
            self._add(start + (due - start) / 2, "AT_DEPOT", "Arrived at the depot", place=f"{self._town()} depot")

    def _delayed(self) -> datetime:
        """A delay of 1 to 4 days (longer over a weekend), made known well before the old date; answers the new one."""
        start = self._journey.handed_over_at
        late = _working_day(self._due + timedelta(days=int(self._chance("late") * 4)), 1)
        late = min(late, _next_working(self._due + timedelta(days=4)))
        known_at = start + (self._due - start) * 0.6
        self._add(known_at, "DELAYED", "Delayed on the way", reason="delay", eta=late, place=f"{self._town()} depot")
        return late

    def _out_for_delivery(self, due: datetime) -> None:
        morning = due.replace(hour=7, minute=30, second=0, microsecond=0)
        in_the_van_since = self._events[-1].at
        at = morning if in_the_van_since < morning < due else due - timedelta(minutes=30)
        self._add(at, "OUT_FOR_DELIVERY", "With the driver", place=self._town())

    def _add(self, at: datetime, code: str, text: str, **more: object) -> None:
        if self._events:
            at = max(at, self._events[-1].at + timedelta(minutes=1))
        number = self._journey.tracking_number
        event = Event(id="", tracking_number=number, code=code, at=at.replace(microsecond=0), text=text)
        self._events.append(msgspec.structs.replace(event, **more))

    def _chance(self, name: str) -> float:
        return roll(self._seed, name, self._journey.tracking_number)

    def _town(self) -> str:
        return self._journey.destination


def _numbered(events: list[Event]) -> list[Event]:
    return [
        msgspec.structs.replace(event, id=f"ev_{event.tracking_number}_{number:02d}")
        for number, event in enumerate(events, start=1)
    ]


def _next_working(at: datetime) -> datetime:
    while at.weekday() >= 5:
        at += timedelta(days=1)
    return at


def _working_day(at: datetime, days: int) -> datetime:
    """The same time of day some working days later."""
    for _ in range(days):
        at = _next_working(at + timedelta(days=1))
    return at
