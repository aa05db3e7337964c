"""What comes back is judged: stock, units and money agree to the cent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doorstep import inventory, returns
from doorstep.db import Brand, Tx
from doorstep.kit.errors import Conflict, Invalid
from doorstep.orders import LineRow
from doorstep.returns import Item, Return, WishLine
from tests.returns.world import FEE, NOW, Line, buckets, delivered, kept_minor, location_id, stock, stock_room, told


async def opened(tx: Tx, *lines: Line, units: int | None = None) -> tuple[UUID, Return]:
    """A delivered order, and a return of `units` of each line (all when not said)."""
    await stock_room(tx)
    order_id = await delivered(tx, *lines)
    wanted = [
        WishLine(line_no=line_no, quantity=units or line.units - line.waiting, reason="changed_mind")
        for line_no, line in enumerate(lines, start=1)
    ]
    one = await returns.request(tx, order_id=order_id, wanted=wanted, handover="qr", actor="test", now=NOW)
    return order_id, one


async def receive(tx: Tx, one: Return, *items: Item, **more: Any) -> Return:
    """Receive at Leeds."""
    given = {"location": "LDS", "actor": "test", "now": NOW, **more}
    return await returns.receive(tx, return_id=one.return_id, items=items, **given)


def good(quantity: int, *, line_no: int = 1, disposition: Any = "restock") -> Item:
    return Item(line_no=line_no, quantity=quantity, disposition=disposition)


async def holds(tx: Tx) -> None:
    """The audits of units agree (the refunds are asked for by a reaction that does not run here)."""
    findings = [*await returns.audit(tx), *await inventory.audit(tx)]
    assert [finding for finding in findings if finding.area == "units" and not finding.holds] == []


async def test_all_of_it_back_gives_back_everything_with_the_shipping_fee(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id, one = await opened(tx, Line(units=3, total_minor=1000), Line(units=1, total_minor=333))
        done = await receive(tx, one, good(3), good(1, line_no=2))
        assert (done.status, done.refund_minor, done.closed_at) == ("closed", 1000 + 333 + FEE, NOW)
        assert await buckets(tx, order_id) == [(0, 0, 3), (0, 0, 1)]
        assert await stock(tx, "LDS") == (4, 0, 0)
        (event,) = await told(tx, "returns.received")
        assert (event["refund_minor"], event["cause"]) == (1828, f"return:{one.return_id.hex}")
        status = await tx.fetchval("SELECT fulfillment_status FROM orders WHERE order_id = $1", order_id)
        assert status == "returned"
        await holds(tx)


async def test_three_parts_of_an_indivisible_price_add_up_to_the_cent(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id, one = await opened(tx, Line(units=3, total_minor=1000))
        refunds = []
        for _ in range(3):
            one = await receive(tx, one, good(1))
            refunds.append(one.lines[0].refund_minor)
            assert await kept_minor(tx, order_id) == 1000 - refunds[-1]
        assert (one.status, refunds[-1], one.refund_minor) == ("closed", 1000, 1000 + FEE)
        causes = [event["cause"] for event in await told(tx, "returns.received")]
        assert causes == [f"return:{one.return_id.hex}{end}" for end in ("", ":2", ":3")]
        assert await stock(tx, "LDS") == (3, 0, 0)
        await holds(tx)


async def test_the_shipping_fee_stays_while_something_is_kept_or_still_to_come(brand: Brand) -> None:
    async with brand.transaction() as tx:
        _, one = await opened(tx, Line(units=2, total_minor=999), units=1)
        assert (await receive(tx, one, good(1))).refund_minor == 500
    async with brand.transaction() as tx:
        _, one = await opened(tx, Line(units=2, waiting=1, total_minor=1000))
        assert (await receive(tx, one, good(1))).refund_minor == 500


@pytest.mark.parametrize(
    ("disposition", "stands"),
    [
        ("restock", (1, 0, 0)),
        ("refurbish", (1, 0, 1)),
        ("damaged", (1, 1, 0)),
        ("scrap", (0, 0, 0)),
        ("return_to_vendor", (0, 0, 0)),
    ],
)
async def test_each_disposition_leads_to_its_place(brand: Brand, disposition: str, stands: tuple[int, ...]) -> None:
    async with brand.transaction() as tx:
        _, one = await opened(tx, Line())
        done = await receive(tx, one, good(1, disposition=disposition), location="SHOP")
        assert await stock(tx, "SHOP") == stands
        assert done.lines[0].disposition == disposition
        assert len(await told(tx, "inventory.received")) == (disposition == "restock")
        await holds(tx)


async def test_rejected_units_stay_the_customers_and_give_nothing_back(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id, one = await opened(tx, Line(units=2))
        done = await receive(tx, one, good(1), Item(line_no=1, quantity=1, acceptance="rejected"))
        assert (done.status, done.refund_minor) == ("closed", 500)
        assert await buckets(tx, order_id) == [(1, 0, 1)]
        assert await kept_minor(tx, order_id) == 500
        await holds(tx)


async def test_what_is_missing_is_short_once_nothing_more_will_come(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id, one = await opened(tx, Line(units=3, total_minor=900))
        partly = await receive(tx, one, good(1))
        assert (partly.status, await buckets(tx, order_id)) == ("received", [(0, 2, 1)])
        done = await receive(tx, one, last=True)
        assert (done.status, done.lines[0].reception, done.refund_minor) == ("closed", "short", 300)
        assert await buckets(tx, order_id) == [(2, 0, 1)]
        await holds(tx)


async def test_more_than_announced_is_refused_and_changes_nothing(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id, one = await opened(tx, Line(units=3), units=2)
        with pytest.raises(Conflict, match="only 2 units"):
            await receive(tx, one, good(2), good(1))
        assert await buckets(tx, order_id) == [(1, 2, 0)]
        await receive(tx, one, good(2))
        with pytest.raises(Conflict, match="closed"):
            await receive(tx, one, good(1))


async def test_a_person_decides_what_the_dock_could_not(brand: Brand) -> None:
    async with brand.transaction() as tx:
        order_id, one = await opened(tx, Line(units=2))
        waits = await receive(tx, one, Item(line_no=1, quantity=2, reception="wrong_item", acceptance="manual"))
        assert (waits.status, waits.refund_minor, waits.lines[0].acceptance) == ("received", 0, "manual")
        assert waits.lines[0].reception == "wrong_item"
        assert await tx.fetchval("SELECT count(*) FROM exceptions WHERE resolved_at IS NULL") == 1
        with pytest.raises(Conflict):
            await returns.decide(tx, return_id=one.return_id, items=[good(3)], actor="eve", now=NOW)
        done = await returns.decide(
            tx,
            return_id=one.return_id,
            items=[good(1, disposition="damaged"), Item(line_no=1, quantity=1, acceptance="rejected")],
            actor="eve",
            now=NOW,
        )
        assert (done.status, done.refund_minor) == ("closed", 500)
        assert await buckets(tx, order_id) == [(1, 0, 1)]
        assert await tx.fetchval("SELECT count(*) FROM exceptions WHERE resolved_at IS NULL") == 0
        await holds(tx)


async def test_everything_wrong_with_a_receipt_is_told_at_once(brand: Brand) -> None:
    async with brand.transaction() as tx:
        _, one = await opened(tx, Line(units=4))
        with pytest.raises(Invalid) as error:
            await receive(
                tx,
                one,
                Item(line_no=1, quantity=1),
                Item(line_no=1, quantity=1, acceptance="rejected", disposition="scrap"),
                Item(line_no=7, quantity=1, disposition="scrap"),
                Item(line_no=1, quantity=1, reception="wrong_item", disposition="scrap"),
                location="VENDOR",
            )
    assert [fault.pointer for fault in error.value.faults] == [
        "/location",
        "/lines/0/disposition",
        "/lines/1/disposition",
        "/lines/2/line_no",
        "/lines/3/acceptance",
    ]


async def test_the_refund_date_comes_nearer_when_the_goods_are_here(brand: Brand) -> None:
    async with brand.transaction() as tx:
        _, one = await opened(tx, Line())
        done = await receive(tx, one, good(1), now=NOW + timedelta(days=2))
        assert done.refund_by == NOW + timedelta(days=16) < one.refund_by
        assert done.location_id == await location_id(tx, "LDS")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.integers(0, 10**9),
    st.integers(1, 40),
    st.lists(st.tuples(st.sampled_from(["ship", "return"]), st.integers(1, 5)), max_size=30),
)
def test_in_any_order_of_shipping_and_returning_the_money_is_the_price_of_what_is_kept(
    total_minor: int, ordered: int, steps: list[tuple[str, int]]
) -> None:
    captured = refunded = shipped = returned = 0
    for step, units in steps:
        line = _line(total_minor, ordered, shipped, returned)
        if step == "ship":
            units = min(units, ordered - shipped)
            captured += line.value(line.kept, units)
            shipped += units
        else:
            units = min(units, shipped - returned)
            refunded += line.value(line.kept - units, units)
            returned += units
        assert captured - refunded == line.value(0, shipped - returned)


def _line(total_minor: int, ordered: int, shipped: int, returned: int) -> LineRow:
    empty: dict[str, Any] = dict.fromkeys(
        ("canceled", "backordered", "shortfall", "activated", "picked", "packed", "shipped", "return_requested"), 0
    )
    return LineRow(
        **empty,
        order_id=UUID(int=1),
        line_no=1,
        sku_id=1,
        ordered=ordered,
        reserved=ordered - shipped,
        delivered=shipped - returned,
        returned=returned,
        unit_price_minor=0,
        tax_minor=total_minor,
        discount_minor=0,
        routing_kind="regular",
        kind_reason="",
        instructions="",
    )
