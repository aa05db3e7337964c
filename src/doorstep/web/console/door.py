"""The console's door: login, session, permission, and the proof that a form is one of ours.

Every route is made with `needs(permission)`. A page asked for without a session leads to the login; a form posted
without its `csrf` field, or by another site, is refused before its handler runs.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final
from urllib.parse import quote

from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.di import Provide
from litestar.handlers.base import BaseRouteHandler

from doorstep.db import Database
from doorstep.kit.errors import Forbidden, Problem, TooMany
from doorstep.web.api import context
from doorstep.web.api.context import app_state
from doorstep.web.api.keys import Principal
from doorstep.web.console import people
from doorstep.web.console.people import SQL
from doorstep.web.console.staff import Permission, Staff
from doorstep.web.pages import form, see

Asked = Request[Any, Any, Any]
COOKIE: Final = "doorstep_staff"
IDLE, OPEN = timedelta(hours=12), timedelta(days=7)  # a session unused, and any session, ends after so long
WINDOW: Final = timedelta(minutes=15)
# Failed logins in the window, after which even the right password is not heard: for one name from one address, for one
# name from anywhere, for one address with any names.
PAIR, NAME, ADDRESS = 5, 50, 50
_LOGIN_PAGE = "/console/login"
_NEXT = re.compile(r"/console(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*(\?[A-Za-z0-9._~=&%+-]*)?")
_STAFF: Final = "doorstep_staff"  # in the request's scope


class LoginNeeded(Problem):
    """401: nobody is logged in. `path` is where they wanted to go."""

    status, kind, title = 401, "login-needed", "Please log in"

    def __init__(self, path: str) -> None:
        super().__init__("Please log in.")
        self.path = path


class ChangeFirst(Problem):
    """403: the first password must be replaced before anything else."""

    status, kind, title = 403, "change-password-first", "Please choose a password of your own"


def needs(permission: Permission, **opt: object) -> dict[str, Any]:
    """What a console route is made with: `@get("/console/orders", **needs("orders.read"))`. Handlers may ask for
    `staff`. `opt` may say `upload_bytes`, for files larger than usual.
    """
    from doorstep.web.console.frame import trouble  # it shows the page in which this module's errors are told

    return {
        "opt": {"public": True, "needs": permission, **opt},
        "guards": [guard],
        "dependencies": {"staff": Provide(here)},
        "include_in_schema": False,
        "exception_handlers": {Exception: trouble},
    }


async def here() -> Staff:
    """Who asks."""
    return known(context.scope.get())


def known(scope: Any) -> Staff:
    """Who asks in this request. Raises KeyError when nobody was let in."""
    found: Staff = scope[_STAFF]
    return found


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let in who has a session and the permission; of a form, also its proof.

    Raises LoginNeeded, ChangeFirst or Forbidden.
    """
    request = connection
    assert isinstance(request, Request)
    staff = await _of_session(request)
    if staff is None:
        raise LoginNeeded(path_here())
    connection.scope[_STAFF] = staff  # type: ignore[typeddict-unknown-key]  # a key of our own
    context.principal.set(Principal(brand=staff.brand, actor=staff.actor, writes=True))
    permission: Permission = handler.opt["needs"]
    if not staff.may(permission):
        raise Forbidden("Your role does not allow this.")
    if request.method not in ("GET", "HEAD"):
        fields = await form(request)
        if not hmac.compare_digest(fields.get("csrf", "").encode(), staff.csrf.encode()):
            raise Forbidden(
                "This form is too old, or was not made for you. Go back, load the page again, try once more."
            )
    if staff.must_change and permission != "self":
        raise ChangeFirst("Please choose a password of your own first.")


async def _of_session(request: Asked) -> Staff | None:
    token = request.cookies.get(COOKIE, "")
    if not 20 <= len(token) <= 100:
        return None
    database: Database = app_state().database
    async with database.shared() as tx:
        row = await tx.fetchrow(SQL.session, digest(token), IDLE, OPEN)
        if row is None:
            return None
        if row["stale"]:
            await tx.execute(SQL.seen, row["token_hash"])
    located = row["location_ids"]
    return Staff(
        user_id=row["user_id"],
        login=row["login"],
        name=row["name"],
        role=row["role"],
        brand=await database.brand(row["brand"]),
        brand_title=row["title"],
        language=row["language"],
        location_ids=None if located is None else frozenset(located),
        must_change=row["must_change"],
        csrf=hashlib.sha256(b"csrf\0" + token.encode()).hexdigest(),
        token_hash=row["token_hash"],
    )


