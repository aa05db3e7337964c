"""The choice itself: pure, so that it can be rehearsed. One location when one can serve all, else the fewest
parcels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import combinations

from doorstep.inventory import Location
from doorstep.kit.limits import CANDIDATE_LOCATIONS
from doorstep.routing.model import Candidate, Decision, Demand, Part, Request

Available = Mapping[tuple[int, int], int]  # (sku_id, location_id) → units
Lines = dict[int, dict[int, int]]  # location_id → line_no → units
PlanPart = Callable[[Location, Request, Sequence[Demand], Sequence[tuple[int, int]]], Part]

_EXACT_SPLIT = 4  # subsets of up to so many locations are searched; beyond, the greedy choice stands


def decide(request: Request, *, locations: Sequence[Location], available: Available, plan: PlanPart) -> Decision:
    """Choose the locations that serve a request at the least cost.

    `available` holds units that may be claimed; `plan` dates and prices a part. Ties go to the earlier promise, then
    the location's priority, then its id. Units that no location can serve come back as `short`.
    """
    open_, candidates = _filter(request, locations)
    single = _single(request, open_, available, plan, candidates)
    if single:
        return single
    lines, short = _split(request.demands, open_, available)
    by_id = {location.location_id: location for location in open_}
    parts = [_part(request, by_id[place], lines[place], plan) for place in sorted(lines)]
    if short:
        why = "not enough stock for everything" if parts else "no stock"
    else:
        why = f"no location has everything: {len(parts)} parcels, the fewest possible"
        if len(parts) > _EXACT_SPLIT:
            why = f"no location has everything: {len(parts)} parcels"
    return Decision(why=why, parts=parts, short=short, candidates=candidates)


def _filter(request: Request, locations: Sequence[Location]) -> tuple[list[Location], list[Candidate]]:
    """Locations that can do at least one of the lines, best priority first; the others with their reason."""
    open_: list[Location] = []
    out: list[Candidate] = []
    for location in sorted(locations, key=lambda location: (location.priority, location.location_id)):
        if not location.enabled:
            out.append(Candidate(location_id=location.location_id, out="disabled"))
        elif location.withheld(request.ready_from):
            out.append(Candidate(location_id=location.location_id, out="its stock feed is too old"))
        elif not any(_can(location, demand) for demand in request.demands):
            out.append(Candidate(location_id=location.location_id, out="cannot do the work, or was excluded"))
        elif len(open_) == CANDIDATE_LOCATIONS:
            out.append(Candidate(location_id=location.location_id, out="beyond the nearest candidates"))
        else:
            open_.append(location)
    return open_, out


def _can(location: Location, demand: Demand) -> bool:
    return demand.needs <= location.capabilities and location.location_id not in demand.excluded


def _single(
    request: Request,
    locations: Sequence[Location],
    available: Available,
    plan: PlanPart,
    candidates: list[Candidate],
) -> Decision | None:
    """The cheapest location that serves everything; fills `candidates` with what each would cost."""
    units: dict[int, int] = {}
    for demand in request.demands:
        units[demand.sku_id] = units.get(demand.sku_id, 0) + demand.quantity
    everything = [(demand.line_no, demand.quantity) for demand in request.demands]
    parts = []
    for location in locations:
        place = location.location_id
        if not all(_can(location, demand) for demand in request.demands):
            candidates.append(Candidate(location_id=place, out="cannot do all of the work"))
        elif any(available.get((sku_id, place), 0) < quantity for sku_id, quantity in units.items()):
            candidates.append(Candidate(location_id=place, out="not enough stock"))
        else:
            part = plan(location, request, request.demands, everything)
            parts.append((part.cost_minor, part.promised_by, location.priority, place, part))
            candidates.append(Candidate(location_id=place, cost_minor=part.cost_minor))
    if not parts:
        return None
    best = min(parts, key=lambda entry: entry[:4])[4]
    why = "the only location that has everything" if len(parts) == 1 else "has everything, at the least cost"
    return Decision(why=why, parts=[best], short=[], candidates=candidates)


def _split(
    demands: Sequence[Demand], locations: Sequence[Location], available: Available
) -> tuple[Lines, list[tuple[int, int]]]:
    """The fewest locations that together serve everything; when none do, the greedy choice that leaves the least
    short.
    """
    rooms = _rooms(demands, locations, available)
    exact = _EXACT_SPLIT if _enough(rooms, {location.location_id for location in locations}) else 0
    for size in range(2, min(exact, len(locations)) + 1):
        for chosen in combinations(locations, size):
            if _enough(rooms, {location.location_id for location in chosen}):
                lines, short = _assign(demands, chosen, available)
                if not short:
                    return lines, short
    chosen_greedy: list[Location] = []
    left = list(locations)
    lines, short = _assign(demands, (), available)
    while left:
        trials = [(_assign(demands, (*chosen_greedy, location), available), location) for location in left]
        (new_lines, new_short), best = min(trials, key=lambda trial: sum(units for _, units in trial[0][1]))
        if sum(units for _, units in new_short) == sum(units for _, units in short):
            break
        lines, short = new_lines, new_short
        chosen_greedy.append(best)
        left.remove(best)
    return lines, short


def _rooms(
    demands: Sequence[Demand], locations: Sequence[Location], available: Available
) -> list[tuple[int, dict[int, int]]]:
    """For each SKU, the units asked for and what the locations that can do any of it have; the rarest SKU first."""
    asked: dict[int, int] = {}
    rooms: dict[int, dict[int, int]] = {}
    for demand in demands:
        asked[demand.sku_id] = asked.get(demand.sku_id, 0) + demand.quantity
        room = rooms.setdefault(demand.sku_id, {})
        for location in locations:
            units = available.get((demand.sku_id, location.location_id), 0)
            if units > 0 and _can(location, demand):
                room[location.location_id] = units
    return sorted(((asked[sku_id], room) for sku_id, room in rooms.items()), key=lambda entry: len(entry[1]))


def _enough(rooms: Sequence[tuple[int, Mapping[int, int]]], places: Collection[int]) -> bool:
    """Whether these locations have enough of each SKU, seen alone. Quick: it rules most sets of locations out."""
    return all(sum(units for place, units in room.items() if place in places) >= quantity for quantity, room in rooms)


def _assign(
    demands: Sequence[Demand], locations: Iterable[Location], available: Available
) -> tuple[Lines, list[tuple[int, int]]]:
    """Give lines to the given locations: whole lines where possible, the pickiest lines first; the rest is short."""
    places = list(locations)
    taken: dict[tuple[int, int], int] = {}
    lines: Lines = {}
    short = []
    for demand in sorted(demands, key=lambda demand: (-len(demand.needs), -len(demand.excluded), demand.line_no)):
        able = [location.location_id for location in places if _can(location, demand)]
        room = {
            place: available.get((demand.sku_id, place), 0) - taken.get((demand.sku_id, place), 0) for place in able
        }
        left = demand.quantity
        # A location that has it all, one that sends something already first; else from the fullest shelf on.
        whole = [place for place in able if room[place] >= left]
        order = sorted(whole, key=lambda place: place not in lines)[:1] or sorted(able, key=lambda p: -room[p])
        for place in order:
            units = min(left, max(room[place], 0))
            if units:
                taken[demand.sku_id, place] = taken.get((demand.sku_id, place), 0) + units
                lines.setdefault(place, {})[demand.line_no] = units
                left -= units
        if left:
            short.append((demand.line_no, left))
    return lines, sorted(short)


def _part(request: Request, location: Location, lines: Mapping[int, int], plan: PlanPart) -> Part:
    demands = [demand for demand in request.demands if demand.line_no in lines]
    return plan(location, request, demands, sorted(lines.items()))
