"""The report for people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measure import Median
from bench.run import Part, Report

UNITS = {
    "a": "orders/s", "b": "orders/s", "c": "transactions/s", "d": "requests/s", "e": "carts/s", "f": "rows/s",
    "g": "orders/s",
}  # fmt: skip

_COLUMNS = ("processes", "clients", "core-ms", "p50 ms", "p99 ms", "refused")


def show(report: Report) -> None:
    """Tables on stdout."""
    console = Console(soft_wrap=True, highlight=False, width=140)
    facts = report.machine
    about = f"{facts['processor']}, {facts['cores']} cores, {facts['memory_mb']} MB, load before {facts['load']:.1f}"
    postgres = f"PostgreSQL {report.postgres['server_version']}, fsync {report.postgres['fsync']}"
    python = f"Python {facts['python']} of {facts['python_home']}"
    console.print(f"{about}; {python}; {postgres}; {report.plan.name} form, {report.seconds:.0f} s")
    for name, part in report.parts.items():
        console.print(f"\n[bold]{name}  {part.title}[/]")
        if part.state != "done":
            console.print(f"   [yellow]{part.state}[/]: {part.why}", markup=True)
        _medians(console, name, part)
        _details(console, part.found)
    if report.ratios:
        console.print("\n[bold]Ratios of medians[/]")
        for name, ratio in report.ratios.items():
            console.print(f"   {name:<24} {ratio:8.2f}")


def _medians(console: Console, name: str, part: Part) -> None:
    found = {key: one for key, one in part.found.items() if isinstance(one, Median)}
    if not found:
        return
    table = Table(box=None, pad_edge=True, header_style="dim")
    for column in ("", UNITS.get(name, "a second"), "low – high", *_COLUMNS):
        table.add_column(column, justify="left" if not column else "right")
    for key, one in found.items():
        run = one.middle
        spread = f"{one.low:,.0f} – {one.high:,.0f} of {one.runs}"
        cost = f"{sum(run.core_ms.values()):.2f}"
        table.add_row(
            key, f"{one.rate:,.0f}", spread, str(run.processes or ""), str(run.clients or ""), cost,
            f"{run.p50_ms:.1f}", f"{run.p99_ms:.1f}", str(one.refused + one.broken),
        )  # fmt: skip
    console.print(table)
    for key, one in found.items():
        console.print(f"   [dim]{key}: {one.bottleneck}[/]")


def _details(console: Console, found: dict[str, Any]) -> None:
    for one in found.get("settings", ()):
        console.print(
            f"   [dim]once: {one['kind']:<8} {one['processes']} processes {one['clients']:>4} clients"
            f" {one['rate']:>8,.0f}/s   p99 {one['p99_ms']:.1f} ms[/]"
        )
    if opened := found.get("open_loop"):
        console.print(
            f"   open loop at {opened.rate:,.0f}/s: p50 {opened.p50_ms:.1f}, p90 {opened.p90_ms:.1f},"
            f" p99 {opened.p99_ms:.1f}, p99.9 {opened.p999_ms:.1f}, most {opened.max_ms:.1f} ms;"
            f" {opened.sent} sent, {opened.lost} lost"
        )
    for row in found.get("statements", ()):
        console.print(
            f"   {row['us_an_order']:>8.1f} µs an order  {row['calls']:>7} calls  {row['statement'][:80]}", markup=False
        )
    if pace := found.get("pace"):
        shares = ", ".join(f"{who} {used:.2f}" for who, used in found["pace_cores"].items())
        console.print(
            f"   all steps at once: {pace.orders_per_s:,.0f} orders/s delivered,"
            f" {pace.core_ms_per_order:.2f} core-ms an order"
        )
        console.print(f"   [dim]cores used: {shares}[/]")
    if burst := found.get("burst"):
        rest = "until nothing was due" if found["burst_worked_off"] else "and it was not worked off"
        console.print(
            f"   a burst of {burst.placing_s:.0f} s, {burst.placed:,} orders ({burst.placed_per_s:,.0f}/s):"
            f" {burst.backlog_s:.0f} s {rest}"
        )
