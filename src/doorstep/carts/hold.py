"""Hold a cart's units, or change what is held: all of it or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from doorstep import catalog, inventory
from doorstep.carts.model import CartHold, HoldEnded, HoldLine
from doorstep.carts.store import SQL, lock_one
from doorstep.catalog import Product
from doorstep.db import Tx
from doorstep.inventory import CartClaim
from doorstep.kit.errors import Fault, Invalid, Short
from doorstep.kit.ids import new_id
from doorstep.routing import Decision, Demand, Network

Key = tuple[int, int]  # (sku_id, location_id)


async def hold(
    tx: Tx,
    *,
    channel: str,
    lines: Sequence[HoldLine],
    minutes: int,
    country: str | None,
    postcode: str,
    actor: str,
    now: datetime,
) -> CartHold:
    """Hold units for so many minutes, where an order to that address would be sent from; with no `country`, by the
    locations' priority.

    Raises Invalid naming everything wrong, or Short when units are missing: then nothing is held.
    """
    products = await catalog.load_whole(tx, [line.sku for line in lines])
    channel_id = await tx.fetchval(SQL.channel_id, channel)
    faults = [] if channel_id else [Fault("/channel", f"There is no channel {channel!r}.")]
    faults += _faults(lines, products)
    if faults:
        raise Invalid(faults)
    made = CartHold(
        hold_id=new_id(),
        channel_id=channel_id,
        lines=_added_up(lines, products),
        expires_at=now + timedelta(minutes=minutes),
        ended=None,
        order_id=None,
    )
    await tx.execute(SQL.insert_hold, made.hold_id, channel_id, made.lines, now, made.expires_at)
    await _fill(tx, made, (), products, country=country, postcode=postcode, actor=actor, now=now)
    return made


async def change(
    tx: Tx, *, hold_id: UUID, lines: Sequence[HoldLine], minutes: int, actor: str, now: datetime
) -> CartHold:
    """Hold these units instead, for so many minutes from now at least. What the hold has counts as available to it.

    An expired hold may be renewed so, also when its units were taken back. Raises NotFound, Invalid, HoldEnded or
    Short: then what was held stays as it was.
    """
    before = await lock_one(tx, hold_id)
    if before.ended:
        raise HoldEnded.of(before)
    products = await catalog.load_whole(tx, [line.sku for line in lines])
    faults = _faults(lines, products)
    if faults:
        raise Invalid(faults)
    made = msgspec.structs.replace(
        before,
        lines=_added_up(lines, products),
        expires_at=max(before.expires_at, now + timedelta(minutes=minutes)),
    )
    await tx.execute(SQL.change_hold, hold_id, made.lines, made.expires_at)
    await _fill(tx, made, before.lines, products, country=None, postcode="", actor=actor, now=now)
    return made


def _faults(lines: Sequence[HoldLine], products: Mapping[str, Product]) -> list[Fault]:
    return [
        Fault(f"/lines/{place}/sku", f"There is no product {line.sku!r} for sale.")
        for place, line in enumerate(lines)
        if line.sku not in products or not catalog.sold(products[line.sku], products)
    ]


def _added_up(lines: Sequence[HoldLine], products: Mapping[str, Product]) -> list[tuple[int, int]]:
    """Units by sku_id, in the order they were named; of a kit its components."""
    units: dict[int, int] = {}
    for line in lines:
        for product, each in catalog.pieces(products[line.sku], products):
            units[product.sku_id] = units.get(product.sku_id, 0) + each * line.quantity
    return list(units.items())


async def _fill(
    tx: Tx,
    made: CartHold,
    before: Sequence[tuple[int, int]],
    products: Mapping[str, Product],
    *,
    country: str | None,
    postcode: str,
    actor: str,
    now: datetime,
) -> None:
    """Lock the stock of what is and was wanted, choose locations, give back what lies elsewhere, take what misses."""
    network = await Network.read(tx)
    by_id = {product.sku_id: product for product in products.values()}
    demands = [_demand(line_no, by_id[sku_id], units) for line_no, (sku_id, units) in enumerate(made.lines, start=1)]
    available = await inventory.lock_stock(tx, sku_ids={sku_id for sku_id, _ in (*made.lines, *before)})
    has = {(one.sku_id, one.location_id): one for one in await inventory.cart_claims(tx, [made.hold_id])}
    own = Counter({key: one.quantity for key, one in has.items()})

    expired: Mapping[Key, int] = {}

    def choose() -> Decision:
        room = Counter(available) + own + Counter(expired)
        return network.sit(demands, room, own, channel_id=made.channel_id, country=country, postcode=postcode, now=now)

    decision = choose()
    if decision.short:
        missing = {made.lines[line_no - 1][0] for line_no, _ in decision.short}
        expired = await inventory.expired_in_carts(tx, missing, expired_by=now, spare=[made.hold_id])
        decision = choose()
    if decision.short:
        raise _short(made, decision, by_id)
    wanted: Counter[Key] = Counter()
    for part in decision.parts:
        for line_no, units in part.lines:
            wanted[made.lines[line_no - 1][0], part.location_id] += units
    lacking = [key for key, units in wanted.items() if units > available[key] + own[key]]
    if lacking:
        await inventory.reclaim(tx, keys=lacking, expired_by=now, now=now, spare=[made.hold_id])
    given = [msgspec.structs.replace(has[key], quantity=units) for key, units in (own - wanted).items()]
    await inventory.give_back_from_cart(tx, claims=given, reason="cart changed", actor=actor, now=now)
    await inventory.take_into_cart(tx, claims=[_claim(made, key, units) for key, units in (wanted - own).items()])
    await inventory.keep_cart_until(tx, hold_id=made.hold_id, expires_at=made.expires_at)


def _claim(made: CartHold, key: Key, units: int) -> CartClaim:
    return CartClaim(
        hold_id=made.hold_id, sku_id=key[0], location_id=key[1], quantity=units, expires_at=made.expires_at
    )


def _demand(line_no: int, product: Product, units: int) -> Demand:
    return Demand(
        line_no=line_no,
        sku_id=product.sku_id,
        quantity=units,
        weight_g=product.weight_g,
        needs=frozenset(product.handling),
    )


def _short(made: CartHold, decision: Decision, products: Mapping[int, Product]) -> Short:
    """What was asked for, and how much of it there was under lock."""
    short = []
    for line_no, missing in decision.short:
        sku_id, wanted = made.lines[line_no - 1]
        short.append({"sku": products[sku_id].sku, "wanted": wanted, "available": wanted - missing})
    skus = ", ".join(str(one["sku"]) for one in short[:5])
    return Short(f"Not enough stock of {skus}. The cart holds what it held before.", extra={"short": short})
