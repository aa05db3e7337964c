"""Carts, orders and the clock in any order, against a model of a few lines: the same units, the same refusals."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doorstep.carts import HoldEnded
from doorstep.kit.errors import Problem, Short
from doorstep.kit.ids import new_id, parse
from doorstep.kit.limits import CART_HOLD_GRACE
from doorstep.orders.placing import Outcome
from tests.carts.holding import buying, cart_faults, change, extend, held, hold, lapse, release, set_minute
from tests.orders.world import MONDAY, World, placing

Verb = Literal["hold", "change", "extend", "release", "order", "buy", "cancel", "wait", "lapse"]
VERBS: tuple[Verb, ...] = ("hold", "change", "extend", "release", "order", "buy", "buy", "cancel", "wait", "lapse")
SHELF = 6


class Step(msgspec.Struct, frozen=True):
    """One thing somebody does, to `which` cart or order; `units` of each SKU; minutes to hold or wait."""

    verb: Verb
    which: int
    units: tuple[int, int]
    minutes: int


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(VERBS),
        st.integers(0, 3),
        st.tuples(st.integers(1, 5), st.integers(0, 4)),
        st.integers(1, 30),
    ),
    min_size=3,
    max_size=25,
)


class Cart:
    """What a hold should be."""

    def __init__(self, hold_id: UUID, wants: Counter[str], expires_at: datetime) -> None:
        self.hold_id, self.wants, self.expires_at = hold_id, wants, expires_at
        self.has = Counter(wants)
        self.ended = ""


class Model:
    """One shelf: who has what, and what is refused. The rule: own units first, then free ones, then what expired."""

    def __init__(self, skus: tuple[str, str]) -> None:
        self.skus = skus
        self.now = MONDAY
        self.carts: list[Cart] = []
        self.orders: list[tuple[UUID, Counter[str]]] = []

    def free(self, sku: str) -> int:
        """Units nobody has."""
        return SHELF - sum(cart.has[sku] for cart in self.carts) - sum(units[sku] for _, units in self.orders)

    def get(self, wants: Counter[str], own: Cart | None) -> bool:
        """Whether a cart or an order gets all it wants; if so, what it needs of what has expired is taken back."""
        expired = [cart for cart in self.carts if cart is not own and cart.expires_at <= self.now]
        lacks = {}
        for sku, units in wants.items():
            there = self.free(sku) + (own.has[sku] if own else 0)
            if units > there + sum(cart.has[sku] for cart in expired):
                return False
            lacks[sku] = units > there
        for cart in expired:
            for sku in wants:
                cart.has[sku] *= not lacks[sku]
        return True


class Play:
    """Does each step in the world and in the model, and compares."""

    def __init__(self, world: World, model: Model) -> None:
        self.world, self.model = world, model

    async def do(self, step: Step) -> None:
        """One step."""
        lines = [(sku, units) for sku, units in zip(self.model.skus, step.units, strict=True) if units]
        wants = Counter(dict(lines))
        if step.verb == "hold":
            await self._hold(lines, wants, step.minutes)
        elif step.verb == "order":
            await self._order(lines, wants, None)
        elif step.verb == "wait":
            self.model.now += timedelta(minutes=step.minutes)
            await set_minute(self.world, int((self.model.now - MONDAY).total_seconds() / 60))
        elif step.verb == "lapse":
            for cart in self.model.carts:
                if cart.expires_at <= self.model.now - CART_HOLD_GRACE:
                    cart.has.clear()
            await lapse(self.world)
        elif step.verb == "cancel" and self.model.orders:
            order_id, _ = self.model.orders.pop(step.which % len(self.model.orders))
            async with self.world.brand.transaction() as tx:
                assert await self.world.cancel(tx, order_id) is not None
        elif self.model.carts and step.verb in ("change", "extend", "release", "buy"):
            cart = self.model.carts[step.which % len(self.model.carts)]
            if step.verb == "buy":
                await self._order(lines, wants, cart)
            else:
                await self._keep(cart, step, lines, wants)
        await self._compare()

    async def _hold(self, lines: list[tuple[str, int]], wants: Counter[str], minutes: int) -> None:
        gets = self.model.get(wants, None)
        with nullcontext() if gets else pytest.raises(Short):
            hold_id = await hold(self.world, *lines, minutes=minutes)
        if gets:
            self.model.carts.append(Cart(hold_id, wants, self.model.now + timedelta(minutes=minutes)))

    async def _keep(self, cart: Cart, step: Step, lines: list[tuple[str, int]], wants: Counter[str]) -> None:
        until = max(cart.expires_at, self.model.now + timedelta(minutes=step.minutes))
        refused: type[Problem] | None = None
        if cart.ended and not (step.verb == "release" and cart.ended == "released"):
            refused = HoldEnded
        elif step.verb == "change" and not self.model.get(wants, cart):
            refused = Short
        elif step.verb == "extend" and cart.has != cart.wants:
            refused = HoldEnded
        elif step.verb == "release":
            cart.ended = "released"
            cart.has.clear()
        else:
            cart.expires_at = until
            if step.verb == "change":
                cart.wants, cart.has = wants, Counter(wants)
        with pytest.raises(refused) if refused else nullcontext():
            match step.verb:
                case "change":
                    await change(self.world, cart.hold_id, *lines, minutes=step.minutes)
                case "extend":
                    await extend(self.world, cart.hold_id, step.minutes)
                case _:
                    await release(self.world, cart.hold_id)

    async def _order(self, lines: list[tuple[str, int]], wants: Counter[str], cart: Cart | None) -> None:
        number = new_id().hex
        request = buying(number, cart.hold_id, *lines) if cart else placing(number, *lines)
        outcome: Outcome
        (outcome,) = await self.world.place(request)
        if cart is not None and cart.ended:
            assert isinstance(outcome.problem, HoldEnded)
        elif not self.model.get(wants, cart):
            assert isinstance(outcome.problem, Short)
        else:
            assert outcome.answer is not None, outcome.problem
            self.model.orders.append((parse("ord", outcome.answer.order_id), wants))
            if cart is not None:
                cart.ended = "converted"
                cart.has.clear()

    async def _compare(self) -> None:
        for cart in self.model.carts:
            found = {sku: units for (sku, _), units in (await held(self.world, cart.hold_id)).items()}
            assert found == {sku: units for sku, units in cart.has.items() if units}
        for sku in self.model.skus:
            assert (await self.world.stock(sku))["reserved"] == SHELF - self.model.free(sku)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
async def test_carts_and_orders_do_what_a_few_lines_say(world: World, steps: list[Step]) -> None:
    skus = (f"M{new_id().hex[-12:]}", f"N{new_id().hex[-12:]}")
    await world.fill({"north": dict.fromkeys(skus, SHELF)})
    await set_minute(world, 0)
    play = Play(world, Model(skus))
    for step in steps:
        await play.do(step)
    assert await cart_faults(world) == []
