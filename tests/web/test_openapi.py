"""The API's description and the API say the same: every route, every answer of a whole journey."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import timedelta
from typing import Any

import httpx2
import msgspec
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from doorstep import jobs
from doorstep.db.pool import clock_now
from doorstep.kit.ids import new_id, parse, show
from doorstep.settings import Settings
from doorstep.web.api import create_app
from doorstep.web.api.handlers import gather
from doorstep.web.api.openapi import describe
from tests.returns.world import AREAS, POINTS
from tests.support.shop import ADDRESS, LOCATIONS, PRODUCTS, Shop

METHODS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The description of the whole API."""
    return describe(gather())


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Every operation by method and path."""
    return {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def test_the_description_is_openapi_31(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_route_is_described_and_everything_described_is_a_route(document: dict[str, Any]) -> None:
    app = create_app(Settings(database_url="postgresql://nobody@127.0.0.1:9/none"))
    mounted = {
        (method, route.path_format)
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        for method in handler.http_methods
        if method not in ("OPTIONS", "HEAD") and handler.resolve_include_in_schema()
    }
    assert mounted == set(operations(document))
    assert len(mounted) > 50


def test_every_operation_says_what_it_does_answers_and_refuses(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for operation in operations(document).values()]
    assert len(set(ids)) == len(ids)
    for (method, path), operation in operations(document).items():
        assert operation.get("description"), f"{method} {path} has no docstring"
        good = {status for status in operation["responses"] if status < "400"}
        assert good, f"{method} {path} documents no answer"
        for status, response in operation["responses"].items():
            kind = "application/problem+json" if status >= "400" else None
            assert list(response["content"]) == [kind] if kind else response["content"], f"{method} {path} {status}"
        if path.startswith("/v1/") and not path.startswith("/v1/webhooks/"):
            assert "401" in operation["responses"], f"{method} {path}"


def test_what_takes_an_idempotency_key_says_so(document: dict[str, Any]) -> None:
    taking = {
        (method, path)
        for (method, path), operation in operations(document).items()
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
    }
    assert ("POST", "/v1/orders/{order_id}/cancel") in taking
    assert ("POST", "/v1/exceptions/{exception_id}/retry") in taking
    assert ("POST", "/v1/orders") not in taking  # its number is the key


class Witness:
    """Checks each answer of a client against the description, and remembers what was answered well."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path)
            for path in sorted(document["paths"], key=lambda path: path.count("{"))
        ]
        self.seen: dict[tuple[str, str], set[int]] = defaultdict(set)

    async def check(self, response: httpx2.Response) -> None:
        """Called for each answer."""
        await response.aread()
        method, status = response.request.method, response.status_code
        path = next(path for pattern, path in self._paths if pattern.fullmatch(response.request.url.path))
        described = self._document["paths"][path][method.lower()]["responses"]
        assert str(status) in described, f"{method} {path} answers {status}, described: {sorted(described)}"
        ((media, content),) = described[str(status)]["content"].items()
        assert response.headers["content-type"].partition(";")[0] == media, f"{method} {path} {status}"
        if "schema" in content:
            schema = {**content["schema"], "components": self._document["components"]}
            parts = response.content.splitlines() if media == "application/x-ndjson" else [response.content]
            errors = [
                f"{'/'.join(map(str, error.path))}: {error.message[:300]}"
                for part in parts
                for error in OAS31Validator(schema).iter_errors(msgspec.json.decode(part))
            ]
            assert not errors, f"{method} {path} {status}: {errors[:3]}"
        self.seen[method, path].add(status)

    def unseen(self) -> list[str]:
        """Operations that never answered well."""
        return sorted(
            f"{method} {path}"
            for method, path in operations(self._document)
            if not any(status < 400 for status in self.seen[method, path])
        )


@pytest.fixture
def witness(shop: Shop, document: dict[str, Any]) -> Witness:
    """Watches all that the shop is answered."""
    made = Witness(document)
    shop.client.event_hooks["response"].append(made.check)
    return made


async def test_every_answer_of_a_whole_journey_is_as_described(shop: Shop, witness: Witness) -> None:
    await set_up(shop)
    first = await buy_and_work(shop)
    await change(shop, first)
    await bring_back(shop)
    await look_after(shop)
    await feed(shop)
    await be_refused(shop)
    assert witness.unseen() == []


