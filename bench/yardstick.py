"""Part c: what PostgreSQL itself does with one order a transaction, on the same server, by pgbench."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.load import Missing, run
from bench.measure import Sample, sample
from bench.stage import YARDSTICK, Stage, Use
from doorstep.db import embedded

SCRIPTS = ("multi", "multi_hot", "cte", "cte_hot")
CLIENTS = (8, 32)
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_GRACE_S = 60.0


def find_pgbench(stage: Stage) -> Path:
    """The server's own, else another that is there. Raises Missing."""
    beside = stage.server.bin_dir / "pgbench"
    if beside.exists():
        return beside
    system = embedded.find_system_binaries()
    found = system.bin_dir / "pgbench" if system and (system.bin_dir / "pgbench").exists() else shutil.which("pgbench")
    if found is None:
        raise Missing("pgbench is not here; on Debian and Ubuntu: apt install postgresql-contrib")
    return Path(found)


class Yardstick:
    """The scripts, each with the client count that was better when both were tried."""

    def __init__(self, stage: Stage, seconds: float) -> None:
        self._stage, self._seconds = stage, seconds
        self._program = find_pgbench(stage)
        self._better: dict[str, int] = {}
        self.tried: dict[str, dict[int, float]] = {}

    async def measure(self, script: str) -> Sample:
        """One run of a script on a fresh copy; the first time one with each client count: the better one counts."""
        if script in self._better:
            return await self._once(script, self._better[script])
        both = [await self._once(script, clients) for clients in CLIENTS]
        best = max(both, key=lambda one: one.rate)
        self._better[script] = best.clients
        self.tried[script] = {one.clients: one.rate for one in both}
        return best

    async def _once(self, script: str, clients: int) -> Sample:
        self._stage.say(f"c: {script}, {clients} clients")
        uses: list[Use] = []
        async with self._stage.fresh("yardstick") as name:
            command = self._command(name, script, clients)
            async with self._stage.watched(uses, {}):
                out, cpu_s = await asyncio.to_thread(run, command, self._seconds + _GRACE_S)
        found = _TPS.search(out)
        if found is None:
            raise RuntimeError(f"pgbench said: {out.strip()[-500:]}")
        uses[0].cpu_s["pgbench"] = cpu_s
        rate = float(found[1])
        return sample(rate * self._seconds, self._seconds, uses[0], clients=clients)

    def _command(self, database: str, script: str, clients: int) -> Sequence[str]:
        server = self._stage.server
        return [
            str(self._program), "-n", "-M", "prepared", "-f", str(YARDSTICK / f"{script}.sql"), "-c", str(clients),
            "-j", "2", "-T", str(max(1, round(self._seconds))), "-h", str(server.socket_dir), "-p", str(server.port),
            "-U", "doorstep", database,
        ]  # fmt: skip
