"""`doorstep demo`: real orders, from the click to the doorstep and back, in a few minutes."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import rich_click as click
import uvloop

from doorstep import settings as settings_of
from doorstep.db import embedded
from doorstep.demo.driver import Driver
from doorstep.demo.keeping import keep_alive
from doorstep.demo.runfile import Done, Run, new_run, read_run, write_run, write_whole
from doorstep.demo.scenario import SEED, Scenario, build
from doorstep.demo.screen import Screen
from doorstep.demo.stage import Stage, on_stage, set_clock
from doorstep.demo.summary import Figures, floors, measure
from doorstep.kit.clock import wall_now

FIGURES_FILE = "figures.json"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. `orders`: only a few, to look at the machinery. `lively`: the newest, some under way."""

    folder: Path
    port: int = 8080
    seed: int = SEED
    orders: int | None = None
    lively: bool = False
    machine: bool = False
    keep: bool = False
    fresh: bool = False


@click.command(name="doorstep demo")
@click.option(
    "--keep", is_flag=True, help="Leave everything running afterwards, and say where to look. Ctrl-C ends it."
)
@click.option("--json", "machine", is_flag=True, help="Print one JSON object on stdout and nothing else.")
@click.option("--fresh", is_flag=True, help="Begin anew. Default: go on with a run that was interrupted.")
@click.option(
    "--orders", type=click.IntRange(1, 100_000), help="Only the first so many orders; floors do not count then."
)
@click.option(
    "--lively", is_flag=True, help="The newest orders, and end in the midst of things; to look around with --keep."
)
@click.option("--seed", type=int, default=SEED, show_default=True, help="Of all that is made up.")
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Folder; default: demo in the data folder."
)
@click.option("--port", type=click.IntRange(1, 65_535), help="Where the server listens; default DOORSTEP_PORT or 8080.")
def command(
    keep: bool,
    machine: bool,
    fresh: bool,
    orders: int | None,
    lively: bool,
    seed: int,
    data: Path | None,
    port: int | None,
) -> int:
    """Play six weeks of a real shop's orders through the whole journey, with everything around them.

    PostgreSQL, server, worker, a carrier, a payment gateway and a mail server run as processes of their own, and
    things go wrong on purpose. The end is measured, not told. Exit code 1 when a floor is missed.

    [dim]Examples:[/]  doorstep demo  ·  doorstep demo --keep  ·  doorstep demo --json > result.json
    """
    found = settings_of.read(os.environ)
    options = Options(
        folder=(data or found.data / "demo").absolute(),
        port=port or found.port,
        seed=seed,
        orders=orders,
        lively=lively,
        machine=machine,
        keep=keep,
        fresh=fresh,
    )
    with Screen(machine=machine) as screen, _only_one(options.folder):
        return uvloop.run(_until_done(options, screen))


def main(arguments: list[str]) -> int:
    """Run the command; its exit code."""
    code = command.main(args=arguments, prog_name="doorstep demo", standalone_mode=False)
    return code if isinstance(code, int) else 0


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """One demo a folder: a second one would play the same people."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException(f"A demo runs in {folder} already. Another folder: --data FOLDER") from None
        yield


async def _until_done(options: Options, screen: Screen) -> int:
    """Play, unless a signal comes first; then everything stops in an orderly way, to be gone on with."""
    playing = asyncio.create_task(play(options, screen))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, playing.cancel)
    try:
        return await playing
    except asyncio.CancelledError:
        screen.say("Stopped. Start it again to go on.")
        return 130


async def play(options: Options, screen: Screen) -> int:
    """The whole of it: a new run, the rest of one, or only the stage of one that is over."""
    started = time.monotonic()
    run = _choose_run(options, screen)
    scenario = build(end=run.end, seed=run.seed, orders=run.orders, lively=run.lively)
    screen.opening(scenario, options.folder)
    async with on_stage(
        options.folder, run, starts_at=scenario.starts_at, port=options.port, tell=screen.process
    ) as stage:
        screen.phase("set-up", time.monotonic() - started)
        figures = await _figures(stage, scenario, screen, started)
        good = all(floor["ok"] for floor in figures["floors"].values())
        screen.closing(figures, good=good)
        if options.keep:
            # Not back, when time was let pass in the console before.
            await set_clock(stage.brand, max(wall_now(), await stage.brand.now()), rate=1.0)
            await stage.open_shop()
            screen.links(stage, figures)
            with suppress(asyncio.CancelledError):  # to be stopped is how looking around ends
                await keep_alive(stage)
        return 0 if good else 1


def _choose_run(options: Options, screen: Screen) -> Run:
    """The run to play. One that is over is played again, except to be kept and looked at."""
    before = read_run(options.folder)
    asked = (options.seed, options.orders, options.lively)
    same = before is not None and (before.seed, before.orders, before.lively) == asked
    if before is not None and same and not options.fresh and (options.keep or not before.finished):
        screen.say(
            "Going on with the run in this folder." if not before.finished else "This run is over; here it is again."
        )
        return before
    screen.say("Clearing the folder of the last run." if before else "")
    embedded.destroy(options.folder)
    for path in options.folder.iterdir():
        if path.name != "demo.lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    run = new_run(
        end=wall_now().replace(microsecond=0), seed=options.seed, orders=options.orders, lively=options.lively
    )
    write_run(options.folder, run)
    return run


async def _figures(stage: Stage, scenario: Scenario, screen: Screen, started: float) -> Figures:
    """Play and measure; of a run that is over, what was measured then."""
    kept = stage.folder / FIGURES_FILE
    if stage.run.finished and kept.exists():
        figures: Figures = msgspec.json.decode(kept.read_bytes())
        return figures
    done = Done(stage.folder)
    driver = Driver(stage, scenario, done, until=stage.run.end, tell=screen.progress)
    try:
        begun = time.monotonic()
        await driver.load()
        screen.phase("load", time.monotonic() - begun)
        await driver.play()
        screen.phase("play", time.monotonic() - begun)
        figures = await measure(stage, done)
    finally:
        await driver.aclose()
        done.close()
    seconds = round(time.monotonic() - started, 1)
    figures["seconds"] = seconds
    figures["phases"] = {**screen.phases, **{name: round(spent, 1) for name, spent in driver.seconds.items()}}
    figures["stops"], figures["problems"] = driver.stops, driver.problems
    figures["floors"] = floors(figures, whole=stage.run.orders is None, seconds=seconds)
    write_whole(kept, msgspec.json.format(msgspec.json.encode(figures)))
    write_run(stage.folder, msgspec.structs.replace(stage.run, finished=True))
    return figures
