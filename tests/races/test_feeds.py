"""Feeds while the shop sells: against shipping, against claiming, against another feed, and against their own death."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from doorstep import feeds, inventory
from doorstep.db import Tx
from doorstep.feeds import Feed, Wish
from doorstep.feeds import apply as applying
from doorstep.inventory import Claim, Told
from doorstep.inventory.claim import SQL
from doorstep.jobs import Runner, does
from doorstep.kit.ids import new_id
from tests.orders.world import MONDAY, World
from tests.races.watch import running, until_it_waits

LATER = MONDAY + timedelta(minutes=5)


def claim_of(world: World, quantity: int) -> Claim:
    return Claim(
        order_id=new_id(), line_no=1, sku_id=world.skus["MUG"], location_id=world.places["north"], quantity=quantity
    )


async def ship(tx: Tx, claim: Claim) -> None:
    await inventory.ship(tx, claims=[claim], reference="parcel", actor="test", now=LATER)


async def told(tx: Tx, world: World, on_hand: int) -> str:
    """What becomes of a figure of the north's own book, as of Monday morning."""
    one = Told(sku_id=world.skus["MUG"], location_id=world.places["north"], on_hand=on_hand)
    fates = await inventory.correct(
        tx, told=[one], as_of=MONDAY, reference=new_id().hex, reason="feed", actor="test", now=LATER
    )
    ((fate, _),) = fates.values()
    return fate


async def test_a_figure_read_before_the_lock_brings_shipped_units_back(world: World) -> None:
    # Control: the same sum, but what was shipped since the feed's moment was looked up before the row was locked.
    claim = claim_of(world, 3)
    async with world.brand.transaction() as tx:
        await inventory.claim(tx, claims=[claim])
    key = world.skus["MUG"], world.places["north"]
    async with world.brand.transaction() as shipping, world.brand.transaction() as feeding:
        await ship(shipping, claim)
        (row,) = await feeding.fetch(SQL.stock_as_of, [key[0]], [key[1]], MONDAY)
        update = "UPDATE stock SET on_hand = $1 WHERE sku_id = $2 AND location_id = $3"
        async with running(feeding.execute(update, 9 + row["since"], *key)) as late:
            await until_it_waits(world.brand, late)
            await shipping.execute("COMMIT; BEGIN")
            await late
    assert (await world.stock("MUG"))["on_hand"] == 9  # 10 were there, 9 in their book, 3 have left: 6


async def test_a_feed_does_not_bring_back_what_is_being_shipped(world: World) -> None:
    claim = claim_of(world, 3)
    async with world.brand.transaction() as tx:
        await inventory.claim(tx, claims=[claim])
    async with world.brand.transaction() as shipping:
        await ship(shipping, claim)

        async def feeding() -> str:
            async with world.brand.transaction() as tx:
                return await told(tx, world, 9)

        late = running(feeding())
        task = await late.__aenter__()
        await until_it_waits(world.brand, task)
    assert await task == "applied"
    await late.__aexit__(None, None, None)
    assert (await world.stock("MUG"))["on_hand"] == 6
    assert await world.faults() == []


async def test_a_plain_update_to_the_feeds_figure_fails_on_what_is_being_claimed(world: World) -> None:
    # Control: no look at the claims under the lock. The CHECK alone saves the units, and takes the whole slice down.
    key = world.skus["MUG"], world.places["north"]
    async with world.brand.transaction() as feeding:
        async with world.brand.transaction() as claiming:
            await inventory.claim(claiming, claims=[claim_of(world, 6)])
            plain = feeding.execute("UPDATE stock SET on_hand = 5 WHERE sku_id = $1 AND location_id = $2", *key)
            late = running(plain)
            task = await late.__aenter__()
            await until_it_waits(world.brand, task)
        with pytest.raises(asyncpg.CheckViolationError, match="stock_not_oversold"):
            await task
        await late.__aexit__(None, None, None)
        await feeding.execute("ROLLBACK; BEGIN")


async def test_a_feed_leaves_what_is_being_claimed(world: World) -> None:
    async def feeding() -> str:
        async with world.brand.transaction() as tx:
            return await told(tx, world, 5)

    claim = claim_of(world, 6)
    async with world.brand.transaction() as claiming:
        await inventory.lock_stock(claiming, keys=[(claim.sku_id, claim.location_id)])
        late = running(feeding())
        task = await late.__aenter__()
        await until_it_waits(world.brand, task)
        await inventory.claim(claiming, claims=[claim])
    assert await task == "below_claims"
    await late.__aexit__(None, None, None)
    assert (await world.stock("MUG"))["on_hand"] == 6


async def received(world: World, reference: str, text: str, **more: Any) -> Feed:
    """A feed of the north that has arrived."""

    async def chunks() -> AsyncIterator[bytes]:
        yield text.encode()

    wish = Wish(reference=reference, kind="delta", location="north", **more)
    return await feeds.receive(world.brand, wish, chunks(), form="csv", gzipped=False, actor="test")


async def work(world: World) -> None:
    """Do the jobs that are due, also those that back off."""
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE jobs SET retry_at = '-infinity' WHERE state = 'waiting'")
    while await Runner(world.brand, [does("feeds.work_on", feeds.work_on)], {}).run_once():
        pass