async def _count_some(shop: Shop) -> None:
    """Count jobs: one with a count that is believed, one counted again and one approved; one given up."""
    body = {"reference": "J-1", "location": "south", "skus": ["MUG", "CARD"]}
    one, two = [
        (await shop.send("POST", "/v1/stock/count-jobs", {**body, "reference": name}, expect=201))["count_job_id"]
        for name in ("J-1", "J-2")
    ]
    path = f"/v1/stock/count-jobs/{one}"
    for units in (1, 2):
        await shop.send("POST", f"{path}/enter", {"sku": "CARD", "counted": units})
    await shop.send("POST", f"{path}/recount", {"sku": "CARD"})
    await shop.send("POST", f"{path}/approve", {"sku": "CARD"})
    await shop.send("POST", f"{path}/close")
    await shop.send("POST", f"/v1/stock/count-jobs/{two}/cancel")
    await shop.get("/v1/stock/count-jobs", ended=True)
    await shop.get(path)


async def _move_some(shop: Shop) -> None:
    """Transfers: one from plan to end, one that is not sent."""
    plan = {
        "reference": "T-1", "from": "north", "to": "south", "expected_at": "2026-03-05T09:00:00Z",
        "lines": [{"sku": "MUG", "quantity": 2}],
    }  # fmt: skip
    one, two = [
        (await shop.send("POST", "/v1/stock/transfers", {**plan, "reference": name}, expect=201))["transfer_id"]
        for name in ("T-1", "T-2")
    ]
    await shop.send("POST", f"/v1/stock/transfers/{two}/cancel")
    await shop.send("POST", f"/v1/stock/transfers/{one}/ship", {})
    arrived = {"reference": "R-1", "lines": [{"sku": "MUG", "quantity": 1}]}
    await shop.send("POST", f"/v1/stock/transfers/{one}/receive", arrived)
    await shop.send("POST", f"/v1/stock/transfers/{one}/close", {"why": "lost"})
    await shop.get("/v1/stock/transfers", ended=True)
    await shop.get(f"/v1/stock/transfers/{one}")


async def set_up(shop: Shop) -> None:
    """Products, places, services, stock; written as read."""
    await shop.send("PUT", "/v1/products", PRODUCTS)
    await shop.send("PUT", "/v1/locations", LOCATIONS)
    for path in ("/v1/services", "/v1/transit", "/v1/work-times", "/v1/channels"):
        await shop.send("PUT", path, (await shop.get(path))["items"])
    holiday = {"day": "2027-01-01", "reason": "New Year's Day"}
    await shop.send("PUT", "/v1/calendars/opening", [{"location": "north", "weekdays": ["mon", "sat"]}])
    await shop.send("PUT", "/v1/calendars/days-off", [{"country": "GB", "days": [holiday]}])
    await shop.get("/v1/calendars")
    await shop.get("/v1/products", limit=2)
    await shop.get("/v1/products/JERSEY")
    await shop.get("/v1/locations")
    note = {"reference": "in-1", "location": "north", "lines": [{"sku": "MUG", "quantity": 5}]}
    await shop.client.post("/v1/stock/receipts", json=note)
    await shop.client.post(
        "/v1/stock/incoming", json={**note, "reference": "in-2", "expected_at": "2026-03-09T09:00:00Z"}
    )
    await shop.client.post(
        "/v1/stock/counts",
        json={"reference": "c-1", "location": "south", "lines": [{"sku": "CARD", "on_hand": 49}]},
    )
    terms = {"sku": "GLASS", "kind": "backorder", "cap": 5, "channels": [{"channel": "web", "cap": 3}]}
    await shop.send("PUT", "/v1/beyond-stock", [terms])
    await shop.get("/v1/beyond-stock")
    line = {"sku": "CARD", "quantity": 1, "from": "sellable", "to": "damaged", "reason": "broken"}
    await shop.send("POST", "/v1/stock/adjustments", {"reference": "a-1", "location": "south", "lines": [line]})
    await shop.send("PUT", "/v1/stock/limits", [{"sku": "CARD", "location": "south", "safety_stock": 1}])
    (supply,) = (await shop.get("/v1/stock/incoming", sku="MUG"))["items"]
    path = f"/v1/stock/incoming/{supply['incoming_id']}"
    await shop.send("PUT", path, {"quantity": 6, "expected_at": supply["expected_at"]})
    await shop.send("POST", f"{path}/cancel")
    await shop.get(path)
    await _move_some(shop)
    await _count_some(shop)
    await shop.get("/v1/stock", sku="MUG")
    await shop.get("/v1/stock/movements", sku="MUG")
    cart = {"country": "GB", "postcode": ADDRESS["postcode"], "lines": [{"sku": "MUG", "quantity": 1}]}
    await shop.send("POST", "/v1/delivery-options", cart)
    await shop.send("POST", "/v1/availability", {"channel": "web", "skus": ["MUG", "NOPE"]})
    await shop.send("PUT", "/v1/stock/thresholds", [{"sku": "MUG", "low_at": 3}])
    await shop.worker.tell_levels()
    await shop.get("/v1/stock/levels")
    await shop.send("PUT", "/v1/channels/web/stock", await shop.get("/v1/channels/web/stock"))
    await hold_carts(shop)


