"""Parts a, b and c: orders over HTTP and in bodies of many, beside the yardstick, round after round."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from bench.load import Kind, Opened, drive, drive_open
from bench.measure import Median, Sample, median, sample
from bench.plan import Plan
from bench.stage import SQL, Shop, Stage, Use
from bench.yardstick import SCRIPTS, Yardstick

KINDS: tuple[Kind, ...] = ("uniform", "hot")
BULK_PROCESSES = 2  # more do not help a few large bodies
SCRIPT = {"a": "place", "b": "bulk"}
TOP_STATEMENTS = 10


class Setting(msgspec.Struct, frozen=True):
    """How many server processes, and how many clients."""

    processes: int
    clients: int


class Tried(msgspec.Struct, frozen=True):
    """One setting's one run."""

    part: str
    kind: Kind
    sample: Sample


class Intake:
    """Measures in three steps: every setting once (`scan`), the best of them in rounds (`round`), then the best
    uniform one in an open loop and with its statements watched (`look_closer`).
    """

    def __init__(self, stage: Stage, plan: Plan, cores: int) -> None:
        self._stage, self._plan, self._cores = stage, plan, cores
        self._loads = 0
        self._yardstick: Yardstick | None = None
        self.tried: list[Tried] = []
        self.samples: dict[str, list[Sample]] = defaultdict(list)  # by "a uniform", "b hot", "c multi"
        self.opened: Opened | None = None
        self.statements: list[dict[str, Any]] = []
        settings = [Setting(processes, clients) for processes in plan.processes for clients in plan.clients]
        self._only = settings[0] if len(settings) == 1 else None

    async def scan(self, parts: Collection[str]) -> None:
        """Every setting once, one copy for each number of processes. Nothing to do when there is one setting only."""
        if self._only:
            return
        for processes in self._plan.processes:
            async with self._running(processes) as shop:
                for kind in KINDS if "a" in parts else ():
                    for clients in self._plan.clients:
                        self._stage.say(f"a, once: {kind}, {processes} server processes, {clients} clients")
                        await self._try(shop, "a", kind, Setting(processes, clients))
                for clients in self._plan.bulk_clients if "b" in parts and processes <= BULK_PROCESSES else ():
                    self._stage.say(f"b, once: {processes} server processes, {clients} clients")
                    await self._try(shop, "b", "uniform", Setting(processes, clients))

    async def round(self, number: int, parts: Collection[str]) -> None:
        """One run of everything at its best setting."""
        self._stage.say(f"round {number} of {self._plan.rounds}")
        wanted = [(part, kind) for part in ("a", "b") if part in parts for kind in KINDS]
        for processes in sorted({self.best(part, kind).processes for part, kind in wanted}):
            async with self._running(processes) as shop:
                for part, kind in wanted:
                    setting = self.best(part, kind)
                    if setting.processes == processes:
                        found = await self._load(shop, part, kind, setting, self._plan.seconds)
                        self.samples[f"{part} {kind}"].append(found)

    async def yardstick(self) -> None:
        """One run of each of its scripts."""
        if self._yardstick is None:
            self._yardstick = Yardstick(self._stage, self._plan.seconds)
            await self._stage.make_yardstick()
        for script in SCRIPTS:
            self.samples[f"c {script}"].append(await self._yardstick.measure(script))

    async def look_closer(self) -> None:
        """Latency at half of what the best uniform setting did, then the statements behind an order."""
        setting = self.best("a", "uniform")
        rate = self.median("a uniform").rate / 2
        async with self._running(setting.processes) as shop:
            self._stage.say(f"a: an open loop at {rate:.0f} orders a second")
            await drive_open(shop.target, prefix="W", rate=rate, seconds=self._plan.warm_s)
            self.opened = await drive_open(shop.target, prefix="O", rate=rate, seconds=self._plan.open_s)
            if await self._stage.statements(on=True):
                self._stage.say("a: its statements")
                found = await self._load(shop, "a", "uniform", setting, self._plan.seconds)
                rows = await self._stage.admin.fetch(SQL.statements, TOP_STATEMENTS)
                await self._stage.statements(on=False)
                placed = max(1.0, found.rate * found.seconds)
                self.statements = [{**row, "us_an_order": round(1000 * row["total_ms"] / placed, 1)} for row in rows]

    def best(self, part: str, kind: Kind) -> Setting:
        """The setting with the highest rate when each was tried once. Bodies of many were tried uniform only."""
        if self._only:
            return self._only
        known = [one for one in self.tried if one.part == part and (part == "b" or one.kind == kind)]
        if not known:
            raise LookupError(f"no setting of part {part} could be measured")
        top = max(known, key=lambda one: one.sample.rate).sample
        return Setting(top.processes, top.clients)

    def median(self, name: str) -> Median:
        """Of all rounds."""
        return median(self.samples[name], self._cores)

    def result(self, part: str) -> dict[str, Any]:
        """What there is to say of a part."""
        found: dict[str, Any] = {
            name.partition(" ")[2]: self.median(name) for name in self.samples if name.startswith(part)
        }
        if part == "c" and self._yardstick:
            found["clients_tried"] = self._yardstick.tried
        if part in "ab":
            found["settings"] = [{"kind": one.kind, **_short(one.sample)} for one in self.tried if one.part == part]
        if part == "a":
            found |= {"open_loop": self.opened, "statements": self.statements}
        return found

    @asynccontextmanager
    async def _running(self, processes: int) -> AsyncIterator[Shop]:
        """A fresh copy, warmed up: plans are made, caches are filled."""
        async with self._stage.fresh("shop") as name, self._stage.shop(name, processes=processes) as shop:
            clients = 32 * processes
            await self._load(shop, "a", "uniform", Setting(processes, clients), self._plan.warm_s)
            yield shop

    async def _try(self, shop: Shop, part: str, kind: Kind, setting: Setting) -> None:
        self.tried.append(Tried(part, kind, await self._load(shop, part, kind, setting, self._plan.scan_s)))

    async def _load(self, shop: Shop, part: str, kind: Kind, setting: Setting, seconds: float) -> Sample:
        self._loads += 1
        bulk = self._plan.bulk if part == "b" else 1
        return await measured(
            shop, SCRIPT[part], f"{part.upper()}{self._loads}-", setting.clients, seconds, kind, bulk,
            processes=setting.processes,
        )  # fmt: skip


async def measured(
    shop: Shop, script: str, prefix: str, clients: int, seconds: float, kind: Kind, bulk: int, *, processes: int
) -> Sample:
    """One run that places orders. Raises RuntimeError when fewer are there than were answered."""
    uses: list[Use] = []
    before = await shop.orders()
    async with shop.watched(uses):
        load = await drive(script, shop.target, prefix=prefix, clients=clients, seconds=seconds, kind=kind, bulk=bulk)
    answered, there = (load.requests - load.refused) * bulk, await shop.orders() - before
    if there < answered:
        raise RuntimeError(f"{answered} orders were answered, {there} are there")
    return sample(answered, load.seconds, uses[0], load=load, clients=clients, processes=processes)


def _short(one: Sample) -> dict[str, Any]:
    fields = ("processes", "clients", "rate", "p50_ms", "p99_ms", "refused", "broken", "cores")
    return {field: getattr(one, field) for field in fields}
