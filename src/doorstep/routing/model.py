"""What is asked of routing, and what it answers. The answer is kept with the order as the reason for where it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one line that need a location. `needs`: capabilities; `work_days`: working days before it can be
    packed.
    """

    line_no: int
    sku_id: int
    quantity: int
    weight_g: int
    needs: frozenset[str] = frozenset()
    work_days: int = 0
    excluded: frozenset[int] = frozenset()  # locations that rejected it or came up short before
    unreleased_until: datetime | None = None  # nothing of it leaves before: stock does not serve it


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """An order, or what is left of it, to be served by a delivery service to a place.

    `channel_id`: only locations this channel sells from; 0: any. `kept_back`: what is kept back from the channel stays
    so. An order that must be served all the same may have it.
    """

    service: str
    country: str
    postcode: str
    ready_from: datetime
    demands: Sequence[Demand]
    channel_id: int = 0
    kept_back: bool = True


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one location sends: dates, our cost in minor units, and [line_no, quantity] pairs."""

    location_id: int
    service: str
    hand_over_by: datetime
    promised_from: datetime
    promised_by: datetime
    cost_minor: int
    lines: Sequence[tuple[int, int]]


class Awaited(Part, frozen=True, kw_only=True):
    """What a location will send once it may: from `ready_at` on, when a delivery is there (`incoming_id`; None: the
    goods are on the shelf) and the product is released. Dates as if the goods were ready then.
    """

    ready_at: datetime
    incoming_id: UUID | None


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A location that was looked at: what it would cost to send everything from it, or why it could not."""

    location_id: int
    cost_minor: int | None = None
    out: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Where an order goes and why. `parts` are sent from stock, `awaited` when goods are there; `short` are [line_no,
    quantity] pairs nobody has and nothing on its way brings.
    """

    why: str
    parts: Sequence[Part]
    short: Sequence[tuple[int, int]]
    candidates: Sequence[Candidate]
    awaited: Sequence[Awaited] = ()

    @property
    def promised_from(self) -> datetime | None:
        """The first day anything may arrive; None when nothing is sent."""
        return min((part.promised_from for part in (*self.parts, *self.awaited)), default=None)

    @property
    def promised_by(self) -> datetime | None:
        """The day by which everything that is sent has arrived; None when nothing is sent."""
        return max((part.promised_by for part in (*self.parts, *self.awaited)), default=None)

    @property
    def units_awaited(self) -> dict[int, int]:
        """Units by line number that are sent later."""
        units: dict[int, int] = {}
        for part in self.awaited:
            for line_no, count in part.lines:
                units[line_no] = units.get(line_no, 0) + count
        return units


def stored(decision: Decision) -> dict[str, Any]:
    """The decision as it is kept, small, for an order's row has a budget: candidates by location id, each with its cost
    or the reason against it; the service, which is the order's, and what is empty are left out.
    """
    built = {
        "why": decision.why,
        "parts": [_kept(part) for part in decision.parts],
        "awaited": [
            {**_kept(part), "ready_at": part.ready_at, "incoming_id": part.incoming_id} for part in decision.awaited
        ],
        "short": decision.short,
        "candidates": {str(one.location_id): one.out or one.cost_minor for one in decision.candidates},
    }
    return {key: value for key, value in built.items() if value}


def _kept(part: Part) -> dict[str, Any]:
    return {
        "location_id": part.location_id,
        "hand_over_by": part.hand_over_by,
        "promised_from": part.promised_from,
        "promised_by": part.promised_by,
        "cost_minor": part.cost_minor,
        "lines": part.lines,
    }


def restored(kept: Mapping[str, Any], *, service: str) -> Decision:
    """The decision as it was, of an order with this delivery service; its candidates by location id."""
    candidates = [
        {"location_id": int(place), "out" if isinstance(found, str) else "cost_minor": found}
        for place, found in sorted(kept.get("candidates", {}).items(), key=lambda item: int(item[0]))
    ]
    sent = {name: [{**part, "service": service} for part in kept.get(name, ())] for name in ("parts", "awaited")}
    return msgspec.convert({"short": [], **kept, **sent, "candidates": candidates}, Decision)
