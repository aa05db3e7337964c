"""One measurement, the median of several, and what held it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bench.load import Load
from bench.stage import Use

FULL = 0.9  # of what there is: it is used up
NAMES = {"server": "the server", "worker": "the worker", "postgres": "PostgreSQL", "wrk": "wrk", "pgbench": "pgbench"}


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `cores`: processors used on average, by group; `core_ms`: core-milliseconds a unit, by group.

    `fsync_share`: the part of the time in which one fsync of the log was under way. `refused`, `broken`: requests.
    """

    rate: float
    seconds: float
    clients: int = 0
    processes: int = 0
    cores: Mapping[str, float] = {}
    core_ms: Mapping[str, float] = {}
    fsyncs_per_s: float = 0.0
    fsync_share: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    refused: int = 0
    broken: int = 0


class Median(msgspec.Struct, frozen=True, kw_only=True):
    """The run in the middle, the slowest and the fastest rate, and what the middle one waited for."""

    rate: float
    low: float
    high: float
    runs: int
    middle: Sample
    bottleneck: str
    refused: int = 0
    broken: int = 0


def sample(units: float, seconds: float, use: Use, *, load: Load | None = None, **more: int) -> Sample:
    """From units done in so many seconds and what was used meanwhile."""
    cpu = dict(use.cpu_s) | ({"wrk": load.cpu_s} if load else {})
    return Sample(
        rate=round(units / seconds, 1),
        seconds=round(seconds, 3),
        cores={name: round(used / use.wall_s, 3) for name, used in cpu.items()},
        core_ms={name: round(1000 * used / units, 4) for name, used in cpu.items()} if units else {},
        fsyncs_per_s=round(use.fsyncs / use.wall_s, 1),
        fsync_share=round(use.fsync_s / use.wall_s, 3),
        p50_ms=load.p50_ms if load else 0.0,
        p99_ms=load.p99_ms if load else 0.0,
        refused=load.refused if load else 0,
        broken=load.broken if load else 0,
        **more,
    )


def median(samples: Sequence[Sample], cores: int) -> Median:
    """Of an odd number of samples the middle one, of an even number the lower of the two."""
    ranked = sorted(samples, key=lambda one: one.rate)
    middle = ranked[(len(ranked) - 1) // 2]
    return Median(
        rate=middle.rate,
        low=ranked[0].rate,
        high=ranked[-1].rate,
        runs=len(ranked),
        middle=middle,
        bottleneck=bottleneck(middle, cores),
        refused=sum(one.refused for one in samples),
        broken=sum(one.broken for one in samples),
    )


def bottleneck(one: Sample, cores: int) -> str:
    """What a faster run would need more of, in words."""
    ranked = sorted(one.cores.items(), key=lambda entry: -entry[1])
    shares = ", ".join(f"{NAMES.get(name, name)} {used:.2f}" for name, used in ranked)
    total = sum(one.cores.values())
    lone = one.cores.get("server", 0.0)
    if total >= FULL * cores:
        return f"the processors: all {cores} are used up ({shares})"
    if one.processes == 1 and lone >= FULL:
        return f"the one server process: it uses up its core ({shares})"
    if one.fsync_share >= FULL / 2:
        return f"the disk: {100 * one.fsync_share:.0f} % of the time an fsync of the log is under way ({shares} cores)"
    return f"waiting: {total:.2f} of {cores} cores used, locks, round trips or too few clients ({shares})"
