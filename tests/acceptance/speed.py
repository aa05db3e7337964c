"""How fast it is, beside PostgreSQL alone: the floors, as the benchmarks measure them.

DOORSTEP_ACCEPT_BENCH names a report of `python -m bench --json` to judge instead of measuring anew, some 20 minutes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.acceptance.model import Measure, at_least, at_most, exactly, note
from tests.acceptance.scratch import ROOT, run

WITHIN_S = 3600.0
RATIOS = (
    ("an order a request, evenly, as so many times multi", "http uniform / multi", 1.5),
    ("an order a request, hot, as so many times multi_hot", "http hot / multi_hot", 3.0),
    ("many a body, evenly, as so many times multi", "bulk uniform / multi", 2.5),
    ("many a body, hot, as so many times cte_hot", "bulk hot / cte_hot", 2.0),
    ("with 1,000,000 orders there, as a part of with 10,000", "many / few", 0.85),
)
P99_MS, AVAILABILITY, JOURNEY, BEHIND_S, BACKLOG_S = 50, 1_500, 300, 5, 300


def measure() -> Sequence[Measure]:
    """Measure, or read the report that is named, and compare."""
    kept = os.environ.get("DOORSTEP_ACCEPT_BENCH")
    if kept:
        return [note("an earlier report", kept), *judge(msgspec.json.decode(Path(kept).read_bytes()))]
    ran = run([sys.executable, "-m", "bench", "--json"], ROOT, within_s=WITHIN_S)
    if not ran.out.strip():
        raise RuntimeError(f"the benchmarks said nothing{ran.said}")
    return [note("seconds it took", round(ran.seconds)), *judge(msgspec.json.decode(ran.out))]


def judge(report: Any) -> list[Measure]:
    """Every floor; what was not measured has not been reached."""
    parts, ratios = report["parts"], report["ratios"]
    measures = [
        at_least(what, ratios[name], floor) if name in ratios else _missing(what, f">= {floor}", parts)
        for what, name, floor in RATIOS
    ]
    opened = _found(parts, "a", "open_loop")
    measures += (
        [
            at_most(
                f"p99 in an open loop at half the best, {opened['rate']:.0f} a second", opened["p99_ms"], P99_MS, " ms"
            ),
            exactly("… of them lost", opened["lost"], 0),
        ]
        if opened
        else [_missing("p99 in an open loop", f"<= {P99_MS} ms", parts)]
    )
    for what, part, name, field, floor in (
        ("availability of 50 SKUs, requests a second", "d", "requests", "rate", AVAILABILITY),
        ("from placing to delivery, orders a second", "h", "pace", "orders_per_s", JOURNEY),
    ):
        found = _found(parts, part, name)
        measures.append(at_least(what, found[field], floor) if found else _missing(what, f">= {floor}", parts))
    paced = _found(parts, "h", "pace")
    if paced:
        measures.append(at_most("… what was due longest at its end, seconds", paced["behind_s"], BEHIND_S))
    burst = _found(parts, "h", "burst")
    what = "after a burst of 60 s, seconds until nothing is due"
    measures.append(at_most(what, burst["backlog_s"], BACKLOG_S) if burst else _missing(what, f"<= {BACKLOG_S}", parts))
    medians = [one for part in parts.values() for one in part.get("found", {}).values() if _is_median(one)]
    bad = sum(one.get("refused", 0) + one.get("broken", 0) for one in medians)
    return [*measures, exactly("requests refused or broken off", bad, 0), *_absolutes(parts)]


def _found(parts: Any, part: str, name: str) -> Any:
    return parts.get(part, {}).get("found", {}).get(name)


def _is_median(found: Any) -> bool:
    return isinstance(found, dict) and "middle" in found


def _missing(what: str, threshold: str, parts: Any) -> Measure:
    why = "; ".join(f"{name} {part['state']}: {part['why']}" for name, part in parts.items() if part.get("why"))
    return Measure(what=what, value=f"not measured. {why}"[:400], threshold=threshold, ok=False)


def _absolutes(parts: Any) -> list[Measure]:
    return [
        note(
            f"… {name} {key}, a second",
            f"{one['rate']:,.0f} ({one['low']:,.0f} to {one['high']:,.0f}); {one['bottleneck']}",
        )
        for name, part in parts.items()
        for key, one in part.get("found", {}).items()
        if _is_median(one)
    ]
