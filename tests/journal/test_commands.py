"""Commands without a natural key: the same key acts once and is answered the same."""

from __future__ import annotations

import asyncio

import pytest

from doorstep.db import Brand, Tx
from doorstep.journal import Command
from doorstep.kit.errors import BodyDiffers, Conflict


@pytest.fixture
async def acts(brand: Brand) -> Brand:
    """A brand with a table that counts what was done."""
    async with brand.transaction() as tx:
        await tx.execute("CREATE TABLE acts (name text)")
    return brand


async def act(tx: Tx, now: object) -> object:
    await tx.execute("INSERT INTO acts VALUES ('done')")
    return {"at": str(now)}


async def done(brand: Brand) -> int:
    async with brand.reading() as tx:
        count: int = await tx.fetchval("SELECT count(*) FROM acts")
        return count


def command(brand: Brand, key: str = "k") -> Command:
    return Command(brand=brand, key=key, route="POST /v1/test", actor="test")


async def test_a_command_sent_many_times_at_once_acts_once_and_answers_the_same(acts: Brand) -> None:
    answers = await asyncio.gather(*(command(acts).run({"a": 1}, act) for _ in range(6)))
    assert len({answer.content for answer in answers}) == 1
    assert await done(acts) == 1


async def test_the_same_key_with_another_body_is_refused(acts: Brand) -> None:
    await command(acts).run({"a": 1}, act)
    with pytest.raises(BodyDiffers):
        await command(acts).run({"a": 2}, act)
    assert await done(acts) == 1


async def test_a_command_that_fails_leaves_its_key_free(acts: Brand) -> None:
    async def fail(tx: Tx, now: object) -> object:
        await act(tx, now)
        raise Conflict("not now")

    with pytest.raises(Conflict):
        await command(acts).run({"a": 1}, fail)
    assert await done(acts) == 0
    assert not (await command(acts).run({"a": 1}, act)).replayed
    assert await done(acts) == 1
