"""Commands that look after it: does everything add up, and is the machine fit?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import rich_click as click
from rich.markup import escape
from rich.table import Table

from doorstep.commands.console import FAILED, OK, as_json, emit, opened, out, run, settings, usage


@click.command()
@click.option("--brand", default=None, help="Only this brand; default: all.")
@click.option("--all", "show_all", is_flag=True, help="Show the checks that hold too.")
@click.option("--drift", is_flag=True, help="Instead: list every difference of stock with its cause.")
@click.option("--repair", is_flag=True, help="With --drift: put our own books right, by movements.")
@as_json
def audit(brand: str | None, show_all: bool, drift: bool, repair: bool, as_json: bool) -> int:
    """Check that units, money, messages and work add up.

    Ledger = counters = reservations, captured less refunded = goods kept, everybody told, nothing without an owner.
    Reads only. Exit code 1 when a check fails.

    [dim]Examples:[/]  doorstep audit  ·  doorstep audit --brand main --json  ·  doorstep audit --drift --repair
    """
    if repair and not drift:
        usage("--repair goes with --drift: look first.")
    if drift:
        from doorstep.commands.drifting import look

        return look(brand, repair=repair, as_json=as_json)
    found = run(_audit(brand))
    if as_json:
        emit(plain(found))
    else:
        show(found, show_all=show_all)
    return FAILED if failures(found) else OK


async def _audit(brand: str | None) -> dict[str, list[Any]]:
    from doorstep import audit as auditing

    async with opened() as database:
        names = [brand] if brand else await database.brands()
        return {name: await auditing.audit(await database.brand(name)) for name in names}


def failures(found: Mapping[str, list[Any]]) -> int:
    """How many checks failed, of all brands."""
    return sum(not finding.ok for findings in found.values() for finding in findings)


def plain(found: Mapping[str, list[Any]]) -> dict[str, Any]:
    """An audit for machines."""
    failed = failures(found)
    return {"ok": not failed, "failed": failed, "brands": {name: _plain(found[name]) for name in found}}


def show(found: Mapping[str, list[Any]], *, show_all: bool = False) -> None:
    """An audit for people."""
    for name, findings in found.items():
        _show(name, findings, show_all=show_all)


def _plain(findings: list[Any]) -> dict[str, Any]:
    from doorstep.audit import stuck

    return {
        "stuck": stuck(findings),
        "checks": [
            {**{field: getattr(finding, field) for field in finding.__struct_fields__}, "ok": finding.ok}
            for finding in findings
        ],
    }


def _show(brand: str, findings: list[Any], *, show_all: bool) -> None:
    made = Table(box=None, header_style="bold", pad_edge=False, title=f"[bold]{escape(brand)}[/]", title_justify="left")
    for name, justify in (("", "left"), ("area", "left"), ("check", "left"), ("wrong", "right"), ("look at", "left")):
        made.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]  # one of rich's words
    for finding in findings:
        if finding.ok and not show_all:
            continue
        mark = "[green]✓[/]" if finding.ok else "[bold red]✗[/]"
        made.add_row(
            mark,
            finding.area,
            escape(finding.check),
            "" if finding.ok else str(finding.measured - finding.expected),
            escape("; ".join(finding.examples)),
        )
    if made.row_count:
        out.print(made)
    areas, wrong = Counter(f.area for f in findings), Counter(f.area for f in findings if not f.ok)
    summary = [
        f"[{'red' if wrong[area] else 'green'}]{area} {count - wrong[area]}/{count}[/]" for area, count in areas.items()
    ]
    out.print(f"{'' if made.row_count else escape(brand) + ': '}" + "  ".join(summary))


@click.command()
@as_json
def doctor(as_json: bool) -> int:
    """Check the machine and the installation, and say what to do.

    Python, PostgreSQL, migrations, port, disk, clock, settings, partners, backlog. Changes nothing. Exit code 1 when
    something must be done.

    [dim]Examples:[/]  doorstep doctor  ·  doorstep doctor --json
    """
    from doorstep.commands.doctor import examine

    found = run(examine(settings()))
    failed = [one for one in found if one.state == "bad"]
    if as_json:
        emit({"ok": not failed, "checks": found})
        return FAILED if failed else OK
    marks = {"good": "[green]✓[/]", "note": "[yellow]![/]", "bad": "[bold red]✗[/]"}
    for one in found:
        out.print(f"{marks[one.state]} [bold]{one.name:<12}[/] {escape(one.words)}")
        if one.advice:
            out.print(f"  {'':<12} [cyan]{escape(one.advice)}[/]")
    out.print("\n[green]All is well.[/]" if not failed else f"\n[red]{len(failed)} to put right.[/]")
    return FAILED if failed else OK
