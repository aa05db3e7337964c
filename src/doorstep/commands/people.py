"""Commands for the staff's accounts: what the console's settings do, for when nobody can log in."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import rich_click as click
from rich.markup import escape

from doorstep import inventory
from doorstep.commands.console import as_json, emit, group, opened, out, run, say, table
from doorstep.db import Tx
from doorstep.journal.audit_log import record
from doorstep.kit.errors import Fault, Invalid
from doorstep.web.console import people
from doorstep.web.console.people import Person
from doorstep.web.console.staff import ROLES, Role

_ACTOR = "command line"
_brand_option = click.option("--brand", default="main", show_default=True, help="The brand.")


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """An account with its first password; None when the password stayed the one they have."""

    login: str
    brand: str
    role: str
    password: str | None


user = group(
    "user",
    """Users: who may log in to the console, in which role, at which locations.

    [dim]Examples:[/]  doorstep user create ada@shop.example --name "Ada Byron" --role agent  ·  doorstep user list
    ·  doorstep user reset-password admin
    """,
)


@user.command("create")
@click.argument("login")
@_brand_option
@click.option("--name", default="", help="The name people read; default: the login.")
@click.option("--role", type=click.Choice(ROLES), default="agent", show_default=True, help="What they may do.")
@click.option(
    "--location", "locations", multiple=True, help="Only at this location (code); may be given several times."
)
@as_json
def user_create(login: str, brand: str, name: str, role: str, locations: tuple[str, ...], as_json: bool) -> None:
    """Add somebody. LOGIN is an e-mail address or a short name.

    Their first password is printed once; they replace it when they log in. Somebody of another brand keeps their
    password and may work for this one, too.
    """
    made = run(_create(brand, login, name or login, cast(Role, role), locations))
    if as_json:
        emit(made)
        return
    out.print(f"[green]✓[/] {escape(made.login)} is {made.role} of brand [bold]{escape(brand)}[/].")
    if made.password is None:
        say("They worked for another brand already: their password is the one they have.")
        return
    _tell_password(made.password)


async def _create(brand: str, login: str, name: str, role: Role, locations: tuple[str, ...]) -> Made:
    login, password = login.strip().lower(), people.random_password()
    hashed = await people.hash_password(password)
    async with opened() as database, (await database.brand(brand)).transaction() as tx:
        ids = await _location_ids(tx, locations)
        kept = await people.join(tx, login=login, brand=brand, role=role, location_ids=ids)
        if not kept:
            await people.add(tx, login=login, name=name, password_hash=hashed, brand=brand, role=role, location_ids=ids)
        await _record(tx, "users.add", login, {"after": {"role": role, "location_ids": ids}})
    return Made(login=login, brand=brand, role=role, password=None if kept else password)


async def _location_ids(tx: Tx, codes: tuple[str, ...]) -> list[int] | None:
    if not codes:
        return None
    known = {place.code: place.location_id for place in (await inventory.locations(tx)).values()}
    if missing := [code for code in codes if code not in known]:
        raise Invalid([Fault("/locations", f"There is no location {', '.join(missing)}.")])
    return sorted({known[code] for code in codes})


@user.command("list")
@_brand_option
@as_json
def user_list(brand: str, as_json: bool) -> None:
    """List who works for a brand."""
    found, places = run(_list(brand))
    if as_json:
        emit({"items": [_shown(person, places) for person in found]})
        return
    rows = [
        [
            person.login,
            person.name,
            person.role,
            "everywhere" if person.location_ids is None else ", ".join(_codes(person, places)),
            f"{person.seen_at:%Y-%m-%d}" if person.seen_at else "",
            "disabled" if person.disabled_at else "first password" if person.must_change else "",
        ]
        for person in found
    ]
    table(["login", "name", "role", "where", "last here", ""], rows, empty="Nobody yet: doorstep user create admin")


async def _list(brand: str) -> tuple[list[Person], dict[int, str]]:
    async with opened() as database, (await database.brand(brand)).reading() as tx:
        places = {place.location_id: place.code for place in (await inventory.locations(tx)).values()}
        return await people.everyone(tx, brand), places


def _codes(person: Person, places: dict[int, str]) -> list[str]:
    return [places[one] for one in person.location_ids or () if one in places]


def _shown(person: Person, places: dict[int, str]) -> dict[str, Any]:
    return {
        "login": person.login,
        "name": person.name,
        "role": person.role,
        "locations": None if person.location_ids is None else _codes(person, places),
        "must_change_password": person.must_change,
        "disabled_at": person.disabled_at,
        "last_here": person.seen_at,
    }


@user.command("reset-password")
@click.argument("login")
@_brand_option
@as_json
def user_reset_password(login: str, brand: str, as_json: bool) -> None:
    """Give somebody a new first password, printed once. They are logged out everywhere."""
    password = run(_reset(brand, login))
    if as_json:
        emit({"login": login.strip().lower(), "password": password})
    else:
        out.print(f"[green]✓[/] {escape(login)} has a new first password.")
        _tell_password(password)


async def _reset(brand: str, login: str) -> str:
    password = people.random_password()
    hashed = await people.hash_password(password)

    async def act(tx: Tx, person: Person) -> None:
        await people.reset_password(tx, person, hashed, anywhere=True)

    await _on(brand, login, "users.reset_password", act)
    return password


@user.command("disable")
@click.argument("login")
@_brand_option
@click.option("--undo", is_flag=True, help="Let them in again.")
@as_json
def user_disable(login: str, brand: str, undo: bool, as_json: bool) -> None:
    """Let somebody in no more, at any brand. What they did stays in the audit log."""

    async def act(tx: Tx, person: Person) -> None:
        await (people.enable if undo else people.disable)(tx, person, anywhere=True)

    run(_on(brand, login, "users.enable" if undo else "users.disable", act))
    if as_json:
        emit({"login": login.strip().lower(), "disabled": not undo})
    else:
        out.print(f"[green]✓[/] {escape(login)} " + ("can log in again." if undo else "can no longer log in."))


async def _on(brand: str, login: str, action: str, act: Any) -> None:
    async with opened() as database, (await database.brand(brand)).transaction() as tx:
        person = await people.somebody(tx, brand, login)
        await act(tx, person)
        await _record(tx, action, person.login, {})


async def _record(tx: Tx, action: str, login: str, detail: object) -> None:
    await record(tx, actor=_ACTOR, action=action, subject=login, detail=detail)


def _tell_password(password: str) -> None:
    out.print(f"\n  [bold cyan]{password}[/]\n")
    say("Pass it on now: it is kept only as a hash. They choose one of their own when they log in.")
