"""A line's units: each in one bucket, moved through the doors the table names; the order's axes follow."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from doorstep import orders
from doorstep.kit.errors import Conflict
from doorstep.orders.model import BUCKETS, TRANSITIONS, Bucket, LineRow, Move
from tests.orders.world import World

DOORS = [(source, target) for source in BUCKETS for target in BUCKETS if source != target]


async def at(world: World, bucket: Bucket) -> UUID:
    """An order of three cards whose units were put into a bucket by plain SQL."""
    order_id = await world.placed(("CARD", 3))
    async with world.brand.transaction() as tx:
        if bucket != "reserved":
            await tx.execute(f"UPDATE order_lines SET reserved = 0, {bucket} = 3 WHERE order_id = $1", order_id)
    return order_id


def move(order_id: UUID, quantity: int, source: Bucket, target: Bucket) -> Move:
    return Move(order_id=order_id, line_no=1, quantity=quantity, source=source, target=target)


async def test_units_go_through_the_doors_of_the_table_and_through_no_other(world: World) -> None:
    order_id = await at(world, "reserved")
    for source, target in DOORS:
        async with world.brand.transaction() as tx:
            clear = ", ".join(f"{bucket} = {3 * (bucket == source)}" for bucket in BUCKETS)
            await tx.execute(f"UPDATE order_lines SET {clear} WHERE order_id = $1", order_id)
            await orders.lock(tx, [order_id])
            if target in TRANSITIONS[source]:
                await orders.move_units(tx, [move(order_id, 2, source, target)])
                (line,) = (await orders.lines(tx, [order_id]))[order_id]
                assert (getattr(line, source), getattr(line, target)) == (1, 2)
            else:
                with pytest.raises(Conflict):
                    await orders.move_units(tx, [move(order_id, 2, source, target)])


async def test_more_units_than_a_bucket_holds_do_not_move(world: World) -> None:
    order_id = await at(world, "reserved")
    with pytest.raises(Conflict):
        async with world.brand.transaction() as tx:
            await orders.move_units(tx, [move(order_id, 4, "reserved", "activated")])
    (line,) = await world.lines(order_id)
    assert (line.reserved, line.activated) == (3, 0)


async def test_the_database_itself_keeps_every_unit_in_exactly_one_bucket(world: World) -> None:
    order_id = await at(world, "reserved")
    for change in ("picked = 1", "reserved = 2", "ordered = 4"):
        with pytest.raises(asyncpg.CheckViolationError, match="order_lines_units_add_up"):
            async with world.brand.transaction() as tx:
                await tx.execute(f"UPDATE order_lines SET {change} WHERE order_id = $1", order_id)


@pytest.mark.parametrize(
    ("bucket", "status", "fulfillment_status"),
    [
        ("reserved", "open", "unfulfilled"), ("backordered", "open", "backordered"),
        ("shortfall", "open", "backordered"),
        ("activated", "open", "in_progress"), ("packed", "open", "in_progress"), ("shipped", "open", "shipped"),
        ("delivered", "completed", "delivered"), ("return_requested", "completed", "delivered"),
        ("returned", "completed", "returned"), ("canceled", "canceled", "unfulfilled"),
    ],
)  # fmt: skip
async def test_the_orders_axes_follow_its_units(
    world: World, bucket: Bucket, status: str, fulfillment_status: str
) -> None:
    order_id = await at(world, bucket)
    async with world.brand.transaction() as tx:
        await orders.refresh(tx, [order_id])
        row = (await orders.read(tx, [order_id]))[order_id]
    assert (row.status, row.fulfillment_status) == (status, fulfillment_status)


def line_of(ordered: int, *, discount: int = 0, **units: int) -> LineRow:
    row: dict[str, Any] = {**dict.fromkeys(BUCKETS, 0), **units}
    return LineRow(
        order_id=UUID(int=1), line_no=1, sku_id=1, ordered=ordered, unit_price_minor=1000, tax_minor=0,
        discount_minor=discount, routing_kind="regular", kind_reason="", instructions="", **row,
    )  # fmt: skip


@pytest.mark.parametrize("discount", [0, 1, 99])
def test_parcels_one_by_one_add_up_to_the_price_of_the_line(discount: int) -> None:
    # 7 units at 10.00 less a discount that does not divide: what is captured step by step is the whole, to the cent.
    captured = 0
    for shipped in range(7):
        line = line_of(7, discount=discount, shipped=shipped, reserved=7 - shipped)
        captured += line.value(line.kept, 1)
    assert captured == 7 * 1000 - discount


def test_what_is_kept_is_what_was_captured_less_what_was_given_back() -> None:
    line = line_of(7, discount=5)
    for kept in range(8):
        given_back = sum(line.value(left - 1, 1) for left in range(kept + 1, 8))
        assert line.total_minor - given_back == line.value(0, kept)


def test_what_is_canceled_step_by_step_is_what_was_not_delivered() -> None:
    canceled = sum(line_of(7, discount=5, canceled=done).cancel_value(1) for done in range(3))
    assert canceled + line_of(7, discount=5).value(0, 4) == line_of(7, discount=5).total_minor