async def hold_carts(shop: Shop) -> None:
    """Two carts: one becomes an order, one is given up; and what is refused on the way."""
    lines = [{"sku": "CARD", "quantity": 1}]
    wish = {"channel": "web", "lines": lines, "minutes": 5, "country": "GB", "postcode": ADDRESS["postcode"]}
    bought, given_up = [(await shop.send("POST", "/v1/cart-holds", wish, expect=201))["hold_id"] for _ in range(2)]
    path = f"/v1/cart-holds/{given_up}"
    await shop.get(path)
    await shop.send("PUT", path, {"lines": lines, "minutes": 20})
    await shop.send("PUT", path, {"lines": [{"sku": "CARD", "quantity": 9000}]}, expect=409)
    await shop.send("POST", f"{path}/extend", {})
    await shop.send("POST", f"{path}/release")
    await shop.place(*lines, cart_hold=bought)
    await shop.get(f"/v1/cart-holds/{bought}")


async def buy_and_work(shop: Shop) -> str:
    """Orders through the floor, by every verb of it; the id of one that has arrived."""
    placed = await shop.place(
        {"sku": "JERSEY", "personalization": {"fields": {"name": "ADA", "number": "1"}}}, {"sku": "MUG", "quantity": 3}
    )
    plain = await shop.place({"sku": "CARD", "quantity": 2})
    await shop.drain()
    work = await shop.work(plain["order_id"])
    ids = {"ids": [one["fulfillment_order_id"] for one in work]}
    await shop.get(f"/v1/fulfillment-orders/{ids['ids'][0]}")
    for verb in ("accept", "pick", "pack"):
        await shop.send("POST", f"/v1/fulfillment-orders/{verb}", ids)
        if verb == "pick":
            await shop.send("POST", f"/v1/fulfillment-orders/{ids['ids'][0]}/steps/done", {})
    await shop.drain()
    parcels = (await shop.get("/v1/shipments", order=plain["order_id"]))["items"]
    assert (await shop.client.get(f"/v1/shipments/{parcels[0]['shipment_id']}/label.pdf")).is_success
    await shop.send("POST", "/v1/shipments/hand-over", {"ids": [one["shipment_id"] for one in parcels]})
    await shop.get(f"/v1/shipments/{parcels[0]['shipment_id']}")
    short = await shop.place({"sku": "MUG", "quantity": 2})
    rejected = await shop.place({"sku": "MUG", "quantity": 1})
    await shop.drain()
    (one,) = await shop.work(short["order_id"])
    path = f"/v1/fulfillment-orders/{one['fulfillment_order_id']}"
    await shop.send("POST", f"{path}/accept")
    missing = {"lines": [{"line_no": 1, "quantity": 1}], "reason": "not_found"}
    await shop.send("POST", f"{path}/short-pick", missing)
    (one,) = await shop.work(rejected["order_id"])
    await shop.send("POST", f"/v1/fulfillment-orders/{one['fulfillment_order_id']}/reject", {"reason": "No staff."})
    for verb, body in (("take-back", {"disposition": "restock"}), ("declare-lost", None)):
        (gone,) = await shop.ship((await shop.place({"sku": "CARD", "quantity": 1}))["order_id"])
        await shop.send("POST", f"/v1/shipments/{gone['shipment_id']}/{verb}", body)
    await shop.ship(placed["order_id"])
    for _ in range(30):
        await shop.pass_time(timedelta(hours=4))
    return str(placed["order_id"])


