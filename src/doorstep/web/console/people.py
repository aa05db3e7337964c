"""The staff's accounts: passwords under argon2id, first admin, roles."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from doorstep.db import Database, Tx, statements
from doorstep.kit.errors import Conflict, Fault, Invalid
from doorstep.kit.ids import new_id
from doorstep.web.console.staff import ROLES, Role

SQL = statements(__package__)
PASSWORD_LEAST, PASSWORD_MOST = 10, 200
_LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._+-]*(@[a-z0-9-]+(\.[a-z0-9-]+)+)?")
# 64 MiB and two passes: about 60 ms here, above what OWASP asks for (19 MiB and two passes).
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=65_536, parallelism=1)
_AT_ONCE: Final = 2  # each takes 64 MiB and a core: guesses must not use the machine up
_hands: Final = ThreadPoolExecutor(_AT_ONCE, "passwords")
# Of nobody's password: an unknown login takes as long as a known one.
_NOBODY: Final = "$argon2id$v=19$m=65536,t=2,p=1$6em7tRlxE7MPOsN5g4TJig$HrjnYpCFhi5aBlhfYqhmkWFYSjoMcnDT5JYmFGsjfwk"


async def hash_password(password: str) -> str:
    """The password's argon2id hash."""
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
    if login.partition("@")[0] in password.lower() or len(set(password)) < 4:
        raise Invalid([Fault("/password", "This password is too easy to guess.")])


def random_password() -> str:
    """One to be read out and typed once: 80 random bits."""
    return "-".join(secrets.token_hex(2) for _ in range(5))


async def add(
    tx: Tx,
    *,
    login: str,
    name: str,
    password: str,
    brand: str,
    role: Role,
    location_ids: Sequence[int] | None = None,
    must_change: bool = True,
    language: str = "en",
) -> UUID:
    """Make an account with a role at a brand, in a transaction on the shared schema.

    Raises Invalid for an unfit login, name, role or password, Conflict when the login is taken.
    """
    login, name = login.strip().lower(), name.strip()
    faults = []
    if not _LOGIN.fullmatch(login) or len(login) > 254:
        faults.append(Fault("/login", "A login is an e-mail address, or a short name of a-z, 0-9 and . _ + -"))
    if not 1 <= len(name) <= 100 or not name.isprintable():
        faults.append(Fault("/name", "A name has 1 to 100 printable characters."))
    if role not in ROLES:
        faults.append(Fault("/role", f"A role is one of {', '.join(ROLES)}."))
    if role == "vendor" and location_ids is None:
        faults.append(Fault("/locations", "A vendor needs the locations that are theirs."))
    if faults:
        raise Invalid(faults)
    check_password(password, login=login)
    user_id = new_id()
    hashed = await hash_password(password)
    if await tx.execute(SQL.add_user, user_id, login, name, hashed, must_change, language) != "INSERT 0 1":
        raise Conflict(f"The login {login} is taken.")
    await tx.execute(SQL.put_membership, user_id, brand, role, location_ids)
    return user_id


async def ensure_admin(database: Database, brand: str, *, must_change: bool = True) -> str | None:
    """The first start: when nobody may log in to the brand, make `admin` and return the password, told only now.

    None when somebody may already. Raises Conflict when `admin` is of another brand: then an admin of it adds people.
    """
    async with database.shared() as tx:
        if await tx.fetchval(SQL.has_users, brand):
            return None
        password = random_password()
        await add(
            tx, login="admin", name="Admin", password=password, brand=brand, role="admin", must_change=must_change
        )
        return password
