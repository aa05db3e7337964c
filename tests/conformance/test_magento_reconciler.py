"""Magento's reservation reconciler: which orders it must flag, and which not.

Scenarios (not code) of magento/inventory, `InventoryReservationCli/Test/Integration/Model/
GetSalableQuantityInconsistenciesTest.php` at 12bdaf4b. There an order's reservations must add up to minus what is open
of it; here a line's claim must be what the line says is claimed.
"""

from __future__ import annotations

import msgspec
import pytest

from doorstep import reconciliation
from doorstep.db import Tx
from doorstep.kit.ids import new_id
from tests.orders.world import World, placing


class Case(msgspec.Struct, frozen=True):
    """`buckets` of a line of `ordered` units, what is `open` of its claim, and what must be flagged: ours, theirs."""

    name: str
    ordered: int
    buckets: dict[str, int]
    open: int
    flagged: tuple[str, int] | None


CASES = (
    Case("an incomplete order with its reservation", 2, {"reserved": 2}, 2, None),
    Case("an incomplete order without its reservation", 2, {"reserved": 2}, 0, ("line_without_claim", 2)),
    Case("an incomplete order with part of its reservation", 3, {"reserved": 3}, 1, ("line_without_claim", 2)),
    Case("a completed order, all compensated", 2, {"delivered": 2}, 0, None),
    Case("a completed order whose compensation is missing", 2, {"shipped": 2}, 2, ("claim_without_line", 2)),
    Case("a partially shipped order, compensated", 3, {"shipped": 1, "packed": 2}, 2, None),
    Case("a partially shipped order whose compensation is missing", 3, {"shipped": 1, "packed": 2}, 3,
         ("claim_without_line", 1)),
    Case("a canceled order, all given back", 2, {"canceled": 2}, 0, None),
    Case("a canceled order with something left over", 2, {"canceled": 2}, 2, ("claim_without_line", 2)),
    Case("an order whose reservations were deleted", 3, {"activated": 3}, 0, ("line_without_claim", 3)),
    Case("an order that waits for goods has none", 4, {"backordered": 4}, 0, None),
    Case("a returned order has none", 2, {"returned": 2}, 0, None),
)  # fmt: skip


@pytest.fixture
async def world(brand) -> World:  # type: ignore[no-untyped-def]  # pytest hands it over
    return await World(brand).open({"north": {"1234": 50}})  # a SKU that is a number, as in their numeric-SKU case


async def set_up(world: World, tx: Tx, case: Case) -> None:
    """An order whose line and claim stand as the case says."""
    (outcome,) = await world.place(placing(new_id().hex, ("1234", case.ordered)))
    assert outcome.answer is not None
    buckets = {"reserved": 0, **case.buckets}
    sets = ", ".join(f"{name} = {units}" for name, units in buckets.items())
    await tx.execute(f"UPDATE order_lines SET {sets}")
    await tx.execute("UPDATE reservations SET open = $1", case.open)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_it_flags_what_magento_flags_and_nothing_else(world: World, case: Case) -> None:
    async with world.brand.transaction() as tx:
        await set_up(world, tx, case)
    async with world.brand.snapshot() as tx:
        found = [one for one in await reconciliation.find(tx, limit=10) if one.order_id is not None]
    assert [(one.cause, one.units) for one in found] == ([case.flagged] if case.flagged else [])


async def test_it_names_every_order_of_many(world: World) -> None:
    case = CASES[1]
    for _ in range(7):
        async with world.brand.transaction() as tx:
            await set_up(world, tx, case)
    async with world.brand.snapshot() as tx:
        found = await reconciliation.find(tx, limit=100)
        first = await reconciliation.find(tx, limit=3)
    assert len({one.order_id for one in found if one.order_id}) == 7
    assert len([one for one in first if one.order_id]) == 3
