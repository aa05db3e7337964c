"""Commands for brands and their API keys."""

from __future__ import annotations

from typing import Literal, cast
from uuid import UUID

import rich_click as click
from rich.markup import escape

from doorstep.commands.console import Failed, as_json, emit, group, opened, out, run, say, table
from doorstep.web.api.keys import Key, create, every, revoke

_brand_option = click.option("--brand", default="main", show_default=True, help="The brand.")


brand = group(
    "brand",
    """Brands: one tenant each, in a schema of its own.

    [dim]Examples:[/]  doorstep brand create acme --title "Acme Ltd"  ·  doorstep brand list
    """,
)


@brand.command("create")
@click.argument("name")
@click.option("--title", default="", help="The name people read; default: the name.")
@as_json
def brand_create(name: str, title: str, as_json: bool) -> None:
    """Make a brand. NAME is 1 to 31 of a-z, 0-9 and _. Made already: nothing changes."""
    made = run(_create_brand(name, title or name.title()))
    if as_json:
        emit({"brand": name, "created": made})
    else:
        out.print(f"[green]✓[/] Brand [bold]{escape(name)}[/] " + ("made." if made else "was there already."))
        out.print(f"  Next, a key: [cyan]doorstep key create my-shop --brand {escape(name)}[/]")


async def _create_brand(name: str, title: str) -> bool:
    from doorstep.db.migrate import create_brand

    async with opened() as database:
        return await create_brand(database.dsn, name, title)


@brand.command("list")
@as_json
def brand_list(as_json: bool) -> None:
    """List the brands."""
    names = run(_brands())
    if as_json:
        emit({"items": [{"brand": name} for name in names]})
    else:
        table(["brand"], [[name] for name in names], empty="No brand yet: doorstep brand create main")


async def _brands() -> list[str]:
    async with opened() as database:
        return cast(list[str], await database.brands())


key = group(
    "key",
    """API keys: shown once when made, kept only as a hash.

    [dim]Examples:[/]  doorstep key create my-shop  ·  doorstep key create reports --read  ·  doorstep key list
    """,
)


@key.command("create")
@click.argument("name")
@_brand_option
@click.option("--read", "only_read", is_flag=True, help="The key may only read.")
@as_json
def key_create(name: str, brand: str, only_read: bool, as_json: bool) -> None:
    """Make a key. NAME tells whose it is; the journal names it with all that the key does."""
    scope: Literal["read", "write"] = "read" if only_read else "write"
    key_id, secret = run(_create_key(brand, name, scope))
    if as_json:
        emit({"key_id": str(key_id), "brand": brand, "name": name, "scope": scope, "key": secret})
        return
    out.print(f"[green]✓[/] Key [bold]{escape(name)}[/] of brand [bold]{escape(brand)}[/], may {scope}:")
    out.print(f"\n  [bold cyan]{secret}[/]\n")
    say("Keep it now: it is not stored and cannot be shown again. Send it as Authorization: Bearer …")


async def _create_key(brand: str, name: str, scope: Literal["read", "write"]) -> tuple[UUID, str]:
    async with opened() as database, database.shared() as tx:
        return await create(tx, brand=brand, name=name, scope=scope)


@key.command("list")
@click.option("--brand", default=None, help="Only this brand's.")
@as_json
def key_list(brand: str | None, as_json: bool) -> None:
    """List keys, without their secrets."""
    found = run(_keys(brand))
    if as_json:
        emit({"items": found})
        return
    rows = [
        [key.key_id, key.brand, key.name, key.scope, f"{key.created_at:%Y-%m-%d}", "revoked" if key.revoked_at else ""]
        for key in found
    ]
    table(["id", "brand", "name", "may", "made", ""], rows, empty="No key yet: doorstep key create my-shop")


async def _keys(brand: str | None) -> list[Key]:
    async with opened() as database, database.shared() as tx:
        return list(await every(tx, brand=brand))


@key.command("revoke")
@click.argument("key_id", type=click.UUID)
@as_json
def key_revoke(key_id: UUID, as_json: bool) -> None:
    """Take a key away, by its id. It stops working within five seconds."""
    if not run(_revoke(key_id)):
        raise Failed(f"There is no live key {key_id}.", advice="See them: doorstep key list")
    if as_json:
        emit({"key_id": str(key_id), "revoked": True})
    else:
        out.print("[green]✓[/] Revoked; it stops working within five seconds.")


async def _revoke(key_id: UUID) -> bool:
    async with opened() as database, database.shared() as tx:
        return await revoke(tx, key_id)
