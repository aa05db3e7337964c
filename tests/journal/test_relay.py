"""The relay: no committed event is missed, also one that commits late; one relay works at a time; no gaps."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from doorstep.journal import give_positions
from doorstep.kit.ids import new_id
from tests.journal.conftest import Journal
from tests.races.watch import until_it_waits


async def test_a_cursor_by_id_misses_an_event_that_commits_late(journal: Journal) -> None:
    # Control: the reader has gone past the late event's number before that event can be seen.
    async with journal.brand.transaction() as late:
        await journal.append(late, None, "late")
        await journal.tell(None, "early")
        seen = await journal.value("SELECT max(ord) FROM events")
    assert await journal.value(f"SELECT count(*) FROM events WHERE ord > {seen}") == 0
    assert await journal.value("SELECT count(*) FROM events") == 2


async def test_an_event_that_commits_late_is_not_missed(journal: Journal) -> None:
    order_id = await journal.order()
    async with journal.brand.transaction() as late:
        await journal.append(late, order_id, "late")
        await journal.tell(None, "early")
        await journal.settle()
        assert await journal.noted() == ["early"]
    await journal.settle()
    assert await journal.noted() == ["early", "late"]


async def test_an_event_that_is_rolled_back_never_happened_and_leaves_no_gap(journal: Journal) -> None:
    async def undo() -> None:
        async with journal.brand.transaction() as tx:
            await journal.append(tx, None, "undone")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undo()
    await journal.tell(None, "done")
    await journal.settle()
    assert await journal.noted() == ["done"]
    assert await journal.value("SELECT position FROM events") == 1


async def test_only_one_relay_works_at_a_time(journal: Journal) -> None:
    await journal.tell(None, "one")
    async with journal.brand.transaction() as other:
        await other.execute("SELECT 1 FROM relay FOR UPDATE")
        assert await asyncio.wait_for(give_positions(journal.brand), 5) == 0
        assert await journal.value("SELECT count(position) FROM events") == 0
    assert await give_positions(journal.brand) == 1


async def test_many_relays_and_writers_at_once_leave_no_gap_and_no_place_taken_twice(journal: Journal) -> None:
    ids = [await journal.order() for _ in range(4)]

    async def write(turn: int) -> None:
        for n in range(10):
            await journal.tell(ids[turn], f"{turn}-{n}")

    async def relay() -> None:
        while await journal.value("SELECT count(position) FROM events") < 40:
            await give_positions(journal.brand)

    await asyncio.gather(*(write(turn) for turn in range(4)), relay(), relay())
    places = await journal.value("SELECT array_agg(position ORDER BY position) FROM events")
    assert places == list(range(1, 41))
    assert await journal.value("SELECT position FROM relay") == 40


async def test_a_relay_that_looks_in_the_statement_that_takes_the_lease_sees_the_past(journal: Journal) -> None:
    # Control for the two statements of the relay: one statement's snapshot predates the lock it waits for.
    await journal.tell(None, "one")
    query = (
        "WITH lease AS (SELECT position FROM relay FOR UPDATE)"
        " SELECT count(*) FROM events, lease WHERE events.position IS NULL"
    )
    async with journal.brand.transaction() as holder:
        await holder.execute("SELECT 1 FROM relay FOR UPDATE")
        waiting = asyncio.ensure_future(journal.value(query))
        await until_it_waits(journal.brand, waiting)
        await holder.execute("UPDATE events SET position = 1")
        await holder.execute("UPDATE relay SET position = 1")
    assert await waiting == 1  # the event it has a place already, and would be given another
    assert await journal.value("SELECT count(*) FROM events WHERE position IS NULL") == 0


async def test_two_events_cannot_share_a_place_in_an_orders_story(journal: Journal) -> None:
    order_id = await journal.order()
    await journal.tell(order_id, "one")
    async with journal.brand.transaction() as tx:
        await tx.execute("UPDATE orders SET event_seq = 0 WHERE order_id = $1", order_id)
    with pytest.raises(asyncpg.UniqueViolationError, match="events_one_per_seq"):
        await journal.tell(order_id, "two")


async def test_an_event_of_an_order_that_does_not_exist_is_an_error(journal: Journal) -> None:
    with pytest.raises(LookupError):
        await journal.tell(new_id(), "nobody")
    assert await journal.value("SELECT count(*) FROM events") == 0


async def test_writers_of_one_order_take_turns_and_its_story_has_no_gap(journal: Journal) -> None:
    order_id = await journal.order()
    await asyncio.gather(*(journal.tell(order_id, str(n)) for n in range(12)))
    assert await journal.value("SELECT array_agg(seq ORDER BY ord) FROM events") == list(range(1, 13))
