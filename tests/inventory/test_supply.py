"""Who waits for which delivery, and who is served: against a simple model, whatever happens in whatever order."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from doorstep.inventory.supply.model import Delivery, Waiting, serve, settle, take_back

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PLACES = {1: frozenset[str](), 2: frozenset({"personalize"})}


def fits(wait: Waiting, location_id: int) -> bool:
    return wait.needs <= PLACES[location_id]


def delivery(no: int, quantity: int, day: int, location_id: int = 1) -> Delivery:
    return Delivery(
        incoming_id=UUID(int=no),
        reference=f"PO-{no}",
        sku_id=1,
        location_id=location_id,
        quantity=quantity,
        promised=0,
        expected_at=MONDAY + timedelta(days=day),
    )


def wait(
    no: int, units: int, for_: int | None = None, *, lane: int = 1, needs: frozenset[str] = frozenset()
) -> Waiting:
    return Waiting(
        order_id=UUID(int=no),
        line_no=1,
        sku_id=1,
        incoming_id=UUID(int=for_) if for_ is not None else None,
        units=units,
        sold=True,
        needs=needs,
        channel="web",
        lane=lane,
        priority=100,
        news=None,
    )


deliveries = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5), st.sampled_from([1, 2])), max_size=4).map(
    lambda rows: [delivery(no, *row) for no, row in enumerate(rows, start=1)]
)
waits = st.lists(
    st.tuples(st.integers(1, 5), st.sampled_from([None, 1, 2, 3, 9]), st.sampled_from([0, 1]), st.booleans()),
    max_size=8,
).map(
    lambda rows: [
        wait(no, units, for_, lane=lane, needs=frozenset({"personalize"}) if special else frozenset())
        for no, (units, for_, lane, special) in enumerate(rows, start=1)
    ]
)


def in_bounds(found: list[Waiting], coming: list[Delivery]) -> None:
    promised: Counter[UUID] = Counter()
    for one in found:
        if one.incoming_id:
            promised[one.incoming_id] += one.units
    quantity = {one.incoming_id: one.quantity for one in coming}
    assert all(units <= quantity[incoming_id] for incoming_id, units in promised.items())


def units_of(found: list[Waiting]) -> Counter[UUID]:
    sums: Counter[UUID] = Counter()
    for one in found:
        sums[one.order_id] += one.units
    return sums


def arrives(one: Waiting, coming: list[Delivery]) -> datetime:
    """The date of what an order waits for; far away when there is none."""
    dates = {each.incoming_id: each.expected_at for each in coming}
    return dates.get(one.incoming_id, MONDAY + timedelta(days=999)) if one.incoming_id else MONDAY + timedelta(days=999)


@given(waiting=waits, coming=deliveries)
@settings(max_examples=300, deadline=None)
def test_settling_promises_no_unit_twice_loses_none_and_leaves_no_room_to_move_up(
    waiting: list[Waiting], coming: list[Delivery]
) -> None:
    found = settle(waiting, coming, fits, lost="lost", up="up")
    in_bounds(found, coming)
    assert units_of(found) == units_of(waiting)
    promised = Counter[UUID]()
    for one in found:
        if one.incoming_id:
            promised[one.incoming_id] += one.units
    for each in coming:
        if promised[each.incoming_id] < each.quantity:
            assert not [one for one in found if fits(one, each.location_id) and arrives(one, coming) > each.expected_at]
    again = settle(found, coming, fits, lost="lost", up="up")
    assert again == found  # nothing is left to do


@given(waiting=waits, coming=deliveries)
@settings(max_examples=300, deadline=None)
def test_nobodys_date_gets_worse_unless_the_delivery_has_no_room_for_them(
    waiting: list[Waiting], coming: list[Delivery]
) -> None:
    settled = settle(waiting, coming, fits, lost="lost", up="up")
    before = {
        (one.order_id, one.sold): max(arrives(w, coming) for w in settled if w.order_id == one.order_id)
        for one in settled
    }
    fewer = settled[1:]  # somebody cancels: the others may only gain
    after = settle(fewer, coming, fits, lost="lost", up="up")
    for one in after:
        assert arrives(one, coming) <= before[one.order_id, one.sold]


@given(waiting=waits, coming=deliveries, free=st.dictionaries(st.sampled_from([1, 2]), st.integers(0, 9)))
@settings(max_examples=300, deadline=None)
def test_goods_go_to_who_was_promised_them_then_by_rank_and_none_lie_idle(
    waiting: list[Waiting], coming: list[Delivery], free: dict[int, int]
) -> None:
    settled = settle(waiting, coming, fits, lost="lost", up="up")
    came = [coming[0].incoming_id] if coming else []
    left, given_ = serve(settled, free, fits, arrived=came)
    served: Counter[int] = Counter()
    for one, location_id in given_:
        assert fits(one, location_id)
        served[location_id] += one.units
    assert all(units <= free[location_id] for location_id, units in served.items())
    assert units_of(left) + units_of([one for one, _ in given_]) == units_of(settled)
    for location_id, units in free.items():
        if served[location_id] < units:
            assert not [one for one in left if fits(one, location_id)]
    for one in left:
        for other, location_id in given_:
            if fits(one, location_id):  # it could have had these units: the other came first
                assert (one.incoming_id not in came, one.rank) >= (other.incoming_id not in came, other.rank)


def test_what_comes_last_is_given_up_first() -> None:
    mine = [wait(1, 2, 1), wait(1, 2, 2), wait(1, 2)]
    dates = {UUID(int=1): MONDAY, UUID(int=2): MONDAY + timedelta(days=7)}
    given_ = take_back(mine, dates, 5)
    assert [(one.incoming_id, one.units) for one in given_] == [(None, 2), (UUID(int=2), 2), (UUID(int=1), 1)]


def test_when_a_delivery_becomes_too_small_the_last_by_rank_move_on() -> None:
    waiting = [wait(1, 3, 1), wait(2, 3, 1, lane=0), wait(3, 3, 1)]
    found = settle(waiting, [delivery(1, 5, 7), delivery(2, 9, 14)], fits, lost="lost", up="up")
    assert {(one.order_id.int, one.incoming_id and one.incoming_id.int, one.units, one.news) for one in found} == {
        (2, 1, 3, None), (1, 1, 2, None), (1, 2, 1, "lost"), (3, 2, 3, "lost"),
    }  # fmt: skip