async def state(world: World, feed: Feed) -> tuple[str, str | None]:
    async with world.brand.reading() as tx:
        found = await feeds.feed(tx, feed.feed_id)
    return found.state, found.problem


async def older_beside_newer(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Feed, Feed]:
    """A newer feed is at its first slice; an older one of the same location that differs elsewhere comes in between."""
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE clock SET clock_from = $1", LATER)
    newer = await received(world, "newer", "sku,on_hand\nMUG,9\nCARD,10\n", as_of=LATER)
    older: list[Feed] = []
    slice_of = applying._slice

    async def interrupted(tx: Tx, feed_id: Any) -> Feed:
        if not older:
            older.append(await received(world, "older", "sku,on_hand\nCARD,8\n", as_of=MONDAY))
            await Runner(world.brand, [does("feeds.work_on", feeds.work_on)], {}).run_once()
        return await slice_of(tx, feed_id)

    monkeypatch.setattr(applying, "_slice", interrupted)
    await work(world)
    return newer, older[0]


async def test_an_older_feed_overtakes_a_newer_one_where_they_take_no_turns(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Control: the older one does not see that a newer one is under way, and sets back what that one found to be right.
    async def mine(tx: Tx, feed: Feed) -> bool:
        return True

    monkeypatch.setattr(applying, "_take_turns", mine)
    newer, older = await older_beside_newer(world, monkeypatch)
    assert [await state(world, newer), await state(world, older)] == [("done", None), ("done", None)]
    assert (await world.stock("CARD"))["on_hand"] == 8


async def test_two_feeds_of_one_location_take_turns_and_the_older_one_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer, older = await older_beside_newer(world, monkeypatch)
    assert [await state(world, newer), await state(world, older)] == [("done", None), ("failed", "older")]
    assert [(await world.stock(sku))["on_hand"] for sku in ("MUG", "CARD")] == [9, 10]


async def test_a_feed_cut_short_goes_on_where_it_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "FEED_SLICE", 1)
    feed = await received(world, "feed", "sku,on_hand\nMUG,7\nCARD,12\n")
    slice_of, calls = applying._slice, []

    async def dying(tx: Tx, feed_id: Any) -> Feed:
        calls.append(feed_id)
        if len(calls) == 2:
            assert (await world.stock("CARD"))["on_hand"] == 12
            raise ConnectionError("killed")
        return await slice_of(tx, feed_id)

    monkeypatch.setattr(applying, "_slice", dying)
    await work(world)
    assert await state(world, feed) == ("applying", None)
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE jobs SET leased_until = '-infinity' WHERE state = 'waiting'")
    await work(world)
    assert await state(world, feed) == ("done", None)
    assert [(await world.stock(sku))["on_hand"] for sku in ("MUG", "CARD")] == [7, 12]
    assert await world.value("SELECT count(*) FROM stock_movements WHERE kind = 'counted'") == 2
    assert await world.faults() == []


async def test_rows_lost_in_a_crash_of_the_database_are_told_and_sent_again(world: World) -> None:
    text = "sku,on_hand\nMUG,7\n"
    feed = await received(world, "feed", text)
    async with world.brand.transaction() as tx:
        await tx.execute("TRUNCATE feed_rows")  # what PostgreSQL does after a crash with a table that is not in its log
    await work(world)
    assert await state(world, feed) == ("failed", "rows_lost")
    assert (await received(world, "feed", text)).feed_id == feed.feed_id
    await work(world)
    assert await state(world, feed) == ("done", None)
    assert (await world.stock("MUG"))["on_hand"] == 7


async def test_a_database_that_crashes_while_rows_arrive_leaves_no_half_of_a_file(world: World) -> None:
    feed = await received(world, "feed", "sku,on_hand\nMUG,7\nCARD,12\n")
    async with world.brand.transaction() as tx:
        await tx.execute("DELETE FROM feed_rows WHERE sku = 'MUG'")  # it crashed between two batches, and came back
    await work(world)
    assert await state(world, feed) == ("failed", "rows_lost")
    assert [(await world.stock(sku))["on_hand"] for sku in ("MUG", "CARD")] == [10, 10]


async def test_a_feed_canceled_halfway_and_sent_anew_is_applied_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It comes anew while the worker still has its job in hand, and says otherwise of a shelf that it has changed.
    monkeypatch.setattr(applying, "FEED_SLICE", 1)
    feed = await received(world, "feed", "sku,on_hand\nMUG,7\nCARD,12\n")
    slice_of, calls = applying._slice, []

    async def interrupted(tx: Tx, feed_id: Any) -> Feed:
        calls.append(feed_id)
        if len(calls) == 2:
            assert (await world.stock("CARD"))["on_hand"] == 12
            async with world.brand.transaction() as other:
                await feeds.cancel(other, feed_id=feed_id, now=LATER)
            await received(world, "feed", "sku,on_hand\nMUG,9\nCARD,13\n")
        return await slice_of(tx, feed_id)

    monkeypatch.setattr(applying, "_slice", interrupted)
    await work(world)
    assert await state(world, feed) == ("done", None)
    assert [(await world.stock(sku))["on_hand"] for sku in ("MUG", "CARD")] == [9, 13]
    assert await world.faults() == []
