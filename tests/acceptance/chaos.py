"""The demo, with `kill -9` of each of its processes once, at random moments; then what the carrier and the bank say."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

from tests.acceptance.clone import figures_of
from tests.acceptance.model import Measure, exactly, note
from tests.acceptance.scratch import ROOT, folder, say, started_in, until
from tests.races.servers import free_port

VICTIMS = ("server", "worker", "carrier", "gateway", "postgres")
SEED = "DOORSTEP_ACCEPT_CHAOS_SEED"
WITHIN_S = 900
ORDERS = 2000  # placed in a whole demo, about; moments are shares of it
_ENV = {"PYTHONPATH": str(ROOT / "src")}


def measure() -> Sequence[Measure]:
    """Play the demo, pull the plugs, and compare our books with those outside."""
    seed = int(os.environ.get(SEED, "2026"))
    dice = random.Random(seed)
    moments = sorted((dice.uniform(0.05, 0.9), name) for name in VICTIMS)
    say(f"the demo, killing {', '.join(f'{name} at {share:.0%}' for share, name in moments)} (seed {seed})")
    with folder() as place:
        return _play(place, moments, seed)


def _play(place: Path, moments: Sequence[tuple[float, str]], seed: int) -> list[Measure]:
    data = place / "demo"
    command = [sys.executable, "-m", "doorstep", "demo", "--json", "--data", str(data), "--port", str(free_port())]
    killed: list[str] = []
    with (place / "out.json").open("w") as out, started_in(command, place, env=_ENV, out=out) as demo:
        for share, name in moments:
            if until(demo, partial(_reached, data, share), within_s=WITHIN_S) and _kill(demo, data, name):
                killed.append(name)
        with suppress(subprocess.TimeoutExpired):
            demo.wait(WITHIN_S)
    said = (place / "out.json").read_text()
    measures = [
        note(
            "seed, and the moments as shares of the orders", f"{seed}: " + ", ".join(f"{n} {s:.2f}" for s, n in moments)
        ),
        exactly("killed with kill -9", ", ".join(sorted(killed)), ", ".join(sorted(VICTIMS))),
    ]
    try:
        figures = json.loads(said)
    except json.JSONDecodeError:
        return [*measures, exactly("the demo completes", f"exit code {demo.returncode}", "a summary")]
    return [*measures, *_after(figures, data)]


def _after(figures: dict[str, Any], data: Path) -> list[Measure]:
    return [
        *figures_of(figures, timed=False),
        exactly("the audit holds, ours and theirs agree", figures["audit"]["ok"], True),
        exactly("labels bought twice, says the carrier's book", _twice(data / "carrier.sqlite", "purchases", ""), 0),
        exactly(
            "captures made twice, says the bank's book",
            _twice(data / "gateway.sqlite", "movements", "WHERE kind = 'capture'"),
            0,
        ),
        exactly(
            "authorizations captured beyond their amount",
            _count(
                data / "gateway.sqlite",
                "SELECT count(*) FROM (SELECT c.source FROM movements c WHERE c.kind = 'capture' GROUP BY c.source"
                " HAVING sum(c.amount) > (SELECT sum(a.amount) FROM movements a WHERE a.kind = 'authorization'"
                " AND a.source = c.source))",
            ),
            0,
        ),
    ]


def _reached(data: Path, share: float) -> bool:
    return _placed(data) >= share * ORDERS


def _placed(data: Path) -> int:
    """Orders the demo has placed so far, by its own notes."""
    try:
        return sum(line.startswith("order ") for line in (data / "done.log").read_text().splitlines())
    except OSError:
        return 0


def _kill(demo: subprocess.Popen[str], data: Path, name: str) -> bool:
    """kill -9 of a process of the demo that is running now; False when there is none."""
    victim = 0

    def found() -> bool:
        nonlocal victim
        with suppress(OSError, ValueError):
            victim = json.loads((data / "pids.json").read_bytes()).get(name) or 0
        return bool(victim)

    if not until(demo, found, within_s=60):
        return False
    with suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
        say(f"killed {name} ({victim}) after {_placed(data)} orders")
        return True
    return False


def _twice(book: Path, table: str, where: str) -> int:
    return _count(
        book, f"SELECT count(*) FROM (SELECT reference FROM {table} {where} GROUP BY reference HAVING count(*) > 1)"
    )


def _count(book: Path, query: str) -> int:
    with closing(sqlite3.connect(book)) as connection:
        return int(connection.execute(query).fetchone()[0])
