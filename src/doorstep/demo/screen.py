"""What people see of the demo: a bar while it plays, then a summary. On stderr, so that stdout is the JSON's own."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from doorstep.demo.driver import Progress
from doorstep.demo.report import WIDTH, summary
from doorstep.demo.scenario import Scenario
from doorstep.demo.stage import Stage
from doorstep.demo.summary import Figures
from doorstep.kit.ids import parse
from doorstep.updates import token

_STEPS = 1_000


class Screen:
    """Everything the demo says. As a context it puts the cursor right again at the end."""

    def __init__(self, *, machine: bool) -> None:
        self._machine = machine
        self._console = Console(stderr=True, highlight=False)
        if not self._console.is_terminal:
            self._console = Console(stderr=True, highlight=False, width=200)
        self._bar: Bar | None = None
        self._ready: set[str] = set()
        self._week = ""
        self._started = time.monotonic()
        self.phases: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_bar()

    def say(self, text: str) -> None:
        """A word on what is going on."""
        if text:
            self._console.print(escape(text), style="dim")

    def opening(self, scenario: Scenario, folder: Path) -> None:
        """What is going to be played."""
        units = sum(order.units for order in scenario.orders)
        text = (
            f"[bold]{len(scenario.orders):,} real orders[/] of a British gift shop, {units:,} units, "
            f"{len(scenario.locations)} places: from the click to the doorstep and back.\n"
            "Four fifths of the stock is there, the rest on its way. Parcels and answers get lost, pickers find less,\n"
            "customers change their minds. [dim]Data: Online Retail II, Daqing Chen, UCI 502, CC BY 4.0[/]"
        )
        panel = Panel(text, title="[bold]Doorstep[/]", title_align="left", border_style="cyan", width=WIDTH)
        self._console.print(panel)
        self.say(f"Everything of this run is in {folder}")

    def process(self, name: str, state: str) -> None:
        """A process changed its state."""
        if state == "ready" and name not in self._ready:
            self._ready.add(name)
            self._console.print(f"  [green]●[/] {name}")
        elif state == "ready":
            self._console.print(f"  [green]●[/] {name} is back")
        elif state == "waiting":
            self._console.print(f"  [red]●[/] {name} died; it is started again")
        elif state == "failed":
            self._console.print(f"  [red]●[/] {name} does not start")

    def phase(self, name: str, seconds: float) -> None:
        """Remember how long a part took."""
        self.phases[name] = round(seconds, 1)

    def progress(self, progress: Progress) -> None:
        """Move the bar on; where there is no terminal, a line a week."""
        whole = (progress.ends_at - progress.starts_at).total_seconds()
        part = min(1.0, max(0.0, (progress.now - progress.starts_at).total_seconds() / whole)) if whole else 1.0
        words = (
            f"{progress.placed:,} placed · {progress.shipped:,} parcels sent · {progress.delivered:,} delivered · "
            f"{progress.returned:,} back"
        )
        if not self._console.is_terminal:
            week = f"{progress.now:%G-%V}"
            if week != self._week:
                self._week = week
                seconds = time.monotonic() - self._started
                self.say(f"{seconds:6.1f} s  {progress.now:%a %d %b}  {words}")
            return
        if self._bar is None:
            self._bar = Bar(
                TextColumn("[bold cyan]{task.fields[clock]}"),
                BarColumn(bar_width=30),
                TaskProgressColumn(),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.add_task(words, total=_STEPS, clock="")
            self._bar.start()
        self._bar.update(
            self._bar.task_ids[0],
            completed=round(part * _STEPS),
            description=words,
            clock=f"{progress.now:%a %d %b %H:%M}",
        )

    def closing(self, figures: Figures, *, good: bool) -> None:
        """The end: the JSON for machines, a summary for people."""
        self._end_bar()
        if self._machine:
            sys.stdout.write(msgspec.json.format(msgspec.json.encode(figures)).decode() + "\n")
            sys.stdout.flush()
        else:
            self._console.print(summary(figures, good=good))

    def links(self, stage: Stage, figures: Figures) -> None:
        """Where to look on, while everything stays up."""
        if not self._machine:
            self._console.print(_links(stage, figures))
        self.say("Everything stays up until Ctrl-C; the data stays anyway, and the next start takes seconds.")

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _links(stage: Stage, figures: Figures) -> RenderableType:
    story = figures.get("story") or {}
    auth = f'-H "Authorization: Bearer {stage.run.api_key}"'
    lines = [
        "[bold]For programs[/]",
        "",
        f"  API        [cyan]{stage.api_url}/v1[/]   its description [cyan]{stage.api_url}/openapi.json[/]",
        f"  your key   [bold]{stage.run.api_key}[/]",
        f"  logs       {escape(str(stage.folder / 'logs'))}",
        "",
        f"  curl -s {auth} '{stage.api_url}/v1/orders?limit=3'",
        f"  curl -s {auth} {stage.api_url}/v1/fulfillment-orders",
        "",
    ]
    if story:
        page = token(stage.run.secret, stage.brand.name, parse("ord", story["order_id"]))
        lines += [
            f"[bold]A story worth reading[/]: order {story['number']}, with {story['kinds']} kinds of events.",
            "",
            f"  as its customer sees it   [cyan]{stage.api_url}/o/{page}[/]",
            "",
            f"  curl -s {auth} {stage.api_url}/v1/orders/{story['order_id']}/timeline",
            "",
        ]
    # Last, for this is what stands above the prompt.
    lines += [
        "[bold]Everything is still running.[/] Open these three:",
        "",
        f"  shop       [bold cyan]{stage.shop_url}/[/]   buy a jersey with your name on it",
        f"  mailbox    [bold cyan]{stage.messages_url}/[/]   what its customer is told",
        f"  console    [bold cyan]{stage.api_url}/console[/]   the staff's side; log in as [bold]admin[/], password"
        f" [bold]{stage.run.console_password}[/]",
        "",
    ]
    return Group("", *lines)
