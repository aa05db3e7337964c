"""What the outside sends twice, and what we intend twice, counts once: the database remembers it.

Each test lets two transactions write the same thing at once, so that no look beforehand can help.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from doorstep import jobs
from doorstep.db import Tx
from doorstep.kit.ids import new_id
from doorstep.payments import store as payments
from doorstep.shipping import store as shipping
from doorstep.shipping.ports import TrackingUpdate
from doorstep.updates import store as updates
from tests.orders.world import MONDAY, World
from tests.races.watch import until_it_waits

Write = Callable[[Tx], Awaitable[Any]]


async def at_once(world: World, write: Write) -> tuple[Any, Any]:
    """Let one transaction write, a second one write the same and wait, then commit both; what each was answered."""

    async def second() -> Any:
        async with world.brand.transaction() as tx:
            return await write(tx)

    async with world.brand.transaction() as tx:
        first = await write(tx)
        task = asyncio.ensure_future(second())
        await until_it_waits(world.brand, task)
    return first, await task


async def test_a_tracking_event_on_two_connections_at_once_is_new_once(world: World) -> None:
    update = TrackingUpdate(
        event_id="e-1", tracking_number="T1", status="in_transit", occurred_at=MONDAY, description="", raw={}
    )
    first, second = await at_once(world, lambda tx: shipping.record(tx, "sandbox", [update]))
    assert (len(first), len(second)) == (1, 0)
    assert await world.value("SELECT count(*) FROM tracking_events") == 1


async def test_a_customer_is_told_of_an_event_once_over_a_channel(world: World) -> None:
    event_id, order_id = new_id(), new_id()

    async def tell(tx: Tx) -> int:
        row: updates.Row = (new_id(), order_id, new_id(), event_id, "placed", "email", "en", {}, False, None)
        return len(await updates.want(tx, [row], now=MONDAY))

    assert await at_once(world, tell) == (1, 0)
    assert await world.value("SELECT count(*) FROM updates") == 1


async def test_a_shipment_is_charged_once(world: World) -> None:
    order_id = await world.placed(("MUG", 1))
    authorization = await _authorization(world, order_id)

    async def capture(tx: Tx) -> None:
        want = payments.Want(
            order_id=order_id, kind="capture", cause="shipment:1", amount_minor=5, currency="GBP",
            against=authorization,
        )  # fmt: skip
        await payments.want(tx, [want], now=MONDAY)

    await at_once(world, capture)
    assert await world.value("SELECT count(*) FROM payment_transactions WHERE kind = 'capture'") == 1
    assert await world.value("SELECT count(*) FROM jobs WHERE kind = 'payments.call'") == 1


async def test_an_order_has_one_living_authorization(world: World) -> None:
    order_id = await world.placed(("MUG", 1))
    await _authorization(world, order_id, "order:1")
    with pytest.raises(asyncpg.UniqueViolationError, match="payment_transactions_one_authorize"):
        await _authorization(world, order_id, "order:2")


async def _authorization(world: World, order_id: UUID, cause: str = "order:1") -> UUID:
    transaction_id = new_id()
    async with world.brand.transaction() as tx:
        await tx.execute(
            "INSERT INTO payment_transactions (transaction_id, order_id, kind, cause, amount_minor, currency, status,"
            " wanted_at, settled_at) VALUES ($1, $2, 'authorize', $4, 9, 'GBP', 'approved', $3, $3)",
            transaction_id, order_id, MONDAY, cause,
        )  # fmt: skip
    return transaction_id


async def test_a_cancellation_lowers_what_is_due_once(world: World) -> None:
    order_id, change_id = await world.placed(("MUG", 1)), new_id()
    async with world.brand.transaction() as tx:
        await tx.execute(
            "INSERT INTO payments (order_id, currency, total_minor, due_minor) VALUES ($1, 'GBP', 100, 100)", order_id
        )
    await at_once(world, lambda tx: payments.reduce_due(tx, {change_id: (order_id, 30)}))
    assert await world.value("SELECT due_minor FROM payments") == 70


async def test_an_intent_gets_one_job(world: World) -> None:
    subject = new_id()
    await at_once(world, lambda tx: jobs.enqueue(tx, "test.work", [subject], due_at=MONDAY))
    assert await world.value("SELECT count(*) FROM jobs") == 1


async def test_the_same_trouble_stands_on_the_list_once(world: World) -> None:
    subject = new_id()

    async def trouble(tx: Tx) -> None:
        await jobs.open_exception(
            tx, kind="test", subject=subject, order_id=None, owner="operations", next_action="look", detail={},
            now=MONDAY,
        )  # fmt: skip

    await at_once(world, trouble)
    assert await world.value("SELECT count(*) FROM exceptions") == 1
