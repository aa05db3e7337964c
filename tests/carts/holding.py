"""Carts in the small world: holds made without HTTP, in a transaction of their own or in the caller's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from doorstep import carts
from doorstep.carts import CartHold, HoldLine
from doorstep.db import Tx
from doorstep.db.pool import clock_now
from doorstep.kit.ids import show
from doorstep.orders.placing import Placing
from tests.orders.world import MONDAY, Line, World, placing


def lines_of(*lines: Line) -> list[HoldLine]:
    """Lines of (sku, quantity)."""
    return [HoldLine(sku=sku, quantity=quantity) for sku, quantity in lines]


async def hold_in(tx: Tx, *lines: Line, minutes: int = 15, country: str | None = None) -> CartHold:
    """Hold a cart in this transaction."""
    return await carts.hold(
        tx,
        channel="web",
        lines=lines_of(*lines),
        minutes=minutes,
        country=country,
        postcode="SW1Y 4JH" if country else "",
        actor="test",
        now=await clock_now(tx),
    )


async def hold(world: World, *lines: Line, **more: Any) -> UUID:
    """Hold a cart, and return its id."""
    async with world.brand.transaction() as tx:
        return (await hold_in(tx, *lines, **more)).hold_id


async def change(world: World, hold_id: UUID, *lines: Line, minutes: int = 15) -> CartHold:
    """Hold these lines instead."""
    async with world.brand.transaction() as tx:
        return await carts.change(
            tx, hold_id=hold_id, lines=lines_of(*lines), minutes=minutes, actor="test", now=await clock_now(tx)
        )


async def extend(world: World, hold_id: UUID, minutes: int = 15) -> CartHold:
    """Hold it longer."""
    async with world.brand.transaction() as tx:
        return await carts.extend(tx, hold_id=hold_id, minutes=minutes, now=await clock_now(tx))


async def release(world: World, hold_id: UUID) -> CartHold:
    """Give it up."""
    async with world.brand.transaction() as tx:
        return await carts.release(tx, hold_id=hold_id, actor="test", now=await clock_now(tx))


async def lapse(world: World) -> int:
    """Do what the worker does once a minute."""
    async with world.brand.transaction() as tx:
        return await carts.lapse(tx, now=await clock_now(tx))


async def set_minute(world: World, minute: int) -> datetime:
    """The brand's clock stands so many minutes after Monday nine o'clock."""
    now = MONDAY + timedelta(minutes=minute)
    async with world.brand.transaction() as tx:
        await tx.execute("UPDATE clock SET clock_from = $1", now)
    return now


async def held(world: World, hold_id: UUID) -> dict[tuple[str, str], int]:
    """What a hold has, by (sku, location code)."""
    async with world.brand.reading() as tx:
        rows = await tx.fetch(
            "SELECT p.sku, l.code, c.open FROM cart_claims c JOIN products p USING (sku_id)"
            " JOIN locations l USING (location_id) WHERE c.hold_id = $1 AND c.open > 0",
            hold_id,
        )
    return {(row["sku"], row["code"]): row["open"] for row in rows}


def buying(number: str, hold_id: UUID, *lines: Line, **more: Any) -> Placing:
    """An order that eats a hold."""
    return placing(number, *lines, cart_hold=show("cht", hold_id), **more)


async def cart_faults(world: World) -> list[str]:
    """What the audits find wrong, the carts' own included."""
    async with world.brand.reading() as tx:
        found = [one for one in await carts.audit(tx) if not one.ok]
    return [*await world.faults(), *(f"{one.check}: {one.measured} {one.examples}" for one in found)]
