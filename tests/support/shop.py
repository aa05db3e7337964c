"""A shop to play with: the whole application in this process on a real database, the outside as real processes.

Every message from outside is sent twice: `Shop.send` repeats each change and insists that the answer is the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx2
import pytest
from litestar import Litestar

from doorstep import delivery
from doorstep.adapters import registry
from doorstep.adapters.settings import Settings as AdapterSettings
from doorstep.adapters.twin.server import Request
from doorstep.audit import audit
from doorstep.db import Brand, Database, embedded
from doorstep.journey import REACTIONS, WORK
from doorstep.kit.ids import new_id
from doorstep.orders import Intake
from doorstep.outside import close_ports, make_ports
from doorstep.payments.ports import AuthorizeRequest
from doorstep.settings import Outside, Settings
from doorstep.web.api.app import Api, create_app, make_routes
from doorstep.web.api.keys import create, secret_of
from doorstep.worker import BrandWorker
from tests.support.database import make_once, server_folder, turn
from tests.support.receiver import receiving
from tests.support.twins import SECRET, Twin

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

LOCATIONS = [
    {"code": "north", "name": "North warehouse", "kind": "warehouse", "country": "GB", "postcode": "WA1 1AA",
     "city": "Warrington", "street": "1 Mill Lane", "latitude": 53.39, "longitude": -2.59,
     "timezone": "Europe/London", "capabilities": ["gift_wrap", "fragile", "returns"], "priority": 10},
    {"code": "south", "name": "South warehouse", "kind": "warehouse", "country": "GB", "postcode": "BS1 4DJ",
     "city": "Bristol", "street": "2 Dock Road", "latitude": 51.45, "longitude": -2.59,
     "timezone": "Europe/London", "capabilities": ["gift_wrap", "returns"], "priority": 20},
    {"code": "workshop", "name": "Print workshop", "kind": "workshop", "country": "GB", "postcode": "S1 2HE",
     "city": "Sheffield", "street": "3 Forge Street", "latitude": 53.38, "longitude": -1.47,
     "timezone": "Europe/London", "capabilities": ["personalize", "gift_wrap"], "priority": 30},
]  # fmt: skip

PRODUCTS = [
    {"sku": "MUG", "title": "A mug", "weight_g": 350, "length_mm": 100, "width_mm": 100, "height_mm": 110},
    {"sku": "CARD", "title": "A card", "weight_g": 20, "length_mm": 200, "width_mm": 150, "height_mm": 2},
    {"sku": "GLASS", "title": "A glass", "weight_g": 200, "length_mm": 80, "width_mm": 80, "height_mm": 150,
     "handling": ["fragile"]},
    {"sku": "JERSEY", "title": "A jersey", "weight_g": 250, "length_mm": 300, "width_mm": 250, "height_mm": 30,
     "personalization": [{"name": "name", "label": "Name", "max_length": 12},
                         {"name": "number", "label": "Number", "max_length": 2, "pattern": "[0-9]{1,2}"}]},
]  # fmt: skip

STOCK = {"north": {"MUG": 10, "CARD": 100, "GLASS": 5}, "south": {"MUG": 4, "CARD": 50}, "workshop": {"JERSEY": 20}}
CUSTOMER = {"name": "Ada Lovelace", "email": "ada@example.test", "phone": "+447700900123", "locale": "en"}
ADDRESS = {
    "name": "Ada Lovelace",
    "street": "12 St James's Square",
    "city": "London",
    "postcode": "SW1Y 4JH",
    "country": "GB",
}


class Shop:
    """The application, its worker and its outside. Time stands still until `pass_time`."""

    def __init__(
        self,
        brand: Brand,
        client: httpx2.AsyncClient,
        worker: BrandWorker,
        *,
        carrier: Twin,
        gateway: Twin,
        messages: Twin,
    ) -> None:
        self.brand, self.client, self.worker = brand, client, worker
        self.carrier, self.gateway, self.messages = carrier, gateway, messages
        self.now = MONDAY
        self.webhook_url = ""
        self._numbers = 0

    async def send(self, method: str, path: str, body: object = None, *, expect: int = 200, key: str = "") -> Any:
        """Send a change twice, as the outside does, and return the decoded answer; both must answer alike.

        A refusal must be refused twice; a creation (201) is answered 200 or 201 the second time.
        """
        headers = {"Idempotency-Key": key or new_id().hex}
        first, second = [await self.client.request(method, path, json=body, headers=headers) for _ in range(2)]
        assert first.status_code == expect, first.text
        assert second.status_code in (first.status_code, 200), second.text
        if first.is_success and method == "POST":
            assert first.content == second.content
        return first.json() if first.content else None

    async def get(self, path: str, *, expect: int = 200, **query: Any) -> Any:
        """GET, decoded."""
        answer = await self.client.get(path, params=query)
        assert answer.status_code == expect, answer.text
        return answer.json()

    def order(self, *lines: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """The body of an order: lines as {"sku", "quantity", …}; every unit costs 10.00 unless said otherwise."""
        self._numbers += 1
        full = [{"quantity": 1, "unit_price_minor": 1000, **line} for line in lines]
        fees = sum(
            line[service].get("fee_minor", 0)
            for line in full
            for service in ("personalization", "gift_wrap")
            if line.get(service)
        )
        goods = sum(
            line["unit_price_minor"] * line["quantity"] + line.get("tax_minor", 0) - line.get("discount_minor", 0)
            for line in full
        )
        shipping_minor = more.pop("shipping_minor", 495)
        body = {
            "channel": "web", "number": f"W-{self._numbers:05}", "currency": "GBP", "customer": CUSTOMER,
            "ship_to": ADDRESS, "service": "standard", "lines": full, "shipping_minor": shipping_minor,
            "total_minor": goods + fees + shipping_minor - more.get("discount_minor", 0),
            "payment": {"token": "tok_ok"},
        }  # fmt: skip
        return {**body, **more}

    async def place(self, *lines: Mapping[str, Any], expect: int = 201, **more: Any) -> Any:
        """Place an order (twice) and return the answer."""
        return await self.send("POST", "/v1/orders", self.order(*lines, **more), expect=expect)

    async def drain(self) -> None:
        """Let the worker do everything that is due."""
        await self.worker.drain()

    async def pass_time(self, until: datetime | timedelta) -> None:
        """Move the clock, here and at the carrier, and let everything that is due happen."""
        self.now = until if isinstance(until, datetime) else self.now + until
        await self.set_clock(self.now)
        await self.drain()
        await self.carrier.advance(self.now.isoformat())
        await self.drain()

    async def retry_now(self) -> None:
        """Let what backs off be tried at once: the pause is for the partner's sake, not part of what is tested."""
        async with self.brand.transaction() as tx:
            await tx.execute("UPDATE jobs SET retry_at = '-infinity' WHERE state = 'waiting'")

    async def set_clock(self, now: datetime) -> None:
        """Stop the brand's clock at a time."""
        await set_clock(self.brand, now)

    async def value(self, query: str, *arguments: object) -> Any:
        """One value, read by plain SQL."""
        async with self.brand.reading() as tx:
            return await tx.fetchval(query, *arguments)

    async def work(self, order: str) -> list[dict[str, Any]]:
        """The fulfillment orders of an order."""
        found: list[dict[str, Any]] = (await self.get("/v1/fulfillment-orders", order=order))["items"]
        return found

    async def fulfill(self, work: Mapping[str, Any]) -> None:
        """Accept, pick, do the work steps and pack one fulfillment order, as the floor does."""
        path = f"/v1/fulfillment-orders/{work['fulfillment_order_id']}"
        await self.send("POST", f"{path}/accept")
        picked = await self.send("POST", f"{path}/pick", {})
        for step in picked["steps"]:
            if step["status"] == "waiting":
                await self.send("POST", f"{path}/steps/{step['step_id']}/done")
        await self.send("POST", f"{path}/pack", {})
        await self.drain()

    async def hand_over(self, order: str) -> list[dict[str, Any]]:
        """Give all packed parcels of an order to the carrier; the shipments."""
        shipments: list[dict[str, Any]] = (await self.get("/v1/shipments", order=order))["items"]
        for shipment in shipments:
            if shipment["handed_over_at"] is None:
                await self.send("POST", f"/v1/shipments/{shipment['shipment_id']}/hand-over")
                scan = {"tracking_number": shipment["tracking_number"], "at": self.now.isoformat()}
                self.carrier.post("/sandbox/hand-over", scan)
        await self.drain()
        return (await self.get("/v1/shipments", order=order))["items"]  # type: ignore[no-any-return]  # decoded JSON

    async def ship(self, order: str) -> list[dict[str, Any]]:
        """Take an order from placed to handed over."""
        await self.drain()
        for work in await self.work(order):
            if work["status_category"] in ("activated", "fulfilling"):
                await self.fulfill(work)
        return await self.hand_over(order)

    async def authorize(self, amount_minor: int) -> str:
        """Authorize a payment as a storefront's own checkout does, at the same gateway; the gateway's name for it."""
        gateway = registry.gateway("sandbox", AdapterSettings(base_url=self.gateway.url))
        wish = AuthorizeRequest(
            reference=new_id().hex, order_number="checkout", amount_minor=amount_minor, currency="GBP", token="tok_ok"
        )
        receipt = await gateway.authorize(wish)
        await gateway.aclose()
        return receipt.gateway_reference

    def mailbox(self, **query: str | int) -> list[dict[str, Any]]:
        """What customers got, oldest first: mails and text messages."""
        found: list[dict[str, Any]] = self.messages.get("/sandbox/mailbox", limit=1000, **query)["messages"]
        return found

    async def story(self, order: str) -> list[str]:
        """The sentences of an order's timeline."""
        return [entry["text"] for entry in (await self.get(f"/v1/orders/{order}/timeline"))["items"]]

    async def stock(self, sku: str) -> dict[str, dict[str, Any]]:
        """Stock rows of a SKU by location."""
        return {row["location"]: row for row in (await self.get("/v1/stock", sku=sku))["items"]}

    async def audit(self) -> None:
        """Units, money, messages and work are conserved."""
        await self.drain()
        findings = await audit(self.brand)
        assert all(finding.ok for finding in findings), [finding for finding in findings if not finding.ok]


