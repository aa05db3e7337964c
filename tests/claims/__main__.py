"""`python -m tests.claims [--claims N] [--seed N] [--json]`: the whole of it; exit code 1 when anything is wrong.

A twentieth of the claims goes over HTTP to two server processes, a twentieth to four, the rest straight through the
verbs in four processes of writers.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import msgspec

from tests.acceptance.scratch import database, folder
from tests.claims.run import TAP, Result, Run, Size
from tests.races.buyers import write_key
from tests.races.servers import serving

CLAIMS, SEED = 1_000_000, 2026


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The result, and how long each part took: claims asked for, and seconds, by part."""

    seed: int
    result: Result
    parts: dict[str, tuple[int, float]]


async def measure(claims: int, seed: int) -> Figures:
    """Play all parts on a durable server of its own, and judge."""
    parts: dict[str, tuple[int, float]] = {}
    async with database() as made:
        run = await Run(await made.brand("main"), made.dsn, Size(claims=claims), seed=seed).open()
        key = await write_key(run.world, made)
        share = claims // 20
        for processes in (2, 4):
            name = f"over HTTP, {processes} server processes"
            _say(f"{share:,} claims {name}")
            with folder() as place, serving(made.dsn, place, processes=processes, first=TAP) as hosts:
                parts[name] = share, await run.play(share, hosts=hosts, key=key, tell=_say)
        left = claims - 2 * share
        _say(f"{left:,} claims in {run.size.processes} processes of writers")
        parts[f"{run.size.writers} writers in {run.size.processes} processes"] = left, await run.play(left, tell=_say)
        _say("replaying")
        return Figures(seed=seed, result=await run.judge(), parts=parts)


def _say(text: str) -> None:
    print(f"claims: {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Run, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.claims", description=__doc__)
    parser.add_argument("--claims", type=int, default=CLAIMS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.claims, options.seed))
    result = figures.result
    if options.json:
        print(msgspec.json.encode(figures).decode())
    else:
        for name, (many, seconds) in figures.parts.items():
            print(f"{name}: {many:,} claims in {seconds:.0f} s, {many / seconds:,.0f} a second")
        print(f"{result.claims:,} claims, {result.verdict.changes:,} changes of stock, {result.refused:,} refusals")
        print(
            f"oversold {result.verdict.oversold}, deadlocks {result.deadlocks}, false refusals {result.verdict.false}"
        )
        print(", ".join(f"{name} {many:,}" for name, many in sorted(result.done.items())))
        print("\n".join(result.faults()) or "All as it must be.")
    return 1 if result.faults() else 0


if __name__ == "__main__":
    sys.exit(main())
