"""What processes use of the processor, from /proc: whole families, those that have ended included."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def used_s(root: int) -> float:
    """Core-seconds a process and all that descend from it have used. Ended ones count once their parent has noticed."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        children.setdefault(int(fields[1]), []).append(int(entry.name))
        ticks[int(entry.name)] = sum(map(int, fields[11:15]))
    family, todo = 0, [root]
    while todo:
        pid = todo.pop()
        family += ticks.get(pid, 0)
        todo += children.get(pid, [])
    return family / _TICKS


def parent_of(pid: int) -> int:
    """Who started a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def used_by(roots: Mapping[str, Iterable[int]]) -> dict[str, float]:
    """Core-seconds so far, by the name of a group of families."""
    return {name: sum(used_s(pid) for pid in pids) for name, pids in roots.items()}


def machine() -> dict[str, object]:
    """What this runs on."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ""
    )
    memory_kb = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "cores": os.cpu_count() or 1,
        "processor": model,
        "memory_mb": memory_kb // 1024,
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "python_home": sys.base_prefix,
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
