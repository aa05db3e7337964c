"""The staff's accounts: passwords under argon2id, first admin, roles; added, changed, sent away.

Invariant: a brand keeps an admin who may log in; a trigger (db/schema.sql) refuses to take the last one away.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from doorstep.db import Database, Tx, statements
from doorstep.kit.errors import Conflict, Fault, Invalid, NotFound
from doorstep.kit.ids import new_id
from doorstep.web.console.staff import ROLES, Role

SQL = statements(__package__)
PASSWORD_LEAST, PASSWORD_MOST = 10, 200
_TELLING: Final = 4  # letters of a login from which on a password that has them is told from one by chance
_LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._+-]*(@[a-z0-9-]+(\.[a-z0-9-]+)+)?")
# 64 MiB and two passes: about 60 ms here, above what OWASP asks for (19 MiB and two passes).
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=65_536, parallelism=1)
_AT_ONCE: Final = 2  # each takes 64 MiB and a core: guesses must not use the machine up
_hands: Final = ThreadPoolExecutor(_AT_ONCE, "passwords")
# Of nobody's password: an unknown login takes as long as a known one.
_NOBODY: Final = "$argon2id$v=19$m=65536,t=2,p=1$6em7tRlxE7MPOsN5g4TJig$HrjnYpCFhi5aBlhfYqhmkWFYSjoMcnDT5JYmFGsjfwk"


async def hash_password(password: str) -> str:
    """The password's argon2id hash. It takes a while, and waits for others: do it before a transaction, not inside."""
    return await asyncio.get_running_loop().run_in_executor(_hands, _HASHER.hash, password)


async def is_right(password: str, kept: str | None) -> bool:
    """Whether it is the password; None (there is no such login) takes as long and is never right."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_hands, _verify, password, kept or _NOBODY) and kept is not None


def _verify(password: str, kept: str) -> bool:
    try:
        return _HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


def check_password(password: str, *, login: str) -> None:
    """Raises Invalid when it is too short, too long, or says the login. Length is what helps; rules of signs do not."""
    if not PASSWORD_LEAST <= len(password) <= PASSWORD_MOST:
        raise Invalid([Fault("/password", f"A password has {PASSWORD_LEAST} to {PASSWORD_MOST} characters.")])
    name = login.partition("@")[0]
    # Of a login of two letters every other password has some.
    if (len(name) >= _TELLING and name in password.lower()) or len(set(password)) < 4:
        raise Invalid([Fault("/password", "This password is too easy to guess.")])


def random_password(random: bytes | None = None) -> str:
    """One to be read out and typed once: 80 random bits, fresh ones unless some are given."""
    return (random or secrets.token_bytes(10))[:10].hex("-", 2)


async def add(
    tx: Tx,
    *,
    login: str,
    name: str,
    password_hash: str,
    brand: str,
    role: Role,
    location_ids: Sequence[int] | None = None,
    must_change: bool = True,
    language: str = "en",
) -> UUID:
    """Make an account with a role at a brand, in a transaction on the shared schema.

    `password_hash` is `hash_password`'s of one that `check_password` let pass. Raises Invalid for an unfit login, name
    or role, Conflict when the login is taken.
    """
    login, name = login.strip().lower(), name.strip()
    faults = _faults(name, role, location_ids)
    if not _LOGIN.fullmatch(login) or len(login) > 254:
        faults.append(Fault("/login", "A login is an e-mail address, or a short name of a-z, 0-9 and . _ + -"))
    if faults:
        raise Invalid(faults)
    user_id = new_id()
    if await tx.execute(SQL.add_user, user_id, login, name, password_hash, must_change, language) != "INSERT 0 1":
        raise Conflict(f"The login {login} is taken.")
    await tx.execute(SQL.put_membership, user_id, brand, role, location_ids)
    return user_id


async def ensure_admin(database: Database, brand: str, *, must_change: bool = True) -> str | None:
    """The first start: when nobody may log in to the brand, make `admin` and return the password, told only now.

    None when somebody may already. Raises Conflict when `admin` is of another brand: then an admin of it adds people.
    """
    password = random_password()
    hashed = await hash_password(password)
    async with database.shared() as tx:
        if await tx.fetchval(SQL.has_users, brand):
            return None
        await add(
            tx, login="admin", name="Admin", password_hash=hashed, brand=brand, role="admin", must_change=must_change
        )
    return password


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of a brand's staff. `location_ids`: None for everywhere. `elsewhere`: another brand has them, too."""

    user_id: UUID
    login: str
    name: str
    role: Role
    location_ids: Sequence[int] | None
    must_change: bool
    created_at: datetime
    disabled_at: datetime | None
    seen_at: datetime | None
    elsewhere: bool


