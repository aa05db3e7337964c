"""What the machine looks at after each step: the database against the model, and what the router chose."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar
from uuid import UUID

from hypothesis.stateful import RuleBasedStateMachine

from doorstep import inventory
from doorstep.db import Database, Tx, embedded
from doorstep.inventory import ClaimRefused
from doorstep.kit.errors import BodyDiffers, Conflict
from tests.carts.holding import cart_faults
from tests.inventory.shelves import Key, LineOf, Model, Place
from tests.orders.world import MONDAY, World
from tests.support.database import cloned

T = TypeVar("T")
PLACES = ("north", "south")
WORK_OF_CLAIMS = "every claim stands on a fulfillment order"


class Compared(RuleBasedStateMachine):
    """A world with a database of its own, its model, and the comparison. `played` counts what was done in all runs."""

    def __init__(
        self, server: embedded.Server, template: str, loop: asyncio.AbstractEventLoop, played: Counter[str]
    ) -> None:
        super().__init__()
        self.loop, self.played = loop, played
        self._open = AsyncExitStack()
        self.world = self.run(self._world(server, template))
        self.model = Model((), (), MONDAY)

    async def _world(self, server: embedded.Server, template: str) -> World:
        """A database of its own, so that what fails in one run of the machine is not there in the next."""
        database = Database(await self._open.enter_async_context(cloned(server, template)))
        self._open.push_async_callback(database.close)
        return await World(await database.brand("main")).open({})

    def teardown(self) -> None:
        """Drop the database."""
        self.run(self._open.aclose())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Let the test's event loop do it, and wait."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def do(self, work: Coroutine[Any, Any, object], refused: type[Exception] | None = None) -> bool:
        """Do it and compare; True when it was done. `refused`: the error it must end with instead."""
        try:
            self.run(work)
        except (Conflict, BodyDiffers, ClaimRefused) as error:
            if refused is None or not isinstance(error, refused):
                raise
            self.played[f"refused with {refused.__name__}"] += 1
            return False
        assert refused is None, f"it should have been refused with {refused}"
        return True

    # --- what must hold after each step

    def check(self, verb: str, *, moving: UUID | None = None, changed: UUID | None = None) -> None:
        """Let the reactions run, read what the router chose, compare all of it, and audit."""
        self.played[verb] += 1
        self.run(self._compare(moving, changed))

    async def _in_transaction(self, act: Any) -> None:
        async with self.world.brand.transaction() as tx:
            await act(tx)

    async def _compare(self, moving: UUID | None, changed: UUID | None) -> None:
        bare = any(held.total() for line, held in self.model.firm.items() if line not in self.model.lines)
        # Claims without an order have no work at a location either; all else must be in order.
        assert [one for one in await cart_faults(self.world) if not (bare and one.startswith(WORK_OF_CLAIMS))] == []
        async with self.world.brand.snapshot() as tx:
            await self._follow_orders(tx, moving)
            await self._follow_carts(tx, changed)
            await self._same_counters(tx)
            await self._nobody_waits_in_vain(tx)
            sku_ids = {sku: self.world.skus[sku] for sku in self.model.skus}
            supply = await inventory.expected(tx, sku_ids.values())
        assert {sku: supply.get(sku_id) for sku, sku_id in sku_ids.items()} == {
            sku: self.model.next_supply(sku) for sku in self.model.skus
        }

    async def _follow_orders(self, tx: Tx, moving: UUID | None) -> None:
        """Each line has, or waits for, what is wanted of it; only claims of lines that waited, or moved, may be new."""
        rows = await tx.fetch(
            "SELECT r.order_id, r.line_no, l.code, r.open FROM reservations r JOIN locations l USING (location_id)"
            " WHERE r.open > 0 AND r.sku_id = ANY($1)",
            [self.world.skus[sku] for sku in self.model.skus],
        )
        found: dict[LineOf, Counter[Place]] = {}
        for row in rows:
            found.setdefault((row["order_id"], row["line_no"]), Counter())[row["code"]] += row["open"]
        waiting = {
            (row["order_id"], row["line_no"]): row["units"]
            for row in await tx.fetch(
                "SELECT order_id, line_no, backordered + shortfall AS units FROM order_lines WHERE order_id = ANY($1)",
                [order_id for order_id, _ in self.model.lines],
            )
        }
        for line, held in self.model.firm.items():
            if line not in self.model.lines:
                assert +held == found.pop(line, Counter()), "claims without an order are where they were"
        for line, row_of in self.model.lines.items():
            has = found.pop(line, Counter[Place]())
            assert sum(has.values()) + waiting[line] == row_of.wanted
            if line[0] != moving and not row_of.waiting:
                assert has == +self.model.firm[line], "nobody touched this order"
            if line[0] != moving:
                assert waiting[line] <= row_of.waiting, "nobody who has units must wait again"
            self.model.firm[line], row_of.waiting = has, waiting[line]
        assert found == {}

    async def _follow_carts(self, tx: Tx, changed: UUID | None) -> None:
        """A cart has all it wants, or it expired and somebody needed it: then all that expired there is gone."""
        rows = await tx.fetch(
            "SELECT c.hold_id, p.sku, l.code, c.open FROM cart_claims c JOIN products p USING (sku_id)"
            " JOIN locations l USING (location_id) WHERE c.open > 0 AND c.hold_id = ANY($1)",
            list(self.model.carts),
        )
        found: dict[UUID, Counter[Key]] = {}
        for row in rows:
            found.setdefault(row["hold_id"], Counter())[row["sku"], row["code"]] += row["open"]
        taken_back: set[tuple[Key, bool]] = set()
        for hold_id, cart in self.model.carts.items():
            has = found.get(hold_id, Counter[Key]())
            new = hold_id == changed or (not cart.has and not cart.ended and cart.expires_at > self.model.now)
            if new:
                assert (
                    Counter({sku: sum(n for key, n in has.items() if key[0] == sku) for sku in cart.wants})
                    == +cart.wants
                )
            elif cart.expires_at > self.model.now:
                assert has == +cart.has, "a cart keeps its units, where they are"
            else:
                assert all(has[key] in (0, some) for key, some in cart.has.items())
                assert has <= cart.has
                taken_back |= {(key, has[key] == 0) for key, some in cart.has.items() if some}
            cart.has = has
        assert len(taken_back) == len({key for key, _ in taken_back}), "all that expired at a place goes, or nothing"

    async def _same_counters(self, tx: Tx) -> None:
        rows = await tx.fetch(
            "SELECT p.sku, l.code, s.on_hand, s.damaged, s.quality_control, s.reserved FROM stock s"
            " JOIN products p USING (sku_id) JOIN locations l USING (location_id) WHERE p.sku = ANY($1)",
            list(self.model.skus),
        )
        for row in rows:
            key = (row["sku"], row["code"])
            shelf = self.model.shelves[key]
            assert (row["on_hand"], row["damaged"], row["quality_control"], row["reserved"]) == (
                shelf.on_hand, shelf.damaged, shelf.quality_control, self.model.reserved(key),
            ), key  # fmt: skip
            assert self.model.free(key) >= 0, "nothing is sold twice"

    async def _nobody_waits_in_vain(self, tx: Tx) -> None:
        """Who waits, waits because nothing is free at any place that has not failed the line before."""
        rows = await tx.fetch(
            "SELECT e.order_id, e.line_no, l.code FROM excluded_locations e JOIN locations l USING (location_id)"
        )
        failed = {(row["order_id"], row["line_no"], row["code"]) for row in rows}
        for line, row_of in self.model.lines.items():
            open_to_it = [place for place in PLACES if (*line, place) not in failed]
            free = sum(self.model.free((row_of.sku, place)) for place in open_to_it)
            assert not (row_of.waiting and free), "it waits for what is free"
