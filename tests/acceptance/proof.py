"""Stock is right: a million claims, a hundred kills, and the page that says why."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence

from tests.acceptance.model import Measure, at_least, at_most, exactly, note
from tests.acceptance.scratch import ROOT, folder, say
from tests.claims import __main__ as million
from tests.kills import __main__ as hundred
from tests.kills.play import play

CLAIMS, KILLS = "DOORSTEP_ACCEPT_CLAIMS", "DOORSTEP_ACCEPT_KILLS"  # for a shorter look; the line asks for all of them
PAGE = ROOT / "docs/operate/locking.md"
PAGE_WORDS = 1_700
_TEST = re.compile(r"`…?(test_\w+)(_?…)?`")


def claims() -> Sequence[Measure]:
    """Line 2: 64 writers in several processes, with deliveries, counts, expiries, cancels and re-routes running."""
    asked = int(os.environ.get(CLAIMS, million.CLAIMS))
    figures = asyncio.run(million.measure(asked, million.SEED))
    result = figures.result
    parts = [
        note(name, f"{many:,} claims in {seconds:.0f} s, {many / seconds:,.0f} a second")
        for name, (many, seconds) in figures.parts.items()
    ]
    return [
        at_least("claims", result.claims, million.CLAIMS),
        *parts,
        note("what the writers did", ", ".join(f"{name} {many:,}" for name, many in sorted(result.done.items()))),
        exactly("oversold, at any moment of the log", result.verdict.oversold, 0),
        exactly("deadlocks, says pg_stat_database", result.deadlocks, 0),
        note("refusals, each judged", f"{result.verdict.refusals:,}"),
        exactly("false refusals, says the replay in commit order", result.verdict.false, 0),
        exactly("refusals that said something else than was there", result.verdict.dishonest, 0),
        exactly("anything else", "; ".join(result.faults())[:500] or "nothing", "nothing"),
    ]


def kills() -> Sequence[Measure]:
    """Line 3: kill -9 of server, worker and PostgreSQL under load."""
    asked = int(os.environ.get(KILLS, hundred.KILLS))
    with folder() as place:
        outcome = asyncio.run(play(place, kills=asked, seed=hundred.SEED, tell=say))
    return [
        at_least("kills", sum(outcome.kills.values()), hundred.KILLS),
        note("by victim", outcome.kills),
        note("orders answered, calls sent again", f"{outcome.orders}, {outcome.repeated}"),
        note("labels, captured, messages", f"{outcome.labels}, {outcome.captured_minor}, {outcome.messages}"),
        note("mails that came twice, for SMTP cannot be asked", outcome.mails_twice),
        exactly("anything lost, twice or wrong", "; ".join(outcome.faults)[:500] or "nothing", "nothing"),
    ]


def page() -> Sequence[Measure]:
    """Line 4: the page on locking is one page, and every test it names is there."""
    text = PAGE.read_text(encoding="utf-8")
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = {match[1] for match in _TEST.finditer(text)}
    missing = sorted(name for name in named if f"def {name}" not in source)
    return [
        at_most("words", len(text.split()), PAGE_WORDS),
        at_least("tests named", len(named), 20),
        exactly("tests named that are not there", ", ".join(missing) or "none", "none"),
    ]