async def everyone(tx: Tx, brand: str, *, after: str = "", limit: int = 1_000) -> list[Person]:
    """The staff of a brand by login, those after a login."""
    return [msgspec.convert(dict(row), Person) for row in await tx.fetch(SQL.people, brand, None, after, limit)]


async def read(tx: Tx, brand: str, user_id: UUID) -> Person:
    """One of a brand's staff. Raises NotFound."""
    rows = await tx.fetch(SQL.people, brand, user_id, "", 1)
    if not rows:
        raise NotFound(f"Nobody of {brand} has this account.")
    return msgspec.convert(dict(rows[0]), Person)


async def somebody(tx: Tx, brand: str, who: str | UUID) -> Person:
    """One of a brand's staff by login or id, locked until the transaction ends. Raises NotFound."""
    login = None if isinstance(who, UUID) else who.strip().lower()
    user_id = await tx.fetchval(SQL.lock_person, login, who if login is None else None, brand)
    if user_id is None:
        raise NotFound(f"Nobody of {brand} is called {str(who)[:60]!r}.")
    return await read(tx, brand, user_id)


async def change(
    tx: Tx, person: Person, *, brand: str, name: str, role: Role, location_ids: Sequence[int] | None
) -> None:
    """Another name, role or places of work. Raises Invalid, and Conflict for the last admin's role, or when the name
    is another brand's matter, too.
    """
    if faults := _faults(name.strip(), role, location_ids):
        raise Invalid(faults)
    if name.strip() != person.name:
        _only_ours(person)
        await tx.execute(SQL.rename_user, person.user_id, name.strip())
    with _an_admin_stays():
        await tx.execute(SQL.put_membership, person.user_id, brand, role, location_ids)


async def reset_password(tx: Tx, person: Person, password_hash: str, *, anywhere: bool = False) -> None:
    """A new first password, as its hash; every session of theirs ends.

    Raises Conflict when they work for another brand, too, unless `anywhere`: an admin of one must not get into another.
    """
    if not anywhere:
        _only_ours(person)
    await tx.execute(SQL.set_password, person.user_id, password_hash, True)
    await tx.execute(SQL.end_sessions, person.user_id)


async def disable(tx: Tx, person: Person, *, anywhere: bool = False) -> None:
    """Let them in no more. Raises Conflict for the last admin, and as `reset_password` does."""
    if not anywhere:
        _only_ours(person)
    with _an_admin_stays():
        await tx.execute(SQL.disable_user, person.user_id)
    await tx.execute(SQL.end_sessions, person.user_id)


async def enable(tx: Tx, person: Person, *, anywhere: bool = False) -> None:
    """Let them in again. Raises Conflict as `reset_password` does."""
    if not anywhere:
        _only_ours(person)
    await tx.execute(SQL.enable_user, person.user_id)


async def leave(tx: Tx, person: Person, *, brand: str) -> None:
    """Take somebody who works for another brand, too, from this one. Raises Conflict for the last admin."""
    with _an_admin_stays():
        await tx.execute(SQL.leave_brand, person.user_id, brand)


async def join(tx: Tx, *, login: str, brand: str, role: Role, location_ids: Sequence[int] | None = None) -> bool:
    """Give somebody of another brand a role here. False when there is no such login, or they are here already."""
    if faults := _faults("of another brand", role, location_ids):
        raise Invalid(faults)
    return await tx.fetchval(SQL.join_brand, login.strip().lower(), brand, role, location_ids) is not None


def _faults(name: str, role: str, location_ids: Sequence[int] | None) -> list[Fault]:
    faults = []
    if not 1 <= len(name) <= 100 or not name.isprintable():
        faults.append(Fault("/name", "A name has 1 to 100 printable characters."))
    if role not in ROLES:
        faults.append(Fault("/role", f"A role is one of {', '.join(ROLES)}."))
    if role == "vendor" and location_ids is None:
        faults.append(Fault("/locations", "A vendor needs the locations that are theirs."))
    return faults


def _only_ours(person: Person) -> None:
    if person.elsewhere:
        raise Conflict(f"{person.login} works for another brand, too: this is done on the server, with doorstep user.")


@contextmanager
def _an_admin_stays() -> Iterator[None]:
    try:
        yield
    except asyncpg.CheckViolationError as error:
        if error.constraint_name != "memberships_keep_an_admin":
            raise
        raise Conflict("This is the last admin who may log in. Make somebody else an admin first.") from error
