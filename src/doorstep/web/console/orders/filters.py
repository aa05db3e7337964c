"""What a list of orders is filtered by, as an address says it. What an address says that we do not know is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec

from doorstep.insights import Wanted

STATUSES: Final = ("live", "open", "on_hold", "completed", "canceled")
_LIVE: Final = ("open", "on_hold")  # together: what is still to be done
# The axes chosen from a list, with the values we know beforehand; those without any are read from the database.
KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "status": STATUSES,
    "payment": (
        "awaiting", "authorized", "partially_captured", "captured", "partially_refunded", "refunded", "voided",
        "failed",
    ),
    "fulfillment": (
        "unfulfilled", "backordered", "in_progress", "partially_shipped", "shipped", "partially_delivered",
        "delivered", "partially_returned", "returned",
    ),
    "kind": ("regular", "personalized", "special"),
    "hold": (
        "awaiting_payment", "high_risk_of_fraud", "incorrect_address", "inventory_out_of_stock",
        "unknown_delivery_date", "awaiting_personalization_proof", "customer_request", "promise_at_risk",
        "awaiting_return", "other",
    ),
    "lane": ("express", "standard"),
}  # fmt: skip
_CHOSEN: Final = ("status", "payment", "fulfillment", "lane", "service", "kind", "channel", "location", "hold")
_SWITCHES: Final = ("late", "excepted", "gift_wrap")
_TEXT_MOST: Final = 200
_NOWHERE: Final = "-"  # no location has this code


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody chose; empty is no condition. `placed_from` and `placed_to` are days on the shop's clock, both
    included.
    """

    text: str = ""
    chosen: Mapping[str, str] = msgspec.field(default_factory=dict)
    switches: frozenset[str] = frozenset()
    placed_from: date | None = None
    placed_to: date | None = None

    def get(self, name: str) -> str:
        """The chosen value of an axis, or nothing."""
        return self.chosen.get(name, "")

    @property
    def more(self) -> int:
        """How many conditions there are besides the words, the status and the switches."""
        return len(self.chosen.keys() - {"status"}) + bool(self.placed_from) + bool(self.placed_to)

    @property
    def any(self) -> bool:
        """Whether there is any condition at all."""
        return bool(self.text or self.chosen or self.switches or self.placed_from or self.placed_to)

    def query(self, **changes: str) -> str:
        """The address of these filters, with some of them changed; an empty value takes one away."""
        pairs: dict[str, str] = {"q": self.text, **self.chosen, **dict.fromkeys(sorted(self.switches), "yes")}
        if self.placed_from:
            pairs["from"] = self.placed_from.isoformat()
        if self.placed_to:
            pairs["to"] = self.placed_to.isoformat()
        return urlencode({name: text for name, text in {**pairs, **changes}.items() if text})

    def wanted(self, timezone: str, locations: Sequence[str] | None) -> Wanted:
        """As the search takes it; `locations` are the codes somebody may see, None for all."""
        zone = ZoneInfo(timezone)
        named = {axis: (value,) for axis, value in self.chosen.items() if axis in ("service", "channel", "kind")}
        place, status = self.get("location"), self.get("status")
        if locations is not None and not (place and place in locations):
            places = tuple(locations) or (_NOWHERE,)
        else:
            places = (place,) if place else ()
        asked: dict[str, Any] = {
            **named,
            "status": _LIVE if status == "live" else tuple(filter(None, [status])),
            "payment_status": tuple(filter(None, [self.get("payment")])),
            "fulfillment_status": tuple(filter(None, [self.get("fulfillment")])),
            "hold": tuple(filter(None, [self.get("hold")])),
            "lane": {"express": 0, "standard": 1}.get(self.get("lane")),
        }
        return Wanted(
            text=self.text,
            location=places,
            late="late" in self.switches,
            excepted="excepted" in self.switches,
            gift_wrap="gift_wrap" in self.switches,
            placed_from=_start(self.placed_from, zone),
            placed_until=_start(self.placed_to and self.placed_to + timedelta(days=1), zone),
            **asked,
        )


def filters_of(pairs: Sequence[tuple[str, str]]) -> Filters:
    """The filters in an address's query, the last of each name; open and on hold together are what is still to do."""
    asked = dict(pairs)
    if {value for name, value in pairs if name == "status"} == set(_LIVE):
        asked["status"] = "live"
    chosen = {}
    for name in _CHOSEN:
        value = asked.get(name, "")[:60]
        if value and value.isprintable() and (name not in KNOWN or value in KNOWN[name]):
            chosen[name] = value
    text = "".join(one if one.isprintable() else " " for one in asked.get("q", "")[:_TEXT_MOST]).strip()
    return Filters(
        text=text,
        chosen=chosen,
        switches=frozenset(name for name in _SWITCHES if asked.get(name) in ("yes", "1")),
        placed_from=_day(asked.get("from", "")),
        placed_to=_day(asked.get("to", "")),
    )


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1970 <= found.year <= 9000 else None


def _start(day: date | None, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(day, time(), zone).astimezone(UTC) if day else None
