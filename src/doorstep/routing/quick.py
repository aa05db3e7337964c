"""The everyday choice, made quickly: nothing special is asked for, and one location has everything.

It answers what `decide` would, or nothing at all; then `decide` must. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from doorstep.delivery import Dated, Planner
from doorstep.inventory import Location
from doorstep.kit.limits import CANDIDATE_LOCATIONS
from doorstep.routing.decide import Available
from doorstep.routing.model import Candidate, Decision, Part, Request


class Quick:
    """What is the same for every order of a network, worked out once."""

    def __init__(self, planner: Planner, locations: Iterable[Location]) -> None:
        self._planner = planner
        self._dates: dict[tuple[object, ...], Dated | None] = {}
        self._dates_from: datetime | None = None  # all orders of a batch are ready at one moment
        self._open: list[Location] = []
        self._out: list[Candidate] = []
        for location in sorted(locations, key=lambda location: (location.priority, location.location_id)):
            if not location.enabled:
                self._out.append(Candidate(location_id=location.location_id, out="disabled"))
            elif len(self._open) == CANDIDATE_LOCATIONS:
                self._out.append(Candidate(location_id=location.location_id, out="beyond the nearest candidates"))
            else:
                self._open.append(location)
        self._lacking = {
            location.location_id: Candidate(location_id=location.location_id, out="not enough stock")
            for location in self._open
        }

    def choose(self, request: Request, available: Available) -> Decision | None:
        """The location with everything that is the first to deliver; of several, the preferred one. Their cost is the
        same, as it hangs on service and weight alone.
        """
        units: dict[int, int] = {}
        weight_g = work_days = 0
        for demand in request.demands:
            if demand.needs or demand.excluded or demand.unreleased_until:
                return None
            units[demand.sku_id] = units.get(demand.sku_id, 0) + demand.quantity
            weight_g += demand.weight_g * demand.quantity
            work_days = max(work_days, demand.work_days)
        cost_minor = self._planner.services[request.service].cost_minor(weight_g)
        wanted = tuple(units.items())
        candidates = self._out.copy()
        days = self._planner.transit.days(request.service, request.country, request.postcode)
        best: tuple[Location, Dated] | None = None
        found = 0
        for location in self._open:
            place = location.location_id
            if not _has(available, place, wanted):
                candidates.append(self._lacking[place])
                continue
            dated = self._dated(request, location, days, work_days)
            if dated is None:
                return None
            found += 1
            candidates.append(Candidate(location_id=place, cost_minor=cost_minor))
            if best is None or dated.promised_by < best[1].promised_by:
                best = location, dated
        if best is None:
            return None
        part = Part(
            location_id=best[0].location_id,
            service=request.service,
            hand_over_by=best[1].hand_over_by,
            promised_from=best[1].promised_from,
            promised_by=best[1].promised_by,
            cost_minor=cost_minor,
            lines=[(demand.line_no, demand.quantity) for demand in request.demands],
        )
        why = "the only location that has everything" if found == 1 else "has everything, at the least cost"
        return Decision(why=why, parts=[part], short=[], candidates=candidates)

    def _dated(self, request: Request, origin: Location, days: int | None, work_days: int) -> Dated | None:
        """The dates from there. Of the postcode they know only how many days it is away."""
        if request.ready_from != self._dates_from:
            self._dates_from = request.ready_from
            self._dates.clear()
        key = origin.location_id, request.service, request.country, days, work_days
        if key not in self._dates:
            self._dates[key] = self._planner.promise(
                request.service,
                origin=origin,
                ready_from=request.ready_from,
                destination=(request.country, request.postcode),
                work_days=work_days,
            )
        return self._dates[key]


def _has(available: Available, place: int, wanted: tuple[tuple[int, int], ...]) -> bool:
    for sku_id, quantity in wanted:  # noqa: SIM110  # a generator here would cost more than the look-ups
        if available.get((sku_id, place), 0) < quantity:
            return False
    return True
