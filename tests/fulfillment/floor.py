"""A floor to test on: two warehouses, three products, orders as placing leaves them, the journey around the work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from doorstep import catalog, delivery, fulfillment, inventory, orders, shipping
from doorstep.catalog import ProductData
from doorstep.db import Brand, Tx
from doorstep.inventory import Claim
from doorstep.inventory.locations import PutLocation
from doorstep.jobs import Runner
from doorstep.journal import Reactor, append, give_positions, when
from doorstep.journal.model import reactions
from doorstep.journey import WORK
from doorstep.kit.ids import new_id

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PROMISE = datetime(2026, 3, 5, 18, 0, tzinfo=UTC)

JOURNEY = reactions(
    (
        when(orders.Placed, delivery.open_ledger, fulfillment.open_orders),
        when(orders.HoldReleased, fulfillment.activate),
        when(orders.Canceled, fulfillment.withdraw),
        when(orders.Allocated, fulfillment.open_orders),
        when(orders.Rerouted, fulfillment.open_orders),
        when(orders.Backordered, fulfillment.open_orders),
        when(fulfillment.Rejected, orders.reroute),
        when(fulfillment.ShortPicked, orders.reroute),
        when(fulfillment.Activated, shipping.keep_watch),
        when(fulfillment.Packed, shipping.prepare),
        when(shipping.Late, delivery.repromise),
    )
)
KINDS = [kind for kind in WORK if kind.name.startswith("shipping.")]


class Floor:
    """What a test plays with. `clock` is the brand's time, standing still until `at` moves it."""

    def __init__(self, brand: Brand, ports: dict[str, object]) -> None:
        self.brand = brand
        self.ports = ports
        self.now = MONDAY
        self.skus: dict[str, int] = {}
        self.places: dict[str, int] = {}
        self._reactor = Reactor(brand, JOURNEY)
        self._runner = Runner(brand, KINDS, ports)

    async def open(self) -> Floor:
        """Fill the shelves: 100 of each product in `north`, 100 in `south`."""
        await self.at(MONDAY)
        async with self.brand.transaction() as tx:
            await catalog.put_products(tx, [_product("mug"), _product("shirt"), _product("safe", 20_000)], now=self.now)
            await inventory.put_locations(tx, [_place("north"), _place("south")])
            await delivery.seed_defaults(tx, "GBP")
            self.skus = {sku: one.sku_id for sku, one in (await catalog.load(tx, ["mug", "shirt", "safe"])).items()}
            self.places = {one.code: one.location_id for one in (await inventory.locations(tx)).values()}
            for code, location_id in self.places.items():
                await inventory.receive(
                    tx,
                    reference=f"opening {code}",
                    location_id=location_id,
                    units=dict.fromkeys(self.skus.values(), 100),
                    actor="test",
                    now=self.now,
                )
            await tx.execute("INSERT INTO channels (channel, title, currency) VALUES ('web', 'Web', 'GBP')")
        await self._reactor.prepare()
        return self

    async def at(self, now: datetime) -> None:
        """Set the brand's clock."""
        self.now = now
        async with self.brand.transaction() as tx:
            await tx.execute("UPDATE clock SET clock_from = $1, rate = 0", now)

    async def pass_time(self, hours: float) -> None:
        """Move the brand's clock on."""
        await self.at(self.now + timedelta(hours=hours))

    async def place(
        self,
        lines: Sequence[tuple[str, int, str]],
        *,
        service: str = "standard",
        lane: int = 1,
        held: bool = False,
        instructions: str = "",
        works: Sequence[tuple[int, str, dict[str, Any]]] = (),
        hand_over_by: datetime | None = None,
    ) -> UUID:
        """An order as placing leaves it: lines are (sku, quantity, location), each 10.01 a unit, shipping 4.99."""
        order_id = new_id()
        async with self.brand.transaction() as tx:
            await self._insert(tx, order_id, lines, service, lane, held, hand_over_by)
            for line_no, (sku, quantity, _) in enumerate(lines, start=1):
                await tx.execute(
                    "INSERT INTO order_lines (order_id, line_no, sku_id, ordered, reserved, unit_price_minor,"
                    " tax_minor, routing_kind, instructions) VALUES ($1, $2, $3, $4, $4, 1001, 1, 'regular', $5)",
                    order_id, line_no, self.skus[sku], quantity, instructions,
                )  # fmt: skip
            for line_no, kind, detail in works:
                await tx.execute(
                    "INSERT INTO line_services VALUES ($1, $2, $3, $4, 0)", order_id, line_no, kind, detail
                )
            claims = [
                Claim(
                    order_id=order_id,
                    line_no=line_no,
                    sku_id=self.skus[sku],
                    location_id=self.places[place],
                    quantity=quantity,
                )
                for line_no, (sku, quantity, place) in enumerate(lines, start=1)
            ]
            await append(tx, [(order_id, orders.Placed(short=False))], actor="test", now=self.now)
            await inventory.claim(tx, claims=claims)
        await self.settle()
        return order_id

    async def _insert(
        self,
        tx: Tx,
        order_id: UUID,
        lines: Sequence[tuple[str, int, str]],
        service: str,
        lane: int,
        held: bool,
        hand_over_by: datetime | None,
    ) -> None:
        contact_id, address_id = new_id(), new_id()
        await tx.execute("INSERT INTO contacts VALUES ($1, 'Ada', 'ada@example.test', NULL, 'en')", contact_id)
        await tx.execute(
            "INSERT INTO addresses VALUES ($1, 'Ada', '1 High Street', 'Leeds', '', 'LS1 1AA', 'GB')", address_id
        )
        total = sum(quantity * 1001 + 1 for _, quantity, _ in lines) + 499
        due = (hand_over_by or self.now + timedelta(hours=30)).isoformat()
        parts = [{"location_id": location_id, "hand_over_by": due} for location_id in self.places.values()]
        await tx.execute(
            "INSERT INTO orders (order_id, channel_id, number, body_hash, contact_id, address_id, placed_at, service,"
            " lane, on_short, currency, total_minor, shipping_minor, promised_from, promised_by, decision,"
            " awaiting_payment) VALUES ($1, 1, $2, ''::bytea, $3, $4, $5, $6, $7, 'accept', 'GBP', $8, 499, $5, $9,"
            " $10, $11)",
            order_id, order_id.hex, contact_id, address_id, self.now, service, lane, total, PROMISE, {"parts": parts},
            held,
        )  # fmt: skip

    async def settle(self) -> None:
        """Let every reaction and due job run until nothing moves."""
        for _ in range(50):
            moved = await give_positions(self.brand)
            moved += await self._reactor.run_once()
            moved += await self._runner.run_once()
            if not moved:
                return
        raise AssertionError("it does not come to rest")

    async def work(self, order_id: UUID) -> list[fulfillment.FulfillmentOrder]:
        """The fulfillment orders of an order."""
        async with self.brand.reading() as tx:
            return (await fulfillment.of_orders(tx, [order_id]))[order_id]

    async def lines(self, order_id: UUID) -> list[orders.LineRow]:
        """The lines of an order."""
        async with self.brand.reading() as tx:
            return (await orders.lines(tx, [order_id]))[order_id]

    async def shipments(self, order_id: UUID) -> list[shipping.Shipment]:
        """The shipments of an order."""
        async with self.brand.reading() as tx:
            return (await shipping.of_orders(tx, [order_id]))[order_id]

    async def told(self, order_id: UUID) -> list[tuple[str, dict[str, Any]]]:
        """The order's events, (kind, data)."""
        async with self.brand.reading() as tx:
            rows = await tx.fetch("SELECT kind, data FROM events WHERE order_id = $1 ORDER BY seq", order_id)
        return [(row["kind"], row["data"]) for row in rows]

    async def alarms(self) -> list[str]:
        """The kinds of the open exceptions."""
        async with self.brand.reading() as tx:
            rows = await tx.fetch("SELECT kind FROM exceptions WHERE resolved_at IS NULL ORDER BY kind")
        return [row["kind"] for row in rows]

    async def findings(self) -> list[str]:
        """What the audits of stock, orders' work and parcels find wrong."""
        async with self.brand.reading() as tx:
            found = [*await inventory.audit(tx), *await fulfillment.audit(tx), *await shipping.audit(tx)]
        return [f"{one.check}: {one.measured} {one.examples}" for one in found if not one.holds]

    async def accept(self, *ids: UUID) -> list[fulfillment.Outcome]:
        """Accept and settle."""
        async with self.brand.transaction() as tx:
            return await fulfillment.accept(tx, fulfillment_order_ids=ids, actor="test", now=self.now)

    async def pick(self, fulfillment_order_id: UUID, *lines: tuple[int, int]) -> fulfillment.Outcome:
        """Pick these (line_no, quantity), or everything."""
        units = [orders.LineQuantity(line_no=line_no, quantity=quantity) for line_no, quantity in lines]
        wanted = fulfillment.Pick(fulfillment_order_id=fulfillment_order_id, lines=units or None)
        async with self.brand.transaction() as tx:
            return (await fulfillment.pick(tx, picks=[wanted], actor="test", now=self.now))[0]

    async def short_pick(self, fulfillment_order_id: UUID, *lines: tuple[int, int]) -> fulfillment.Outcome:
        """These units are not there."""
        units = [orders.LineQuantity(line_no=line_no, quantity=quantity) for line_no, quantity in lines]
        async with self.brand.transaction() as tx:
            return await fulfillment.short_pick(
                tx,
                fulfillment_order_id=fulfillment_order_id,
                lines=units,
                reason="shelf_empty",
                actor="test",
                now=self.now,
            )

    async def done(self, fulfillment_order_id: UUID, work_step_id: UUID) -> fulfillment.Outcome:
        """A step is done."""
        async with self.brand.transaction() as tx:
            return await fulfillment.complete_step(
                tx,
                fulfillment_order_id=fulfillment_order_id,
                work_step_id=work_step_id,
                actor="test",
                now=self.now,
            )

    async def pack(self, fulfillment_order_id: UUID, *parcels: Any) -> fulfillment.Outcome:
        """Pack, in these parcels."""
        packing = fulfillment.Packing(fulfillment_order_id=fulfillment_order_id, parcels=parcels)
        async with self.brand.transaction() as tx:
            return (await fulfillment.pack(tx, packings=[packing], actor="test", now=self.now))[0]

    async def hand_over(self, *ids: UUID) -> list[shipping.HandOverOutcome]:
        """The carrier takes these."""
        async with self.brand.transaction() as tx:
            return await shipping.hand_over(tx, shipment_ids=ids, actor="test", now=self.now)

    async def packed(self, lines: Sequence[tuple[str, int, str]], **more: Any) -> UUID:
        """An order whose work is done up to the label."""
        order_id = await self.place(lines, **more)
        for work in await self.work(order_id):
            key = work.fulfillment_order_id
            assert (await self.accept(key))[0].done
            assert (await self.pick(key)).done
            assert (await self.pack(key)).done
        await self.settle()
        return order_id

    async def on_the_road(self, lines: Sequence[tuple[str, int, str]], **more: Any) -> UUID:
        """An order whose parcels the carrier has."""
        order_id = await self.packed(lines, **more)
        outcomes = await self.hand_over(*(one.shipment_id for one in await self.shipments(order_id)))
        assert all(outcome.done for outcome in outcomes), outcomes
        await self.settle()
        return order_id

    async def tell(self, *updates: shipping.TrackingUpdate, carrier: str = "sandbox") -> Any:
        """The carrier tells these."""
        async with self.brand.transaction() as tx:
            return await shipping.receive_tracking(tx, carrier=carrier, updates=updates, now=self.now)


def _product(sku: str, weight_g: int = 400) -> ProductData:
    return ProductData(sku=sku, title=sku.title(), weight_g=weight_g, length_mm=120, width_mm=100, height_mm=90)


def _place(code: str) -> PutLocation:
    return PutLocation(
        code=code,
        name=f"Warehouse {code}",
        kind="warehouse",
        country="GB",
        postcode="NN11 8QL",
        city="Daventry",
        street="Royal Oak Way",
        latitude=52.26,
        longitude=-1.16,
        timezone="Europe/London",
        capabilities=("personalize", "gift_wrap"),
    )
