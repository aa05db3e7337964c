"""The summary as a person reads it: what came out, what went wrong on the way, and whether everything adds up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from babel.numbers import format_currency
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from doorstep.demo.summary import Figures

_WIDTH = 110


def summary(figures: Figures, *, good: bool) -> RenderableType:
    """All of it."""
    parts: list[RenderableType] = [
        _headline(figures, good=good),
        _table("What happened on the way", ("", "orders", "share", "at least", ""), _trials(figures)),
        _table(
            "How fast, and was the promise kept", ("", "orders", "to the carrier", "to the door", ""), _speed(figures)
        ),
        _plain(_promise_words(figures)),
        _plain(_money_words(figures)),
        _plain(_message_words(figures)),
        _table("Does it add up", ("", "", "", "", ""), _conservation(figures)),
        _plain(_time_words(figures)),
    ]
    return Group(*parts)


def _headline(figures: Figures, *, good: bool) -> Panel:
    orders = figures["orders"]
    text = (
        f"[bold]{orders['placed']:,}[/] orders placed, [bold]{orders['delivered']:,}[/] reached the doorstep in "
        f"{orders['parcels']:,} parcels, {orders['canceled']:,} were canceled"
    )
    text += f", {orders['refused']:,} turned away." if orders["refused"] else "."
    text += f"\n[bold]{figures['units']['oversold']}[/] units sold twice, [bold]{figures['stuck']}[/] pieces of work stuck, "
    text += f"{_pounds(figures['money']['captured_minor'])} taken, {_pounds(figures['money']['refunded_minor'])} given back."
    missed = [name.replace("_", " ") for name, floor in figures["floors"].items() if not floor["ok"]]
    text += f"\n[bold red]Missed: {', '.join(missed)}[/]" if missed else ""
    color = "green" if good else "red"
    return Panel(
        text,
        title="[bold]Done[/]" if good else "[bold]Not good[/]",
        title_align="left",
        border_style=color,
        width=_WIDTH,
    )


def _trials(figures: Figures) -> list[tuple[str, ...]]:
    orders, floors = figures["orders"], figures["floors"]
    rows = (
        ("split over two houses or more", "split"),
        ("short of stock at first, served when goods came", "short"),
        ("picker found less than there should be", "short_picked"),
        ("would be late, and told before the old date", "late_told"),
        ("returned, by label, QR code or at a store", "returned"),
        ("printed with a name", "personalized"),
        ("gift-wrapped", "wrapped"),
    )
    found = []
    for words, name in rows:
        floor = floors.get(name, {})
        least = f"{floor['floor']:.0%}" if floor else ""
        share = orders[name] / max(1, orders["placed"])
        found.append((words, f"{orders[name]:,}", f"{share:.1%}", least, _mark(floor.get("ok"))))
    return found


def _speed(figures: Figures) -> list[tuple[str, ...]]:
    return [
        (name, f"{row['orders']:,}", _hours(row["to_carrier_h"]), _hours(row["to_door_h"]), "")
        for name, row in figures["services"].items()
    ]


def _promise_words(figures: Figures) -> str:
    promises, parcels = figures["promises"], max(1, figures["promises"]["parcels"])
    return (
        f"{promises['by_first'] / parcels:.0%} of the parcels came by the first date, "
        f"[bold]{promises['by_last'] / parcels:.1%}[/] by the last one told. Who had to wait longer knew "
        f"{_hours(promises['told_hours_before'])} before the old date passed (median)."
    )


def _money_words(figures: Figures) -> str:
    money = figures["money"]
    return (
        f"Taken {_pounds(money['captured_minor'])}, given back {_pounds(money['refunded_minor'])}: what customers keep is "
        f"paid, [bold]{_pounds(money['kept_minor'])}[/] to the penny; the bank's books say the same."
    )


def _message_words(figures: Figures) -> str:
    messages = figures["messages"]
    most = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in list(messages["kinds"].items())[:7])
    return (
        f"{messages.get('sent', 0):,} messages ({messages.get('email', 0):,} mails, {messages.get('sms', 0):,} texts): {most} … "
        f"and {messages.get('suppressed', 0):,} left unsaid, as the customers wished."
    )


def _conservation(figures: Figures) -> list[tuple[str, ...]]:
    audit, outside = figures["audit"], figures["outside"]
    rows = [
        (
            "units, money, messages and work are conserved",
            f"{audit['checks']} checks",
            "",
            "",
            _mark(not audit["findings"]),
        ),
        (
            "no unit was sold twice",
            f"{figures['units']['reserved']:,} claimed",
            "",
            "",
            _mark(not figures["units"]["oversold"]),
        ),
        (
            "no label was bought twice, though answers got lost",
            f"{outside['labels_bought']:,} bought",
            "",
            "",
            _mark(not outside["labels_bought_twice"]),
        ),
        (
            "nothing was charged twice",
            f"{outside['bank'].get('captured_minor', 0) / 100:,.2f}",
            "",
            "",
            _mark(outside["agrees"]),
        ),
        ("no work lies about", f"{figures['work']['jobs_done']:,} jobs done", "", "", _mark(not figures["stuck"])),
    ]
    return rows + [
        (f"[red]{escape(broken['check'])}[/]", f"{broken['measured']}", "", "", _mark(False))
        for broken in audit["broken"]
    ]


def _time_words(figures: Figures) -> str:
    phases = figures["phases"]
    parts = ", ".join(f"{name} {phases[name]:.0f} s" for name in ("set-up", "load", "play") if name in phases)
    again = figures["work"]["jobs_retried"]
    return (
        f"[dim]{figures['seconds']:.0f} s in all ({parts}); {figures['work']['events']:,} events, "
        f"{again:,} calls repeated after lost or bad answers.[/]"
    )


def _table(title: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, name in enumerate(columns):
        table.add_column(
            name, justify="left" if place in (0, 4) else "right", min_width=52 if not place else None, style=""
        )
    for row in rows:
        table.add_row(*row)
    return table


def _plain(text: str) -> Any:
    return f"{text}\n"


def _mark(ok: bool | None) -> str:
    return "" if ok is None else "[green]✓[/]" if ok else "[bold red]✗[/]"


def _hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def _pounds(minor: int) -> str:
    return str(format_currency(minor / 100, "GBP", locale="en_GB"))
