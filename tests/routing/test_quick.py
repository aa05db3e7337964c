"""The short cut of routing answers what the long way would, candidates and reasons included."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from doorstep.delivery import Planner, Service, Transit, TransitDays
from doorstep.inventory import Location
from doorstep.routing import Demand, Network, Request
from doorstep.routing.quick import Quick

NOW = datetime(2026, 3, 6, 9, 0, tzinfo=UTC)
PLANNER = Planner(
    services={
        "standard": Service(
            service="standard", title="Standard", carrier="dove", price_minor=0, currency="GBP", parcel_cost_minor=300,
            kilogram_cost_minor=40, cut_off=time(14), handling_days=0,
        )
    },
    transit=Transit([
        TransitDays(service="standard", country="GB", days=2),
        TransitDays(service="standard", country="GB", postcode_prefix="SW", days=1),
    ]),
    work_times={},
)  # fmt: skip


def location(number: int, **more: Any) -> Location:
    return Location(
        location_id=number, code=f"L{number}", name=f"Place {number}", kind="warehouse", country="GB",
        postcode="LS1 1AA", city="Leeds", street="1 Street", latitude=53.0, longitude=-1.0, **more,
    )  # fmt: skip


PLACES: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    enabled=st.sampled_from([True, True, True, False]),
    priority=st.integers(1, 3),
    timezone=st.sampled_from(["Europe/London", "America/New_York", "Asia/Tokyo"]),
    capabilities=st.sampled_from([frozenset(), frozenset({"gift_wrap"})]),
)
DEMANDS: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    sku_id=st.integers(1, 2),
    quantity=st.integers(1, 3),
    weight_g=st.sampled_from([0, 400, 1500]),
    work_days=st.sampled_from([0, 0, 2]),
    needs=st.sampled_from([frozenset(), frozenset(), frozenset(), frozenset({"gift_wrap"})]),
    excluded=st.sampled_from([frozenset(), frozenset(), frozenset(), frozenset({1})]),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(PLACES, max_size=16),
    st.lists(DEMANDS, min_size=1, max_size=4),
    st.dictionaries(st.tuples(st.integers(1, 2), st.integers(1, 16)), st.integers(-1, 7)),
    st.sampled_from(["SW1Y 4JH", "LS1 1AA"]),
    st.integers(0, 30),
)
def test_the_short_cut_answers_what_the_long_way_does(
    places: list[dict[str, Any]],
    demands: list[dict[str, Any]],
    stock: dict[tuple[int, int], int],
    postcode: str,
    hours: int,
) -> None:
    network = Network(PLANNER, {n: location(n, **one) for n, one in enumerate(places, start=1)})
    asked = Request(
        service="standard", country="GB", postcode=postcode, ready_from=NOW + timedelta(hours=hours),
        demands=[Demand(line_no=n, **one) for n, one in enumerate(demands, start=1)],
    )  # fmt: skip
    assert network.decide(asked, stock) == network.decide_at_length(asked, stock)


def test_the_short_cut_is_taken_when_one_location_has_everything_and_only_then() -> None:
    places = [location(n, enabled=True, priority=n, timezone="UTC", capabilities=frozenset()) for n in (1, 2)]
    quick = Quick(PLANNER, places)
    demands = [Demand(line_no=n, sku_id=n, quantity=1, weight_g=100) for n in (1, 2)]
    asked = Request(service="standard", country="GB", postcode="LS1 1AA", ready_from=NOW, demands=demands)
    found = quick.choose(asked, {(1, 2): 1, (2, 2): 1})
    assert found is not None
    assert [part.location_id for part in found.parts] == [2]
    assert quick.choose(asked, {(1, 1): 1, (2, 2): 1}) is None
