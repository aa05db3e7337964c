"""200 buyers for 25 units over HTTP, twenty times each: one line, two lines of one SKU, two server processes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from doorstep.db import Database
from tests.acceptance.model import Measure
from tests.acceptance.scratch import database, folder, say
from tests.orders.world import World
from tests.races.buyers import BUYERS, UNITS, rush, write_key
from tests.races.servers import serving

ROUNDS = 20
VARIANTS = (
    ("one line, one process", 1, 1),
    ("two lines of one SKU, one process", 2, 1),
    ("one line, two processes", 1, 2),
    ("two lines of one SKU, two processes", 2, 2),
)


def measure() -> Sequence[Measure]:
    """Play all rounds; a variant is well when each of its rounds is."""
    return asyncio.run(_measure())


async def _measure() -> list[Measure]:
    measures = []
    async with database() as made:
        world = await World(await made.brand("main")).open({})
        for name, lines, processes in VARIANTS:
            say(f"{BUYERS} buyers for {UNITS} orders, {ROUNDS} times: {name}")
            with folder() as place:
                measures.append(await _variant(world, made, place, name, lines, processes))
        faults = await world.faults()
        measures.append(
            Measure(what="audit afterwards", value="; ".join(faults) or "holds", threshold="holds", ok=not faults)
        )
    return measures


async def _variant(world: World, made: Database, place: Path, name: str, lines: int, processes: int) -> Measure:
    key = await write_key(world, made)
    faults = []
    started = monotonic()
    with serving(made.dsn, place, processes=processes) as hosts:
        for turn in range(ROUNDS):
            fault = (await rush(world, key, hosts, lines=lines)).fault(lines=lines)
            faults += [f"round {turn + 1}: {fault}"] if fault else []
    well = f"{ROUNDS - len(faults)} of {ROUNDS} rounds with {UNITS} orders and {BUYERS - UNITS} refusals"
    return Measure(
        what=f"{name} ({monotonic() - started:.0f} s)",
        value=f"{well}. {faults[0]}" if faults else well,
        threshold=f"{ROUNDS} of {ROUNDS}, no 5xx",
        ok=not faults,
    )
