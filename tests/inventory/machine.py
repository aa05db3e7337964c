"""The rules of the machine: what can be done to an inventory, in the database and in the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from doorstep import fulfillment, inventory, orders
from doorstep.carts import HoldEnded
from doorstep.db import Tx
from doorstep.inventory import Change, Claim, ClaimRefused, Disposition, Restock
from doorstep.kit.errors import BodyDiffers, Conflict, Short
from doorstep.kit.ids import new_id, parse
from doorstep.kit.limits import CART_HOLD_GRACE
from tests.carts.holding import buying, change, extend, hold, lapse, release, set_minute
from tests.inventory.comparing import PLACES, Compared
from tests.inventory.shelves import Cart, Line, LineOf, Model, Place, Sku
from tests.orders.world import MONDAY, placing

which = st.integers(0, 7)
units = st.integers(1, 4)
wants = st.tuples(st.integers(0, 5), st.integers(0, 3)).filter(any)
places = st.sampled_from(PLACES)
skus = st.integers(0, 1)


class Nobody(orders.Claimants):
    """Orders that do not give way. What those do that would has tests of its own."""

    async def lock(self, tx: Tx, short: Mapping[tuple[int, int], int]) -> None:
        """None is locked."""

    async def give_way(self, tx: Tx, short: Mapping[tuple[int, int], int], *, now: datetime) -> None:
        """None is moved."""


class Inventory(Compared):
    """Each rule does one thing in both, and compares."""

    @initialize(north=st.tuples(units, units), south=st.tuples(units, units))
    def open(self, north: tuple[int, int], south: tuple[int, int]) -> None:
        """Two products of their own, at two places."""
        names = ["LAMP", "MUG"]
        self.model = Model(names, PLACES, MONDAY)
        self.run(
            self.world.fill(
                {"north": dict(zip(names, north, strict=True)), "south": dict(zip(names, south, strict=True))}
            )
        )
        for place, there in (("north", north), ("south", south)):
            for sku, some in zip(names, there, strict=True):
                self.model.shelves[sku, place].on_hand = some
        self.check("open")
        self._order((1, 0), False, False, None)  # somebody has ordered and somebody holds a cart already
        self.hold((1, 1), 5)

    # --- goods in, and what is known of them

    @rule(place=places, sku=skus, some=units, again=which, twice=st.booleans(), other=st.integers(0, 3))
    def receive(self, place: Place, sku: int, some: int, again: int, twice: bool, other: int) -> None:
        """A note, a new one or one told before; then with the same units or with others."""
        notes = [key for key in self.model.notes if key[0] == "received"]
        refused: type[Exception] | None = None
        if twice and notes:
            kind, reference, place = notes[again % len(notes)]
            told = self.model.notes[kind, reference, place]
            lines = {name: told_units + (not other) for name, told_units in told.items()}
            refused = None if other else BodyDiffers
        else:
            reference, lines = self._expected_note(again, place) or (f"note {new_id().hex}", {})
            lines = lines or {self.model.skus[sku]: some}
            self.model.notes["received", reference, place] = lines
            for name, more in lines.items():
                self.model.shelves[name, place].on_hand += more
                self.model.incoming.pop((reference, (name, place)), None)
        self.do(self.world.fill({place: lines}, reference=reference), refused)
        self.check("receive")

    def _expected_note(self, again: int, place: Place) -> tuple[str, dict[Sku, int]] | None:
        """Now and then what arrives is what was expected."""
        there = [(note, key[0]) for note, key in self.model.incoming if key[1] == place]
        if not there or again > 3:
            return None
        note, sku = there[again % len(there)]
        return note, {sku: 2}

    @rule(place=places, sku=skus, some=units, days=st.integers(1, 9))
    def expect(self, place: Place, sku: int, some: int, days: int) -> None:
        """Supply is announced, with a date."""
        name, reference, when = self.model.skus[sku], f"po {new_id().hex}", self.model.now + timedelta(days=days)
        self.model.incoming[reference, (name, place)] = when

        async def act() -> None:
            async with self.world.brand.transaction() as tx:
                sent = {self.world.skus[name]: min(some, 2)}  # so much arrives of it, and then it is all here
                await inventory.expect(
                    tx, reference=reference, location_id=self.world.places[place], units=sent, expected_at=when,
                    actor="test", now=self.model.now,
                )  # fmt: skip

        self.run(act())
        self.check("expect")

    @rule(place=places, sku=skus, found=st.integers(0, 12))
    def count(self, place: Place, sku: int, found: int) -> None:
        """A shelf is counted; what carts hold gives way, and here no order does: work on them has begun."""
        key = (self.model.skus[sku], place)
        refused = Conflict if found < self.model.floor(key) else None

        async def act() -> None:
            async with self.world.brand.transaction() as tx:
                await inventory.count(
                    tx, reference=f"count {new_id().hex}", claimants=Nobody(), actor="test", now=self.model.now,
                    counted={(self.world.skus[key[0]], self.world.places[place]): found},
                )  # fmt: skip

        if refused is None:
            self.model.shelves[key].on_hand = found
            self.model.make_room(key)
        self.do(act(), refused)
        self.check("count")

    @rule(
        place=places,
        sku=skus,
        what=st.sampled_from(("on_hand", "damaged", "quality_control")),
        by=st.integers(-3, 3).filter(bool),
    )
    def adjust(self, place: Place, sku: int, what: Literal["on_hand", "damaged", "quality_control"], by: int) -> None:
        """A person says that the book is wrong, that units are damaged, or must be looked at; or takes that back."""
        key = (self.model.skus[sku], place)
        shelf = self.model.shelves[key]
        left = getattr(shelf, what) + by
        free = self.model.free(key) + self.model.in_carts(key) + (by if what == "on_hand" else -by)
        refused = Conflict if left < 0 or free < 0 else None
        if refused is None:
            setattr(shelf, what, left)
            self.model.make_room(key)
        self._adjusted(
            [Change(sku_id=self.world.skus[key[0]], location_id=self.world.places[place], **{what: by})], refused
        )

    @rule(sku=skus, some=units, source=places)
    def transfer(self, sku: int, some: int, source: Place) -> None:
        """Units go to the other place."""
        name, (target,) = self.model.skus[sku], (place for place in PLACES if place != source)
        refused = Conflict if some > self.model.free((name, source)) else None
        if refused is None:
            self.model.shelves[name, source].on_hand -= some
            self.model.shelves[name, target].on_hand += some
        changes = [
            Change(sku_id=self.world.skus[name], location_id=self.world.places[place], on_hand=by)
            for place, by in ((source, -some), (target, some))
        ]
        self._adjusted(changes, refused, kind="transferred")

    def _adjusted(self, changes: list[Change], refused: type[Exception] | None, **more: Any) -> None:
        async def act() -> None:
            async with self.world.brand.transaction() as tx:
                await inventory.adjust(
                    tx,
                    changes=changes,
                    reason="test",
                    reference=new_id().hex,
                    claimants=Nobody(),
                    actor="test",
                    now=self.model.now,
                    **more,
                )

        self.do(act(), refused)
        self.check("transfer" if more else "adjust")

    @rule(
        place=places,
        sku=skus,
        some=units,
        disposition=st.sampled_from(("restock", "refurbish", "damaged", "scrap", "return_to_vendor")),
    )
    def restock(self, place: Place, sku: int, some: int, disposition: Disposition) -> None:
        """Units come back from a customer."""
        name = self.model.skus[sku]
        shelf = self.model.shelves[name, place]
        if disposition in ("restock", "refurbish", "damaged"):
            shelf.on_hand += some
            shelf.damaged += some if disposition == "damaged" else 0
            shelf.quality_control += some if disposition == "refurbish" else 0
        item = Restock(
            sku_id=self.world.skus[name], location_id=self.world.places[place], quantity=some, disposition=disposition
        )

        async def act() -> None:
            async with self.world.brand.transaction() as tx:
                await inventory.restock(tx, items=[item], reference=new_id().hex, actor="test", now=self.model.now)

        self.run(act())
        self.check("restock")

    # --- claims without an order around them: claimed, given back, shipped, not found

    @rule(place=places, sku=skus, some=units)
    def claim(self, place: Place, sku: int, some: int) -> None:
        """Units are claimed at a place, if they are free there."""
        line, name = (new_id(), 1), self.model.skus[sku]
        refused = ClaimRefused if some > self.model.free((name, place)) else None
        if refused is None:
            self.model.sku_of[line] = name
            self.model.firm[line][place] += some

        async def act() -> None:
            async with self.world.brand.transaction() as tx:
                wish = self._claim(line, name, place, some)
                await inventory.lock_stock(tx, keys=[(wish.sku_id, wish.location_id)])
                await inventory.claim(tx, claims=[wish])

        self.do(act(), refused)
        self.check("claim")

    @precondition(lambda self: self._bare())
    @rule(which=which, some=units, how=st.sampled_from(("release", "ship", "correct_shelf")))
    def end_claim(self, which: int, some: int, how: str) -> None:
        """Units of a claim are given back, leave the house, or turn out not to be there."""
        bare = [
            (line, place) for line, held in self.model.firm.items() if line not in self.model.lines for place in held
        ]
        if not bare:
            return
        line, place = bare[which % len(bare)]
        name = self.model.sku_of[line]
        refused = Conflict if some > self.model.firm[line][place] else None
        if refused is None:
            self.model.firm[line][place] -= some
            self.model.shelves[name, place].on_hand -= some if how != "release" else 0
        more: dict[str, Any] = {} if how == "ship" else {"reason": "test"}

        async def act() -> None:
            async with self.world.brand.transaction() as tx:
                await getattr(inventory, how)(
                    tx, claims=[self._claim(line, name, place, some)], reference=new_id().hex, actor="test",
                    now=self.model.now, **more,
                )  # fmt: skip

        self.do(act(), refused)
        self.check("end_claim")

    def _bare(self) -> list[tuple[LineOf, Place]]:
        """Claims without an order, of any size, zero too."""
        return [
            (line, place) for line, held in self.model.firm.items() if line not in self.model.lines for place in held
        ]

    def _claim(self, line: LineOf, sku: Sku, place: Place, some: int) -> Claim:
        return Claim(
            order_id=line[0], line_no=line[1], sku_id=self.world.skus[sku], location_id=self.world.places[place],
            quantity=some,
        )  # fmt: skip

    # --- orders

    @rule(wish=wants, twice=st.booleans(), accept=st.booleans())
    def place(self, wish: tuple[int, int], twice: bool, accept: bool) -> None:
        """An order: all of it, or nothing, or what there is when the customer waits for the rest."""
        self._order(wish, twice, accept, None)

    def _order(self, wish: tuple[int, int], twice: bool, accept: bool, cart: UUID | None) -> None:
        lines = [(sku, some) for sku, some in zip(self.model.skus, wish, strict=True) if some]
        lines += lines[:1] if twice else []  # the same SKU on two lines
        asked: Counter[Sku] = Counter()
        for sku, some in lines:
            asked[sku] += some
        more: dict[str, Any] = {"on_short": "accept"} if accept else {}
        request = buying(new_id().hex, cart, *lines, **more) if cart else placing(new_id().hex, *lines, **more)
        (outcome,) = self.run(self.world.place(request))
        if cart and self.model.carts[cart].ended:
            assert isinstance(outcome.problem, HoldEnded)
            return
        if not accept and not self.model.enough(asked, cart):
            assert isinstance(outcome.problem, Short), outcome
            self.check("buy" if cart else "place")
            return
        assert outcome.answer is not None, outcome.problem
        order_id = parse("ord", outcome.answer.order_id)
        short = Counter({sku: max(0, some - self.model.reach(sku, cart)) for sku, some in asked.items()})
        told = Counter(dict(outcome.answer.short))  # what waits: for nothing known yet, or for goods that have a date
        for part in outcome.answer.awaited:
            told.update(dict(part.lines))
        for line_no, (sku, some) in enumerate(lines, start=1):
            self.model.sku_of[order_id, line_no] = sku
            self.model.lines[order_id, line_no] = Line(sku, some)
            short[sku] -= told[line_no]
        assert not any(short.values()), "it waits for just what could not be had"
        if cart:
            self.model.end(cart, "converted")
        self.check("buy" if cart else "place", moving=order_id)

    @precondition(lambda self: self.model.lines)
    @rule(which=which, some=st.integers(1, 6))
    def cancel(self, which: int, some: int) -> None:
        """Units of a line, or all that is left of it."""
        line = self._line(which)
        left = self.model.lines[line].wanted
        refused = Conflict if some > left else None

        async def act() -> None:
            async with self.world.brand.transaction() as tx:
                wanted = [orders.LineQuantity(line_no=line[1], quantity=some)]
                await orders.cancel(
                    tx, order_id=line[0], wanted=wanted, reason="test", actor="test", now=self.model.now
                )

        if refused is None:
            self.model.lines[line].wanted -= some
        self.do(act(), refused)
        self.check("cancel", moving=line[0])

    @precondition(lambda self: self.model.lines)
    @rule(which=which)
    def reject(self, which: int) -> None:
        """A location does not do its part of an order: another does, or it waits."""
        work = self._work(which)
        if work is not None and work.status_category == "activated":
            self.run(self._in_transaction(lambda tx: self.world.reject(tx, work.fulfillment_order_id)))
            self.check("reject", moving=work.order_id)

    @precondition(lambda self: self.model.lines)
    @rule(which=which)
    def short_pick(self, which: int) -> None:
        """A unit is not where it should be: it leaves the book, and the order looks elsewhere."""
        work = self._work(which)
        line = next((line for line in work.lines if line.to_pick), None) if work else None
        if work is None or line is None:
            return

        async def act() -> None:
            if work.status_category == "activated":
                await self.world.accept(work.fulfillment_order_id)
            async with self.world.brand.transaction() as tx:
                outcome = await fulfillment.short_pick(
                    tx, fulfillment_order_id=work.fulfillment_order_id, reason="not_found", actor="test",
                    lines=[orders.LineQuantity(line_no=line.line_no, quantity=1)], now=self.model.now,
                )  # fmt: skip
                assert outcome.done, outcome.problem

        self.run(act())
        place = next(code for code, place in self.world.places.items() if place == work.location_id)
        self.model.shelves[self.model.lines[work.order_id, line.line_no].sku, place].on_hand -= 1
        self.check("short_pick", moving=work.order_id)

    def _line(self, which: int) -> LineOf:
        return list(self.model.lines)[which % len(self.model.lines)]

    def _work(self, which: int) -> fulfillment.FulfillmentOrder | None:
        """Some open work on an order, if there is any."""
        order_id, _ = self._line(which)
        work = [
            one for one in self.run(self.world.work(order_id)) if one.status_category in ("activated", "fulfilling")
        ]
        return work[which % len(work)] if work else None

    # --- carts and the clock

    @rule(wish=wants, minutes=st.integers(1, 20))
    def hold(self, wish: tuple[int, int], minutes: int) -> None:
        """A cart: all of it or nothing."""
        asked, lines = self._wish(wish)
        if not self.model.enough(asked):
            self.do(hold(self.world, *lines, minutes=minutes), Short)
        else:
            made = self.run(hold(self.world, *lines, minutes=minutes))
            self.model.carts[made] = Cart(asked, self.model.now + timedelta(minutes=minutes))
        self.check("hold")

    @precondition(lambda self: self.model.carts)
    @rule(which=which, wish=wants, minutes=st.integers(1, 20), verb=st.sampled_from(("change", "extend", "release")))
    def keep(self, which: int, wish: tuple[int, int], minutes: int, verb: str) -> None:
        """A cart is changed, kept longer, or given up."""
        cart_id = list(self.model.carts)[which % len(self.model.carts)]
        cart = self.model.carts[cart_id]
        asked, lines = self._wish(wish)
        refused: type[Exception] | None = None
        if cart.ended and not (verb == "release" and cart.ended == "released"):
            refused = HoldEnded
        elif verb == "change" and not self.model.enough(asked, cart_id):
            refused = Short
        elif verb == "extend" and not cart.whole:
            refused = HoldEnded
        work: Awaitable[object]
        if verb == "change":
            work = change(self.world, cart_id, *lines, minutes=minutes)
        else:
            work = extend(self.world, cart_id, minutes) if verb == "extend" else release(self.world, cart_id)
        done = self.do(work, refused)
        if done and verb == "release":
            self.model.end(cart_id, "released")
        elif done:
            cart.expires_at = max(cart.expires_at, self.model.now + timedelta(minutes=minutes))
            cart.wants = asked if verb == "change" else cart.wants
        self.check("keep", changed=cart_id if done and verb == "change" else None)

    @precondition(lambda self: self.model.carts)
    @rule(which=which, wish=wants, accept=st.booleans())
    def buy(self, which: int, wish: tuple[int, int], accept: bool) -> None:
        """An order eats a cart, whatever it asks for."""
        self._order(wish, False, accept, list(self.model.carts)[which % len(self.model.carts)])

    @rule(minutes=st.integers(1, 25))
    def wait(self, minutes: int) -> None:
        """Time goes by."""
        self.model.now += timedelta(minutes=minutes)
        self.run(set_minute(self.world, int((self.model.now - MONDAY).total_seconds() / 60)))
        self.check("wait")

    @rule()
    def lapse(self) -> None:
        """What nobody came back for is let go."""
        for cart in self.model.carts.values():
            if cart.expires_at <= self.model.now - CART_HOLD_GRACE:
                cart.has.clear()
        self.run(lapse(self.world))
        self.check("lapse")

    def _wish(self, wish: tuple[int, int]) -> tuple[Counter[Sku], list[tuple[Sku, int]]]:
        lines = [(sku, some) for sku, some in zip(self.model.skus, wish, strict=True) if some]
        return Counter(dict(lines)), lines
