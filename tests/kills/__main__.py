"""`python -m tests.kills [--kills N] [--seed N]`: pull the plugs; exit code 1 when anything is wrong."""

from __future__ import annotations

import argparse
import asyncio
import sys

from tests.acceptance.scratch import folder
from tests.kills.play import play

KILLS, SEED = 100, 2026


def main() -> int:
    """Run, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    with folder() as place:
        outcome = asyncio.run(
            play(place, kills=options.kills, seed=options.seed, tell=lambda text: print(text, file=sys.stderr))
        )
    print(f"{outcome.kills} in {outcome.seconds:.0f} s (seed {options.seed})")
    print(f"{outcome.orders} orders answered, {outcome.repeated} calls sent again")
    print(f"{outcome.labels} labels, {outcome.captured_minor} captured")
    print(f"{outcome.messages} messages, {outcome.mails_twice} of them twice")
    print("\n".join(outcome.faults) or "All as it must be.")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
