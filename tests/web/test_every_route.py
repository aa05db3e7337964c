"""Who may call what: every route of the application, asked by everybody. A route that is added is asked, too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import httpx2
import pytest

from doorstep.db import Database
from doorstep.kit.ids import new_id, show
from doorstep.web.api.handlers import gather
from doorstep.web.api.inject import READING_POSTS
from doorstep.web.api.keys import create
from doorstep.web.console.staff import PERMISSIONS, ROLES, Role
from tests.support.shop import Shop
from tests.support.staff import Hire

# What anybody may ask for. Webhooks prove themselves by signature, the shopper's pages by what is in their address.
OPEN = {
    "/healthz", "/readyz", "/metrics", "/openapi.json", "/static/{digest:str}/{name:str}", "/console/login",
    "/brand/{brand_name:str}/{digest:str}/colors.css", "/brand/{brand_name:str}/{digest:str}/logo",
    "/find/{brand_name:str}", "/o/{token:str}",
}  # fmt: skip
OPEN_BELOW = ("/o/{token:str}/", "/v1/webhooks/")
_PREFIXES = {
    "order_id": "ord", "exception_id": "exc", "return_id": "ret", "shipment_id": "shp", "fulfillment_order_id": "ful",
    "hold_id": "cht", "key_id": "key", "feed_id": "fed",
}  # fmt: skip


def routes() -> Iterator[tuple[str, str, Any]]:
    """(method, path, handler) of every route but HEAD and OPTIONS."""
    for handler in gather():
        for path in sorted(handler.paths):
            for method in sorted(handler.http_methods - {"HEAD", "OPTIONS"}):
                yield method, path, handler


CONSOLE = [route for route in routes() if route[1].startswith("/console") and route[1] != "/console/login"]
PUBLIC = [
    route
    for route in routes()
    if "needs" not in route[2].opt and (route[2].opt.get("public") or route[1].startswith("/v1/webhooks/"))
]
API = [route for route in routes() if route not in CONSOLE and route not in PUBLIC]


def address(path: str) -> str:
    """The path with something in each of its places that cannot be there."""

    def filled(found: re.Match[str]) -> str:
        name, kind = found[1], found[2]
        if kind == "int":
            return "999999"
        return show(_PREFIXES[name], new_id()) if name in _PREFIXES else "nowhere"

    return re.sub(r"\{(\w+):(\w+)\}", filled, path)


def test_nothing_is_open_but_what_must_be() -> None:
    opened = {path for _, path, _ in PUBLIC}
    assert {path for path in opened if not path.startswith(OPEN_BELOW)} <= OPEN
    assert all(handler.opt["needs"] in PERMISSIONS for _, _, handler in CONSOLE)
    assert len(CONSOLE) > 20
    assert len(API) > 50


async def ask(client: httpx2.AsyncClient, method: str, path: str, headers: dict[str, str], csrf: str = "") -> int:
    form = {"csrf": csrf, "key": new_id().hex} if method == "POST" else None
    answer = await client.request(method, address(path), headers=headers, data=form)
    return answer.status_code


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_reaches_what_its_permissions_say_and_nothing_else(shop: Shop, hire: Hire, role: Role) -> None:
    desk = await hire(role, locations=["north"] if role == "vendor" else None)
    wrong = []
    for method, path, handler in CONSOLE:
        if path == "/console/logout":
            continue
        status = await ask(shop.client, method, path, desk.headers, desk.csrf)
        allowed = role in PERMISSIONS[handler.opt["needs"]]
        if ((status == 403) == allowed and not _forbidden_anyway(path)) or status >= 500:
            wrong.append((method, path, status, "allowed" if allowed else "not allowed"))
    assert not wrong


def _forbidden_anyway(path: str) -> bool:
    """Time passes by a button in a rehearsal only, and this shop is none."""
    return path == "/console/clock"


async def test_without_a_session_every_page_leads_to_the_login_and_no_form_acts(shop: Shop) -> None:
    shop.client.headers.pop("Authorization")
    for method, path, _ in CONSOLE:
        answer = await shop.client.request(method, address(path), data={"x": "y"} if method == "POST" else None)
        assert answer.status_code == 303, (method, path, answer.status_code)
        assert answer.headers["location"].startswith("/console/login"), (method, path)


async def test_an_api_key_is_no_session_and_a_session_no_api_key(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    assert (await shop.client.get("/console/account")).status_code == 303  # the client sends its key
    shop.client.headers.pop("Authorization")
    for method, path, _ in API:
        status = await ask(shop.client, method, path, desk.headers)
        assert status == 401, (method, path, status)


async def test_no_form_of_the_console_acts_without_its_proof(shop: Shop, hire: Hire) -> None:
    desk = await hire("admin")
    for method, path, _ in CONSOLE:
        if method == "POST":
            for csrf in ("", "0" * 64, desk.csrf[:-1]):
                status = await ask(shop.client, method, path, desk.headers, csrf)
                assert status == 403, (path, status)


async def test_a_key_that_may_only_read_changes_nothing(shop: Shop, database: Database) -> None:
    async with database.shared() as tx:
        _, secret = await create(tx, brand="main", name="reader", scope="read")
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "k"}
    for method, path, _ in API:
        if method != "GET" and path not in READING_POSTS:
            answer = await shop.client.request(method, address(path), headers=headers, json={})
            assert answer.status_code == 403, (method, path, answer.status_code)


async def test_no_page_can_be_framed_sniffed_or_kept_and_none_tells_where_its_reader_came_from(
    shop: Shop, hire: Hire
) -> None:
    desk = await hire("admin")
    pages = [route for route in (*CONSOLE, *PUBLIC) if route[0] == "GET" and not route[1].startswith(_NO_PAGES)]
    seen = 0
    for method, path, _ in pages:
        answer = await shop.client.request(method, address(path), headers=desk.headers)
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        seen += 1
        head: Sequence[str] = [answer.headers.get(name, "") for name in _SEALS]
        assert head == list(_SEALS.values()), (path, head)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert "unsafe" not in policy, path
    assert seen > 10


_NO_PAGES = ("/static", "/healthz", "/readyz", "/metrics", "/openapi", "/v1")
_SEALS = {
    "x-frame-options": "DENY", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}  # fmt: skip
