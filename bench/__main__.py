"""`python -m bench [part …]`: measure, print tables or one JSON object; progress on stderr. docs/operate/bench.md.

Exit codes: 0 measured, 1 a part failed, 2 wrong usage. A part that cannot run here (no wrk) is skipped and says why.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.plan import PLANS
from bench.run import PARTS, Report, bench
from bench.show import show


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit code."""
    listed = "\n".join(f"  {name}  {title}" for name, title in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="bench",
        description=__doc__,
        epilog=f"parts:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="part", help="a to h; all of them when none is named")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--quick", action="store_const", const="quick", dest="form", help="fewer and shorter runs")
    form.add_argument(
        "--smoke", action="store_const", const="smoke", dest="form", help="seconds: shows only that it runs"
    )
    parser.add_argument("--rounds", type=int, help="how many alternating runs; the median counts")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout and nothing else")
    options = parser.parse_args(arguments)
    wanted = list(dict.fromkeys("".join(options.parts))) or list(PARTS)
    if unknown := [name for name in wanted if name not in PARTS]:
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    plan = PLANS[options.form or "normal"]
    if options.rounds:
        plan = msgspec.structs.replace(plan, rounds=options.rounds)
    began = time.monotonic()

    def say(words: str) -> None:
        print(f"bench: {time.monotonic() - began:5.0f} s  {words}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="doorstep-bench-", ignore_cleanup_errors=True) as folder:
        try:
            report = asyncio.run(_stoppable(bench(Path(folder), plan, wanted, say)))
        except asyncio.CancelledError:
            return 128 + signal.SIGTERM
    if options.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report), indent=1).decode() + "\n")
    else:
        show(report)
    return 0 if report.ok else 1


async def _stoppable(work: Coroutine[Any, Any, Report]) -> Report:
    """Told to stop, once or more often, it takes its servers with it."""
    task = asyncio.create_task(work)
    stop = asyncio.get_running_loop().add_signal_handler
    stop(signal.SIGTERM, lambda: task.cancelling() or task.cancel())
    return await task


if __name__ == "__main__":
    sys.exit(main())
