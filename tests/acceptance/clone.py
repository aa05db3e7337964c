"""A fresh clone: the demo with its figures, `make run`, `make test`, each as one command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from tests.acceptance.model import Measure, at_least, at_most, exactly, note
from tests.acceptance.scratch import ROOT, end, folder, run, say, started_in, until
from tests.races.servers import free_port

SKIP_TESTS = "DOORSTEP_ACCEPT_SKIP_TESTS"
SETUP_WITHIN_S, DEMO_WITHIN_S, TEST_WITHIN_S = 900, 900, 3600
AGAIN_WITHIN_S, STOP_WITHIN_S = 30, 60


def measure() -> Sequence[Measure]:
    """Clone what is committed, and do there what a newcomer does."""
    with folder() as place:
        clone = place / "doorstep"
        say("git clone")
        cloned = run(["git", "clone", "--quiet", str(ROOT), str(clone)], place, within_s=120)
        if cloned.code:
            return [exactly(f"git clone{cloned.said}", cloned.code, 0)]
        changed = run(["git", "status", "--porcelain"], ROOT, within_s=60).out.splitlines()
        port = str(free_port())
        measures = [note("files changed since the commit, not in the clone", len(changed))]
        measures += _set_up(clone)
        measures += _demo(clone, port)
        measures += _run_and_stop(clone, port)
        measures.append(_tests(clone))
        return measures


def _set_up(clone: Path) -> list[Measure]:
    say("make setup, on nothing and again")
    first = run(["make", "setup"], clone, within_s=SETUP_WITHIN_S)
    again = run(["make", "setup"], clone, within_s=SETUP_WITHIN_S)
    return [
        exactly(f"make setup{first.said}", first.code, 0),
        note("make setup, seconds", f"{first.seconds:.1f}"),
        at_most("make setup again, seconds", round(again.seconds, 1), 5),
    ]


def _demo(clone: Path, port: str) -> list[Measure]:
    say("make demo-json")
    demo = run(["make", "demo-json"], clone, within_s=DEMO_WITHIN_S, DOORSTEP_PORT=port)
    try:
        figures = json.loads(demo.out)
    except json.JSONDecodeError:
        return [exactly(f"make demo-json prints one JSON object{demo.said}", demo.out[:80], "one JSON object")]
    return [exactly(f"make demo-json{demo.said}", demo.code, 0), *figures_of(figures, timed=True)]


def figures_of(figures: dict[str, Any], *, timed: bool) -> list[Measure]:
    """What the demo's figures must be; not `timed`: however long it took."""
    measures = [
        at_least("orders placed", figures["orders"]["placed"], 2000),
        exactly("units oversold", figures["units"]["oversold"], 0),
        exactly("stuck", figures["stuck"], 0),
        exactly("audit findings", _broken(figures), "none"),
    ]
    if timed:
        measures.append(at_most("demo, seconds", figures["seconds"], 240))
    for name, floor in figures["floors"].items():
        if name != "seconds" or timed:
            edge = f">= {floor['floor']}" if "floor" in floor else f"<= {floor['ceiling']}"
            measures.append(
                Measure(what=f"floor: {name}", value=str(floor["value"]), threshold=edge, ok=bool(floor["ok"]))
            )
    return measures


def _broken(figures: dict[str, Any]) -> str:
    """The checks of the audit that do not hold, with where to look."""
    found = [f"{one['check']}: {one['measured']} {one['examples']}" for one in figures["audit"]["broken"]]
    return "; ".join(found) or "none"


def _run_and_stop(clone: Path, port: str) -> list[Measure]:
    """Twice: the first start makes the database, the second finds it."""
    _, first = _start_and_stop(clone, port)
    measures, again = _start_and_stop(clone, port)
    return [
        note("make run, first start, seconds until it answers", round(first, 1)),
        at_most("make run, second start, seconds", round(again, 1), AGAIN_WITHIN_S),
        *measures,
    ]


def _start_and_stop(clone: Path, port: str) -> tuple[list[Measure], float]:
    say("make run")
    started = monotonic()
    log = (clone.parent / "run.log").open("w")
    with log, started_in(["make", "run"], clone, env={"DOORSTEP_PORT": port}, out=log) as process:
        up = until(process, lambda: answers(port), within_s=DEMO_WITHIN_S)
        seconds = monotonic() - started
        end(process, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_WITHIN_S)
        stopped = process.poll() is not None and not answers(port)
    measures = [
        exactly("make run: it answers", up, True),
        exactly("make run: Ctrl-C stops all of it", stopped, True),
    ]
    return measures, seconds


def answers(port: str) -> bool:
    """Whether a server answers there."""
    try:
        with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _tests(clone: Path) -> Measure:
    if os.environ.get(SKIP_TESTS):
        return Measure(what="make test", value=f"left out: {SKIP_TESTS} is set", threshold="exit code 0", ok=None)
    say("make test")
    tested = run(["make", "test"], clone, within_s=TEST_WITHIN_S)
    last = tested.out.strip().splitlines()[-1:] or [""]
    return Measure(what="make test", value=last[0].strip("= ")[-120:], threshold="exit code 0", ok=tested.code == 0)
