"""What a person does to a parcel by a button: they make happen now what else a seed decides, so that it can be seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from doorstep.adapters.carriers.sandbox import wire
from doorstep.adapters.carriers.sandbox.plan import by_hand
from doorstep.adapters.carriers.sandbox.shop import HandOver, hand_over, journey_of, milliseconds
from doorstep.adapters.twin.faults import Faults
from doorstep.adapters.twin.server import Problem
from doorstep.adapters.twin.store import Store

PRESSES = ("collect", "delay", "miss", "deliver", "lose")
OVER = ("DELIVERED", "LOST")
PARCELS_PER_PAGE = 25


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A label as the page shows it. `code` is the last event told, "" before the van has it; `due` the next plan."""

    number: int
    tracking_number: str
    order: wire.ShipmentOrder
    canceled: bool
    code: str
    at: datetime | None
    due: datetime | None

    @property
    def presses(self) -> tuple[str, ...]:
        """What can still be done to it."""
        if self.canceled or self.code in OVER:
            return ()
        return PRESSES if not self.code else PRESSES[1:]


def parcels(store: Store, *, sought: str, before: int) -> list[Parcel]:
    """The newest parcels from before a number (0: from the newest on), one more than fit on a page."""
    rows = store.rows("parcels", sought=sought.lower(), before=before, most=PARCELS_PER_PAGE + 1)
    return [_parcel(store, row) for row in rows]


def press(store: Store, tracking_number: str, what: str, now: datetime) -> None:
    """Let something happen to a parcel now; what was planned for later does not. Raises Problem. Inside a transaction.

    A parcel that no van has is collected first. `collect` again changes nothing.
    """
    row = store.row("label_by_tracking", tracking_number=tracking_number)
    if row is None or what not in PRESSES:
        raise Problem(404, "not_found", f"there is no parcel {tracking_number}, or nothing called {what}")
    if row["handed_over_ms"] is None:
        hand_over(store, Faults(), HandOver(tracking_number=tracking_number, at=now))
        row = store.row("label_by_tracking", tracking_number=tracking_number)
        assert row is not None
    if what == "collect":
        return
    events = _events(store, tracking_number)
    told = [event for _, event in events if event.at <= now]
    if any(event.code in OVER for event in told):
        raise Problem(409, "over", f"{tracking_number} has arrived, or is lost")
    # A second later than anything told before: of two events of one moment nobody could say which came last.
    at = max([now, *(event.at + timedelta(seconds=1) for event in told)])
    due = next((event.at for _, event in reversed(events) if event.code == "DELIVERED"), now)
    store.run("drop_what_follows", tracking_number=tracking_number, now_ms=milliseconds(now))
    _tell(store, by_hand(journey_of(row), what, at, due), now)


def _tell(store: Store, events: Sequence[wire.Event], now: datetime) -> None:
    for place, event in enumerate(events):
        tell_at = event.at if place else now
        store.run("add_telling", event_id=event.id, tell_ms=milliseconds(tell_at), event=msgspec.json.encode(event))


def _events(store: Store, tracking_number: str) -> list[tuple[bool, wire.Event]]:
    """(accepted, event) of everything told or planned, in the order of telling."""
    return [
        (bool(row["accepted"]), msgspec.json.decode(row["event"], type=wire.Event))
        for row in store.rows("tellings_of", tracking_number=tracking_number)
    ]


def _parcel(store: Store, row: sqlite3.Row) -> Parcel:
    events = _events(store, row["tracking_number"])
    told = max((event for accepted, event in events if accepted), key=lambda event: event.at, default=None)
    planned = [event.at for accepted, event in events if not accepted and event.code == "DELIVERED"]
    collected = "PRE_ADVISED" if row["handed_over_ms"] is not None else ""
    return Parcel(
        number=row["number"],
        tracking_number=row["tracking_number"],
        order=msgspec.json.decode(row["ordered"], type=wire.ShipmentOrder),
        canceled=bool(row["canceled"]),
        code=told.code if told else collected,
        at=told.at.astimezone(UTC) if told else None,
        due=planned[-1].astimezone(UTC) if planned else None,
    )
