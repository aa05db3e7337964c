"""Bad input at every endpoint: a problem, never our fault (5xx). What is sent is made from the API's description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from doorstep.kit.ids import new_id
from doorstep.web.api.handlers import gather
from doorstep.web.api.openapi import describe
from tests.support.shop import ADDRESS, Shop

BODIES = (b"", b"{", b"null", b"[]", b"[[]]", b"{}", b"1", b'"text"', b'{"no_such_field":1}', b"\xff\xfe", b"[" * 5000)
NASTY: dict[str, tuple[object, ...]] = {
    "string": ("", "\0", "a\0b", "x" * 5000, "\u202e\U0001f4a5", "'; DROP TABLE orders; --", 1, None, {}, ["x"]),
    "integer": (-1, 0, 2**15, 2**31, 2**63, 2**200, -(2**63), 1.5, "1", None, True, 1e300),
    "number": (-1e308, 1e308, 2**200, "1", None),
    "boolean": ("true", 0, None),
    "array": ([], {}, None, [None], [[]], "x"),
    "object": ([], None, "x", {"no_such_field": 1}, {"\0": "\0"}),
    "": (None, "\0", -1, []),
}
IDS = (
    "x",
    "ord_",
    "ord_" + "0" * 32,
    "ful_" + "f" * 32,
    "ord_" + "g" * 32,
    "\0",
    "%",
    "é" * 50,
    "x" * 3000,
    "..",
    " ",
    "\udcff",
)
QUERIES = ("", "\0", "x" * 3000, "-1", "0", "99999999999999999999", "1.5", "'", "\ufffd", "ord_" + "0" * 32)

DOCUMENT = describe(gather())
OPERATIONS = [
    (method.upper(), path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method in ("get", "put", "post", "delete")
]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema behind a reference; of alternatives, the first that is not null."""
    while True:
        if "$ref" in schema:
            schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema:
            schema = next(one for one in schema["anyOf"] if one.get("type") != "null")
        else:
            return schema


def example(schema: dict[str, Any]) -> Any:
    """A value of that shape; whether it makes sense is the handler's to say."""
    schema = resolved(schema)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {name: example(one) for name, one in properties.items()}
        case "array":
            return [example(schema["items"])] if "items" in schema else []
        case "string":
            formats = {"date-time": "2026-03-02T09:00:00Z", "uuid": "0" * 32, "time": "09:00:00", "date": "2026-03-02"}
            return formats.get(schema.get("format", ""), "MUG"[: schema.get("maxLength", 3)])
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
    return {}


def spoiled(schema: dict[str, Any], value: Any) -> Iterator[Any]:
    """The value with one thing wrong in it, in every place and way we know."""
    schema = resolved(schema)
    kind = "string" if "enum" in schema else str(schema.get("type", ""))
    yield from NASTY.get(kind, NASTY[""])
    if kind == "object":
        for name, one in schema.get("properties", {}).items():
            yield {key: item for key, item in value.items() if key != name}
            yield from ({**value, name: bad} for bad in spoiled(one, value[name]))
        yield {**value, "no_such_field": 1}
    if kind == "array" and value:
        yield value * 1_500
        yield from ([bad] for bad in spoiled(schema["items"], value[0]))


def filled(path: str, identity: str = "") -> str:
    """The path with its parameters."""
    known = {"brand_name": "main", "carrier": "sandbox", "sku": "MUG"}
    for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
        value = identity or known.get(name, f"{name.partition('_')[0][:3]}_{'0' * 32}")
        path = path.replace("{" + name + "}", quote(value, safe="", errors="surrogateescape"))
    return path


def is_told(response: httpx2.Response, sent: object) -> None:
    """A problem that is not ours, or a success."""
    asked = f"{response.request.method} {response.request.url} {str(sent)[:200]}"
    words = f"{asked}: {response.status_code} {response.text[:300]}"
    assert response.status_code < 500, words
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json", words
        assert response.json()["detail"], words


def headers() -> dict[str, str]:
    """A fresh command."""
    return {"idempotency-key": new_id().hex, "content-type": "application/json"}


@pytest.fixture
async def real(shop: Shop) -> dict[str, str]:
    """Ids that exist, so that what is spoiled reaches the insides."""
    placed = await shop.place({"sku": "MUG"})
    await shop.ship(placed["order_id"])
    shipment = (await shop.get("/v1/shipments", order=placed["order_id"]))["items"][0]
    return {
        "order_id": placed["order_id"],
        "shipment_id": shipment["shipment_id"],
        "fulfillment_order_id": shipment["fulfillment_order_id"],
    }


def with_real(path: str, real: dict[str, str]) -> str:
    """The path, to a thing that exists where we have one."""
    for name, value in real.items():
        path = path.replace("{" + name + "}", value)
    return filled(path)


async def test_no_body_breaks_any_endpoint(shop: Shop, real: dict[str, str]) -> None:
    taking = [(method, path, operation) for method, path, operation in OPERATIONS if method != "GET"]
    assert len(taking) > 30
    for method, path, operation in taking:
        for body in BODIES:
            answer = await shop.client.request(method, with_real(path, real), content=body, headers=headers())
            is_told(answer, body)
            if "requestBody" in operation and body not in (b"{}", b"[]"):
                assert answer.status_code in (400, 401, 415, 422), (
                    f"{method} {path} takes {body[:20]!r}: {answer.text[:200]}"
                )


async def test_no_value_in_a_body_breaks_any_endpoint(shop: Shop, real: dict[str, str]) -> None:
    tried = 0
    for method, path, operation in OPERATIONS:
        content = operation.get("requestBody", {"content": {}})["content"]
        if "application/json" not in content:  # the others are streams of lines, with tests of their own
            continue
        schema = content["application/json"]["schema"]
        for body in spoiled(schema, example(schema)):
            answer = await shop.client.request(method, with_real(path, real), json=body, headers=headers())
            is_told(answer, body)
            tried += 1
    assert tried > 1_000


async def test_no_id_breaks_any_endpoint(shop: Shop) -> None:
    for method, path, _ in OPERATIONS:
        for identity in IDS if "{" in path else ():
            answer = await shop.client.request(method, filled(path, identity), json={}, headers=headers())
            is_told(answer, identity)


async def test_no_parameter_breaks_any_endpoint(shop: Shop, real: dict[str, str]) -> None:
    for method, path, operation in OPERATIONS:
        for name in [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]:
            for value in QUERIES:
                answer = await shop.client.request(
                    method, with_real(path, real), params={name: value}, json={}, headers=headers()
                )
                is_told(answer, (name, value))


async def test_an_order_of_the_largest_size_is_taken_and_one_line_more_is_not(shop: Shop) -> None:
    lines = [{"sku": "CARD", "quantity": 1, "unit_price_minor": 1} for _ in range(1_001)]
    refused = await shop.client.post("/v1/orders", json=shop.order(*lines, ship_to=ADDRESS))
    assert refused.status_code == 422
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/lines"]
    taken = await shop.client.post("/v1/orders", json=shop.order(*lines[:1_000], on_short="accept"))
    assert taken.status_code == 201, taken.text[:300]
