"""The short form of `make claims`, and controls: what the replay must find is planted, and found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from doorstep import inventory
from doorstep.db import Brand, Database, Tx
from doorstep.kit.errors import Short
from doorstep.orders import place
from doorstep.orders.look import Seen, look
from tests.claims import tap
from tests.claims.run import TAP, Run, Size
from tests.orders.world import placing
from tests.races.buyers import write_key
from tests.races.servers import serving

SEED = int(os.environ.get("DOORSTEP_CLAIMS_SEED", "2026"))
SHORT = Size(claims=2_000, processes=2, hot=6, cold=120, places=3, batch=8, shelf=5)
ONE = Size(claims=0, hot=1, cold=1, places=2, shelf=5)


async def test_64_writers_in_two_processes_oversell_nothing_and_refuse_nobody_wrongly(brand: Brand, dsn: str) -> None:
    run = await Run(brand, dsn, SHORT, seed=SEED).open()
    await run.play(SHORT.claims)
    result = await run.judge()
    assert result.faults() == []
    assert result.claims >= SHORT.claims
    assert result.verdict.refusals > 50


async def test_the_same_over_http_with_two_server_processes(
    brand: Brand, database: Database, dsn: str, tmp_path: Path
) -> None:
    run = await Run(brand, dsn, SHORT, seed=SEED).open()
    key = await write_key(run.world, database)
    with serving(dsn, tmp_path, processes=2, first=TAP) as hosts:
        await run.play(SHORT.claims // 4, hosts=hosts, key=key)
    result = await run.judge()
    assert result.faults() == []
    assert result.done["orders"] > 50


@pytest.fixture
async def quiet(brand: Brand, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run in which nobody does anything but the test: five of COLD-0 and one of HOT-0 at each of two places."""
    monkeypatch.setattr(place, "_choose_under_lock", tap._noted)
    return await Run(brand, dsn, ONE, seed=SEED).open()


async def test_a_true_refusal_is_found_true(quiet: Run) -> None:
    (outcome,) = await quiet.world.place(placing("R-1", ("COLD-0", 11)))
    assert isinstance(outcome.problem, Short)
    found = (await quiet.judge()).verdict
    assert (found.refusals, found.faults) == (1, [])


async def test_a_wrong_refusal_is_found(quiet: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # Control: the product is told that the shelves are empty.
    async def nothing(tx: Tx, **more: Any) -> dict[tuple[int, int], int]:
        return dict.fromkeys(await lock_stock(tx, **more), 0)

    async def nothing_unlocked(*asked: Any) -> Seen:
        return msgspec.structs.replace(await look(*asked), available={})

    lock_stock = inventory.lock_stock
    monkeypatch.setattr(inventory, "lock_stock", nothing)
    monkeypatch.setattr(place, "look", nothing_unlocked)
    (outcome,) = await quiet.world.place(placing("R-1", ("COLD-0", 10)))
    assert isinstance(outcome.problem, Short)
    found = (await quiet.judge()).verdict
    assert (found.false, found.dishonest, found.oversold) == (1, 1, 0)


async def test_what_came_before_in_the_same_batch_counts(quiet: Run) -> None:
    outcomes = await quiet.world.place(
        placing("R-1", ("COLD-0", 8)), placing("R-2", ("COLD-0", 3)), placing("R-3", ("COLD-0", 2))
    )
    assert [outcome.answer is not None for outcome in outcomes] == [True, False, True]
    found = (await quiet.judge()).verdict
    assert (found.refusals, found.faults) == (1, [])


async def test_an_oversell_is_found(quiet: Run) -> None:
    async with quiet.brand.transaction() as tx:
        await tx.execute(
            "ALTER TABLE stock DROP CONSTRAINT stock_not_oversold; UPDATE stock SET reserved = on_hand + 1"
        )
    found = await quiet.judge()
    assert found.verdict.oversold == 4
    assert "units sold twice" in " ".join(found.audit)
    assert found.sums["units kept that nobody claims"] == 4 + 2 + 10


async def test_a_change_the_log_did_not_see_is_found(quiet: Run) -> None:
    for triggers, change in (("DISABLE", "on_hand = on_hand + 5"), ("ENABLE", "on_hand = on_hand - 5")):
        async with quiet.brand.transaction() as tx:
            await tx.execute(f"ALTER TABLE stock {triggers} TRIGGER see_stock")
            await tx.execute(f"UPDATE stock SET {change} WHERE sku_id = {quiet.world.skus['COLD-0']}")
    found = (await quiet.judge()).verdict
    assert (found.unordered, found.different) == (2, 0)
