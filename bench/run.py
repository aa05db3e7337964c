"""A whole run: which parts, in which order, and what is said of each. A part that fails does not stop the others."""

from __future__ import annotations

import time
import traceback
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Any, Literal

import msgspec

from bench import others
from bench.intake import Intake
from bench.load import Missing, find_wrk
from bench.measure import Median
from bench.others import NotHere
from bench.plan import Plan
from bench.proc import machine
from bench.stage import Say, Stage, on_stage

PARTS = {
    "a": "orders over HTTP, one a request",
    "b": "orders over HTTP, many a body",
    "c": "the yardstick: PostgreSQL with one order a transaction",
    "d": "availability of 50 SKUs",
    "e": "carts held and released",
    "f": "feeds",
    "g": "orders over HTTP among a million",
    "h": "from placing to delivery",
}
WITH_WRK = {"a", "b", "d", "e", "g"}
State = Literal["done", "skipped", "failed"]


class Part(msgspec.Struct, kw_only=True):
    """What became of a part. `why`: why it was skipped or failed."""

    title: str
    state: State = "done"
    why: str = ""
    found: dict[str, Any] = {}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything. Ratios that could not be measured are missing."""

    plan: Plan
    machine: dict[str, object]
    postgres: dict[str, str]
    seconds: float
    parts: dict[str, Part]
    ratios: dict[str, float]

    @property
    def ok(self) -> bool:
        """No part failed."""
        return all(part.state != "failed" for part in self.parts.values())


class Run:
    """One run on a stage."""

    def __init__(self, stage: Stage, plan: Plan, wanted: Collection[str], cores: int) -> None:
        self._stage, self._plan, self._cores = stage, plan, cores
        self.parts = {name: Part(title=PARTS[name]) for name in sorted(wanted)}
        self._intake = Intake(stage, plan, cores)

    async def all(self) -> None:
        """Every part that is wanted."""
        stage, plan, cores, intake = self._stage, self._plan, self._cores, self._intake
        await self._attempt(set(self.parts) & WITH_WRK, _look_for_wrk)
        if shops := self._on("abdefg"):
            await self._attempt(shops, lambda: stage.make_shop(plan.skus, plan.earlier))
        if scanned := self._on("ab") or self._on("g"):
            await self._attempt(scanned, lambda: intake.scan(scanned & {"a", "b"} or {"a"}))
        for number in range(1, plan.rounds + 1):
            await self._round(number)
        if self._on("a"):
            await self._attempt({"a"}, intake.look_closer)
        for name in set(self.parts) & {"a", "b", "c"}:
            self.parts[name].found = intake.result(name)
        for name, work in (
            ("d", lambda: others.availability(stage, plan, cores)),
            ("e", lambda: others.carts(stage, plan, cores)),
            ("f", lambda: others.feeds(stage, plan, cores)),
            ("g", lambda: others.full(stage, plan, cores, intake)),
            ("h", lambda: others.journey(stage, plan, cores)),
        ):
            if self._on(name):
                await self._attempt({name}, lambda name=name, work=work: self._keep(name, work))  # type: ignore[misc]  # bound in each turn

    async def _round(self, number: int) -> None:
        if self._on("c"):
            await self._attempt({"c"}, self._intake.yardstick)
        if now := self._on("ab"):
            await self._attempt(now, lambda: self._intake.round(number, now))

    async def _keep(self, name: str, work: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        self.parts[name].found = await work()

    def _on(self, names: str) -> set[str]:
        """Those that are wanted and have not failed."""
        return {name for name in names if name in self.parts and self.parts[name].state == "done"}

    async def _attempt(self, names: Collection[str], work: Callable[[], Awaitable[None]]) -> bool:
        """Whether it went well; if not, these parts say why."""
        state: State
        try:
            await work()
            return True
        except (Missing, NotHere) as reason:
            state, why = "skipped", str(reason)
        except Exception as error:  # noqa: BLE001  # whatever it was, the other parts are measured all the same
            traceback.print_exc()
            state, why = "failed", f"{type(error).__name__}: {error}"[:2000]
        for name in sorted(names):
            self.parts[name].state, self.parts[name].why = state, why
            self._stage.say(f"{name} {state}: {why}")
        return False


async def _look_for_wrk() -> None:
    find_wrk()


async def bench(folder: Path, plan: Plan, wanted: Collection[str], say: Say) -> Report:
    """Measure the parts in a folder that is empty; nothing is left of it but logs."""
    began = time.monotonic()
    facts = machine()
    async with on_stage(folder, say) as stage:
        run = Run(stage, plan, wanted, int(str(facts["cores"])))
        await run.all()
        shown = (
            "server_version",
            "fsync",
            "synchronous_commit",
            "full_page_writes",
            "shared_buffers",
            "wal_sync_method",
        )
        postgres = {name: str(await stage.admin.fetchval(f"SHOW {name}")) for name in shown}
    return Report(
        plan=plan,
        machine=facts,
        postgres=postgres,
        seconds=round(time.monotonic() - began, 1),
        parts=run.parts,
        ratios=ratios(run.parts),
    )


def ratios(parts: dict[str, Part]) -> dict[str, float]:
    """What the issue of speed is decided by: ours as so many times the yardstick; full as a part of empty."""
    pairs = (
        ("http uniform / multi", ("a", "uniform"), ("c", "multi")),
        ("http hot / multi_hot", ("a", "hot"), ("c", "multi_hot")),
        ("bulk uniform / multi", ("b", "uniform"), ("c", "multi")),
        ("bulk uniform / cte", ("b", "uniform"), ("c", "cte")),
        ("bulk hot / cte_hot", ("b", "hot"), ("c", "cte_hot")),
        ("many / few", ("g", "many"), ("g", "few")),
    )
    found = {}
    for name, ours, theirs in pairs:
        above, below = _median(parts, *ours), _median(parts, *theirs)
        if above and below and below.rate:
            found[name] = round(above.rate / below.rate, 3)
    return found


def _median(parts: dict[str, Part], part: str, name: str) -> Median | None:
    found = parts[part].found.get(name) if part in parts else None
    return found if isinstance(found, Median) else None
