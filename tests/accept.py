"""`python -m tests.accept STEP [--only N,N] [--json]`: every line of "Done when", measured; exit code 1 if one fails.

DOORSTEP_ACCEPT_SKIP_TESTS=1 leaves `make test` out of the fresh clone and says so, for those who have just run it.
DOORSTEP_ACCEPT_CHAOS_SEED chooses other moments to kill at.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from tests.acceptance.model import Line, Measure
from tests.acceptance.scratch import say
from tests.acceptance.steps import STEPS

Measured = list[tuple[Line, Sequence[Measure]]]


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.accept", description=__doc__)
    parser.add_argument("step", type=int, choices=sorted(STEPS), help="which step's lines")
    parser.add_argument("--only", default="", help="numbers of lines, comma separated")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    only = {int(number) for number in options.only.split(",") if number}
    lines = [line for line in STEPS[options.step] if not only or line.number in only]
    measured = [(line, _measure(line)) for line in lines]
    if options.json:
        print(msgspec.json.encode([_plain(line, measures) for line, measures in measured]).decode())
    else:
        _print(measured)
    good = all(measure.ok is not False for _, measures in measured for measure in measures)
    return 0 if measured and good else 1


def _measure(line: Line) -> Sequence[Measure]:
    say(f"line {line.number}: {line.text}")
    try:
        return line.measure()
    except Exception as error:  # noqa: BLE001  # a line that cannot be measured has failed; the others are measured all the same
        traceback.print_exc()
        return [Measure(what="could not be measured", value=f"{type(error).__name__}: {error}", threshold="", ok=False)]


def _plain(line: Line, measures: Sequence[Measure]) -> dict[str, object]:
    return {"line": line.number, "text": line.text, "measures": [msgspec.to_builtins(one) for one in measures]}


def _print(measured: Measured) -> None:
    console = Console()
    colors = {"yes": "[green]yes[/]", "NO": "[bold red]NO[/]", "skipped": "[yellow]skipped[/]"}
    for line, measures in measured:
        table = Table(title=f"{line.number}. {line.text}", title_justify="left", expand=True)
        table.add_column("measured", ratio=3)
        table.add_column("value", ratio=4)
        table.add_column("threshold", ratio=2)
        table.add_column("ok", width=7)
        for one in measures:
            table.add_row(one.what, one.value, one.threshold, colors[one.verdict])
        console.print(table)
    every = [measure.ok for _, measures in measured for measure in measures]
    left_out = f", {every.count(None)} skipped" if None in every else ""
    console.print(f"{every.count(True)} ok, {every.count(False)} not{left_out}")


if __name__ == "__main__":
    sys.exit(main())