async def change(shop: Shop, arrived: str) -> None:
    """What is changed about orders, and what is read of them."""
    path = f"/v1/orders/{(await shop.place({'sku': 'CARD', 'quantity': 3}))['order_id']}"
    held = await shop.send("POST", f"{path}/holds", {"reason": "customer_request", "note": "On vacation"}, expect=201)
    await shop.send("PUT", f"{path}/address", {**ADDRESS, "street": "13 St James's Square"})
    await shop.send(
        "PUT", f"{path}/preferences", {"channel": "both", "quiet_from": "21:00:00", "quiet_until": "08:00:00"}
    )
    await shop.send("POST", f"{path}/holds/{held['hold_id']}/release")
    await be_late(shop)
    await shop.send("POST", f"{path}/cancel", {"reason": "changed mind", "lines": [{"line_no": 1, "quantity": 1}]})
    await shop.drain()
    for order in (path, f"/v1/orders/{arrived}"):
        for part in ("", "/timeline", "/payments", "/preferences", "/updates"):
            await shop.get(f"{order}{part}")
    bulk = msgspec.json.encode(shop.order({"sku": "CARD"})) + b"\n{}\n"
    headers = {"content-type": "application/x-ndjson"}
    assert (await shop.client.post("/v1/orders:batch", content=bulk, headers=headers)).is_success
    await shop.get("/v1/orders", limit=1)
    found = await shop.get("/v1/search", q="ada card", status="open,completed", limit=1)
    await shop.get("/v1/search", q="ada", placed_from="2026-03-01T00:00:00Z", cursor=found["next_cursor"])
    await shop.get("/v1/fulfillment-orders", limit=1)


async def be_late(shop: Shop) -> None:
    """A parcel that is late, and what its customer says to that."""
    order = (await shop.place({"sku": "CARD", "quantity": 1}))["order_id"]
    await shop.ship(order)
    await shop.set_clock(shop.now + timedelta(days=6))  # ours only: of the carrier nothing is heard
    await shop.drain()
    late = (await shop.get(f"/v1/orders/{order}"))["delay"]
    answer = {"seq": late["seq"], "answer": "wait"}
    await shop.send("POST", f"/v1/orders/{order}/delay-answer", answer)
    await shop.set_clock(shop.now)


async def bring_back(shop: Shop) -> None:
    """Returns by each way, and each end."""
    order = (await shop.place({"sku": "CARD", "quantity": 9}))["order_id"]
    await shop.ship(order)
    for _ in range(30):
        await shop.pass_time(timedelta(hours=4))
    await shop.send("POST", "/v1/returns/eligibility", {"order_id": order})
    await shop.send("PUT", "/v1/postcode-areas", AREAS)
    await shop.send("PUT", "/v1/drop-off-points", POINTS)
    await shop.get("/v1/drop-off-points", country="GB", postcode="SW1Y 4JH")
    opened = []
    for number, handover in (("R-1", "label"), ("R-2", "qr"), ("R-3", "store"), ("R-4", "store"), ("R-5", "qr")):
        wish = {
            "order_id": order, "number": number, "handover": handover, "outcome": "refund", "location": "north",
            "lines": [{"line_no": 1, "quantity": 1, "reason": "too_many"}],
        }  # fmt: skip
        opened.append(f"/v1/returns/{(await shop.send('POST', '/v1/returns', wish, expect=201))['return_id']}")
    await shop.drain()
    days = (await shop.send("POST", "/v1/returns/eligibility", {"order_id": order}))["collection_days"]
    wish = {
        "order_id": order, "number": "R-6", "handover": "collection", "collect_on": days[0],
        "lines": [{"line_no": 1, "quantity": 1, "reason": "too_many"}],
    }  # fmt: skip
    await shop.send("POST", "/v1/returns", wish, expect=201)
    await shop.drain()
    label, code, store, unwanted, scanned = opened
    assert (await shop.client.get(f"{label}/label.pdf")).is_success
    assert (await shop.client.get(f"{code}/qr.svg")).is_success
    await shop.send("POST", f"{store}/drop-off", {"location": "north"})
    await shop.send("POST", "/v1/returns/drop-off", {"location": "north", "token": await token(shop, scanned)})
    await shop.send("POST", f"{unwanted}/decline", {"reason": "Not ours."})
    line = {"line_no": 1, "quantity": 1, "acceptance": "manual"}
    await shop.send("POST", f"{label}/receive", {"location": "north", "lines": [line]})
    decision = {"line_no": 1, "quantity": 1, "acceptance": "accepted", "disposition": "restock"}
    await shop.send("POST", f"{label}/decide", {"lines": [decision]})
    await shop.drain()
    await shop.get(label)
    await shop.get("/v1/returns", limit=2)


