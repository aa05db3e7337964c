"""An event of the tests' own, and a place to note what reactions did with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

import pytest

from doorstep.db import Brand, Tx
from doorstep.journal import Event, Reaction, Reactor, Recorded, append, give_positions
from doorstep.kit.ids import new_id

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Happened(Event, frozen=True, kw_only=True):
    """Something with a name."""

    KIND: ClassVar[str] = "test.happened"
    name: str


class Journal:
    """Orders that are only rows, and a reaction that notes the names of events in the table `noted`."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.poisonous: set[str] = set()

    async def order(self, lane: int = 1, order_id: UUID | None = None) -> UUID:
        """A row of `orders` without anything else."""
        order_id = order_id or new_id()
        async with self.brand.transaction() as tx:
            await tx.execute(
                "INSERT INTO orders (order_id, channel_id, number, body_hash, contact_id, address_id, placed_at,"
                " service, lane, on_short, currency, total_minor, shipping_minor, promised_from, decision, event_seq)"
                " VALUES ($1, 1, $2, '', $1, $1, $3, 'standard', $4, 'accept', 'GBP', 0, 0, $3, '{}', 0)",
                order_id, order_id.hex, NOW, lane,
            )  # fmt: skip
        return order_id

    async def tell(self, order_id: UUID | None, *names: str) -> None:
        """Append events and commit."""
        async with self.brand.transaction() as tx:
            await self.append(tx, order_id, *names)

    async def append(self, tx: Tx, order_id: UUID | None, *names: str) -> None:
        """Append events in a transaction of the test's."""
        await append(tx, [(order_id, Happened(name=name)) for name in names], actor="test", now=NOW)

    async def note(self, tx: Tx, events: Sequence[Recorded[Any]], *, now: datetime) -> None:
        """The reaction."""
        for event in events:
            await tx.execute("INSERT INTO noted (name, order_id) VALUES ($1, $2)", event.data.name, event.order_id)
            if event.data.name in self.poisonous:
                raise ValueError(f"cannot digest {event.data.name}")

    @property
    def reaction(self) -> Reaction:
        """The reaction as the journey would have it."""
        return Reaction(name="test.note", kinds=(Happened.KIND,), handler=self.note)

    def reactor(self) -> Reactor:
        """A reactor of its own, as another worker process would have."""
        return Reactor(self.brand, [self.reaction])

    async def settle(self) -> None:
        """Give positions and react until nothing moves."""
        reactor = self.reactor()
        while await give_positions(self.brand) + await reactor.run_once():
            pass

    async def noted(self, order_id: UUID | None = None) -> list[str]:
        """What was noted, in order; of one order when asked."""
        async with self.brand.reading() as tx:
            rows = await tx.fetch(
                "SELECT name FROM noted WHERE $1::uuid IS NULL OR order_id = $1 ORDER BY place", order_id
            )
        return [row["name"] for row in rows]

    async def value(self, query: str) -> Any:
        """One value by plain SQL."""
        async with self.brand.reading() as tx:
            return await tx.fetchval(query)


@pytest.fixture
async def journal(brand: Brand) -> Journal:
    """A journal whose one reaction starts with the next event."""
    async with brand.transaction() as tx:
        await tx.execute("CREATE TABLE noted (place bigint GENERATED ALWAYS AS IDENTITY, name text, order_id uuid)")
    made = Journal(brand)
    await made.reactor().prepare()
    return made
