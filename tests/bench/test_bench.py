"""The benchmarks: they run, a part that cannot is skipped or failed alone, and the open loop hides no stall."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar, cast

import msgspec
import pytest

from bench import others
from bench.measure import Sample, bottleneck, median
from bench.openloop import Loop
from bench.plan import SMOKE
from bench.run import Part, Run, ratios
from bench.stage import Stage
from tests.acceptance.speed import judge
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments: str, **more: str) -> tuple[int, Any]:
    """Exit code and report of `python -m bench --smoke --json`."""
    command = [sys.executable, "-m", "bench", "--smoke", "--json", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | more, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.stdout, done.stderr
    return done.returncode, msgspec.json.decode(done.stdout)


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not here; on Debian and Ubuntu: apt install wrk")
def test_orders_are_measured_one_a_request_and_many_a_body() -> None:
    code, report = bench("a", "b")
    assert (code, report["parts"]["a"]["state"], report["parts"]["b"]["state"]) == (0, "done", "done"), report["parts"]
    one, many = report["parts"]["a"]["found"], report["parts"]["b"]["found"]
    for found in (one["uniform"], one["hot"], many["uniform"], many["hot"]):
        assert found["rate"] > 0
        assert found["refused"] == found["broken"] == 0
        assert set(found["middle"]["cores"]) == {"server", "worker", "postgres", "wrk"}
    assert one["open_loop"]["sent"] > 0
    assert one["open_loop"]["lost"] == 0
    assert report["postgres"]["fsync"] == report["postgres"]["synchronous_commit"] == "on"


class NoStage:
    """Nothing to measure on."""

    def say(self, words: str) -> None:
        """Nobody listens."""

    async def make_shop(self, skus: int, earlier: int) -> None:
        """There is none."""


async def test_without_wrk_a_part_is_skipped_and_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    run = Run(cast(Stage, NoStage()), SMOKE, ["a", "d"], 2)
    await run.all()
    assert {part.state for part in run.parts.values()} == {"skipped"}
    assert "apt install wrk" in run.parts["d"].why


async def test_a_part_that_fails_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> dict[str, Any]:
        raise ValueError("no such thing")

    async def fine(*_: object) -> dict[str, Any]:
        return {"rows": 7}

    monkeypatch.setattr(others, "journey", fine)
    monkeypatch.setattr(others, "feeds", broken)
    run = Run(cast(Stage, NoStage()), SMOKE, ["f", "h"], 2)
    await run.all()
    assert (run.parts["f"].state, run.parts["f"].why) == ("failed", "ValueError: no such thing")
    assert (run.parts["h"].state, run.parts["h"].found) == ("done", {"rows": 7})


def sampled(rate: float, **cores: float) -> Sample:
    return Sample(rate=rate, seconds=1, cores=cores, processes=1)


def test_the_median_is_the_run_in_the_middle_and_ratios_are_of_medians() -> None:
    ours, theirs = (median([sampled(rate) for rate in rates], 2) for rates in ((9, 1, 3), (2, 1, 1)))
    assert (ours.rate, ours.low, ours.high, ours.runs) == (3, 1, 9, 3)
    parts = {"a": Part(title="", found={"uniform": ours}), "c": Part(title="", found={"multi": theirs})}
    assert ratios(parts) == {"http uniform / multi": 3.0}


@pytest.mark.parametrize(
    ("cores", "words"),
    [
        ({"server": 1.0, "postgres": 0.9}, "the processors"),
        ({"server": 0.95, "postgres": 0.2}, "the one server process"),
        ({"server": 0.3, "postgres": 0.2}, "waiting"),
    ],
)
def test_what_held_it_back_is_named(cores: dict[str, float], words: str) -> None:
    assert bottleneck(sampled(1, **cores), 2).startswith(words)


class Stalling(asyncio.Protocol):
    """A server that answers nothing until `go` is called."""

    links: ClassVar[list[Stalling]] = []
    going: ClassVar[bool] = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.asked = cast(asyncio.Transport, transport), 0
        self.links.append(self)

    def data_received(self, data: bytes) -> None:
        self.asked += data.count(b"POST ")
        if Stalling.going:
            self.answer()

    def connection_lost(self, exc: Exception | None) -> None:
        self.links.remove(self)

    def answer(self) -> None:
        self.transport.write(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}" * self.asked)
        self.asked = 0

    @classmethod
    def go(cls) -> None:
        cls.going = True
        for link in cls.links:
            link.answer()


async def test_in_an_open_loop_a_stall_is_felt_by_all_who_come_meanwhile() -> None:
    running = asyncio.get_running_loop()
    server = await running.create_server(Stalling, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wanted = argparse.Namespace(
        port=port, prefix="T", rate=200.0, seconds=1.0, skus=10, kind="uniform", seed=3, key=b"k"
    )
    loop = Loop(wanted)
    running.call_later(0.9, Stalling.go)
    await loop.run()
    server.close()
    await eventually(lambda: not Stalling.links and not loop.open)
    found = loop.report()
    assert found["lost"] == 0
    assert found["sent"] > 150
    assert found["p50_ms"] > 200  # half of those who came waited; a closed loop's few clients would have waited once


def test_a_floor_that_was_not_measured_is_not_reached() -> None:
    parts = {"a": {"state": "skipped", "why": "wrk is not here"}}
    measures = judge({"parts": parts, "ratios": {"http uniform / multi": 1.5, "many / few": 0.84}})
    verdicts = {one.what: one.ok for one in measures}
    assert verdicts["an order a request, evenly, as so many times multi"] is True
    assert list(verdicts.values()).count(True) == 2  # that, and that nothing was refused
    assert any("wrk is not here" in one.value for one in measures)
