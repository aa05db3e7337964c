"""The choice: never more than there is, never where the work cannot be done, the fewest parcels, the least cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorstep.inventory import Location
from doorstep.kit.limits import CANDIDATE_LOCATIONS
from doorstep.routing import Decision, Demand, Part, Request, decide, restored, stored
from doorstep.routing.decide import PlanPart

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
Stock = Mapping[tuple[int, int], int]


def location(number: int, *, priority: int = 100, enabled: bool = True, can: Sequence[str] = ()) -> Location:
    return Location(
        location_id=number, code=f"L{number}", name=f"Place {number}", kind="warehouse", enabled=enabled,
        priority=priority, country="GB", postcode="LS1 1AA", city="Leeds", street="1 Street", latitude=53.0,
        longitude=-1.0, timezone="Europe/London", capabilities=frozenset(can),
    )  # fmt: skip


def demand(line_no: int, sku_id: int, quantity: int = 1, *, needs: Sequence[str] = (), excluded: int = 0) -> Demand:
    return Demand(
        line_no=line_no, sku_id=sku_id, quantity=quantity, weight_g=100, needs=frozenset(needs),
        excluded=frozenset({excluded} if excluded else ()),
    )  # fmt: skip


def request(*demands: Demand) -> Request:
    return Request(service="standard", country="GB", postcode="SW1Y 4JH", ready_from=NOW, demands=demands)


def costing(costs: Mapping[int, int], days: Mapping[int, int] | None = None) -> PlanPart:
    def plan(place: Location, asked: Request, demands: Sequence[Demand], lines: Sequence[tuple[int, int]]) -> Part:
        arrives = NOW + timedelta(days=(days or {}).get(place.location_id, 2))
        return Part(
            location_id=place.location_id, service=asked.service, hand_over_by=NOW, promised_from=NOW,
            promised_by=arrives, cost_minor=costs.get(place.location_id, 300), lines=lines,
        )  # fmt: skip

    return plan


def choose(asked: Request, places: Sequence[Location], stock: Stock, **costs: int) -> Decision:
    by_number = {int(name[1:]): cost for name, cost in costs.items()}
    return decide(asked, locations=places, available=stock, plan=costing(by_number))


def test_one_location_that_has_everything_is_preferred_to_two() -> None:
    stock = {(1, 1): 5, (2, 1): 0, (1, 2): 5, (2, 2): 5}
    found = choose(request(demand(1, 1), demand(2, 2)), [location(1), location(2)], stock)
    assert [(part.location_id, list(part.lines)) for part in found.parts] == [(2, [(1, 1), (2, 1)])]
    assert [(one.location_id, one.out) for one in found.candidates] == [(1, "not enough stock"), (2, "")]


def test_of_those_that_have_everything_the_cheapest_sends_it() -> None:
    stock = {(1, place): 5 for place in (1, 2, 3)}
    found = choose(request(demand(1, 1)), [location(n) for n in (1, 2, 3)], stock, L1=400, L2=250, L3=300)
    assert [part.location_id for part in found.parts] == [2]
    assert [(one.location_id, one.cost_minor) for one in found.candidates] == [(1, 400), (2, 250), (3, 300)]


def test_at_equal_cost_the_earlier_promise_then_the_priority_decides() -> None:
    stock = {(1, place): 5 for place in (1, 2, 3)}
    places = [location(1, priority=1), location(2, priority=9), location(3, priority=5)]
    asked = request(demand(1, 1))
    sooner = decide(asked, locations=places, available=stock, plan=costing({}, {1: 3, 2: 2, 3: 2}))
    assert sooner.parts[0].location_id == 3
    assert choose(asked, places, stock).parts[0].location_id == 1


def test_two_lines_of_one_sku_are_added_up_before_a_location_counts_as_having_everything() -> None:
    found = choose(request(demand(1, 1, 3), demand(2, 1, 3)), [location(1), location(2)], {(1, 1): 5, (1, 2): 1})
    assert sum(units for part in found.parts for _, units in part.lines) == 6
    assert len(found.parts) == 2


def test_a_location_that_cannot_do_the_work_or_failed_before_or_is_closed_is_not_asked() -> None:
    places = [location(1), location(2, can=["gift_wrap"]), location(3, can=["gift_wrap"], enabled=False)]
    stock = {(1, place): 5 for place in (1, 2, 3)}
    assert choose(request(demand(1, 1, needs=["gift_wrap"])), places, stock).parts[0].location_id == 2
    nobody = choose(request(demand(1, 1, needs=["gift_wrap"], excluded=2)), places, stock)
    assert (nobody.parts, list(nobody.short)) == ([], [(1, 1)])
    assert {one.location_id: one.out for one in nobody.candidates}[3] == "disabled"


def test_no_more_than_the_nearest_candidates_are_weighed_and_the_others_are_kept_with_the_reason() -> None:
    places = [location(n, priority=n) for n in range(1, CANDIDATE_LOCATIONS + 4)]
    found = choose(request(demand(1, 1)), places, {(1, place.location_id): 5 for place in places})
    beyond = [one.location_id for one in found.candidates if one.out == "beyond the nearest candidates"]
    assert beyond == [CANDIDATE_LOCATIONS + 1, CANDIDATE_LOCATIONS + 2, CANDIDATE_LOCATIONS + 3]


@pytest.mark.parametrize("units", [0, 1, 7])
def test_what_nobody_has_is_short_and_the_rest_is_sent(units: int) -> None:
    found = choose(request(demand(1, 1, 7)), [location(1)], {(1, 1): units})
    assert sum(quantity for part in found.parts for _, quantity in part.lines) == units
    assert [list(pair) for pair in found.short] == ([[1, 7 - units]] if units < 7 else [])


def test_a_decision_is_kept_small_and_comes_back_whole() -> None:
    places = [location(1), location(2, enabled=False)]
    found = choose(request(demand(1, 1)), places, {(1, 1): 5})
    kept = stored(found)
    assert kept["candidates"] == {"1": 300, "2": "disabled"}
    assert "short" not in kept
    back = restored(kept, service="standard")
    assert [part.service for part in back.parts] == ["standard"]
    assert (back.why, len(back.parts), list(back.short)) == (found.why, 1, [])
    assert [(one.location_id, one.cost_minor, one.out) for one in back.candidates] == [
        (1, 300, ""),
        (2, None, "disabled"),
    ]


WORK = ("gift_wrap", "personalize")
_LOCATIONS = st.lists(st.sets(st.sampled_from(WORK)), min_size=1, max_size=5)
_DEMANDS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 4), st.sets(st.sampled_from(WORK), max_size=1), st.integers(0, 5)),
    min_size=1, max_size=4,
)  # fmt: skip
_UNITS = st.lists(st.integers(-1, 5), min_size=15, max_size=15)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(_LOCATIONS, _DEMANDS, _UNITS)
def test_a_decision_gives_nobody_more_than_there_is_nor_work_it_cannot_do(
    abilities: list[set[str]], wanted: list[tuple[int, int, set[str], int]], units: list[int]
) -> None:
    places = [location(n, can=sorted(can)) for n, can in enumerate(abilities, start=1)]
    demands = [
        demand(no, sku, quantity, needs=sorted(needs), excluded=out)
        for no, (sku, quantity, needs, out) in enumerate(wanted, start=1)
    ]
    stock = {(sku, place): units[(sku - 1) * 5 + place - 1] for sku in (1, 2, 3) for place in range(1, 6)}
    found = choose(request(*demands), places, stock)
    _check(found, demands, places, stock)
    if not found.short:
        assert len(found.parts) == _fewest(demands, places, stock, at_most=len(found.parts))


def _check(found: Decision, demands: Sequence[Demand], places: Sequence[Location], stock: Stock) -> None:
    by_no = {one.line_no: one for one in demands}
    given_out: dict[tuple[int, int], int] = {}
    served = dict(found.short)
    for part in found.parts:
        assert part.lines
        for line_no, quantity in part.lines:
            one = by_no[line_no]
            assert quantity > 0
            assert one.needs <= places[part.location_id - 1].capabilities
            assert part.location_id not in one.excluded
            key = one.sku_id, part.location_id
            given_out[key] = given_out.get(key, 0) + quantity
            served[line_no] = served.get(line_no, 0) + quantity
    assert served == {one.line_no: one.quantity for one in demands}
    assert all(quantity <= stock[key] for key, quantity in given_out.items())


def _fewest(demands: Sequence[Demand], places: Sequence[Location], stock: Stock, *, at_most: int) -> int:
    """The fewest locations that together can serve every unit on its own merits: a bound no decision can beat."""
    for size in range(1, at_most):
        for chosen in combinations(places, size):
            if all(_could(one, chosen, stock) for one in demands) and _enough(demands, chosen, stock):
                return size
    return at_most


def _could(one: Demand, chosen: Sequence[Location], stock: Stock) -> bool:
    able = [p for p in chosen if one.needs <= p.capabilities and p.location_id not in one.excluded]
    return sum(max(0, stock[one.sku_id, p.location_id]) for p in able) >= one.quantity


def _enough(demands: Sequence[Demand], chosen: Sequence[Location], stock: Stock) -> bool:
    """Whether units can be dealt out: a flow, found by trying the pickiest lines first with every split."""
    room = {(sku, p.location_id): max(0, stock[sku, p.location_id]) for sku in (1, 2, 3) for p in chosen}

    def deal(index: int) -> bool:
        if index == len(demands):
            return True
        one = demands[index]
        able = [p.location_id for p in chosen if one.needs <= p.capabilities and p.location_id not in one.excluded]
        return _spread(one.sku_id, one.quantity, able, lambda: deal(index + 1))

    def _spread(sku: int, left: int, able: Sequence[int], then: Callable[[], bool]) -> bool:
        if not left:
            return then()
        if not able:
            return False
        place, *others = able
        for units in range(min(left, room[sku, place]), -1, -1):
            room[sku, place] -= units
            if _spread(sku, left - units, others, then):
                return True
            room[sku, place] += units
        return False

    return deal(0)
