"""A shop with several channels, each selling from locations of its own; made for one scenario at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from doorstep import inventory, orders
from doorstep.db import Brand
from doorstep.inventory import ChannelStockData
from doorstep.kit.errors import Problem, Short
from doorstep.kit.ids import new_id
from doorstep.orders.placing import Outcome, Placing
from doorstep.routing import NetworkCache
from doorstep.routing.availability import availability
from tests.orders.world import MONDAY, Line, World, placing

Sent = dict[str, dict[int, int]]  # location → line → units


class Network(World):
    """A world whose channels and locations are the scenario's."""

    async def build(
        self, stock: Mapping[str, Mapping[str, int]], channels: Mapping[str, Sequence[str]] | None = None
    ) -> Network:
        """Locations in the order of the mapping, the first preferred; channels sell from the locations named."""
        await self.open(stock, places=list(stock))
        for channel, places in (channels or {}).items():
            async with self.brand.transaction() as tx:
                await tx.execute("INSERT INTO channels (channel, title, currency) VALUES ($1, $1, 'GBP')", channel)
                await inventory.put_channel_stock(tx, channel, ChannelStockData(locations=places))
        return self

    async def close_location(self, code: str) -> None:
        """It sells nothing any more, whatever lies there."""
        await self.execute("UPDATE locations SET enabled = false WHERE code = $1", code)

    async def execute(self, statement: str, *arguments: object) -> None:
        """Change something by plain SQL."""
        async with self.brand.transaction() as tx:
            await tx.execute(statement, *arguments)
        self.networks = NetworkCache()

    async def keep_back(self, sku: str, code: str, *, safety_stock: int = 0, oversell_limit: int = 0) -> None:
        """Units of a SKU that are not sold there, or that may be owed."""
        await self.execute(
            "UPDATE stock SET safety_stock = $3, oversell_limit = $4 WHERE sku_id = $1 AND location_id = $2",
            self.skus[sku], self.places[code], safety_stock, oversell_limit,
        )  # fmt: skip

    async def set_aside(self, sku: str, code: str, units: int) -> None:
        """Units that lie there and are not for sale: in quality control."""
        change = inventory.Change(sku_id=self.skus[sku], location_id=self.places[code], quality_control=units)
        async with self.brand.transaction() as tx:
            await inventory.adjust(
                tx, changes=[change], reason="not for sale", reference=new_id().hex, claimants=orders.Claimants(),
                actor="test", now=MONDAY,
            )  # fmt: skip

    async def salable(self, sku: str, channel: str = "web") -> int:
        """What the channel is told it may sell."""
        async with self.brand.reading() as tx:
            found = await availability(tx, NetworkCache(), channel=channel, skus=[sku])
        return found.items[0].units or 0

    async def order(self, *lines: Line, channel: str = "web", **more: Any) -> Outcome:
        """Place an order through a channel."""
        asked = placing(new_id().hex, *lines, **more)
        (outcome,) = await self.place(Placing.of(msgspec.structs.replace(asked.order, channel=channel), "test"))
        return outcome

    async def sent(self, *lines: Line, channel: str = "web", **more: Any) -> Sent:
        """Which location sends what of an order that is placed."""
        outcome = await self.order(*lines, channel=channel, **more)
        assert outcome.answer is not None, outcome.problem
        return {part.location: dict(part.lines) for part in outcome.answer.parts}

    async def refused(self, *lines: Line, channel: str = "web", **more: Any) -> Problem:
        """Why an order is not placed; and nothing has changed by it."""
        before = await self.value("SELECT sum(reserved) FROM stock")
        outcome = await self.order(*lines, channel=channel, **more)
        assert outcome.problem is not None
        assert await self.value("SELECT sum(reserved) FROM stock") == before
        return outcome.problem

    async def short_of(self, *lines: Line, channel: str = "web", **more: Any) -> int:
        """How many units there are of the first line that is short, as the refusal says."""
        problem = await self.refused(*lines, channel=channel, **more)
        assert isinstance(problem, Short), problem
        rows: Any = problem.extra["lines"]
        return int(rows[0]["available"])


async def network(
    brand: Brand, stock: Mapping[str, Mapping[str, int]], channels: Mapping[str, Sequence[str]] | None = None
) -> Network:
    """Build one."""
    return await Network(brand).build(stock, channels)