async def token(shop: Shop, path: str) -> str:
    """What a return's QR code says."""
    async with shop.brand.reading() as tx:
        key = parse("ret", path.rpartition("/")[2])
        found: str = await tx.fetchval("SELECT qr_token FROM returns WHERE return_id = $1", key)
    return found


async def look_after(shop: Shop) -> None:
    """What operators read and do."""
    subject = new_id()
    async with shop.brand.transaction() as tx:
        now = await clock_now(tx)
        await jobs.enqueue(tx, "test.work", [subject], due_at=now + timedelta(days=900))
        await tx.execute("UPDATE jobs SET state = 'poisoned' WHERE subject = $1", subject)
        for kind, one in (("job_poisoned", subject), ("test_trouble", new_id())):
            await jobs.open_exception(
                tx, kind=kind, subject=one, order_id=None, owner="operations", next_action="Look.",
                detail={"job": "test.work"}, now=now,
            )  # fmt: skip
        rows = await tx.fetch("SELECT kind, exception_id FROM exceptions WHERE owner = 'operations'")
    shown = {row["kind"]: f"/v1/exceptions/{show('exc', row['exception_id'])}" for row in rows}
    await shop.get("/v1/exceptions")
    await shop.send("POST", f"{shown['job_poisoned']}/retry")
    await shop.send("POST", f"{shown['test_trouble']}/resolve", {"resolution": "Looked."})
    await shop.get(shown["test_trouble"])
    for path in ("/v1/backlog", "/v1/clock", "/v1/events", "/healthz", "/readyz"):
        await shop.get(path)


async def feed(shop: Shop) -> None:
    """A location's own books: one feed is compared and applied, one is stopped."""
    for reference, units in (("feed-1", 999), ("feed-2", 998)):
        answer = await shop.client.post(
            "/v1/stock/feeds",
            params={"reference": reference, "kind": "delta", "location": "north", "applies": False},
            content=f"sku,on_hand\nCARD,{units}\nNOPE,1\n",
            headers={"content-type": "text/csv"},
        )
        path = f"/v1/stock/feeds/{answer.json()['feed_id']}"
        await shop.drain()
        await shop.send("POST", f"{path}/{'apply' if reference == 'feed-1' else 'cancel'}")
        for part in ("", "/bad-rows", "/changes"):
            await shop.get(path + part)
    await shop.get("/v1/stock/feeds")


async def be_refused(shop: Shop) -> None:
    """Refusals are problems as described, too."""
    nobody = "ord_" + "0" * 32
    await shop.get(f"/v1/orders/{nobody}", expect=404)
    await shop.get("/v1/orders", expect=422, limit=0)
    await shop.get("/v1/search", expect=422, placed_from="2026-03-01T00:00:00")
    await shop.get("/v1/search", expect=422, cursor="W10")
    await shop.send("POST", "/v1/orders", {"number": 1}, expect=422)
    await shop.send("POST", f"/v1/orders/{nobody}/cancel", {"reason": "x"}, expect=404)
    assert (await shop.client.post(f"/v1/orders/{nobody}/cancel", json={"reason": "x"})).status_code == 400
    assert (await shop.client.get("/v1/orders", headers={"authorization": ""})).status_code == 401
    await shop.place({"sku": "MUG", "quantity": 900}, expect=409)
