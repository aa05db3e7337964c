"""The floor's day over HTTP, with the sandbox carrier as a real process: a label that scans, signed news, waves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import httpx2
import msgspec
import pytest
from standardwebhooks import Webhook

from doorstep import settings as settings_of
from doorstep.adapters.carriers.sandbox.adapter import SandboxCarrier
from doorstep.adapters.settings import Settings
from doorstep.db import Brand, Database
from doorstep.fulfillment.api import HANDLERS as FULFILLMENT
from doorstep.kit.clock import wall_now
from doorstep.kit.ids import new_id, show
from doorstep.shipping.api import HANDLERS as SHIPPING
from doorstep.web.api import create, create_app
from tests.fulfillment.floor import MONDAY, Floor
from tests.support.parcels import scanned
from tests.support.twins import SECRET, Twin, first_attempt_only


class Api:
    """The floor and a client that calls it."""

    def __init__(self, floor: Floor, client: httpx2.AsyncClient) -> None:
        self.floor, self.client = floor, client

    async def call(self, method: str, path: str, body: object = None, *, expect: int = 200) -> Any:
        """Call with an Idempotency-Key; the decoded answer."""
        answer = await self.client.request(method, path, json=body, headers={"idempotency-key": new_id().hex})
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def news(self, events: list[dict[str, Any]], *, secret: str = SECRET) -> httpx2.Response:
        """A signed webhook of the carrier."""
        body = msgspec.json.encode({"events": events}).decode()
        moment = wall_now()
        headers = {
            "webhook-id": "msg",
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(secret).sign("msg", moment, body),
        }
        return await self.client.post("/v1/webhooks/carriers/main/sandbox", content=body, headers=headers)


@pytest.fixture
async def api(brand: Brand, database: Database, carrier_twin: Twin) -> AsyncIterator[Api]:
    adapter = SandboxCarrier(Settings(base_url=carrier_twin.url, secret=SECRET))
    ports: dict[str, object] = {"Carrier:sandbox": adapter}
    floor = await Floor(brand, ports).open()
    async with database.shared() as tx:
        key = (await create(tx, brand="main", name="floor", scope="write"))[1]
    app = create_app(settings_of.read({}), database=database, handlers=(*FULFILLMENT, *SHIPPING), ports=ports)
    transport = httpx2.ASGITransport(cast(Any, app), raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://doorstep.test", headers=headers) as client:
        yield Api(floor, client)
    await adapter.aclose()


async def shipment_of(api: Api, order_id: UUID) -> dict[str, Any]:
    """The order's one parcel."""
    (item,) = (await api.call("GET", f"/v1/shipments?order={show('ord', order_id)}"))["items"]
    return cast(dict[str, Any], item)


async def test_a_parcel_goes_from_the_work_list_to_the_door(api: Api) -> None:
    order_id = await api.floor.place([("mug", 2, "north")])
    (work,) = (await api.call("GET", "/v1/fulfillment-orders?location=north"))["items"]
    assert work["lines"][0]["sku"] == "mug"
    path = f"/v1/fulfillment-orders/{work['fulfillment_order_id']}"
    await api.call("POST", f"{path}/pick", {}, expect=409)
    assert (await api.call("POST", f"{path}/accept"))["status"] == "accepted"
    assert (await api.call("POST", f"{path}/pick", {"lines": [{"line_no": 1, "quantity": 1}]}))["status"] == "picking"
    assert (await api.call("POST", f"{path}/pick", {}))["status"] == "picked"
    assert (await api.call("POST", f"{path}/pack", {"parcels": [{"weight_g": 1200}]}))["status"] == "packed"
    await api.floor.settle()
    shipment = await shipment_of(api, order_id)
    label = await api.client.get(f"/v1/shipments/{shipment['shipment_id']}/label.pdf")
    assert label.headers["content-type"] == "application/pdf"
    assert shipment["tracking_number"] in scanned(label.content)
    handed = await api.call("POST", f"/v1/shipments/{shipment['shipment_id']}/hand-over")
    assert handed["amount_minor"] == 2 * 1001 + 1 + 499
    event = {"id": "x1", "tracking_number": shipment["tracking_number"], "code": "DELIVERED", "text": "Delivered"}
    at = datetime(2026, 3, 4, 10, tzinfo=UTC).isoformat()
    news = await api.news([{**event, "at": at}, {**event, "at": at}])
    assert news.json() == {"new": 1, "repeated": 1, "unknown": 0}
    detail = await api.call("GET", f"/v1/shipments/{shipment['shipment_id']}")
    assert detail["status"] == "delivered"
    assert [one["status"] for one in detail["tracking"]] == ["delivered"]


