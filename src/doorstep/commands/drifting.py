"""What `doorstep audit --drift` does: list differences of stock with their causes, and put our own books right."""

from __future__ import annotations

from typing import Any, Final

from rich.markup import escape

from doorstep.commands.console import FAILED, OK, emit, opened, out, run, table

_MOST: Final = 10_000
_SHOWN: Final = 50
# What to do about each; the console says it too.
_ADVICE: Final = {
    "counter_drift": "--repair brings the counter to the ledger",
    "lost_movement": "--repair writes the movement",
    "claim_without_line": "--repair gives the claim back",
    "line_without_claim": "re-route the order, so that it claims anew",
    "shipped_not_theirs": "wait for their next feed",
    "received_not_theirs": "wait for their next feed",
    "received_not_ours": "book the delivery",
    "claims_unknown_there": "tell them of the orders, or cancel some",
    "claims_taken_off": "their figure leaves out what is claimed: send what is on the shelf",
    "count_difference": "count the shelf, or apply the feed",
}


def look(brand: str | None, *, repair: bool, as_json: bool) -> int:
    """Show the differences of a brand, or of all; the exit code is 1 when there are any that nobody has put right."""
    found = run(_look(brand, repair=repair))
    if as_json:
        emit({name: {"differences": differences, "repaired": done} for name, (differences, done) in found.items()})
    else:
        for name, (differences, done) in found.items():
            _show(name, differences, done)
    return FAILED if any(len(differences) > (done or 0) for differences, done in found.values()) else OK


async def _look(brand: str | None, *, repair: bool) -> dict[str, tuple[list[Any], int | None]]:
    from doorstep import reconciliation

    async with opened() as database:
        names = [brand] if brand else await database.brands()
        found: dict[str, tuple[list[Any], int | None]] = {}
        for name in names:
            door = await database.brand(name)
            async with door.snapshot() as tx:
                differences = await reconciliation.find(tx, limit=_MOST)
            found[name] = differences, await _repair(door, differences) if repair else None
        return found


async def _repair(brand: Any, differences: list[Any]) -> int:
    """Our own books only: what a location's says is for a person to decide. Some hundred keys in a transaction."""
    from doorstep import reconciliation
    from doorstep.db.pool import clock_now
    from doorstep.kit.ids import new_id

    own = [one for one in differences if one.feed_id is None]
    done = 0
    for of_orders in (True, False):
        wanted = [one for one in own if (one.order_id is not None) == of_orders and one.repairable]
        for start in range(0, len(wanted), _SHOWN):

            async def act(tx: Any, part: list[Any] = wanted[start : start + _SHOWN]) -> int:
                reference, now = f"audit:{new_id().hex}", await clock_now(tx)
                result = await reconciliation.repair(
                    tx, differences=part, trust="ledger", reference=reference, actor="audit", now=now
                )
                return result.repaired + result.gone

            done += await brand.run(act)
    return done


def _show(name: str, differences: list[Any], done: int | None) -> None:
    out.print(f"[bold]{escape(name)}[/]")
    rows = [
        (one.cause, one.location or "", one.sku, one.ours, one.theirs, one.units, _ADVICE[one.cause])
        for one in differences[:_SHOWN]
    ]
    columns = ("cause", "location", "sku", "ours", "theirs", "units", "what to do")
    table(columns, rows, empty="No differences.")
    if len(differences) > _SHOWN:
        out.print(f"… and {len(differences) - _SHOWN} more; all of them with --json", style="dim")
    if done is not None:
        out.print(f"[green]✓[/] {done} put right.")
