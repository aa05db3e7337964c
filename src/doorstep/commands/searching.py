"""Commands for the index that orders are found by."""

from __future__ import annotations

import rich_click as click
from rich.markup import escape

from doorstep.commands.console import as_json, emit, err, group, opened, out, run

search = group(
    "search",
    """The index that orders are found by.

    [dim]Examples:[/]  doorstep search rebuild  ·  doorstep search rebuild --brand main
    """,
)


@search.command("rebuild")
@click.option("--brand", default=None, help="Only this brand; default: all.")
@as_json
def rebuild(brand: str | None, as_json: bool) -> None:
    """Make the index anew from the orders.

    For a database that is older than the index, or when the audit finds that the two differ. It may be stopped and
    begun again, while everything runs.
    """
    counted = run(_rebuild(brand, tell=not as_json))
    if as_json:
        emit({"brands": counted})
        return
    for name, orders in counted.items():
        out.print(f"[green]✓[/] {escape(name)}: {orders:,} orders are found.")


async def _rebuild(brand: str | None, *, tell: bool) -> dict[str, int]:
    from doorstep import insights

    async with opened() as database:
        names = [brand] if brand else await database.brands()
        return {
            name: await insights.rebuild(
                await database.brand(name),
                lambda orders, name=name: err.print(f"[dim]{name}: {orders:,}[/]") if tell else None,  # type: ignore[misc]  # the default binds the name of this turn
            )
            for name in names
        }