async def set_clock(brand: Brand, now: datetime) -> None:
    """Stop a brand's clock at a time."""
    async with brand.transaction() as tx:
        await tx.execute("UPDATE clock SET wall_from = clock_timestamp(), clock_from = $1, rate = 0", now)


_KEY = b"one key for every test's shop"


@pytest.fixture(scope="session")
def stocked(server: embedded.Server, template: str, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> str:
    """The name of the database with the shop in it, loaded once a run, that tests of it clone."""
    with turn(server_folder(tmp_path_factory, worker_id).parent / "stocked.lock"):
        asyncio.run(make_once(server, f"{template}_stocked", template, _stock))
    return f"{template}_stocked"


@cache
def routes() -> Api:
    """The application's routes, made once a process: they keep nothing of a test."""
    return make_routes()


async def _stock(dsn: str) -> None:
    database = Database(dsn)
    brand = await database.brand("main")
    async with database.shared() as tx:
        await create(tx, brand="main", name="test", scope="write", random=_KEY)
    app = create_app(Settings(), routes=routes(), database=database, reactions=REACTIONS, make_intake=Intake)
    async with asking(app) as client, alive(app):
        await BrandWorker(brand, REACTIONS, WORK, {}).reactor.prepare()
        await set_clock(brand, MONDAY)
        await _load(brand, client)
    await database.close()


@pytest.fixture
async def shop(
    stocked: str, database: Database, brand: Brand, carrier_twin: Twin, gateway_twin: Twin, messages_twin: Twin
) -> AsyncIterator[Shop]:
    """A shop with three locations, four products, stock, delivery services and the channel `web` (refuses short
    orders).
    """
    settings = Settings(
        secret="0123456789abcdef0123456789abcdef",
        carriers=(Outside(code="sandbox", url=carrier_twin.url, secret=SECRET),),
        gateway=Outside(code="sandbox", url=gateway_twin.url),
        mail=Outside(code="smtp", url=messages_twin.smtp_url, sender="shop@example.test"),
        sms=Outside(code="http", url=messages_twin.url, sender="SHOP"),
    )
    ports = make_ports(settings)
    app = create_app(settings, routes=routes(), database=database, ports=ports, reactions=REACTIONS, make_intake=Intake)
    async with asking(app) as client, receiving() as receiver, alive(app):
        receiver.forward = lambda request: _webhook(client, request)
        carrier_twin.reset(webhook_url=receiver.url)
        made = Shop(
            brand,
            client,
            BrandWorker(brand, REACTIONS, WORK, ports),
            carrier=carrier_twin,
            gateway=gateway_twin,
            messages=messages_twin,
        )
        made.webhook_url = receiver.url
        yield made
    await close_ports(ports)


def asking(app: Litestar) -> httpx2.AsyncClient:
    """A client of the application in this process, with the shop's key."""
    transport = httpx2.ASGITransport(app=app)  # type: ignore[arg-type]  # the same protocol, typed more narrowly
    headers = {"Authorization": f"Bearer {secret_of('main', _KEY)}"}
    return httpx2.AsyncClient(transport=transport, base_url="http://shop", headers=headers, timeout=60)


@asynccontextmanager
async def alive(app: Litestar) -> AsyncIterator[None]:
    """The application's own opening and closing, in one task: a fixture ends in another than it began."""
    ready, stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            ready.set()
            await stop.wait()

    task = asyncio.create_task(live())
    await ready.wait()
    try:
        yield
    finally:
        stop.set()
        await task


async def _webhook(client: httpx2.AsyncClient, request: Request) -> int:
    answers = [
        await client.post("/v1/webhooks/carriers/main/sandbox", content=request.body, headers=dict(request.headers))
        for _ in range(2)
    ]
    assert answers[0].status_code == answers[1].status_code
    return answers[0].status_code


async def _load(brand: Brand, client: httpx2.AsyncClient) -> None:
    """The journey's first step, through the API."""
    for path, rows in (
        ("/v1/locations", LOCATIONS),
        ("/v1/products", PRODUCTS),
        ("/v1/channels", [{"channel": "web", "title": "Web shop", "currency": "GBP"}]),
    ):
        (await client.put(path, json=rows, headers={"Idempotency-Key": path})).raise_for_status()
    async with brand.transaction() as tx:
        await delivery.seed_defaults(tx, "GBP")
    for location, units in STOCK.items():
        await _receive(client, location, units)


async def receive(
    shop: Shop, location: str, units: Mapping[str, int], reference: str = "", *, last: bool = False
) -> None:
    """Goods arrive; the `last` of what was expected, or a part of it."""
    await _receive(shop.client, location, units, reference, last=last)


async def _receive(
    client: httpx2.AsyncClient, location: str, units: Mapping[str, int], reference: str = "", *, last: bool = False
) -> None:
    lines: Sequence[Any] = [{"sku": sku, "quantity": quantity} for sku, quantity in units.items()]
    note = {"reference": reference or f"note-{new_id().hex}", "location": location, "lines": lines, "last": last}
    answers = await asyncio.gather(*(client.post("/v1/stock/receipts", json=note) for _ in range(2)))
    assert sorted(answer.json()["changed"] for answer in answers) == [0, len(units)], [a.text for a in answers]
