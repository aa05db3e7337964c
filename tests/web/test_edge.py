"""The edge, whatever stands behind it: keys, idempotency, problems, request ids, bad input."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from litestar import Litestar

from doorstep.db import Database
from doorstep.kit.limits import BODY_BYTES
from doorstep.web.api import every, revoke
from doorstep.web.api.keys import SQL, digest
from tests.web.conftest import Keys

KEY = {"idempotency-key": "k-1"}


def problem(response: Any, status: int, kind: str) -> dict[str, Any]:
    """The problem in a response, checked to be one (RFC 9457)."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert found["type"] == f"/problems/{kind}"
    assert found["status"] == status
    assert found["title"]
    assert found["detail"]
    assert found["request_id"] == response.headers["x-request-id"]
    return found


async def test_a_key_opens_its_own_brand_and_no_other(client: httpx2.AsyncClient, keys: Keys) -> None:
    assert (await client.get("/v1/things")).json() == {"brand": "main", "actor": "key:console", "calls": 5}
    other = await client.get("/v1/things", headers={"authorization": f"Bearer {keys.other}"})
    assert other.json()["brand"] == "other"


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer nonsense", "Basic dXNlcjpwYXNz", f"Bearer dsk_main_{'0' * 48}", "Bearer " + "x" * 999],
)
async def test_without_a_good_key_nothing_answers(client: httpx2.AsyncClient, header: str) -> None:
    response = await client.get("/v1/things", headers={"authorization": header})
    problem(response, 401, "unauthorized")
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_every_route_under_v1_needs_a_key_except_webhooks(app: Litestar, client: httpx2.AsyncClient) -> None:
    client.headers.pop("authorization")
    for route in app.routes:
        for method in sorted(route.methods - {"OPTIONS", "HEAD"}):
            path = route.path_format.replace("{brand_name}", "main").replace("{", "x").replace("}", "x")
            response = await client.request(method, path, json={})
            is_open = not path.startswith("/v1/") or path.startswith("/v1/webhooks/")
            assert (response.status_code != 401) == is_open, f"{method} {path}: {response.status_code}"


async def test_a_revoked_key_stops_working(client: httpx2.AsyncClient, database: Database, keys: Keys) -> None:
    async with database.shared() as tx:
        found = next(key for key in await every(tx, brand="main") if key.name == "console")
        assert await revoke(tx, found.key_id)
        assert not await revoke(tx, found.key_id)
    problem(await client.get("/v1/things"), 401, "unauthorized")


async def test_only_the_hash_of_a_key_is_kept(database: Database, keys: Keys) -> None:
    async with database.shared() as tx:
        row = await tx.fetchrow(SQL.find_key, digest(keys.main))
        assert row is not None
        whole = str([dict(row) for row in await tx.fetch("SELECT * FROM api_keys")])
    assert keys.main.rpartition("_")[2] not in whole


async def test_a_reading_key_reads_and_does_not_write(client: httpx2.AsyncClient, keys: Keys) -> None:
    reader = {"authorization": f"Bearer {keys.reader}"}
    assert (await client.get("/v1/things", headers=reader)).status_code == 200
    assert (await client.post("/v1/delivery-options", json={}, headers=reader)).status_code == 200
    problem(await client.post("/v1/things", json={}, headers=reader | KEY), 403, "forbidden")


async def test_a_repeated_command_acts_once_and_answers_the_same(client: httpx2.AsyncClient) -> None:
    first = await client.post("/v1/things", json={"name": "a"}, headers=KEY)
    again = await client.post("/v1/things", json={"name": "a"}, headers=KEY)
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert "idempotent-replay" not in first.headers
    assert again.headers["idempotent-replay"] == "true"


async def test_the_same_key_with_another_body_conflicts(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/v1/things", json={"name": "a"}, headers=KEY)).status_code == 200
    found = problem(await client.post("/v1/things", json={"name": "b"}, headers=KEY), 409, "body-differs")
    assert found["field"] == "Idempotency-Key"


async def test_two_brands_may_use_the_same_idempotency_key(client: httpx2.AsyncClient, keys: Keys) -> None:
    other = KEY | {"authorization": f"Bearer {keys.other}"}
    assert (await client.post("/v1/things", json={}, headers=KEY)).json()["brand"] == "main"
    assert (await client.post("/v1/things", json={}, headers=other)).json()["brand"] == "other"


async def test_a_command_without_its_key_is_refused(client: httpx2.AsyncClient) -> None:
    problem(await client.post("/v1/things", json={}), 400, "malformed")


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\there"])
async def test_an_unfit_idempotency_key_is_refused(client: httpx2.AsyncClient, key: str) -> None:
    problem(await client.post("/v1/things", json={}, headers={"idempotency-key": key}), 422, "invalid")


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b'{"lines":[{"sku":"a","quantity":"1"}]}', 422, "/lines/0/quantity"),
        (b'{"lines":[{"sku":"a","quantity":0}]}', 422, "/lines/0/quantity"),
        (b'{"lines":[{"sku":"a"}]}', 422, "/lines/0/quantity"),
        (b'{"lines":[{"sku":"a","quantity":1,"colour":"red"}]}', 422, "/lines/0/colour"),
        (b'{"surprise":1}', 422, "/surprise"),
        (b"[]", 422, ""),
        (b"null", 422, ""),
        (b'{"name":"a\\u0000b"}', 422, "/name"),
        (b'{"lines":[{"sku":"\\u0000","quantity":1}]}', 422, "/lines/0/sku"),
        (b'{"notes":{"a/b":"\\u0000"}}', 422, "/notes/a~1b"),
        (b'{"name":', 400, None),
        (b'{"name":"\\ud800"}', 400, None),
        (b'{"name":"\xff"}', 400, None),
        (b'{"name":"\x00"}', 400, None),
        (b"[" * 200_000, 422, ""),
        (b'{"notes":' * 100_000, 422, "/notes"),
        (b"", 400, None),
        (b"<xml/>", 400, None),
    ],
)
async def test_a_bad_body_is_refused_with_a_pointer_to_what_is_wrong(
    client: httpx2.AsyncClient, body: bytes, status: int, pointer: str | None
) -> None:
    response = await client.post("/v1/things", content=body, headers=KEY)
    found = problem(response, status, "invalid" if status == 422 else "malformed")
    if pointer is not None:
        assert [fault["pointer"] for fault in found["errors"]] == [pointer]