async def log_in(request: Asked, login: str, password: str) -> Cookie | None:
    """A new session's cookie; None for a wrong pair, whatever is wrong with it. Raises TooMany after a few of them.

    The attempt is counted before the password is looked at, so that many at once cannot all be the fifth; a good one is
    taken from the count again.
    """
    database: Database = app_state().database
    login = login.strip().lower()[:254]
    pair, limits = _doors(login, _address(request))
    async with database.shared() as tx:
        await tx.execute(SQL.queue_at, list(limits))
        failed = await tx.fetch(SQL.failed_logins, list(limits), WINDOW)
        if any(row["failed"] >= limits[row["door"]] for row in failed):
            raise TooMany("Too many failed logins. Try again in a quarter of an hour.")
        counted_at = await tx.fetchval(SQL.login_failed, list(limits))
        user = await tx.fetchrow(SQL.find_user, login)
    right = await people.is_right(password[: people.PASSWORD_MOST + 1], user["password_hash"] if user else None)
    if user is None or not right:
        return None
    async with database.shared() as tx:
        brands = await tx.fetch(SQL.memberships, user["user_id"])
        now = await tx.fetchrow(SQL.find_user, login)
        if not brands or now is None or now["password_hash"] != user["password_hash"]:
            return None  # while it was looked at, somebody gave them a new one
        await tx.execute(SQL.login_worked, pair, list(limits), counted_at)
        token = secrets.token_urlsafe(32)  # always a new one: a session somebody planted is worth nothing
        await tx.execute(SQL.begin_session, digest(token), user["user_id"], brands[0]["brand"])
        await tx.execute(SQL.prune_sessions, IDLE, OPEN)
        await tx.execute(SQL.prune_failed_logins)
    return cookie(token)


def cookie(token: str, *, max_age: int = int(OPEN.total_seconds())) -> Cookie:
    """The session's cookie: out of reach of scripts, other sites' forms, and, where there is TLS, of the open line."""
    return Cookie(
        key=COOKIE,
        value=token,
        path="/console",
        max_age=max_age,
        httponly=True,
        samesite="lax",
        secure=app_state().settings.url.startswith("https://"),
    )


def safe_next(path: str) -> str:
    """Where to go after the login: only ever a page of the console."""
    return path if _NEXT.fullmatch(path) and not path.startswith((_LOGIN_PAGE, "/console/logout")) else "/console"


def to_login(error: LoginNeeded) -> Response[bytes]:
    """Lead to the login, and from there to where they wanted to go."""
    path = safe_next(error.path)
    return see(_LOGIN_PAGE if path == "/console" else f"{_LOGIN_PAGE}?next={quote(path, safe='')}")


def digest(token: str) -> bytes:
    """What is kept of a session's token. Of 256 random bits a fast hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def path_here() -> str:
    """The page asked for, for forms that lead back to it; after a form, the console's first page."""
    scope = context.scope.get()
    return _path(scope) if scope["method"] == "GET" else "/console"


def _path(scope: Any) -> str:
    query = scope["query_string"].decode("latin-1")
    return str(scope["path"]) + (f"?{query}" if query else "")


def _address(request: Asked) -> str:
    """Who calls: the one our outermost proxy names, or whoever stands at the other end. Of IPv6 the network, for
    everybody has many addresses in theirs.
    """
    host = request.client.host if request.client else ""
    proxies = app_state().settings.proxies
    named = [one.strip() for one in ",".join(request.headers.getall("x-forwarded-for", [])).split(",")]
    if proxies and len(named) >= proxies:
        host = named[-proxies]
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address, 64), strict=False))
    return str(address)


def _doors(login: str, address: str) -> tuple[str, dict[str, int]]:
    """The doors an attempt counts at, with their limits; the first is the pair's. Names are kept as a digest."""
    name = hashlib.sha256(login.encode()).hexdigest()[:24]
    pair = f"pair:{name}:{address[:45]}"
    return pair, {pair: PAIR, f"name:{name}": NAME, f"address:{address[:45]}": ADDRESS}
