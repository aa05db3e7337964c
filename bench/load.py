"""Load by wrk, closed loop, and its own cost; and in an open loop by a process of ours (see openloop.py)."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

LUA = Path(__file__).parent / "lua"
Kind = Literal["uniform", "hot"]
_GRACE_S = 30.0


class Missing(Exception):
    """A program that this needs is not there; the text says how to get it."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What wrk saw. `refused`: answers from 400 on; `broken`: connections and timeouts; `cpu_s`: its own cost."""

    requests: int
    seconds: float
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_s: float = 0.0


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send, with which key, and what goods there are."""

    port: int
    key: str
    skus: int


def find_wrk() -> str:
    """The program. Raises Missing."""
    found = shutil.which("wrk")
    if found is None:
        raise Missing("wrk is not here; on Debian and Ubuntu: apt install wrk")
    return found


async def drive(
    script: str, target: Target, *, prefix: str, clients: int, seconds: float, kind: Kind = "uniform", bulk: int = 1
) -> Load:
    """Run wrk with a script for so long. Raises Missing, or RuntimeError with what it said."""
    command = [
        find_wrk(), "-t", str(min(2, clients)), "-c", str(clients), "-d", f"{max(1, round(seconds))}s",
        "--timeout", "20s", "-s", str(LUA / f"{script}.lua"), f"http://127.0.0.1:{target.port}",
        "--", target.key, prefix, str(target.skus), kind, str(bulk),
    ]  # fmt: skip
    out, cpu_s = await asyncio.to_thread(run, command, seconds + _GRACE_S)
    found = re.search(r"^\{.*\}$", out, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk said: {out.strip()[-500:]}")
    return msgspec.structs.replace(msgspec.json.decode(found[0], type=Load), cpu_s=cpu_s)


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What an open loop saw: latencies from the moment a request was due, in milliseconds.

    `lost` were not answered 2xx, or not in time; they count as the longest. `behind_ms`: how late the generator itself
    was, at worst.
    """

    rate: float
    sent: int
    lost: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    behind_ms: float
    cpu_s: float


async def drive_open(
    target: Target, *, prefix: str, rate: float, seconds: float, kind: Kind = "uniform", seed: int = 1
) -> Opened:
    """Send orders at times drawn beforehand, whatever the answers do. Raises RuntimeError with what it said."""
    command = [
        sys.executable, "-m", "bench.openloop", "--port", str(target.port), "--prefix", prefix, "--rate", f"{rate:.3f}",
        "--seconds", f"{seconds:g}", "--skus", str(target.skus), "--kind", kind, "--seed", str(seed),
    ]  # fmt: skip
    out, _ = await asyncio.to_thread(run, command, seconds + _GRACE_S, {"BENCH_KEY": target.key})
    return msgspec.json.decode(out, type=Opened)


def run(command: Sequence[str], within_s: float, env: dict[str, str] | None = None) -> tuple[str, float]:
    """What a command said, and the core-seconds it used. One at a time. Raises RuntimeError when it fails."""
    process = subprocess.Popen(
        command,
        cwd=Path(__file__).resolve().parents[1],
        env=os.environ | (env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    before = os.times()
    try:
        out, err = process.communicate(timeout=within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise RuntimeError(f"{command[0]} did not end in {within_s:.0f} s: {(out + err)[-500:]}") from None
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {(out + err).strip()[-500:]}")
    after = os.times()
    return out, max(0.0, after.children_user + after.children_system - before.children_user - before.children_system)
