"""The writers: buyers, carts, those who change their minds, locations that say no, suppliers and counters.

Each takes one turn after the other, through the product's own verbs, until its process has claimed its share. What goes
wrong in a way the product explains (a refusal, a conflict) is counted; anything else ends the run.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from doorstep import carts, fulfillment, inventory, orders
from doorstep.carts import HoldLine
from doorstep.db import Brand, Tx
from doorstep.db.pool import clock_now
from doorstep.inventory import Received
from doorstep.journal import Event, Recorded
from doorstep.kit.errors import Problem, Short
from doorstep.kit.ids import new_id, parse, show
from doorstep.kit.limits import CART_HOLD_GRACE
from doorstep.orders.place import place_batch
from doorstep.orders.placing import Outcome, Placing
from doorstep.routing import NetworkCache
from tests.claims.tap import lines_of, of_cart
from tests.claims.watch import moment, refused_at
from tests.orders.world import Line, placing

# Of 64 writers: so many of each kind.
CREW: Mapping[str, int] = {
    "buyer": 38,
    "cart": 10,
    "regret": 5,
    "reroute": 5,
    "supplier": 3,
    "counter": 2,
    "sweeper": 1,
}
_REMEMBERED = 2_000  # orders and carts a process may change its mind about
_HOT = 0.35  # of all lines

Send = Callable[[Sequence[Placing]], Awaitable[list[Outcome]]]


class Goods(msgspec.Struct, frozen=True, kw_only=True):
    """What is sold, by name: few SKUs everybody wants, and many others; and where."""

    hot: Sequence[str]
    cold: Sequence[str]
    skus: Mapping[str, int]
    places: Mapping[str, int]


class Crew:
    """The writers of one process, and what they have done so far."""

    def __init__(self, brand: Brand, goods: Goods, *, name: str, seed: int, quota: int, batch: int) -> None:
        self.brand, self.goods, self.name, self.seed = brand, goods, name, seed
        self.quota, self.batch = quota, batch
        self.done: Counter[str] = Counter()
        self.orders: deque[UUID] = deque(maxlen=_REMEMBERED)
        self.carts: deque[tuple[UUID, Sequence[Line]]] = deque(maxlen=_REMEMBERED)
        self.missed: deque[str] = deque(maxlen=_REMEMBERED)  # SKUs somebody was refused: the supplier hears of them
        self.networks = NetworkCache()
        self.send: Send = self._place

    @property
    def over(self) -> bool:
        """Whether this process has claimed its share."""
        return self.done["claims"] >= self.quota

    async def work(self, kind: str, number: int) -> None:
        """One writer: turns until the share is done."""
        dice = random.Random(f"{self.seed}-{self.name}-{kind}-{number}")
        turn = getattr(self, f"_{kind}")
        while not self.over:
            try:
                await turn(dice)
                self.done[kind] += 1
            except Problem as problem:
                self.done[f"{kind}: {problem.kind}"] += 1

    async def _place(self, batch: Sequence[Placing]) -> list[Outcome]:
        return await place_batch(self.brand, self.networks, batch)

    async def _buyer(self, dice: random.Random) -> None:
        batch = [self._order(dice) for _ in range(dice.randint(1, self.batch))]
        self._note(await self.send(batch))

    def _order(self, dice: random.Random) -> Placing:
        lines = self._basket(dice)
        if dice.random() < 0.1:
            lines.append((lines[0][0], 1))  # the same SKU on two lines
        return placing(new_id().hex, *lines)

    def _basket(self, dice: random.Random) -> list[Line]:
        return [
            (dice.choice(self.goods.hot if dice.random() < _HOT else self.goods.cold), dice.randint(1, 3))
            for _ in range(dice.randint(1, 4))
        ]

    def _note(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.answer is not None:
                self.done["orders"] += 1
                self.done["claims"] += sum(len(part.lines) for part in outcome.answer.parts)
                self.orders.append(parse("ord", outcome.answer.order_id))
            elif isinstance(outcome.problem, Short):
                self.done["refused orders"] += 1
                self.missed.extend(line["sku"] for line in lines_of(outcome.problem))
            else:
                self.done[f"orders: {outcome.problem.kind if outcome.problem else '?'}"] += 1

    async def _cart(self, dice: random.Random) -> None:
        """A cart's life, one deed a turn: held, changed, extended, given up, bought, or left to expire."""
        deed = dice.choice(("hold", "hold", "hold", "change", "extend", "release", "buy", "buy"))
        if deed == "hold" or not self.carts:
            await self._hold(dice)
            return
        hold_id, lines = self.carts.popleft()
        if deed == "buy":
            order = placing(new_id().hex, *lines, cart_hold=show("cht", hold_id))
            self._note(await self.send([order]))
        elif deed == "release":
            await self.brand.run(lambda tx: self._release(tx, hold_id))
        elif deed == "extend":
            await self.brand.run(lambda tx: self._extend(tx, hold_id))
            self.carts.append((hold_id, lines))
        else:
            await self._hold(dice, hold_id)

    async def _hold(self, dice: random.Random, hold_id: UUID | None = None) -> None:
        lines = self._basket(dice)
        wanted: Counter[str] = Counter()
        for sku, units in lines:
            wanted[sku] += units
        drawn, now, short = 0, None, None
        try:
            async with self.brand.transaction() as tx:
                now = await clock_now(tx)
                wish = [HoldLine(sku=sku, quantity=units) for sku, units in lines]
                try:
                    if hold_id is None:
                        made = await carts.hold(
                            tx, channel="web", lines=wish, minutes=1, country="GB", postcode="SW1Y 4JH",
                            actor="claims", now=now,
                        )  # fmt: skip
                    else:
                        made = await carts.change(tx, hold_id=hold_id, lines=wish, minutes=1, actor="claims", now=now)
                except Short as problem:
                    drawn, short = await moment(tx), problem
                    raise
        except Short:
            assert short is not None
            assert now is not None
            said = of_cart(short, made=self.goods.skus, wanted=wanted, hold_id=hold_id, now=now)
            async with self.brand.transaction() as tx:
                await refused_at(tx, drawn, said)
            self.done["refused carts"] += 1
            return
        self.done["claims"] += len(made.lines)
        self.carts.append((made.hold_id, lines))

    async def _release(self, tx: Tx, hold_id: UUID) -> None:
        await carts.release(tx, hold_id=hold_id, actor="claims", now=await clock_now(tx))

    async def _extend(self, tx: Tx, hold_id: UUID) -> None:
        await carts.extend(tx, hold_id=hold_id, minutes=1, now=await clock_now(tx))

    async def _regret(self, dice: random.Random) -> None:
        """Cancel an order."""
        if not self.orders:
            await self._buyer(dice)
            return
        order_id = dice.choice(self.orders)

        async def cancel(tx: Tx) -> object:
            now = await clock_now(tx)
            return await orders.cancel(tx, order_id=order_id, wanted=None, reason="regret", actor="claims", now=now)

        await self.brand.run(cancel)

    async def _reroute(self, dice: random.Random) -> None:
        """A location says no to what it should send: the claim moves, or waits."""
        if not self.orders:
            await self._buyer(dice)
            return
        order_id = dice.choice(self.orders)

        async def reroute(tx: Tx) -> None:
            now = await clock_now(tx)
            await orders.lock(tx, [order_id])
            held = await inventory.claims_of(tx, [order_id])
            if held:
                no = fulfillment.Rejected(
                    fulfillment_order_id=new_id(),
                    location_id=held[0].location_id,
                    reason="full",
                    lines=[orders.LineQuantity(line_no=held[0].line_no, quantity=held[0].quantity)],
                )
                await orders.reroute(tx, [_recorded(order_id, no, now)], now=now)

        await self.brand.run(reroute)

    async def _supplier(self, dice: random.Random) -> None:
        """Goods come in where they were missed, from one unit to a hundred; and orders that wait are served."""
        place = dice.choice(list(self.goods.places.values()))
        names = {self.missed.popleft() for _ in range(min(len(self.missed), 200))} or {dice.choice(self.goods.cold)}
        units = {self.goods.skus[sku]: dice.choice((1, 2, 3, 10, 30, 100)) for sku in names}

        async def arrive(tx: Tx) -> None:
            now = await clock_now(tx)
            reference = f"note {new_id().hex}"
            await inventory.receive(tx, reference=reference, location_id=place, units=units, actor="claims", now=now)

        async def serve(tx: Tx) -> None:
            news = Received(location_id=place, sku_ids=sorted(units), arrived=False)
            await orders.allocate_waiting(tx, [_recorded(None, news, now)], now=now)

        await self.brand.run(arrive)
        now = await self.brand.now()
        await self.brand.run(serve)

    async def _counter(self, dice: random.Random) -> None:
        """A shelf is counted, below what is claimed now and then; or some of it is found damaged."""
        place = dice.choice(list(self.goods.places.values()))
        names = dice.sample(self.goods.cold, min(20, len(self.goods.cold)))
        units = {self.goods.skus[sku]: dice.choice((0, 5, 20, 50)) for sku in names}

        async def act(tx: Tx) -> None:
            now, reference = await clock_now(tx), f"count {new_id().hex}"
            counted = {(sku_id, place): found for sku_id, found in units.items()}
            claimants = orders.Claimants()
            await inventory.count(
                tx, reference=reference, counted=counted, claimants=claimants, actor="claims", now=now
            )

        async def damage(tx: Tx) -> None:
            change = inventory.Change(sku_id=next(iter(units)), location_id=place, damaged=1)
            await inventory.adjust(
                tx,
                changes=[change],
                reason="broken",
                reference=new_id().hex,
                claimants=orders.Claimants(),
                actor="claims",
                now=await clock_now(tx),
            )

        await self.brand.run(damage if dice.random() < 0.3 else act)

    async def _sweeper(self, dice: random.Random) -> None:
        """What the worker does once a minute: let go what nobody came back for."""
        early = dice.choice((timedelta(0), CART_HOLD_GRACE))  # also as soon as it has expired

        async def lapse(tx: Tx) -> None:
            await carts.lapse(tx, now=await clock_now(tx) + early)

        await self.brand.run(lapse)


def _recorded(order_id: UUID | None, data: Event, now: datetime) -> Recorded[Any]:
    """An event as a reaction gets it."""
    return Recorded(
        event_id=new_id(), position=1, order_id=order_id, lane=1, actor="claims", occurred_at=now, data=data
    )