async def test_unsigned_news_changes_nothing(api: Api) -> None:
    order_id = await api.floor.on_the_road([("mug", 1, "north")])
    number = (await shipment_of(api, order_id))["tracking_number"]
    event = {"id": "x1", "tracking_number": number, "code": "LOST", "text": "", "at": MONDAY.isoformat()}
    forged = await api.news([event], secret="whsec_" + "A" * 32)
    assert forged.status_code == 401
    assert (await shipment_of(api, order_id))["status"] == "pending"
    assert (await api.client.post("/v1/webhooks/carriers/main/nobody", content="{}")).status_code == 404


async def test_a_carrier_that_sells_and_then_hangs_up_sells_once(api: Api, carrier_twin: Twin) -> None:
    carrier_twin.reset(**first_attempt_only(hang_up_after=1.0))
    order_id = await api.floor.packed([("mug", 1, "north")])
    async with api.floor.brand.transaction() as tx:
        assert await tx.fetchval("SELECT status FROM labels") == "wanted"
        await tx.execute("UPDATE jobs SET retry_at = '-infinity'")
    await api.floor.settle()
    assert (await shipment_of(api, order_id))["tracking_number"]
    labels = carrier_twin.get("/sandbox/ledger")["labels"]
    assert [label["purchases"] for label in labels.values()] == [1]


async def test_a_wave_goes_through_the_floor_in_four_calls(api: Api) -> None:
    for _ in range(3):
        await api.floor.place([("mug", 1, "north")])
    works = (await api.call("GET", "/v1/fulfillment-orders?status=activated"))["items"]
    ids = [work["fulfillment_order_id"] for work in works]
    for verb in ("accept", "pick", "pack", "pack"):
        result = await api.call("POST", f"/v1/fulfillment-orders/{verb}", {"ids": ids})
        assert [item["done"] for item in result["items"]] == [True] * 3
    await api.floor.settle()
    waiting = (await api.call("GET", "/v1/shipments?labeled=true&handed_over=false&location=north"))["items"]
    wave = {"ids": [one["shipment_id"] for one in waiting] + [show("shp", new_id())]}
    result = await api.call("POST", "/v1/shipments/hand-over", wave)
    assert [item["done"] for item in result["items"]] == [True, True, True, False]
    assert await api.floor.findings() == []


async def test_the_work_list_goes_on_where_its_page_ended(api: Api) -> None:
    for _ in range(3):
        await api.floor.place([("mug", 1, "north")])
    first = await api.call("GET", "/v1/fulfillment-orders?limit=2")
    rest = await api.call("GET", f"/v1/fulfillment-orders?limit=2&cursor={first['next_cursor']}")
    assert len(first["items"]) == 2
    assert len({one["fulfillment_order_id"] for one in first["items"] + rest["items"]}) == 3
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/fulfillment-orders/ful_0", None, 404),
        ("GET", "/v1/fulfillment-orders?location=nowhere", None, 422),
        ("GET", "/v1/fulfillment-orders?limit=0", None, 422),
        ("POST", "/v1/fulfillment-orders/accept", {"ids": []}, 422),
        ("POST", "/v1/fulfillment-orders/accept", {"ids": ["x"]}, 404),
        ("POST", f"/v1/fulfillment-orders/{show('ful', UUID(int=1))}/accept", None, 404),
        ("POST", f"/v1/fulfillment-orders/{show('ful', UUID(int=1))}/reject", {"reason": ""}, 422),
        ("POST", f"/v1/fulfillment-orders/{show('ful', UUID(int=1))}/pick", {"lines": []}, 422),
        ("POST", f"/v1/fulfillment-orders/{show('ful', UUID(int=1))}/short-pick", {"lines": [], "reason": "x"}, 422),
        ("POST", f"/v1/fulfillment-orders/{show('ful', UUID(int=1))}/pack", {"parcels": [{"weight_g": 0}]}, 422),
        ("GET", "/v1/shipments?status=gone", None, 422),
        ("GET", "/v1/shipments?cursor=x", None, 422),
        ("GET", f"/v1/shipments/{show('shp', UUID(int=1))}", None, 404),
        ("GET", f"/v1/shipments/{show('shp', UUID(int=1))}/label.pdf", None, 404),
        ("POST", f"/v1/shipments/{show('shp', UUID(int=1))}/hand-over", None, 404),
        ("POST", "/v1/shipments/hand-over", {"ids": "all"}, 422),
    ],
)
async def test_bad_input_is_refused_and_named(api: Api, method: str, path: str, body: object, status: int) -> None:
    answer = await api.call(method, path, body, expect=status)
    assert answer["detail"]
