"""A small world to place orders in, without HTTP: warehouses, products made on demand, a clock that stands still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from doorstep import catalog, delivery, fulfillment, inventory, orders
from doorstep.catalog import ProductData
from doorstep.db import Brand, Tx
from doorstep.inventory import PutLocation
from doorstep.journal import Reactor, give_positions, when
from doorstep.journal.model import reactions
from doorstep.kit.ids import new_id, parse
from doorstep.orders.place import place_batch
from doorstep.orders.placing import Outcome, Placing
from doorstep.orders.requests import Customer, Payment, PlaceLine, PlaceOrder, ShipTo
from doorstep.routing import NetworkCache

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
Line = tuple[str, int]

# What happens between stock, orders and the floor; money and messages have their own tests.
WORK = reactions(
    (
        when(orders.Placed, delivery.open_ledger, fulfillment.open_orders),
        when(orders.HoldReleased, fulfillment.activate),
        when(orders.Canceled, fulfillment.withdraw),
        when(orders.Allocated, fulfillment.open_orders),
        when(orders.Rerouted, fulfillment.open_orders),
        when(inventory.Received, orders.allocate_waiting),
        when(inventory.SupplyMoved, orders.follow_supply),
        when(orders.Backordered, fulfillment.open_orders, delivery.repromise),
        when(orders.Redated, delivery.repromise),
        when(fulfillment.Rejected, orders.reroute),
        when(fulfillment.ShortPicked, orders.reroute),
    )
)


class World:
    """One brand's stock and orders. Orders cost nothing unless priced, so that none waits for money."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.skus: dict[str, int] = {}
        self.places: dict[str, int] = {}
        self.networks = NetworkCache()
        self.reactor = Reactor(brand, WORK)

    async def open(
        self, stock: Mapping[str, Mapping[str, int]], *, places: Sequence[str] = ("north", "south")
    ) -> World:
        """Build the places, the preferred one first, and fill the shelves: units by SKU by location code."""
        async with self.brand.transaction() as tx:
            await tx.execute("UPDATE clock SET clock_from = $1, rate = 0", MONDAY)
            await inventory.put_locations(tx, [_place(code, 10 * n) for n, code in enumerate(places, start=1)])
            await delivery.seed_defaults(tx, "GBP")
            await tx.execute("INSERT INTO channels (channel, title, currency) VALUES ('web', 'Web', 'GBP')")
            self.places = {one.code: one.location_id for one in (await inventory.locations(tx)).values()}
        if stock:
            await self.fill(stock)
        await self.reactor.prepare()
        return self

    async def fill(self, stock: Mapping[str, Mapping[str, int]], *, reference: str = "") -> None:
        """Goods arrive; products that are new are made."""
        async with self.brand.transaction() as tx:
            names = sorted({sku for units in stock.values() for sku in units})
            await catalog.put_products(tx, [_product(sku) for sku in names], now=MONDAY)
            self.skus |= {sku: one.sku_id for sku, one in (await catalog.load(tx, names)).items()}
            for code, units in stock.items():
                await inventory.receive(
                    tx,
                    reference=reference or f"note {new_id()}",
                    location_id=self.places[code],
                    units={self.skus[sku]: quantity for sku, quantity in units.items()},
                    actor="test",
                    now=MONDAY,
                )

    async def expect(
        self, reference: str, sku: str, quantity: int, at: datetime, *, code: str = "north", now: datetime = MONDAY
    ) -> None:
        """Goods are on their way, or something else is said of them; a product that is new is made."""
        async with self.brand.transaction() as tx:
            await catalog.put_products(tx, [_product(sku)], now=MONDAY)
            self.skus[sku] = (await catalog.load(tx, [sku]))[sku].sku_id
            await inventory.expect(
                tx,
                reference=reference,
                location_id=self.places[code],
                units={self.skus[sku]: quantity},
                expected_at=at,
                actor="test",
                now=now,
            )

    async def sell_beyond(self, sku: str, cap: int, **more: Any) -> None:
        """Sell a product beyond its stock."""
        async with self.brand.transaction() as tx:
            await inventory.put_terms(tx, [inventory.BeyondStockTerms(sku=sku, kind="backorder", cap=cap, **more)])

    async def place(self, *placings: Placing) -> list[Outcome]:
        """Place in one batch, as one server process would."""
        return await place_batch(self.brand, self.networks, placings)

    async def placed(self, *lines: Line, **more: Any) -> UUID:
        """Place one order and return its id."""
        (outcome,) = await self.place(placing(new_id().hex, *lines, **more))
        assert outcome.answer is not None, outcome.problem
        return parse("ord", outcome.answer.order_id)

    async def settle(self) -> None:
        """Let every reaction run until nothing moves."""
        for _ in range(50):
            if not await give_positions(self.brand) + await self.reactor.run_once():
                assert await self.value("SELECT array_agg(error) FROM parked") is None
                return
        raise AssertionError("it does not come to rest")

    async def stock(self, sku: str, code: str = "north") -> Any:
        """The counters of a shelf."""
        async with self.brand.reading() as tx:
            return await tx.fetchrow(
                "SELECT * FROM stock WHERE sku_id = $1 AND location_id = $2", self.skus[sku], self.places[code]
            )

    async def value(self, query: str, *arguments: object) -> Any:
        """One value, read by plain SQL."""
        async with self.brand.reading() as tx:
            return await tx.fetchval(query, *arguments)

    async def lines(self, order_id: UUID) -> list[orders.LineRow]:
        """The lines of an order."""
        async with self.brand.reading() as tx:
            return (await orders.lines(tx, [order_id]))[order_id]

    async def work(self, order_id: UUID) -> list[fulfillment.FulfillmentOrder]:
        """The fulfillment orders of an order."""
        async with self.brand.reading() as tx:
            return (await fulfillment.of_orders(tx, [order_id]))[order_id]

    async def reject(self, tx: Tx, fulfillment_order_id: UUID) -> None:
        """The location says no."""
        outcome = await fulfillment.reject(
            tx, fulfillment_order_id=fulfillment_order_id, reason="no capacity", actor="test", now=MONDAY
        )
        assert outcome.done, outcome.problem

    async def accept(self, fulfillment_order_id: UUID) -> None:
        """The location says yes."""
        async with self.brand.transaction() as tx:
            (outcome,) = await fulfillment.accept(
                tx, fulfillment_order_ids=[fulfillment_order_id], actor="test", now=MONDAY
            )
        assert outcome.done, outcome.problem

    async def pick(self, tx: Tx, fulfillment_order_id: UUID) -> fulfillment.Outcome:
        """Take everything from the shelf."""
        wanted = fulfillment.Pick(fulfillment_order_id=fulfillment_order_id, lines=None)
        return (await fulfillment.pick(tx, picks=[wanted], actor="test", now=MONDAY))[0]

    async def cancel(self, tx: Tx, order_id: UUID) -> orders.Canceled | None:
        """The customer changes their mind about everything."""
        return await orders.cancel(tx, order_id=order_id, wanted=None, reason="test", actor="test", now=MONDAY)

    async def faults(self) -> list[str]:
        """What the audits of stock, orders and floor find wrong, once everything has settled."""
        await self.settle()
        async with self.brand.reading() as tx:
            found = [*await inventory.audit(tx), *await orders.audit(tx), *await fulfillment.audit(tx)]
        return [f"{one.check}: {one.measured} {one.examples}" for one in found if not one.ok]


def placing(number: str, *lines: Line, price_minor: int = 0, **more: Any) -> Placing:
    """A request for lines of (sku, quantity), at the same price a unit."""
    rows = [PlaceLine(sku=sku, quantity=quantity, unit_price_minor=price_minor) for sku, quantity in lines]
    order = PlaceOrder(
        channel="web",
        number=number,
        currency="GBP",
        customer=Customer(name="Ada Lovelace", email="ada@example.test"),
        ship_to=ShipTo(
            name="Ada Lovelace", street="12 St James's Square", city="London", postcode="SW1Y 4JH", country="GB"
        ),
        service=more.pop("service", "standard"),
        lines=rows,
        total_minor=sum(row.total_minor for row in rows),
        payment=Payment(token="tok_ok") if price_minor else Payment(),
        **more,
    )
    return Placing.of(order, "test")


def _product(sku: str) -> ProductData:
    return ProductData(sku=sku, title=sku.title(), weight_g=300, length_mm=120, width_mm=100, height_mm=90)


def _place(code: str, priority: int) -> PutLocation:
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
        priority=priority,
    )
