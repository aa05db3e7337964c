"""`python -m tests.sabotage [--only TEXT] [--json]`: a table of what was taken away and whether its test noticed."""

from __future__ import annotations

import argparse
import sys

import msgspec
from rich.console import Console
from rich.table import Table

from tests.sabotage.cases import CASES
from tests.sabotage.run import Played, play


def main() -> int:
    """Return 0 when every sabotage is caught and every named test passes without one."""
    parser = argparse.ArgumentParser(prog="python -m tests.sabotage", description=__doc__)
    parser.add_argument("--only", default="", help="only cases whose name holds this text")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    cases = [case for case in CASES if options.only in case.name]
    played = play(cases)
    if options.json:
        print(msgspec.json.encode(played).decode())
    else:
        _print(played)
    return 0 if played.ok and cases else 1


def _print(played: Played) -> None:
    console = Console()
    table = Table(title="What was taken away, and the test that noticed", title_justify="left")
    table.add_column("sabotage", ratio=2)
    table.add_column("test", ratio=3)
    table.add_column("caught")
    table.add_column("how", ratio=3, style="dim")
    for result in played.results:
        caught = "[green]yes[/]" if result.caught else "[bold red]NO[/]"
        table.add_row(result.name, result.test.split("::")[-1], caught, result.how)
    console.print(table)
    caught_all = sum(result.caught for result in played.results)
    console.print(f"{caught_all} of {len(played.results)} caught; untouched, the named tests pass: {played.clean}")
    if not played.clean:
        console.print(played.clean_output[-4000:], markup=False)


if __name__ == "__main__":
    sys.exit(main())