async def test_an_escaped_backslash_before_u0000_is_no_nul(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/delivery-options", content=rb'{"name":"a\\u0000b"}')
    assert response.json()["name"] == r"a\u0000b"


async def test_a_body_over_the_limit_is_refused(client: httpx2.AsyncClient) -> None:
    problem(await client.post("/v1/things", content=b" " * (BODY_BYTES + 1), headers=KEY), 413, "too-large")


@pytest.mark.parametrize("query", ["limit=0", "limit=11", "limit=abc", "limit=", "limit=1e3"])
async def test_a_bad_parameter_is_named(client: httpx2.AsyncClient, query: str) -> None:
    found = problem(await client.get(f"/v1/things?{query}"), 422, "invalid")
    assert found["errors"][0]["pointer"] == "?limit"


@pytest.mark.parametrize("path", ["/v1/broken/a%00b", "/v1/things?cursor=%00"])
async def test_nul_in_an_address_is_refused(client: httpx2.AsyncClient, path: str) -> None:
    problem(await client.get(path), 400, "malformed")


async def test_an_unknown_path_and_a_wrong_method_are_problems(client: httpx2.AsyncClient) -> None:
    problem(await client.get("/v1/nothing"), 404, "not-found")
    response = await client.delete("/v1/things")
    problem(response, 405, "method-not-allowed")
    assert "GET" in response.headers["allow"]


async def test_a_handlers_problem_keeps_its_facts(client: httpx2.AsyncClient) -> None:
    found = problem(await client.get("/v1/broken/conflict"), 409, "conflict")
    assert found["detail"] == "It is shipped already."
    assert found["instance"] == "/v1/broken/conflict"
    assert found["order_status"] == "shipped"
    faults = problem(await client.get("/v1/broken/invalid"), 422, "invalid")["errors"]
    assert faults == [{"pointer": "/a", "detail": "One."}, {"pointer": "/b", "detail": "Two."}]


async def test_a_lost_database_is_503_and_says_when_to_retry(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/broken/gone")
    problem(response, 503, "unavailable")
    assert int(response.headers["retry-after"]) >= 1


@pytest.mark.parametrize("how", ["bug", "misuse"])
async def test_a_bug_is_500_and_shows_nothing_of_the_inside(client: httpx2.AsyncClient, how: str) -> None:
    response = await client.get(f"/v1/broken/{how}")
    problem(response, 500, "internal")
    assert "secret" not in response.text
    assert "arguments" not in response.text


async def test_a_number_no_column_can_hold_is_the_callers_fault(client: httpx2.AsyncClient) -> None:
    problem(await client.get("/v1/broken/number"), 422, "invalid")


async def test_a_sane_request_id_is_kept_and_any_other_replaced(client: httpx2.AsyncClient) -> None:
    kept = await client.get("/healthz", headers={"x-request-id": "shop-42"})
    assert kept.headers["x-request-id"] == "shop-42"
    replaced = await client.get("/healthz", headers={"x-request-id": "no spaces " * 30})
    assert len(replaced.headers["x-request-id"]) == 32


async def test_a_webhook_names_its_brand_in_the_path(client: httpx2.AsyncClient) -> None:
    client.headers.pop("authorization")
    taken = await client.post("/v1/webhooks/carriers/other/dove", content=b"12345")
    assert taken.json() == {"brand": "other", "carrier": "dove", "bytes": 5}
    problem(await client.post("/v1/webhooks/carriers/nobody/dove", content=b""), 404, "not-found")


async def test_the_intake_is_one_a_brand_and_closed_with_the_application(
    app: Litestar, client: httpx2.AsyncClient, keys: Keys
) -> None:
    async with app.lifespan():
        for taken in (1, 2):
            found = (await client.post("/v1/gathered", json={})).json()
            assert found == {"brand": "main", "taken": taken}
        other = await client.post("/v1/gathered", json={}, headers={"authorization": f"Bearer {keys.other}"})
        assert other.json() == {"brand": "other", "taken": 1}
        kept = [*app.state.intakes._open.values()]
        assert not any(one.closed for one in kept)
    assert len(kept) == 2
    assert all(one.closed for one in kept)


@pytest.mark.parametrize("path", ["/healthz", "/v1/clock", "/nowhere"])
async def test_head_answers_as_get_does_without_the_content(client: httpx2.AsyncClient, path: str) -> None:
    got, looked = await client.get(path), await client.head(path)
    assert looked.status_code == got.status_code
    assert looked.content == b""
    assert looked.headers["content-type"] == got.headers["content-type"]
