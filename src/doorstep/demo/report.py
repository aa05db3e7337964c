"""The summary as a person reads it: what came out, what went wrong on the way, and whether everything adds up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from babel.numbers import format_currency
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from doorstep.demo.summary import Figures

WIDTH = 108

_TRIALS = (
    ("came from two houses or more", "split"),
    ("were short at first, and served when goods came", "short"),
    ("had a picker find less than there should be", "short_picked"),
    ("would be late, and knew before the old date", "late_told"),
    ("came back in part, by label, QR code or at a store", "returned"),
    ("had a name printed", "personalized"),
    ("were gift-wrapped", "wrapped"),
)


def summary(figures: Figures, *, good: bool) -> RenderableType:
    """All of it."""
    return Group(
        "",
        _headline(figures, good=good),
        "",
        _table("Of all orders …", ("", "orders", "share", "at least", ""), _trials(figures)),
        "",
        _table("From the click …", ("", "orders", "to the carrier", "to the door"), _speed(figures)),
        "",
        *_words(figures),
        "",
        _table("Does it add up?", ("", "", ""), _conservation(figures)),
        "",
        _time_words(figures),
    )


def _headline(figures: Figures, *, good: bool) -> Panel:
    orders, money = figures["orders"], figures["money"]
    away = f", {orders['refused']:,} went away" if orders["refused"] else ""
    lines = [
        f"[bold]{orders['placed']:,}[/] orders placed, [bold]{orders['delivered']:,}[/] on the doorstep in "
        f"{orders['parcels']:,} parcels, {orders['canceled']:,} canceled{away}.",
        f"[bold]{figures['units']['oversold']}[/] units sold twice, [bold]{figures['stuck']}[/] pieces of work stuck. "
        f"{_pounds(money['captured_minor'])} taken, {_pounds(money['refunded_minor'])} given back.",
    ]
    missed = [name.replace("_", " ") for name, floor in figures["floors"].items() if not floor["ok"]]
    if missed:
        lines.append(f"[bold red]Missed: {', '.join(missed)}[/]")
    return Panel(
        "\n".join(lines),
        title="[bold]Done[/]" if good else "[bold]Not good[/]",
        title_align="left",
        border_style="green" if good else "red",
        width=WIDTH,
    )


def _trials(figures: Figures) -> Iterable[Sequence[str]]:
    orders, floors = figures["orders"], figures["floors"]
    for words, name in _TRIALS:
        floor = floors.get(name, {})
        least = f"{floor['floor']:.0%}" if floor else ""
        share = orders[name] / max(1, orders["placed"])
        yield f"… {words}", f"{orders[name]:,}", f"{share:.1%}", least, _mark(floor.get("ok"))


def _speed(figures: Figures) -> Iterable[Sequence[str]]:
    for name, row in figures["services"].items():
        yield f"… {name}", f"{row['orders']:,}", _hours(row["to_carrier_h"]), _hours(row["to_door_h"])


def _words(figures: Figures) -> Iterable[str]:
    promises, money, messages = figures["promises"], figures["money"], figures["messages"]
    parcels = max(1, promises["parcels"])
    yield (
        f"[bold]Promises.[/] {promises['by_first'] / parcels:.0%} of the parcels came by the first date, "
        f"{promises['by_last'] / parcels:.1%} by the last told. Who had to wait longer\n"
        f"knew it {_hours(promises['told_hours_before'])} before the old date passed (median)."
    )
    yield (
        f"[bold]Money.[/] Taken less given back is {_pounds(money['kept_minor'])}: to the penny what customers keep, "
        "and what the bank says."
    )
    kinds = list(messages["kinds"].items())[:6]
    most = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in kinds)
    yield (
        f"[bold]Messages.[/] {messages.get('email', 0):,} mails and {messages.get('sms', 0):,} texts ({most} …);\n"
        f"{messages.get('suppressed', 0):,} left unsaid, as their customers wished."
    )


def _conservation(figures: Figures) -> Iterable[Sequence[str]]:
    audit, outside, units = figures["audit"], figures["outside"], figures["units"]
    yield "units, money, messages and work conserved", f"{audit['checks']} checks", _mark(not audit["findings"])
    yield "no unit sold twice", f"{units['reserved']:,} units claimed", _mark(not units["oversold"])
    labels = f"{outside['labels_bought']:,} labels bought"
    yield "no label bought twice, though answers got lost", labels, _mark(not outside["labels_bought_twice"])
    captured = _pounds(outside["bank"]["captured_minor"])
    yield "nothing charged twice, says the bank", f"{captured} charged", _mark(outside["agrees"])
    yield (
        "no work without owner and due time",
        f"{figures['work']['jobs_done']:,} jobs done",
        _mark(not figures["stuck"]),
    )
    for broken in audit["broken"]:
        yield f"[red]{escape(broken['check'])}[/]", f"{broken['measured']} wrong", _mark(False)


def _time_words(figures: Figures) -> str:
    phases, work = figures["phases"], figures["work"]
    parts = ", ".join(f"{name} {phases[name]:.0f} s" for name in ("set-up", "load", "play") if name in phases)
    return (
        f"[dim]{figures['seconds']:.0f} s in all ({parts}); {work['events']:,} events; "
        f"{work['jobs_retried']:,} calls made again after lost or bad answers.[/]"
    )


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for place, name in enumerate(columns):
        table.add_column(
            name, justify="right" if place else "left", min_width=None if place else 50, header_style="dim"
        )
    for row in rows:
        table.add_row(*row)
    return table


def _mark(ok: bool | None) -> str:
    return "" if ok is None else "[green]✓[/]" if ok else "[bold red]✗[/]"


def _hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def _pounds(minor: int) -> str:
    return str(format_currency(minor / 100, "GBP", locale="en_GB"))
